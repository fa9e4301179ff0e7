// Google's Gemini. A stream has no terminator: the chunk with finishReason is the last, and holds the usage.
// Without alt=sse (a proxy may drop the query) the same chunks come as one JSON array.
#include <algorithm>
#include <set>

#include "src/llm/codecs/codecs.h"
#include "src/llm/codecs/reply_decoder.h"
#include "src/llm/codecs/wire_json.h"

namespace warpwright::llm {
namespace {

const std::set<std::string_view> kDeclined = {"SAFETY", "RECITATION", "BLOCKLIST",  "PROHIBITED_CONTENT",
                                              "SPII",   "LANGUAGE",   "MODEL_ARMOR"};

// promptTokenCount includes cached tokens; candidatesTokenCount leaves thoughts out.
Usage read_usage(const Json& json) {
  Usage usage;
  usage.input =
      count_at(json, "promptTokenCount").value_or(0) + count_at(json, "toolUsePromptTokenCount").value_or(0);
  usage.cached_read = std::min(usage.input, count_at(json, "cachedContentTokenCount").value_or(0));
  usage.reasoning = count_at(json, "thoughtsTokenCount").value_or(0);
  usage.output = count_at(json, "candidatesTokenCount").value_or(0) + usage.reasoning;
  usage.known = usage.input > 0 || usage.output > 0;
  return usage;
}

class Decoder final : public BodyDecoder {
 public:
  using BodyDecoder::BodyDecoder;

 protected:
  void on_chunk(const std::string&, const Json& chunk) override {
    const bool has_usage = read_part_of_answer(chunk);
    // Without usage the rest may still bring it.
    if (draft_.ending != Ending::kNone && has_usage) set_complete();
  }

  void on_whole(const Json& answer) override {
    if (answer.is_array()) {
      for (const Json& chunk : answer) {
        if (const auto error = find_error(chunk)) return fail(*error);
        read_part_of_answer(chunk);
      }
      if (draft_.ending == Ending::kNone)
        fail(FailureClass::kTransport, "the array of chunks has no last one");
    } else {
      read_part_of_answer(answer);
      if (draft_.ending == Ending::kNone && !at(answer, "candidates").is_array())
        fail(FailureClass::kBadReply, "the answer has no candidates");
    }
  }

  bool may_end_here() const override { return draft_.ending != Ending::kNone; }

 private:
  // Whether it told the usage.
  bool read_part_of_answer(const Json& chunk) {
    if (const auto model = text_at(chunk, "modelVersion"); !model.empty()) draft_.model = model;
    if (const auto id = text_at(chunk, "responseId"); !id.empty()) draft_.id = id;
    const Usage usage = read_usage(at(chunk, "usageMetadata"));
    if (usage.known) draft_.usage = usage;
    if (const auto reason = text_at(at(chunk, "promptFeedback"), "blockReason"); !reason.empty()) {
      end(Ending::kRefused, reason);
      return usage.known;
    }
    const Json& candidate = first(at(chunk, "candidates"));
    const Json& parts = at(at(candidate, "content"), "parts");
    if (parts.is_array())
      for (const Json& part : parts) read_part(part);
    if (const auto reason = text_at(candidate, "finishReason"); !reason.empty()) read_reason(reason);
    return usage.known;
  }

  void read_part(const Json& part) {
    if (is_void(at(part, "thought")))
      add_text(text_at(part, "text"));
    else
      draft_.has_reasoning = true;
  }

  void read_reason(std::string_view reason) {
    if (reason == "STOP") {
      end(Ending::kComplete, reason);
    } else if (reason == "MAX_TOKENS") {
      end(Ending::kTruncated, reason);
    } else if (kDeclined.contains(reason)) {
      end(Ending::kRefused, reason);
    } else if (reason != "FINISH_REASON_UNSPECIFIED") {  // OTHER, MALFORMED_FUNCTION_CALL, ...
      end(Ending::kFailed, reason);
    }
  }
};

std::string model_path(const ModelConfig& config) {
  const bool is_path = config.model.find('/') != std::string::npos;  // "models/...", "tunedModels/..."
  return "/" + (is_path ? "" : std::string("models/")) + escape_path(config.model) +
         (config.stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
}

// The API's version, unless base_url names one ("https://generativelanguage.googleapis.com/v1").
std::string versioned_path(const ModelConfig& config) {
  std::string_view base = config.base_url;
  while (base.ends_with('/')) base.remove_suffix(1);
  const bool has_version = base.substr(std::min(base.rfind('/'), base.size())).starts_with("/v1");
  return (has_version ? "" : "/v1beta") + model_path(config);
}

class Gemini final : public CodecOf<Decoder> {
 public:
  HttpRequest encode(const ModelConfig& config, const Call& call) const override {
    const auto parts = [](const std::string& text) { return Json::array({Json{{"text", text}}}); };
    Json contents = Json::array();
    for (const Message& message : call.conversation.messages)
      contents.push_back({{"role", message.role == Message::Role::kUser ? "user" : "model"},
                          {"parts", parts(message.text)}});
    Json body = {{"contents", std::move(contents)}};
    if (!call.conversation.system.empty())
      body["systemInstruction"] = {{"parts", parts(call.conversation.system)}};
    Json generation = Json::object();
    if (config.max_output_tokens) generation["maxOutputTokens"] = *config.max_output_tokens;
    if (config.temperature) generation["temperature"] = *config.temperature;
    if (config.top_p) generation["topP"] = *config.top_p;
    if (!config.effort.empty()) generation["thinkingConfig"] = {{"thinkingLevel", config.effort}};
    if (!generation.empty()) body["generationConfig"] = std::move(generation);
    return {join_url(config.base_url, versioned_path(config)), request_headers(config),
            key_header(config, "x-goog-api-key: "), request_body(config, std::move(body))};
  }
};

}  // namespace

std::unique_ptr<Codec> make_gemini_codec() {
  return std::make_unique<Gemini>();
}

}  // namespace warpwright::llm
