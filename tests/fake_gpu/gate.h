// What every exported function passes first: the call log, injected failures, the state of the context.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "tests/fake_gpu/settings.h"

namespace warpwright::fake_gpu {

bool wants_arguments();                 // of calls: the log or an injection does
void write_log(std::string_view line);  // to FAKE_GPU_LOG: "<pid> <line>"
[[noreturn]] void hang(std::string_view why);

// Logs the call and does what is injected: may hang or end the process. Returns the code to fail with, or 0.
int pass_gate(std::string_view function, const std::string& arguments);

template <class... Args>
int gate(std::string_view function, fmt::format_string<Args...> format, Args&&... args) {
  return pass_gate(function,
                   wants_arguments() ? fmt::format(format, std::forward<Args>(args)...) : std::string());
}
inline int gate(std::string_view function) {
  return pass_gate(function, "");
}

}  // namespace warpwright::fake_gpu
