#include "src/llm/sse.h"

#include <utility>

namespace warpwright::llm {

void SseParser::feed(std::string_view bytes, std::vector<SseEvent>& events) {
  while (!bytes.empty() && !failed_) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const size_t length = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, length);
    if (line_.size() + piece.size() > max_bytes_) {
      failed_ = true;
      return;
    }
    if (length == std::string_view::npos) {
      line_ += piece;
      return;
    }
    after_cr_ = bytes[length] == '\r';
    bytes.remove_prefix(length + 1);
    if (line_.empty()) {
      take_line(piece, events);
    } else {
      line_ += piece;
      take_line(std::exchange(line_, {}), events);
    }
  }
}

void SseParser::end(std::vector<SseEvent>& events) {
  if (failed_) return;
  if (!line_.empty()) take_line(std::exchange(line_, {}), events);
  dispatch(events);
}

void SseParser::take_line(std::string_view line, std::vector<SseEvent>& events) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (std::exchange(is_first_line_, false) && line.starts_with(kByteOrderMark))
    line.remove_prefix(kByteOrderMark.size());
  if (line.empty()) return dispatch(events);
  const size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  take_field(line.substr(0, colon), value);
}

void SseParser::take_field(std::string_view field, std::string_view value) {
  if (field == "event") {
    event_.name = value;
  } else if (field == "data") {
    if (event_.data.size() + value.size() + 1 > max_bytes_) {
      failed_ = true;
      return;
    }
    if (std::exchange(has_data_, true)) event_.data += '\n';
    event_.data += value;
  }
}

void SseParser::dispatch(std::vector<SseEvent>& events) {
  SseEvent event = std::exchange(event_, {});
  if (std::exchange(has_data_, false)) events.push_back(std::move(event));
}

}  // namespace warpwright::llm
