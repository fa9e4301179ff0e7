// Answers of the four wire formats, in the shapes their documents and their servers' habits give: what a
// decoder makes of each, and that it makes the same of it however the bytes are cut.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "src/llm/codec.h"

namespace warpwright::llm {
namespace {

constexpr ProviderKind kChat = ProviderKind::kOpenAiChat, kResponses = ProviderKind::kOpenAiResponses,
                       kAnthropic = ProviderKind::kAnthropicMessages, kGemini = ProviderKind::kGemini;

using Outcome = std::variant<Reply, Failure>;

Outcome decode(ProviderKind kind, const std::vector<std::string>& chunks, const Headers& headers = {}) {
  const auto codec = make_codec(kind);
  const auto decoder = codec->decoder(ModelConfig(), headers);
  for (const std::string& chunk : chunks) decoder->on_body(chunk);
  return decoder->finish();
}

std::string describe(const Usage& usage) {
  if (!usage.known) return "?";
  return fmt::format("{}({}r {}w) -> {}({})", usage.input, usage.cached_read, usage.cache_write, usage.output,
                     usage.reasoning);
}

std::string describe(const Outcome& outcome) {
  if (const auto* failure = std::get_if<Failure>(&outcome))
    return fmt::format("{}{}: {} | {}", to_string(failure->kind),
                       failure->maybe_billed ? ", maybe billed" : "", failure->reason,
                       describe(failure->usage));
  const auto& reply = std::get<Reply>(outcome);
  std::string text = fmt::format("{} ({}): {} | {}", to_string(reply.finish), reply.finish_detail, reply.text,
                                 describe(reply.usage));
  if (reply.cost_dollars) text += fmt::format(" | ${}", *reply.cost_dollars);
  return text;
}

std::string sse(const std::vector<std::string>& chunks) {
  std::string stream;
  for (const std::string& chunk : chunks) stream += "data: " + chunk + "\n\n";
  return stream;
}

// Events whose name is the type inside.
std::string named(const std::vector<std::pair<std::string, std::string>>& events) {
  std::string stream;
  for (const auto& [type, fields] : events)
    stream += fmt::format("event: {}\ndata: {{\"type\":\"{}\"{}{}}}\n\n", type, type,
                          fields.empty() ? "" : ",", fields);
  return stream;
}

struct Case {
  const char* name;
  std::string body;
  std::string expected;
};

void check(ProviderKind kind, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(describe(decode(kind, {c.body})), c.expected) << c.name;
    std::vector<std::string> bytes;
    for (char byte : c.body) bytes.emplace_back(1, byte);
    EXPECT_EQ(describe(decode(kind, bytes)), c.expected) << c.name << ", byte by byte";
  }
}

const std::string kChatText =
    R"({"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":"a\u00e9"},"finish_reason":null}],"usage":null,"obfuscation":"x"})";
const std::string kChatMore = R"({"id":"c1","choices":[{"index":0,"delta":{"content":"é€😀"}}]})";
const std::string kChatStop = R"({"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
const std::string kChatUsage =
    R"({"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10},"completion_tokens_details":{"reasoning_tokens":30}}})";

std::string chat_whole(const std::string& message, const std::string& rest = R"("finish_reason":"stop")",
                       const std::string& more = "") {
  return fmt::format(R"({{"id":"c1","model":"m","choices":[{{"index":0,"message":{},{}}}]{}}})", message,
                     rest, more);
}
std::string chat_delta(const std::string& delta, const std::string& reason = "null") {
  return fmt::format(R"({{"choices":[{{"index":0,"delta":{},"finish_reason":{}}}]}})", delta, reason);
}

TEST(DecodeChat, Streams) {
  const std::string text = "aéé€😀";
  check(
      kChat,
      {
          {"whole", sse({kChatText, kChatMore, kChatStop, kChatUsage, "[DONE]"}),
           "complete (stop): " + text + " | 100(60r 10w) -> 50(30)"},
          {"no [DONE] but a finish_reason", sse({kChatText, kChatMore, kChatStop}),
           "complete (stop): " + text + " | ?"},
          {"no last blank line", "data: " + kChatText + "\n\ndata: " + kChatStop, "complete (stop): aé | ?"},
          {"[DONE] without finish_reason", sse({kChatText, "[DONE]"}), "complete (): aé | ?"},
          {"cut", sse({kChatText, kChatMore}),
           "transport, maybe billed: the stream ended in the middle of the answer | ?"},
          {"cut in a chunk", sse({kChatText}) + "data: {\"choices\":[{\"delta\"",
           "bad-reply, maybe billed: the answer is not JSON: {\"choices\":[{\"delta\" | ?"},
          {"comments first",
           ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + sse({kChatText, kChatStop, "[DONE]"}),
           "complete (stop): aé | ?"},
          {"length", sse({kChatText, chat_delta("{}", "\"length\""), "[DONE]"}),
           "truncated (length): aé | ?"},
          {"length with only reasoning",
           sse({chat_delta(R"({"reasoning_content":"hm"})"), chat_delta("{}", "\"length\""), "[DONE]"}),
           "truncated (length):  | ?"},
          {"reasoning in both names is no answer",
           sse({chat_delta(R"({"reasoning":"hm","content":null})"),
                chat_delta(R"({"reasoning_content":"hm","content":""})"),
                chat_delta(R"({"content":"x"})", "\"stop\""), "[DONE]"}),
           "complete (stop): x | ?"},
          {"only reasoning", sse({chat_delta(R"({"reasoning":"hm"})"), kChatStop, "[DONE]"}),
           "bad-reply, maybe billed: the model reasoned but gave no answer (finish reason 'stop') | ?"},
          {"filter", sse({kChatText, chat_delta("{}", "\"content_filter\""), "[DONE]"}),
           "refused (content_filter): aé | ?"},
          {"refusal",
           sse({chat_delta(R"({"refusal":"I can"})"), chat_delta(R"({"refusal":"not"})"), kChatStop,
                "[DONE]"}),
           "refused (refusal): I cannot | ?"},
          {"an error in the middle", sse({kChatText, R"({"error":{"code":502,"message":"upstream died"}})"}),
           "server, maybe billed: error inside the answer: 502: upstream died | ?"},
          {"an error first", sse({R"({"error":{"code":429,"message":"slow"}})"}),
           "rate-limited: error inside the answer: 429: slow | ?"},
          {"an error of a choice",
           sse({R"({"choices":[{"delta":{"content":""},"finish_reason":"error","error":{"code":"server_error","message":"oops"}}]})"}),
           "server: error inside the answer: server_error: oops | ?"},
          {"an error event that is no JSON", "event: error\ndata: out of memory\n\n",
           "server, maybe billed: error inside the answer: out of memory | ?"},
          {"error: null in every chunk",
           sse({R"({"error":null,"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]})", "[DONE]"}),
           "complete (stop): x | ?"},
          {"malformed JSON", sse({kChatText, "{oops}"}),
           "bad-reply, maybe billed: the answer is not JSON: {oops} | ?"},
          {"a server that ran short", sse({kChatText, chat_delta("{}", "\"insufficient_system_resource\"")}),
           "overloaded, maybe billed: the server gave up: insufficient_system_resource | ?"},
          {"aborted", sse({kChatText, chat_delta("{}", "\"abort\""), "[DONE]"}),
           "server, maybe billed: the server gave up: abort | ?"},
          {"a tool nobody offered",
           sse({chat_delta(R"({"content":null,"tool_calls":[{}]})", "\"tool_calls\""), "[DONE]"}),
           "bad-reply, maybe billed: the answer has no text (finish reason 'tool_calls') | ?"},
          {"only [DONE]", sse({"[DONE]"}),
           "bad-reply, maybe billed: the answer has no text (finish reason '') | ?"},
          {"other choices are not ours",
           sse({R"({"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"yes"},"finish_reason":"stop"}]})",
                "[DONE]"}),
           "complete (stop): yes | ?"},
          {"usage in every chunk: the last",
           sse({R"({"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":7,"completion_tokens":1}})",
                R"({"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}})",
                "[DONE]"}),
           "complete (stop): x | 7(0r 0w) -> 2(0)"},
          {"half a surrogate pair",
           sse({chat_delta(R"({"content":"a\ud83d"})"),
                chat_delta(R"({"content":"\ude00b \\ud83d"})", "\"stop\""), "[DONE]"}),
           "complete (stop): a\xEF\xBF\xBD\xEF\xBF\xBD"
           "b \\ud83d | ?"},
          {"malformed UTF-8", sse({chat_delta("{\"content\":\"a\xC3 \xFF\"}", "\"stop\""), "[DONE]"}),
           "complete (stop): a\xEF\xBF\xBD \xEF\xBF\xBD | ?"},
          {"a whole answer as an event", sse({chat_whole(R"({"content":"x"})"), "[DONE]"}),
           "complete (stop): x | ?"},
      });
}

TEST(DecodeChat, WholeAnswers) {
  const std::string usage =
      R"(,"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cost":0.25})";
  check(
      kChat,
      {
          {"text",
           chat_whole(R"({"content":"x","refusal":null})", R"("finish_reason":"stop","logprobs":null)",
                      usage),
           "complete (stop): x | 10(0r 0w) -> 5(0) | $0.25"},
          {"a byte order mark and white space", "\xEF\xBB\xBF\n  " + chat_whole(R"({"content":"x"})"),
           "complete (stop): x | ?"},
          {"parts",
           chat_whole(
               R"({"content":[{"type":"thinking","thinking":[{"text":"no"}]},{"type":"text","text":"a"},{"type":"text","text":"b"},"c"]})"),
           "complete (stop): abc | ?"},
          {"null", chat_whole(R"({"content":null})"),
           "bad-reply, maybe billed: the answer has no text (finish reason 'stop') | ?"},
          {"absent", chat_whole("{}"),
           "bad-reply, maybe billed: the answer has no text (finish reason 'stop') | ?"},
          {"empty", chat_whole(R"({"content":"","reasoning":"hm"})"),
           "bad-reply, maybe billed: the model reasoned but gave no answer (finish reason 'stop') | ?"},
          {"empty at the limit", chat_whole(R"({"content":""})", R"("finish_reason":"length")"),
           "truncated (length):  | ?"},
          {"no finish_reason", chat_whole(R"({"content":"x"})", R"("finish_reason":null)"),
           "complete (): x | ?"},
          {"refusal", chat_whole(R"({"content":null,"refusal":"I cannot"})"),
           "refused (refusal): I cannot | ?"},
          {"no choices", R"({"choices":[]})", "bad-reply, maybe billed: the answer has no choices | ?"},
          {"something else", R"({"ok":true})", "bad-reply, maybe billed: the answer has no choices | ?"},
          {"an array", "[1]", "bad-reply, maybe billed: the answer has no choices | ?"},
          {"an error",
           R"({"error":{"type":"insufficient_quota","code":"credit_balance_exhausted","message":"pay"}})",
           "billing: error inside the answer: credit_balance_exhausted: pay | ?"},
          {"an error as a string", R"({"error":"model not found"})",
           "server: error inside the answer: model not found | ?"},
          {"vLLM's error", R"({"object":"error","message":"too long","type":"BadRequestError","code":400})",
           "invalid: error inside the answer: BadRequestError: too long | ?"},
          {"HTML", "<!doctype html><html><title>Login</title>",
           "bad-reply: HTTP 200 with a page of HTML instead of an answer | ?"},
          {"nothing", "", "bad-reply, maybe billed: HTTP 200 with an empty body | ?"},
          {"plain text", "upstream connect error",
           "bad-reply, maybe billed: the answer is not JSON: upstream connect error | ?"},
          {"cut", R"({"choices":[{"mess)",
           "bad-reply, maybe billed: the answer is not JSON: {\"choices\":[{\"mess | ?"},
          {"reasoning outside of completion_tokens",
           chat_whole(
               R"({"content":"x"})", R"("finish_reason":"stop")",
               R"(,"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,"completion_tokens_details":{"reasoning_tokens":100}})"),
           "complete (stop): x | 10(0r 0w) -> 105(100)"},
          {"DeepSeek's cache",
           chat_whole(R"({"content":"x"})", R"("finish_reason":"stop")",
                      R"(,"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":8})"),
           "complete (stop): x | 10(8r 0w) -> 5(0)"},
          {"usage of zeros, of wrong types, beyond reason",
           chat_whole(R"({"content":"x"})", R"("finish_reason":"stop")",
                      R"(,"usage":{"prompt_tokens":-3,"completion_tokens":"5","total_tokens":0})"),
           "complete (stop): x | ?"},
          {"usage beyond reason",
           chat_whole(R"({"content":"x"})", R"("finish_reason":"stop")",
                      R"(,"usage":{"prompt_tokens":1e300,"completion_tokens":18446744073709551615})"),
           "complete (stop): x | 1000000000000(0r 0w) -> 1000000000000(0)"},
      });
}

using Named = std::vector<std::pair<std::string, std::string>>;

const std::string kResponse =
    R"("id":"resp_1","model":"m","usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":60},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":30}})";
std::string response(const std::string& status, const std::string& content, const std::string& more = "") {
  return fmt::format(
      R"("response":{{{},"status":"{}","output":[{{"type":"reasoning","summary":[]}},{{"type":"message","content":[{}]}}]{}}})",
      kResponse, status, content, more);
}
const std::string kResponseText = R"({"type":"output_text","text":"aé€😀"})";

TEST(DecodeResponses, StreamsAndWholeAnswers) {
  const Named begin = {{"response.created", R"("response":{"status":"in_progress"})"},
                       {"response.reasoning_summary_text.delta", R"("delta":"hm")"},
                       {"response.output_text.delta", R"("delta":"aé")"},
                       {"response.output_text.delta", R"("delta":"€😀","obfuscation":"xx")"}};
  const auto with = [&](const std::string& type, const std::string& fields) {
    Named events = begin;
    events.emplace_back(type, fields);
    return named(events);
  };
  const std::string usage = " | 100(60r 0w) -> 50(30)";
  check(
      kResponses,
      {
          {"completed", with("response.completed", response("completed", kResponseText)),
           "complete (completed): aé€😀" + usage},
          {"completed without its output",
           with("response.completed", R"("response":{"status":"completed","output":[]})"),
           "complete (completed): aé€😀 | ?"},
          {"the last event's text decides",
           with("response.completed", response("completed", R"({"type":"output_text","text":"z"})")),
           "complete (completed): z" + usage},
          {"at the limit",
           with("response.incomplete",
                response("incomplete", "", R"(,"incomplete_details":{"reason":"max_output_tokens"})")),
           "truncated (max_output_tokens): aé€😀" + usage},
          {"filtered",
           with("response.incomplete",
                response("incomplete", "", R"(,"incomplete_details":{"reason":"content_filter"})")),
           "refused (content_filter): aé€😀" + usage},
          {"failed",
           with("response.failed",
                response("failed", "", R"(,"error":{"code":"server_error","message":"oops"})")),
           "server, maybe billed: error inside the answer: server_error: oops" + usage},
          {"failed at its rate limit",
           named(
               {{"response.failed",
                 R"("response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}})"}}),
           "rate-limited: error inside the answer: rate_limit_exceeded: slow | ?"},
          {"failed for no reason",
           named({{"response.failed", R"("response":{"status":"failed","error":null})"}}),
           "server, maybe billed: the response failed without saying why | ?"},
          {"declined prompt",
           named(
               {{"response.failed",
                 R"("response":{"status":"failed","error":{"code":"invalid_prompt","message":"flagged"}})"}}),
           "invalid: error inside the answer: invalid_prompt: flagged | ?"},
          {"an error event", with("error", R"("code":"server_error","message":"oops","param":null)"),
           "server, maybe billed: error inside the answer: server_error: oops | ?"},
          {"refusal",
           named(
               {{"response.refusal.delta", R"("delta":"I can")"},
                {"response.completed", response("completed", R"({"type":"refusal","refusal":"I cannot"})")}}),
           "refused (refusal): I cannot" + usage},
          {"cut", named(begin), "transport, maybe billed: the stream ended in the middle of the answer | ?"},
          {"cut while it reasons", named({begin[0], begin[1]}),
           "transport, maybe billed: the stream ended in the middle of the answer | ?"},
          {"cut at the beginning", named({begin[0]}),
           "transport, maybe billed: the stream ended before the answer began | ?"},
          {"[DONE] is no end here", named(begin) + "data: [DONE]\n\n",
           "transport, maybe billed: the stream ended in the middle of the answer | ?"},
          {"types without names of events",
           "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\ndata: "
           "{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
           "complete (completed): x | ?"},
          {"names of events without types",
           "event: response.output_text.delta\ndata: {\"delta\":\"x\"}\n\nevent: response.completed\ndata: "
           "{\"response\":{\"status\":\"completed\"}}\n\n",
           "complete (completed): x | ?"},
          {"whole", "{" + response("completed", kResponseText).substr(12),
           "complete (completed): aé€😀" + usage},
          {"whole at the limit",
           "{" + response("incomplete", kResponseText,
                          R"(,"incomplete_details":{"reason":"max_output_tokens"})")
                     .substr(12),
           "truncated (max_output_tokens): aé€😀" + usage},
          {"whole, failed", R"({"status":"failed","error":{"code":"server_error","message":"oops"}})",
           "server: error inside the answer: server_error: oops | ?"},
          {"whole, still queued", R"({"status":"queued","output":[]})",
           "bad-reply, maybe billed: the answer has no text (finish reason 'queued') | ?"},
          {"only reasoning", R"({"status":"completed","output":[{"type":"reasoning"}]})",
           "bad-reply, maybe billed: the model reasoned but gave no answer (finish reason 'completed') | ?"},
          {"something else", R"({"choices":[]})", "bad-reply, maybe billed: the answer has no output | ?"},
      });
}

TEST(DecodeAnthropic, StreamsAndWholeAnswers) {
  const Named begin = {
      {"message_start",
       R"("message":{"id":"msg_1","model":"m","usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":1}})"},
      {"content_block_start", R"("index":0,"content_block":{"type":"thinking","thinking":""})"},
      {"content_block_delta", R"("index":0,"delta":{"type":"thinking_delta","thinking":"hm"})"},
      {"content_block_delta", R"("index":0,"delta":{"type":"signature_delta","signature":"s"})"},
      {"content_block_stop", R"("index":0)"},
      {"ping", ""},
      {"content_block_start", R"("index":1,"content_block":{"type":"text","text":""})"},
      {"content_block_delta", R"("index":1,"delta":{"type":"text_delta","text":"aé"})"},
      {"content_block_delta", R"("index":1,"delta":{"type":"text_delta","text":"€😀"})"}};
  const auto with = [&](Named more) {
    Named events = begin;
    events.insert(events.end(), more.begin(), more.end());
    return named(events);
  };
  const std::string end_usage =
      R"("usage":{"output_tokens":50,"output_tokens_details":{"thinking_tokens":30}})";
  const auto delta = [&](const std::string& fields) {
    return fmt::format(R"("delta":{{{}}},{})", fields, end_usage);
  };
  const std::string usage = " | 60(30r 20w) -> 50(30)";
  check(
      kAnthropic,
      {
          {"complete",
           with({{"message_delta", delta(R"("stop_reason":"end_turn","stop_sequence":null)")},
                 {"message_stop", ""}}),
           "complete (end_turn): aé€😀" + usage},
          {"what follows the end changes nothing",
           with({{"message_delta", delta(R"("stop_reason":"end_turn")")},
                 {"message_stop", ""},
                 {"error", R"("error":{"type":"api_error","message":"x"})"}}),
           "complete (end_turn): aé€😀" + usage},
          {"cumulative usage: the larger counts",
           with({{"message_delta", R"("delta":{},"usage":{"input_tokens":0,"output_tokens":20})"},
                 {"message_delta", delta(R"("stop_reason":"end_turn")")},
                 {"message_stop", ""}}),
           "complete (end_turn): aé€😀" + usage},
          {"at the limit",
           with({{"message_delta", delta(R"("stop_reason":"max_tokens")")}, {"message_stop", ""}}),
           "truncated (max_tokens): aé€😀" + usage},
          {"the context is full",
           with({{"message_delta", delta(R"("stop_reason":"model_context_window_exceeded")")},
                 {"message_stop", ""}}),
           "truncated (model_context_window_exceeded): aé€😀" + usage},
          {"refusal in the middle",
           with(
               {{"message_delta",
                 delta(
                     R"("stop_reason":"refusal","stop_details":{"category":"frontier_llm","explanation":"no"})")},
                {"message_stop", ""}}),
           "refused (refusal: frontier_llm): aé€😀" + usage},
          {"refusal without text",
           named(
               {begin[0],
                {"message_delta",
                 delta(
                     R"("stop_reason":"refusal","stop_details":{"category":"cyber","explanation":"not this"})")},
                {"message_stop", ""}}),
           "refused (refusal: cyber): not this" + usage},
          {"cut before message_stop", with({{"message_delta", delta(R"("stop_reason":"end_turn")")}}),
           "transport, maybe billed: the stream ended in the middle of the answer" + usage},
          {"cut in the text", named(begin),
           "transport, maybe billed: the stream ended in the middle of the answer | ?"},
          {"overloaded in the middle",
           with({{"error", R"("error":{"type":"overloaded_error","message":"Overloaded"})"}}),
           "overloaded, maybe billed: error inside the answer: overloaded_error: Overloaded | ?"},
          {"overloaded at once",
           named({{"error", R"("error":{"type":"overloaded_error","message":"Overloaded"})"}}),
           "overloaded: error inside the answer: overloaded_error: Overloaded | ?"},
          {"only thinking",
           named({begin[0],
                  begin[2],
                  {"message_delta", delta(R"("stop_reason":"end_turn")")},
                  {"message_stop", ""}}),
           "bad-reply, maybe billed: the model reasoned but gave no answer (finish reason 'end_turn')" +
               usage},
          {"paused", with({{"message_delta", delta(R"("stop_reason":"pause_turn")")}, {"message_stop", ""}}),
           "bad-reply, maybe billed: the model did not end its answer (finish reason 'pause_turn')" + usage},
          {"whole",
           R"({"type":"message","id":"msg_1","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},{"type":"text","text":"b"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":7}})",
           "complete (end_turn): ab | 15(5r 0w) -> 7(0)"},
          {"whole, without usage", R"({"content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"})",
           "complete (end_turn): a | ?"},
          {"whole, no content",
           R"({"content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}})",
           "bad-reply, maybe billed: the answer has no text (finish reason 'end_turn') | 1(0r 0w) -> 1(0)"},
          {"whole, an error",
           R"({"type":"error","error":{"type":"api_error","message":"x"},"request_id":"req_1"})",
           "server: error inside the answer: api_error: x | ?"},
          {"something else", R"({"choices":[]})", "bad-reply, maybe billed: the answer has no content | ?"},
      });
}

std::string gemini(const std::string& parts, const std::string& more = "") {
  return fmt::format(
      R"({{"candidates":[{{"content":{{"role":"model","parts":[{}]}}{}}}],"modelVersion":"g","responseId":"r"}})",
      parts, more);
}
const std::string kGeminiUsage =
    R"("usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":20,"thoughtsTokenCount":30,"totalTokenCount":150})";

TEST(DecodeGemini, StreamsAndWholeAnswers) {
  const std::string first = gemini(R"({"text":"hm","thought":true},{"text":"aé"})"),
                    second = gemini(R"({"text":"€😀"})");
  const auto last = [](const std::string& reason) {
    return fmt::format(R"({{"candidates":[{{"content":{{}},"finishReason":"{}"}}],{}}})", reason,
                       kGeminiUsage);
  };
  const std::string usage = " | 100(60r 0w) -> 50(30)";
  check(
      kGemini,
      {
          {"complete", sse({first, second, last("STOP")}), "complete (STOP): aé€😀" + usage},
          {"the reason without usage", sse({first, gemini(R"({"text":"x"})", R"(,"finishReason":"STOP")")}),
           "complete (STOP): aéx | ?"},
          {"usage after the reason",
           sse({gemini(R"({"text":"x"})", R"(,"finishReason":"STOP")"), "{" + kGeminiUsage + "}"}),
           "complete (STOP): x" + usage},
          {"cut", sse({first, second}),
           "transport, maybe billed: the stream ended in the middle of the answer | ?"},
          {"at the limit without parts", sse({last("MAX_TOKENS")}), "truncated (MAX_TOKENS): " + usage},
          {"safety", sse({first, last("SAFETY")}), "refused (SAFETY): aé" + usage},
          {"recitation", sse({last("RECITATION")}), "refused (RECITATION): " + usage},
          {"blocked prompt",
           sse({R"({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9}})"}),
           "refused (PROHIBITED_CONTENT):  | 9(0r 0w) -> 0(0)"},
          {"only thoughts", sse({gemini(R"({"text":"hm","thought":true})"), last("STOP")}),
           "bad-reply, maybe billed: the model reasoned but gave no answer (finish reason 'STOP')" + usage},
          {"other", sse({first, last("OTHER")}),
           "bad-reply, maybe billed: the model did not end its answer (finish reason 'OTHER')" + usage},
          {"an error in the middle",
           sse({first, R"({"error":{"code":503,"status":"UNAVAILABLE","message":"busy"}})"}),
           "overloaded, maybe billed: error inside the answer: UNAVAILABLE: busy | ?"},
          {"an array of chunks", "[" + first + ",\r\n" + last("STOP") + "]", "complete (STOP): aé" + usage},
          {"an array of chunks without its last", "[" + first + "]",
           "transport, maybe billed: the array of chunks has no last one | ?"},
          {"an array with an error",
           R"([{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow"}}])",
           "rate-limited: error inside the answer: RESOURCE_EXHAUSTED: slow | ?"},
          {"whole", gemini(R"({"text":"a"},{"text":"b"})", R"(,"finishReason":"STOP")"),
           "complete (STOP): ab | ?"},
          {"whole, blocked", R"({"promptFeedback":{"blockReason":"SAFETY"}})", "refused (SAFETY):  | ?"},
          {"whole, nothing", R"({"usageMetadata":{}})",
           "bad-reply, maybe billed: the answer has no candidates | ?"},
          {"whole, no candidates", R"({"candidates":[]})",
           "bad-reply, maybe billed: the answer has no text (finish reason '') | ?"},
      });
}

TEST(Decode, ACutAnywhereOfAStreamChangesNothing) {
  const std::vector<std::pair<ProviderKind, std::string>> streams = {
      {kChat, "\xEF\xBB\xBF: hello\r\n\r\n" + sse({kChatText, kChatMore, kChatStop, kChatUsage, "[DONE]"})},
      {kResponses, named({{"response.output_text.delta", R"("delta":"é")"},
                          {"response.completed", response("completed", kResponseText)}})},
      {kAnthropic,
       named({{"content_block_delta", R"("delta":{"type":"text_delta","text":"é€😀"})"},
              {"message_delta", R"("delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3})"},
              {"message_stop", ""}})},
      {kGemini, sse({gemini(R"({"text":"é€😀"})", R"(,"finishReason":"STOP")")})}};
  for (const auto& [kind, stream] : streams) {
    const std::string whole = describe(decode(kind, {stream}));
    EXPECT_TRUE(whole.starts_with("complete")) << whole;
    for (size_t cut = 0; cut <= stream.size(); ++cut)
      ASSERT_EQ(describe(decode(kind, {stream.substr(0, cut), stream.substr(cut)})), whole)
          << "cut at " << cut;
  }
}

TEST(Decode, SpoiltBytesGiveTheSameOutcomeHoweverTheyAreCut) {
  const std::string seeds[] = {
      sse({kChatText, kChatMore, kChatStop, kChatUsage, "[DONE]"}),
      chat_whole(R"({"content":"x"})"),
      named({{"response.output_text.delta", R"("delta":"é")"},
             {"response.completed", response("completed", kResponseText)}}),
      named({{"content_block_delta", R"("delta":{"type":"text_delta","text":"é"})"},
             {"message_delta", R"("delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3})"},
             {"message_stop", ""}}),
      sse({gemini(R"({"text":"é"})", R"(,"finishReason":"STOP")")}),
      "[" + gemini(R"({"text":"x"})") + "]"};
  const std::string pieces[] = {"\n", "\r", "null", "{",     "}",    "[",       "]",     "\"",
                                ":",  ",",  "-1",   "1e999", "\xFF", "\\ud800", "data:", "error"};
  std::mt19937 random(1);
  int answers = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string body = seeds[random() % std::size(seeds)];
    for (size_t n = random() % 4; n > 0; --n) {
      const size_t at = random() % body.size();
      body.replace(at, random() % 6, pieces[random() % std::size(pieces)]);
    }
    std::vector<std::string> chunks;
    for (size_t at = 0, take = 0; at < body.size(); at += take) {
      take = 1 + random() % 40;
      chunks.push_back(body.substr(at, take));
    }
    for (ProviderKind kind : {kChat, kResponses, kAnthropic, kGemini}) {
      const Outcome whole = decode(kind, {body});
      ASSERT_EQ(describe(decode(kind, chunks)), describe(whole)) << testing::PrintToString(body);
      answers += std::holds_alternative<Reply>(whole);
    }
  }
  EXPECT_GT(answers, 500);
}

// A stream that ends early must never pass for an answer, wherever it ends.
TEST(Decode, ABeginningOfAStreamIsNoAnswerUnlessItsEndWasSeen) {
  const std::vector<std::pair<ProviderKind, std::string>> streams = {
      {kChat, sse({kChatText, kChatMore})},
      {kResponses, named({{"response.output_text.delta", R"("delta":"é")"},
                          {"response.output_text.done", R"("text":"é")"}})},
      {kAnthropic,
       named({{"content_block_delta", R"("delta":{"type":"text_delta","text":"é€😀"})"},
              {"message_delta", R"("delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3})"}})},
      {kGemini, sse({gemini(R"({"text":"é€😀"})")})}};
  for (const auto& [kind, stream] : streams)
    for (size_t length = 0; length <= stream.size(); ++length) {
      const Outcome outcome =
          decode(kind, {stream.substr(0, length)}, {{"content-type", "text/event-stream"}});
      ASSERT_TRUE(std::holds_alternative<Failure>(outcome)) << stream.substr(0, length);
      const FailureClass failure = std::get<Failure>(outcome).kind;
      EXPECT_TRUE(failure == FailureClass::kTransport || failure == FailureClass::kBadReply);
    }
}

TEST(Decode, CompletionIsSeenAtTheTerminalEventAndTextIsCountedOnTheWay) {
  const auto codec = make_codec(kAnthropic);
  const auto decoder = codec->decoder(ModelConfig(), {});
  decoder->on_body(named({{"message_start", R"("message":{})"},
                          {"content_block_delta", R"("delta":{"type":"thinking_delta","thinking":"hm"})"}}));
  EXPECT_EQ(decoder->answer_bytes(), 0u);
  decoder->on_body(named({{"content_block_delta", R"("delta":{"type":"text_delta","text":"four"})"},
                          {"message_delta", R"("delta":{"stop_reason":"end_turn"})"}}));
  EXPECT_EQ(decoder->answer_bytes(), 4u);
  EXPECT_FALSE(decoder->is_complete());
  decoder->on_body(named({{"message_stop", ""}}));
  EXPECT_TRUE(decoder->is_complete());
}

TEST(Decode, NamesAndCostOfTheHeaders) {
  const auto reply =
      std::get<Reply>(decode(kChat, {chat_whole(R"({"content":"x"})")},
                             {{"x-request-id", "req_1\x1b[2J"}, {"x-litellm-response-cost", "0.5"}}));
  EXPECT_EQ(reply.request_id, "req_1[2J");
  EXPECT_EQ(reply.cost_dollars, 0.5);
  EXPECT_EQ(reply.model, "m");
  const auto other = std::get<Reply>(
      decode(kChat, {chat_whole(R"({"content":"x"})")}, {{"x-litellm-response-cost", "None"}}));
  EXPECT_EQ(other.request_id, "c1");
  EXPECT_FALSE(other.cost_dollars);
}

TEST(Decode, NothingAStrangerSendsIsWithoutBound) {
  const std::string deep(1 << 20, '[');
  EXPECT_EQ(describe(decode(kChat, {deep})), "bad-reply, maybe billed: the answer is nested too deeply | ?");
  EXPECT_EQ(describe(decode(kChat, {"data: {\"error\":" + deep + "\n\n"})),
            "bad-reply, maybe billed: the answer is nested too deeply | ?");
  EXPECT_EQ(describe(decode(kChat, {std::string(1 << 20, '\n')})),
            "bad-reply, maybe billed: the answer is white space | ?");
  EXPECT_EQ(describe(decode(kChat, {std::string(1 << 10, '\n'), chat_whole(R"({"content":"x"})")})),
            "complete (stop): x | ?");
  const std::string text(1 << 20, 'x');
  const auto decoder = make_codec(kChat)->decoder(ModelConfig(), {});
  int chunks = 0;
  for (; !decoder->is_complete() && chunks < 100; ++chunks)
    decoder->on_body(sse({chat_delta("{\"content\":\"" + text + "\"}")}));
  EXPECT_EQ(chunks, 17);
  EXPECT_EQ(describe(decoder->finish()), "bad-reply, maybe billed: the answer's text exceeds 16 MiB | ?");
  const auto line = make_codec(kChat)->decoder(ModelConfig(), {});
  line->on_body("data: ");
  for (int i = 0; i < 100 && !line->is_complete(); ++i) line->on_body(text);
  EXPECT_EQ(describe(line->finish()), "bad-reply, maybe billed: a line of the stream exceeds 16 MiB | ?");
}

}  // namespace
}  // namespace warpwright::llm
