// Server-Sent Events: whatever the bytes and however they are cut, the events are the same.
#include <string>
#include <vector>

#include "src/llm/sse.h"
#include "tests/fuzz_text/harness.h"

namespace warpwright::llm {
namespace {

struct Parsed {
  std::vector<SseEvent> events;
  bool failed = false;
  bool operator==(const Parsed&) const = default;
};

// Pieces of `piece(i)` bytes.
template <class Piece>
Parsed parse(std::string_view stream, size_t max_bytes, const Piece& piece) {
  Parsed parsed;
  SseParser parser(max_bytes);
  for (size_t i = 0; !stream.empty(); ++i) {
    const size_t bytes = std::min(stream.size(), piece(i));
    parser.feed(stream.substr(0, bytes), parsed.events);
    stream.remove_prefix(bytes);
  }
  parser.end(parsed.events);
  parsed.failed = parser.failed();
  return parsed;
}

void check(std::string_view stream, size_t max_bytes) {
  const auto whole = [&](size_t) { return stream.size(); };
  const Parsed parsed = parse(stream, max_bytes, whole);
  MUST(parse(stream, max_bytes, [](size_t) { return size_t{1}; }) == parsed);
  MUST(parse(stream, max_bytes, [](size_t i) { return 1 + i * i % 7; }) == parsed);
  MUST(parse(stream, max_bytes, [&](size_t i) { return i == 0 ? 1 + stream.size() / 2 : stream.size(); }) ==
       parsed);

  size_t bytes = 0;
  for (const SseEvent& event : parsed.events) {
    bytes += event.name.size() + event.data.size();
    MUST(event.data.size() <= max_bytes);
    MUST(event.data.find('\r') == std::string::npos);
    MUST(event.name.find_first_of("\r\n") == std::string::npos);
  }
  MUST(bytes <= stream.size());

  // The unfinished event ends where a blank line would end it, and the next one starts afresh.
  Parsed more =
      parse(std::string(stream) + "\n\ndata: x\n\n", max_bytes, [](size_t) { return size_t{1} << 30; });
  if (parsed.failed || more.failed) return;
  MUST(!more.events.empty() && more.events.back() == (SseEvent{"", "x"}));
  more.events.pop_back();
  MUST(more == parsed);
}

}  // namespace
}  // namespace warpwright::llm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view stream = warpwright::fuzz::text_of(data, size);
  warpwright::llm::check(stream, warpwright::llm::SseParser::kMaxBytes);
  warpwright::llm::check(stream, 24);
  return 0;
}
