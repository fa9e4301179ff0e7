// The parser of Server-Sent Events: the standard's own examples and rules, and that no cut changes the
// events.
#include <gtest/gtest.h>

#include <random>

#include "src/llm/sse.h"

namespace warpwright::llm {

void PrintTo(const SseEvent& event, std::ostream* out) {
  *out << event.name << "|" << event.data;
}

namespace {

using Events = std::vector<SseEvent>;

struct Parsed {
  Events events;
  bool failed = false;
  bool operator==(const Parsed&) const = default;
};

Parsed parse(const std::vector<std::string>& chunks, size_t max_bytes = SseParser::kMaxBytes) {
  SseParser parser(max_bytes);
  Parsed parsed;
  for (const std::string& chunk : chunks) parser.feed(chunk, parsed.events);
  parser.end(parsed.events);
  parsed.failed = parser.failed();
  return parsed;
}

struct Case {
  const char* name;
  std::string stream;
  Events events;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"lines joined", "data: YHOO\ndata: +2\ndata: 10\n\n", {{"", "YHOO\n+2\n10"}}},
      {"a comment, an id, a value without space",
       ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
       {{"", "first event"}, {"", "second event"}, {"", " third event"}}},
      {"data without value", "data\n\ndata\ndata\n\ndata:", {{"", ""}, {"", "\n"}, {"", ""}}},
      {"CR and CRLF", "data: a\r\rdata: b\r\n\r\ndata: c\n\r", {{"", "a"}, {"", "b"}, {"", "c"}}},
      {"a name", "event: add\ndata: 1\n\ndata: 2\n\n", {{"add", "1"}, {"", "2"}}},
      {"a name without data is no event and does not stay", "event: add\n\ndata: 2\n\n", {{"", "2"}}},
      {"the last name wins", "event: a\nevent: b\ndata: 1\n\n", {{"b", "1"}}},
      {"unknown fields, names in upper case", "retry: 5\nfoo: bar\nDATA: x\n\n", {}},
      {"a byte order mark",
       "\xEF\xBB\xBF"
       "data: a\n\n\xEF\xBB\xBF"
       "data: b\n\n",
       {{"", "a"}}},
      {"a part of a byte order mark",
       "\xEF\xBB"
       "data: a\n\n",
       {}},
      {"no blank line at the end", "data: a\n\nevent: e\ndata: b", {{"", "a"}, {"e", "b"}}},
      {"a colon in the value", "data: {\"a\": 1}\n\n", {{"", "{\"a\": 1}"}}},
      {"characters of several bytes",
       "data: \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\n\n",
       {{"", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"}}},
      {"a NUL", std::string("data: a\0b\n\n", 11), {{"", std::string("a\0b", 3)}}},
      {"nothing", "", {}},
      {"only line ends", "\r\n\n\r\r\n", {}},
  };
  return kCases;
}

TEST(Sse, EventsAreThoseOfTheStandard) {
  for (const Case& c : cases()) EXPECT_EQ(parse({c.stream}).events, c.events) << c.name;
}

TEST(Sse, ACutAnywhereChangesNothing) {
  for (const Case& c : cases()) {
    std::vector<std::string> bytes;
    for (char byte : c.stream) bytes.emplace_back(1, byte);
    EXPECT_EQ(parse(bytes).events, c.events) << c.name << ", byte by byte";
    for (size_t cut = 0; cut <= c.stream.size(); ++cut)
      EXPECT_EQ(parse({c.stream.substr(0, cut), "", c.stream.substr(cut)}).events, c.events)
          << c.name << " " << cut;
  }
}

TEST(Sse, RandomBytesInRandomChunksGiveTheEventsOfTheWhole) {
  const std::vector<std::string> pieces = {
      "data",     ":",       " ",  "\r",           "\n",       "\r\n",
      "event: x", "data: y", "id", "\xEF\xBB\xBF", "\xF0\x9F", std::string(1, '\0'),
      "zzzzzzzz"};
  std::mt19937 random(1);
  int with_events = 0, failed = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string stream;
    for (size_t n = random() % 40; n > 0; --n) stream += pieces[random() % pieces.size()];
    std::vector<std::string> chunks;
    for (size_t at = 0; at < stream.size();) {
      const size_t take = 1 + random() % 9;
      chunks.push_back(stream.substr(at, take));
      at += take;
    }
    const size_t max_bytes = 4 + random() % 60;
    const Parsed whole = parse({stream}, max_bytes);
    ASSERT_EQ(parse(chunks, max_bytes), whole) << testing::PrintToString(stream);
    with_events += !whole.events.empty();
    failed += whole.failed;
  }
  EXPECT_GT(with_events, 200);
  EXPECT_GT(failed, 200);
}

TEST(Sse, ALineOrAnEventBeyondTheBoundEndsTheStream) {
  const std::string line = "data: " + std::string(100, 'x') + "\n";
  EXPECT_FALSE(parse({line + "\n"}, 106).failed);
  const Parsed long_line = parse({"data: a\n\n", line, "\ndata: b\n\n"}, 105);
  EXPECT_TRUE(long_line.failed);
  EXPECT_EQ(long_line.events, (Events{{"", "a"}}));
  EXPECT_TRUE(parse({line + line + "\n"}, 150).failed) << "an event of many lines";
  SseParser parser(100);
  Events events;
  for (int i = 0; i < 1000; ++i) parser.feed("no end of line", events);
  EXPECT_TRUE(parser.failed());
}

}  // namespace
}  // namespace warpwright::llm
