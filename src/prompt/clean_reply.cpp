#include "src/prompt/clean_reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/prompt/lines.h"

namespace warpwright::prompt {
namespace {

// Characters without width and marks that turn the direction of writing: nobody sees them, a compiler does.
bool is_hidden(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range kHidden[] = {{0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},
                                      {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f},
                                      {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xe0000, 0xe0fff}};
  return std::any_of(std::begin(kHidden), std::end(kHidden),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

bool is_control(char32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0);
}

struct Counts {
  size_t broken = 0, controls = 0, hidden = 0;
};

// "\r\n" and the "\r\r\n" of twice converted files are one line end, "\r" alone too.
std::string clean_characters(std::string_view reply, Counts& counts) {
  std::string text;
  text.reserve(reply.size());
  if (reply.starts_with("\xef\xbb\xbf")) reply.remove_prefix(3);  // a byte order mark is no surprise
  while (!reply.empty()) {
    if (reply[0] == '\r') {
      const size_t end = std::min(reply.find_first_not_of('\r'), reply.size());
      text.push_back('\n');
      reply.remove_prefix(end + (end < reply.size() && reply[end] == '\n' ? 1 : 0));
      continue;
    }
    const Character c = first_character(reply);
    if (c.broken) {
      ++counts.broken;
      text.push_back('?');
    } else if (c.value == '\f' || c.value == '\v') {
      text.push_back(' ');
    } else if (is_control(c.value)) {
      ++counts.controls;
    } else if (is_hidden(c.value)) {
      ++counts.hidden;
    } else {
      text.append(reply.substr(0, c.bytes));
    }
    reply.remove_prefix(c.bytes);
  }
  return text;
}

}  // namespace

Parsed<CleanReply> clean_reply(std::string_view reply) {
  if (reply.size() > kMaxReplyBytes)
    return no_code(
        fmt::format("the reply has {} bytes, more than the {} KiB that are read: give one candidate and "
                    "nothing else",
                    reply.size(), kMaxReplyBytes >> 10));
  CleanReply clean;
  Counts counts;
  std::string text = clean_characters(reply, counts);
  if (counts.broken > 0)
    clean.repairs.push_back(fmt::format("bytes that are not UTF-8 made '?': {}", counts.broken));
  if (counts.controls > 0)
    clean.repairs.push_back(fmt::format("control characters (such as NUL) removed: {}", counts.controls));
  if (counts.hidden > 0)
    clean.repairs.push_back(fmt::format("characters without width removed: {}", counts.hidden));
  clean.text = remove_thinking(std::move(text), clean.repairs, clean.cut_in_thinking);
  return clean;
}

}  // namespace warpwright::prompt
