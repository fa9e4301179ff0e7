#include "src/base/json_scanner.h"

#include <charconv>
#include <cstring>

namespace warpwright {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

const char* skip_digits(const char* at, const char* end) {
  while (at != end && is_digit(*at)) ++at;
  return at;
}

}  // namespace

void JsonScanner::expect(char c) {
  if (at_ == end_ || *at_ != c) return fail();
  ++at_;
}

void JsonScanner::open(char bracket) {
  expect(bracket);
  needs_comma_ = false;
}

void JsonScanner::close(char bracket) {
  expect(bracket);
  needs_comma_ = true;
}

bool JsonScanner::key(std::string_view name) {
  const size_t before = needs_comma_ ? 2 : 1;  // ," or "
  const size_t size = before + name.size() + 2;
  if (static_cast<size_t>(end_ - at_) < size) return false;
  if (std::memcmp(at_, needs_comma_ ? ",\"" : "\"", before) != 0) return false;
  if (std::memcmp(at_ + before, name.data(), name.size()) != 0) return false;
  if (std::memcmp(at_ + before + name.size(), "\":", 2) != 0) return false;
  at_ += size;
  needs_comma_ = false;
  return true;
}

bool JsonScanner::item(char closing) {
  if (at_ == end_ || *at_ == closing) return false;
  if (needs_comma_) expect(',');
  needs_comma_ = false;
  return !failed_;
}

std::string_view JsonScanner::string() {
  expect('"');
  const char* const begin = at_;
  while (at_ != end_ && *at_ >= 0x20 && *at_ < 0x7f && *at_ != '"' && *at_ != '\\') ++at_;
  const std::string_view text(begin, static_cast<size_t>(at_ - begin));
  expect('"');
  needs_comma_ = true;
  return failed_ ? std::string_view() : text;
}

// JSON's numbers are fewer than from_chars': no leading zero, no bare point.
const char* JsonScanner::end_of_integer(const char* from) const {
  if (from != end_ && *from == '-') ++from;
  if (from == end_ || !is_digit(*from)) return nullptr;
  if (*from == '0') return from + 1;
  return skip_digits(from, end_);
}

const char* JsonScanner::end_of_number(const char* from) const {
  const char* at = end_of_integer(from);
  if (at == nullptr) return nullptr;
  if (at != end_ && *at == '.') {
    const char* const digits = at + 1;
    if ((at = skip_digits(digits, end_)) == digits) return nullptr;
  }
  if (at != end_ && (*at == 'e' || *at == 'E')) {
    const char* digits = at + 1;
    if (digits != end_ && (*digits == '+' || *digits == '-')) ++digits;
    if ((at = skip_digits(digits, end_)) == digits) return nullptr;
  }
  return at;
}

void JsonScanner::read(double& number) {
  const char* const after = end_of_number(at_);
  if (after == nullptr || after == end_of_integer(at_)) return fail();  // JsonWriter writes 1.0
  const auto [end, error] = std::from_chars(at_, after, number);
  if (error != std::errc() || end != after) return fail();
  at_ = after;
  needs_comma_ = true;
}

void JsonScanner::read(int64_t& number) {
  const char* const after = end_of_integer(at_);
  if (after == nullptr || after != end_of_number(at_)) return fail();
  const auto [end, error] = std::from_chars(at_, after, number);
  if (error != std::errc() || end != after) return fail();
  at_ = after;
  needs_comma_ = true;
}

void JsonScanner::read(int& number) {
  int64_t value = 0;
  read(value);
  number = static_cast<int>(value);
}

void JsonScanner::read(bool& truth) {
  const std::string_view rest(at_, static_cast<size_t>(end_ - at_));
  truth = rest.starts_with("true");
  if (!truth && !rest.starts_with("false")) return fail();
  at_ += truth ? 4 : 5;
  needs_comma_ = true;
}

}  // namespace warpwright
