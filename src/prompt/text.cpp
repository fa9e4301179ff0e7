#include "src/prompt/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/quotable.h"
#include "src/prompt/lines.h"

namespace warpwright::prompt {
namespace {

constexpr size_t kMaxQuotedBytes = size_t{4}
                                   << 20;  // nothing that is shown is longer; a bound for hostile text

size_t longest_run(std::string_view text, char mark) {
  size_t longest = 0, run = 0;
  for (const char c : text) {
    run = c == mark ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

std::vector<std::string> short_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (const std::string_view line : split_lines(text))
    lines.push_back(line.size() <= kMaxQuotedLine ? std::string(line)
                                                  : std::string(line.substr(0, kMaxQuotedLine)) + " [cut]");
  return lines;
}

// The range of lines from `begin` in steps of `step` that fit.
size_t lines_that_fit(const std::vector<std::string>& lines, size_t max_bytes, bool from_end) {
  size_t count = 0, bytes = 0;
  while (count < lines.size()) {
    const std::string& line = from_end ? lines[lines.size() - 1 - count] : lines[count];
    if (bytes + line.size() + 1 > max_bytes) break;
    bytes += line.size() + 1;
    ++count;
  }
  return count;
}

std::string rejoin(const std::vector<std::string>& lines, size_t begin, size_t end) {
  std::string text;
  for (size_t i = begin; i < end; ++i) text += lines[i] + "\n";
  return text;
}

}  // namespace

int64_t estimate_tokens(std::string_view text) {
  return static_cast<int64_t>((text.size() * 10 + 31) / 32);
}

size_t bytes_of_tokens(int64_t tokens) {
  return tokens <= 0 ? 0 : static_cast<size_t>(tokens) * 32 / 10;
}

std::string inline_quote(std::string_view text, size_t max_bytes) {
  std::string line = quotable_line(text, max_bytes);
  std::replace(line.begin(), line.end(), '`', '\'');
  return "`" + line + "`";
}

std::string fenced(std::string_view text, std::string_view info) {
  std::string body = quotable_text(text, kMaxQuotedBytes);
  while (!body.empty() && (body.back() == '\n' || body.back() == ' ')) body.pop_back();
  const std::string fence(std::max<size_t>(3, longest_run(body, '`') + 1), '`');
  return fmt::format("{}{}\n{}\n{}\n", fence, info, body, fence);
}

CutText cut_end(std::string_view text, size_t max_bytes) {
  const std::vector<std::string> lines = short_lines(text);
  const size_t kept = lines_that_fit(lines, max_bytes, false);
  return {rejoin(lines, 0, kept), static_cast<int64_t>(lines.size() - kept)};
}

CutText cut_middle(std::string_view text, size_t max_bytes) {
  const std::vector<std::string> lines = short_lines(text);
  if (lines_that_fit(lines, max_bytes, false) == lines.size()) return {rejoin(lines, 0, lines.size()), 0};
  const size_t head = lines_that_fit(lines, max_bytes * 2 / 3, false);
  const size_t tail =
      std::min(lines_that_fit(lines, max_bytes - max_bytes * 2 / 3, true), lines.size() - head);
  const auto cut = static_cast<int64_t>(lines.size() - head - tail);
  return {rejoin(lines, 0, head) + fmt::format("[{} cut here]\n", count_of(cut, "line", "lines")) +
              rejoin(lines, lines.size() - tail, lines.size()),
          cut};
}

std::string_view trim_blank(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

std::string count_of(int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string short_number(double value) {
  const double size = std::abs(value);
  return size >= 100  ? fmt::format("{:.0f}", value)
         : size >= 10 ? fmt::format("{:.1f}", value)
                      : fmt::format("{:.2f}", value);
}

std::string bytes_text(double bytes) {
  if (bytes < 1e3) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6) return short_number(bytes / 1e3) + " kB";
  return bytes < 1e9 ? short_number(bytes / 1e6) + " MB" : short_number(bytes / 1e9) + " GB";
}

std::string percent_text(double share) {
  return std::abs(share) < 0.0995 ? fmt::format("{:.1f} %", 100 * share)
                                  : fmt::format("{:.0f} %", 100 * share);
}

std::string short_count(double count) {
  if (count < 1e4) return fmt::format("{:.0f}", count);
  if (count < 1e6) return short_number(count / 1e3) + "k";
  return count < 1e9 ? short_number(count / 1e6) + "M" : short_number(count / 1e9) + "G";
}

}  // namespace warpwright::prompt
