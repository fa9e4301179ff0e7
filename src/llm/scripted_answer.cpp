#include "src/llm/scripted_answer.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <map>
#include <sstream>

namespace warpwright::llm {
namespace {

using Fields = std::map<std::string, std::function<void(int64_t)>, std::less<>>;

std::optional<FailureClass> failure_class_from_string(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(FailureClass::kCancelled); ++i)
    if (to_string(static_cast<FailureClass>(i)) == text) return static_cast<FailureClass>(i);
  return std::nullopt;
}

std::optional<FinishClass> finish_class_from_string(std::string_view text) {
  for (FinishClass finish : {FinishClass::kComplete, FinishClass::kTruncated, FinishClass::kRefused})
    if (to_string(finish) == text) return finish;
  return std::nullopt;
}

Result<void> read_fields(std::istream& words, const Fields& fields, const std::string& where) {
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    const auto field = fields.find(std::string_view(word).substr(0, equals));
    int64_t value = 0;
    const char* const end = word.data() + word.size();
    const bool is_number = equals != std::string::npos &&
                           std::from_chars(word.data() + equals + 1, end, value).ptr == end && value >= 0;
    if (field != fields.end() && is_number && equals + 1 < word.size()) {
      field->second(value);
      continue;
    }
    std::string known;
    for (const auto& [name, set] : fields) known += (known.empty() ? "" : ", ") + name + "=NUMBER";
    return usage_error(fmt::format("{}: '{}' is none of {}", where, word, known));
  }
  return {};
}

Result<void> read_usage(std::istream& words, ScriptedAnswer& answer, const std::string& where) {
  Usage& usage = answer.usage;
  usage.known = true;
  TRY(read_fields(words,
                  {{"input", [&](int64_t n) { usage.input = n; }},
                   {"output", [&](int64_t n) { usage.output = n; }},
                   {"cached", [&](int64_t n) { usage.cached_read = n; }}},
                  where));
  if (usage.cached_read > usage.input)
    return usage_error(where + ": cached tokens are a part of the input: more than it they cannot be");
  return {};
}

Result<void> read_failure(std::istream& words, ScriptedAnswer& answer, const std::string& where) {
  std::string name;
  words >> name;
  const auto kind = failure_class_from_string(name);
  if (!kind)
    return usage_error(
        fmt::format("{}: '{}' is no kind of failure: rate-limited, overloaded, server, transport, timeout, "
                    "bad-reply, billing, unauthorized, invalid, no-answer or cancelled",
                    where, name));
  Failure failure;
  failure.kind = *kind;
  failure.reason = fmt::format("scripted failure: {}", name);
  answer.failing_attempts = 1;
  TRY(read_fields(
      words,
      {{"times",
        [&](int64_t n) { answer.failing_attempts = static_cast<int>(std::min<int64_t>(n, 1 << 30)); }},
       {"retry_after_ms", [&](int64_t n) { failure.retry_after_ms = n; }},
       {"status", [&](int64_t n) { failure.http_status = static_cast<int>(std::min<int64_t>(n, 999)); }},
       {"billed", [&](int64_t n) { failure.maybe_billed = n != 0; }}},
      where));
  answer.failure = std::move(failure);
  return {};
}

Result<void> read_directive(const std::string& line, ScriptedAnswer& answer, const std::string& where) {
  std::istringstream words(line);
  std::string kind;
  words >> kind;
  if (kind == "usage") return read_usage(words, answer, where);
  if (kind == "fail") return read_failure(words, answer, where);
  std::string value, rest;
  words >> value >> rest;
  const auto finish = finish_class_from_string(value);
  if (!finish || !rest.empty())
    return usage_error(fmt::format("{}: 'finish' is complete, truncated or refused, not '{}'", where, value));
  answer.finish = *finish;
  return {};
}

// What stands between "<!--" and "-->", if the line is a comment of one of our words; else it is the
// answer's.
std::optional<std::string> directive_of(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!line.starts_with("<!--") || !line.ends_with("-->") || line.size() < 7) return std::nullopt;
  std::istringstream words{std::string(line.substr(4, line.size() - 7))};
  std::string kind;
  words >> kind;
  if (kind != "usage" && kind != "fail" && kind != "finish") return std::nullopt;
  return std::string(line.substr(4, line.size() - 7));
}

}  // namespace

Result<ScriptedAnswer> parse_scripted_answer(std::string_view text, const std::string& where) {
  ScriptedAnswer answer;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const auto directive = directive_of(text.substr(0, end));
    if (!directive) break;
    TRY(read_directive(*directive, answer, fmt::format("{}:{}", where, number)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  answer.text = std::string(text);
  return answer;
}

}  // namespace warpwright::llm
