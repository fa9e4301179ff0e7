#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <vector>

#include "src/llm/codecs/provider_error.h"

namespace warpwright::llm {
namespace {

constexpr double kLongestWaitMs = 366.0 * 24 * 3600 * 1000;

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

int64_t bounded_ms(double ms) {
  return static_cast<int64_t>(std::ceil(std::clamp(ms, 0.0, kLongestWaitMs)));
}

std::string_view header(const Headers& headers, const char* name) {
  const auto found = headers.find(name);
  if (found == headers.end()) return {};
  std::string_view value = found->second;
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  return value;
}

std::vector<std::string_view> words(std::string_view text) {
  const auto is_word = [](char c) { return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'); };
  std::vector<std::string_view> found;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > at) found.push_back(text.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return found;
}

std::optional<int> integer_of(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<unsigned> month_of(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto found = std::find(kMonths.begin(), kMonths.end(), text);
  if (found == kMonths.end()) return std::nullopt;
  return static_cast<unsigned>(found - kMonths.begin()) + 1;
}

// What an exhausted limit says about its own return: "x-ratelimit-reset-requests: 6m0s" beside a remaining 0.
std::optional<int64_t> reset_of_exhausted_limit(const Headers& headers) {
  std::optional<int64_t> longest;
  for (const char* kind : {"requests", "tokens"}) {
    const std::string suffix = kind;
    if (header(headers, ("x-ratelimit-remaining-" + suffix).c_str()) != "0") continue;
    if (const auto reset = duration_ms(header(headers, ("x-ratelimit-reset-" + suffix).c_str())))
      longest = std::max(longest.value_or(0), *reset);
  }
  return longest;
}

}  // namespace

std::optional<int64_t> http_date(std::string_view text) {
  using namespace std::chrono;
  const auto part = words(text);
  if (part.size() < 7) return std::nullopt;
  // "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"
  const bool is_asctime = month_of(part[1]).has_value();
  const auto month_name = month_of(part[is_asctime ? 1 : 2]);
  const auto day_number = integer_of(part[is_asctime ? 2 : 1]);
  auto year_number = integer_of(part[is_asctime ? 6 : 3]);
  const size_t clock = is_asctime ? 3 : 4;
  const auto hour = integer_of(part[clock]), minute = integer_of(part[clock + 1]),
             second = integer_of(part[clock + 2]);
  if (!month_name || !day_number || !year_number || !hour || !minute || !second) return std::nullopt;
  if (*year_number < 100) *year_number += *year_number < 70 ? 2000 : 1900;
  const year_month_day date{year{*year_number}, month{*month_name}, day{static_cast<unsigned>(*day_number)}};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return int64_t{sys_days{date}.time_since_epoch().count()} * 86400 + *hour * 3600 + *minute * 60 + *second;
}

std::optional<int64_t> duration_ms(std::string_view text) {
  double total_ms = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto value = number_of(text.substr(0, digits));
    text.remove_prefix(digits);
    const size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    const std::string_view unit = text.substr(0, letters);
    text.remove_prefix(letters);
    const double scale_ms = unit == "h"    ? 3600e3
                            : unit == "m"  ? 60e3
                            : unit == "s"  ? 1e3
                            : unit == "ms" ? 1
                            : unit == "us" ? 1e-3
                            : unit == "ns" ? 1e-6
                                           : -1;
    if (!value || scale_ms < 0) return std::nullopt;
    total_ms += *value * scale_ms;
  }
  return bounded_ms(total_ms);
}

std::optional<int64_t> retry_after_ms(const Headers& headers) {
  if (const auto ms = number_of(header(headers, "retry-after-ms"))) return bounded_ms(*ms);
  const std::string_view wait = header(headers, "retry-after");
  if (const auto seconds = number_of(wait)) return bounded_ms(*seconds * 1000);
  // A date means nothing without the clock of who wrote it.
  if (const auto then = http_date(wait), now = http_date(header(headers, "date")); then && now)
    return bounded_ms(static_cast<double>(*then - *now) * 1000);
  return reset_of_exhausted_limit(headers);
}

}  // namespace warpwright::llm
