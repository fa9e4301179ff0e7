#include "src/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace warpwright {
void check_failed(std::string_view condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: bug: CHECK(%.*s) failed\n", file, line, static_cast<int>(condition.size()),
               condition.data());
  std::abort();
}
}  // namespace warpwright
