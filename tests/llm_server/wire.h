// The four wire formats as a server speaks them: what a request asks, and the bytes of an answer to it, whole
// or as server-sent events. Written from the providers' documentation, apart from src/llm/codecs, so that an
// error of understanding does not cancel itself out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"

namespace warpwright::llm_server {

enum class Wire { kChat, kResponses, kMessages, kGemini };

struct Request {
  int64_t number = 0;  // in the order of arrival, from 0
  std::string method, target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  // Read from the above; wire is empty if the target is none of ours.
  std::optional<Wire> wire;
  Json json;
  bool stream = false;
  std::string model, prompt;  // prompt: the last message's text
};
void interpret(Request& request);

enum class Finish { kStop, kLength, kRefusal };

struct Answer {
  std::string text, reasoning;
  size_t pieces = 4;  // of the text, in a stream
  Finish finish = Finish::kStop;
};

// Every answer bills the same, in each format's own words: 100 tokens in (of which 20 from the cache, and
// where the format says so 5 written to it), 50 out (of which 10 reasoning).
inline constexpr int64_t kInputTokens = 100, kCachedTokens = 20, kCacheWriteTokens = 5;
inline constexpr int64_t kOutputTokens = 50, kReasoningTokens = 10;

std::string answer_text(std::string_view prompt,
                        size_t bytes);  // names the prompt, has characters of every length

std::string whole_body(const Request& request, const Answer& answer);
// Server-sent events in order. The last `tail` of them end the answer; a stream without them is cut.
struct Events {
  std::vector<std::string> frames;
  size_t tail = 1;
};
Events stream_events(const Request& request, const Answer& answer);
std::string reasoning_event(Wire wire, std::string_view text);

std::string error_body(Wire wire, int status, std::string_view type, std::string_view message);
std::string error_event(Wire wire, int status, std::string_view type, std::string_view message);

}  // namespace warpwright::llm_server
