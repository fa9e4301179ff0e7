// Server-Sent Events as the WHATWG HTML standard parses them, incrementally: the events do not depend on how
// the bytes were cut. Lines end in CRLF, LF or CR; `id` and `retry` mean nothing to us.
//
// Two deviations, both deliberate: an event that the stream ends in the middle of is given by `end` (servers
// forget the last blank line), and lines and events have a size beyond which the stream is refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace warpwright::llm {

struct SseEvent {
  std::string name;  // empty where the stream gave none
  std::string data;  // lines joined by LF; bytes as they came, UTF-8 not checked
  bool operator==(const SseEvent&) const = default;
};

class SseParser {
 public:
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  explicit SseParser(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // Appends the events that `bytes` complete. After a failure nothing is parsed any more.
  void feed(std::string_view bytes, std::vector<SseEvent>& events);
  // The stream has ended: appends the unfinished event if there is one. Call once, last.
  void end(std::vector<SseEvent>& events);

  bool failed() const { return failed_; }  // a line or an event exceeded max_bytes

 private:
  void take_line(std::string_view line, std::vector<SseEvent>& events);
  void take_field(std::string_view field, std::string_view value);
  void dispatch(std::vector<SseEvent>& events);

  size_t max_bytes_;
  std::string line_;           // the unfinished one
  bool after_cr_ = false;      // an LF now belongs to the line end before it
  bool is_first_line_ = true;  // may begin with a byte order mark
  bool has_data_ = false;      // a data field was seen, even an empty one
  SseEvent event_;
  bool failed_ = false;
};

}  // namespace warpwright::llm
