#include "tests/fake_gpu/gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <vector>

namespace warpwright::fake_gpu {
namespace {

std::string_view without_version(std::string_view name) {
  const bool has_version = name.size() > 3 && name.substr(name.size() - 3, 2) == "_v";
  return has_version ? name.substr(0, name.size() - 3) : name;
}

bool matches(const Target& target, std::string_view function, const std::string& arguments) {
  return without_version(target.function) == without_version(function) &&
         arguments.find(target.text) != std::string::npos;
}

// Creating the file decides who fails, of any number of processes.
int fail_once(std::string_view function, const std::string& arguments) {
  for (const FailOnce& once : settings().once) {
    if (!matches(once.target, function, arguments)) continue;
    const int file = open(once.file.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (file < 0) continue;
    close(file);
    write_log(fmt::format("fail once {}", once.code));
    return once.code;
  }
  return 0;
}

int inject(std::string_view function, const std::string& arguments) {
  static std::mutex mutex;
  static std::vector<uint64_t> calls(settings().injections.size());
  const std::lock_guard lock(mutex);
  for (std::size_t k = 0; k < calls.size(); ++k) {
    const Injection& injection = settings().injections[k];
    if (!matches(injection.target, function, arguments)) continue;
    if (++calls[k] != injection.call && injection.call != 0) continue;
    switch (injection.kind) {
      case Injection::Kind::kFail:
        return injection.code;
      case Injection::Kind::kHang:
        hang(function);
      case Injection::Kind::kDie:
        write_log(fmt::format("die {}", function));
        std::abort();
    }
  }
  return fail_once(function, arguments);
}

}  // namespace

bool wants_arguments() {
  return !settings().log_file.empty() || !settings().injections.empty() || !settings().once.empty();
}

void write_log(std::string_view line) {
  if (settings().log_file.empty()) return;
  static const int file = open(settings().log_file.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
  const std::string text = fmt::format("{} {}\n", getpid(), line);
  if (write(file, text.data(), text.size()) < 0) std::abort();
}

void hang(std::string_view why) {
  write_log(fmt::format("hang {}", why));
  for (;;) pause();
}

int pass_gate(std::string_view function, const std::string& arguments) {
  if (!settings().log_file.empty())
    write_log(arguments.empty() ? std::string(function) : fmt::format("{} {}", function, arguments));
  return inject(function, arguments);
}

}  // namespace warpwright::fake_gpu
