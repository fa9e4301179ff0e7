// CHECK(condition): a broken invariant is a bug in this program; it aborts, in every build type.
// Never reachable through input, configuration, a model's text or the machine's state.
#pragma once

#include <string_view>

namespace warpwright {
[[noreturn]] void check_failed(std::string_view condition, const char* file, int line);
}

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::warpwright::check_failed(#condition, __FILE__, __LINE__))
