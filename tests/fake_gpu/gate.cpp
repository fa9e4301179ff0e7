#include "tests/fake_gpu/gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>

namespace warpwright::fake_gpu {
namespace {

std::string_view without_version(std::string_view name) {
  const bool has_version = name.size() > 3 && name.substr(name.size() - 3, 2) == "_v";
  return has_version ? name.substr(0, name.size() - 3) : name;
}

uint64_t count_call(std::string_view function) {
  static std::mutex mutex;
  static std::map<std::string, uint64_t, std::less<>> counts;
  const std::lock_guard lock(mutex);
  return ++counts.try_emplace(std::string(function), 0).first->second;
}

// Creating the file decides who fails, of any number of processes.
int fail_once(std::string_view function) {
  for (const FailOnce& once : settings().once) {
    if (without_version(once.function) != function) continue;
    const int file = open(once.file.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (file < 0) continue;
    close(file);
    return once.code;
  }
  return 0;
}

}  // namespace

bool is_logging() {
  return !settings().log_file.empty();
}

void write_log(std::string_view line) {
  if (!is_logging()) return;
  static const int file = open(settings().log_file.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
  const std::string text = fmt::format("{} {}\n", getpid(), line);
  if (write(file, text.data(), text.size()) < 0) std::abort();
}

void hang(std::string_view why) {
  write_log(fmt::format("hang {}", why));
  for (;;) pause();
}

int pass_gate(std::string_view function, const std::string& arguments) {
  if (is_logging())
    write_log(arguments.empty() ? std::string(function) : fmt::format("{} {}", function, arguments));
  const std::string_view name = without_version(function);
  const uint64_t call = count_call(name);
  for (const Injection& injection : settings().injections) {
    if (without_version(injection.function) != name) continue;
    if (injection.call != 0 && injection.call != call) continue;
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
  return fail_once(name);
}

}  // namespace warpwright::fake_gpu
