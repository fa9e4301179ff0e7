#include "evaluator/reference/python_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "src/base/clock.h"

namespace warpwright::reference {

extern const std::string_view kPythonScript;  // python_reference.py

namespace {

constexpr int64_t kStartMs = 120'000;
constexpr size_t kMaxAnswerBytes = 1 << 16;
constexpr const char* kMend =
    "install PyTorch (pip install torch) where python3 finds it, or name a Python that has it in "
    "WARPWRIGHT_PYTHON";

std::string interpreter() {
  const char* chosen = std::getenv("WARPWRIGHT_PYTHON");
  return chosen != nullptr && *chosen != '\0' ? chosen : "python3";
}

// As much as the machine has, and room for what libraries only reserve.
uint64_t address_space_bytes() {
  const auto pages = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) + (uint64_t{32} << 30);
}

SubprocessOptions options_of(const std::string& python, int memory) {
  SubprocessOptions options;
  options.argv = {python, "-I", "-B", "-c", std::string(kPythonScript)};
  options.keep_environment.insert(options.keep_environment.end(), {"VIRTUAL_ENV", "OMP_NUM_THREADS"});
  options.set_environment = {{"CUDA_VISIBLE_DEVICES", ""}};  // references run on the CPU
  options.pass_descriptors = {memory};
  options.inherit_stderr = true;
  options.limit_address_space_bytes = address_space_bytes();
  options.limit_file_bytes = 1;
  return options;
}

}  // namespace

Result<SharedMemory> SharedMemory::create() {
  SharedMemory memory;
  memory.fd_ = UniqueFd(::memfd_create("warpwright-reference", MFD_CLOEXEC));
  if (!memory.fd_) return infrastructure_error(fmt::format("memfd_create: {}", std::strerror(errno)));
  return memory;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

SharedMemory::~SharedMemory() {
  unmap();
}

void SharedMemory::unmap() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
}

Result<void> SharedMemory::resize(size_t bytes) {
  unmap();
  if (::ftruncate(fd_.get(), 0) != 0 || ::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0)
    return infrastructure_error(fmt::format("{} bytes for a reference: {}", bytes, std::strerror(errno)));
  if (bytes == 0) return {};
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (data == MAP_FAILED)
    return infrastructure_error(fmt::format("{} bytes for a reference: {}", bytes, std::strerror(errno)));
  data_ = static_cast<std::byte*>(data);
  bytes_ = bytes;
  return {};
}

Result<std::unique_ptr<PythonProcess>> PythonProcess::start() {
  TRY_ASSIGN(SharedMemory memory, SharedMemory::create());
  std::unique_ptr<PythonProcess> made(new PythonProcess(std::move(memory)));
  const std::string python = interpreter();
  auto process = Subprocess::start(options_of(python, made->memory_.descriptor()));
  if (!process) return infrastructure_error(fmt::format("{}; {}", process.error().message, kMend));
  made->process_ = std::make_unique<Subprocess>(std::move(*process));
  auto line = made->exchange("", kStartMs);
  if (!line) return infrastructure_error(fmt::format("{}: {}; {}", python, line.error().message, kMend));
  const auto greeting = parse_json(*line, python);
  if (!greeting || !greeting->is_object())
    return infrastructure_error(fmt::format("{}: answered nonsense; {}", python, kMend));
  if (greeting->contains("problem"))
    return infrastructure_error(fmt::format("{}: {}; {}", python, greeting->value("problem", "?"), kMend));
  made->versions_ = fmt::format("Python {}, PyTorch {} ({})", greeting->value("python", "?"),
                                greeting->value("torch", "?"), greeting->value("sandbox", "?"));
  return made;
}

std::string PythonProcess::end() {
  if (process_ == nullptr) return "is gone";
  // At its end of file it is ending by itself; its own way of ending says more than our signal.
  for (int i = 0; i < 20 && !process_->try_wait(); ++i) ::usleep(10'000);
  process_->kill_group();
  const std::string how = process_->wait().describe();
  process_.reset();
  return how;
}

Result<std::string> PythonProcess::exchange(const std::string& line, int64_t deadline_ms) {
  SystemClock clock;
  const int64_t end_ms = clock.monotonic_ms() + deadline_ms;
  std::string_view to_send = line;
  char buffer[4096];
  for (;;) {
    if (const size_t newline = received_.find('\n'); newline != std::string::npos) {
      std::string answer = received_.substr(0, newline);
      received_.erase(0, newline + 1);
      return answer;
    }
    const int64_t left_ms = end_ms - clock.monotonic_ms();
    if (left_ms <= 0 || received_.size() > kMaxAnswerBytes) {
      process_->kill_group();
      end();
      return infrastructure_error(left_ms <= 0 ? fmt::format("no answer within {} s", deadline_ms / 1000)
                                               : std::string("an endless answer"));
    }
    pollfd ends[2] = {{process_->stdout_fd(), POLLIN, 0},
                      {to_send.empty() ? -1 : process_->stdin_fd(), POLLOUT, 0}};
    ::poll(ends, 2, static_cast<int>(std::min<int64_t>(left_ms, 1000)));
    if (ends[1].revents != 0) {
      const ssize_t sent = ::write(process_->stdin_fd(), to_send.data(), to_send.size());
      if (sent > 0) to_send.remove_prefix(static_cast<size_t>(sent));
      if (sent < 0 && errno == EPIPE) to_send = {};  // the read below finds out why
    }
    if (ends[0].revents == 0) continue;
    const ssize_t got = ::read(process_->stdout_fd(), buffer, sizeof buffer);
    if (got > 0) received_.append(buffer, static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
      return infrastructure_error(fmt::format("the process {}", end()));
  }
}

Result<Json> PythonProcess::ask(const Json& job, int64_t deadline_ms) {
  if (!alive()) return infrastructure_error("the process is gone");
  TRY_ASSIGN(const std::string line, exchange(dump_json(job) + "\n", deadline_ms));
  return parse_json(line, "answer of the Python reference");
}

}  // namespace warpwright::reference
