#include "src/engine/run_directory.h"

#include <fmt/format.h>

#include <ctime>

namespace warpwright::engine {

std::filesystem::path default_run_directory(const std::filesystem::path& parent, std::string_view config_name,
                                            int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return parent / fmt::format("{}-{:04}{:02}{:02}-{:02}{:02}{:02}", config_name, utc.tm_year + 1900,
                              utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace warpwright::engine
