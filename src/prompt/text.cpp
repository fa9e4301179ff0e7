#include "src/prompt/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

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

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// Where the text goes on if the arguments of "name<...>" begin at `at`; else `at`.
size_t behind_template_arguments(std::string_view text, size_t at) {
  constexpr size_t kLongest = 200;
  const bool follows_name = at > 0 && std::isalnum(static_cast<unsigned char>(text[at - 1])) != 0;
  if (text[at] != '<' || !follows_name) return at;
  int depth = 0;
  for (size_t i = at; i < std::min(text.size(), at + kLongest) && text[i] != '\n'; ++i) {
    if (text[i] == '<') ++depth;
    if (text[i] == '>' && --depth == 0) return i + 1;
  }
  return at;
}

// What a message says without its numbers and template arguments, but with its source line: "k.cu:31". Empty:
// it names none.
std::string fact_of(std::string_view message) {
  constexpr std::string_view kFile = ".cu";
  const size_t file = message.find(kFile);
  const size_t line = file == std::string_view::npos ? file : file + kFile.size() + 1;
  if (line >= message.size() || !is_digit(message[line])) return "";
  const size_t line_end = std::min(message.find_first_not_of("0123456789", line), message.size());
  std::string fact;
  for (size_t i = 0; i < message.size(); ++i) {
    i = behind_template_arguments(message, i);
    if (i == message.size()) break;
    if (!is_digit(message[i]) || (i >= line && i < line_end)) fact += message[i];
  }
  return fact;
}

}  // namespace

std::string cut_at_word(std::string_view text, size_t max_bytes) {
  std::string line = quotable_line(text, kMaxQuotedBytes);
  if (line.size() <= max_bytes) return line;
  const size_t space = line.rfind(' ', max_bytes);
  if (space == std::string::npos || space < max_bytes / 2) return quotable_line(text, max_bytes);
  return line.substr(0, space) + " [cut]";
}

std::vector<FoldedMessage> fold_messages(const std::vector<std::string>& messages) {
  std::vector<FoldedMessage> folded;
  std::map<std::string, size_t> known;
  for (const std::string& message : messages) {
    const std::string fact = fact_of(message);
    const auto [at, is_new] = known.emplace(fact, folded.size());
    if (fact.empty() || is_new)
      folded.push_back({message, 0});
    else
      ++folded[at->second].like_it;
  }
  return folded;
}

std::string like_it_text(int64_t like_it) {
  return like_it == 0 ? "" : fmt::format(" [and {} like it]", like_it);
}

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
