// Chat Completions: OpenAI's format, and what many other servers speak, each with a dialect:
//   reasoning      "reasoning" (vLLM, OpenRouter) or "reasoning_content" (DeepSeek, llama.cpp, SGLang); left
//   out content        null, absent, "", a string or an array of parts usage          in a last chunk with
//   empty `choices`, in each chunk, or nowhere end            "data: [DONE]"; servers that leave it out close
//   after finish_reason, which counts as complete errors         inside a 200, as JSON, as a chunk, or as the
//   error of a choice
#include <algorithm>

#include "src/llm/codecs/codecs.h"
#include "src/llm/codecs/reply_decoder.h"
#include "src/llm/codecs/wire_json.h"

namespace warpwright::llm {
namespace {

// prompt_tokens includes cached ones. Where total_tokens is larger than both parts, the rest is reasoning
// that the server does not count as completion.
Usage read_usage(const Json& json) {
  Usage usage;
  const int64_t prompt = count_at(json, "prompt_tokens").value_or(0);
  const int64_t completion = count_at(json, "completion_tokens").value_or(0);
  const Json& details = at(json, "prompt_tokens_details");
  const auto cached = count_at(details, "cached_tokens");
  usage.input = prompt;
  usage.cached_read =
      std::min(prompt, cached.value_or(count_at(json, "prompt_cache_hit_tokens").value_or(0)));
  usage.cache_write =
      std::min(prompt - usage.cached_read, count_at(details, "cache_write_tokens").value_or(0));
  usage.output = std::max(completion, count_at(json, "total_tokens").value_or(0) - prompt);
  usage.reasoning =
      std::min(usage.output, count_at(at(json, "completion_tokens_details"), "reasoning_tokens").value_or(0));
  usage.known = usage.input > 0 || usage.output > 0;  // zeros come from servers that do not count
  return usage;
}

class Decoder final : public BodyDecoder {
 public:
  using BodyDecoder::BodyDecoder;

 protected:
  void on_chunk(const std::string&, const Json& chunk) override {
    read_common(chunk);
    const Json& choices = at(chunk, "choices");
    if (!choices.is_array()) return;
    for (const Json& choice : choices)
      if (count_at(choice, "index").value_or(0) == 0)
        read_choice(choice, at(choice, choice.contains("delta") ? "delta" : "message"));
  }

  void on_whole(const Json& answer) override {
    read_common(answer);
    const Json& choice = first(at(answer, "choices"));
    if (!choice.is_object()) return fail(FailureClass::kBadReply, "the answer has no choices");
    read_choice(choice, at(choice, "message"));
  }

  void on_done() override { set_complete(); }
  bool may_end_here() const override { return draft_.ending != Ending::kNone; }

 private:
  void read_common(const Json& json) {
    if (const auto model = text_at(json, "model"); !model.empty()) draft_.model = model;
    if (const auto id = text_at(json, "id"); !id.empty()) draft_.id = id;
    const Json& usage = at(json, "usage");
    if (!usage.is_object()) return;
    if (const Usage read = read_usage(usage); read.known) draft_.usage = read;
    if (const Json& cost = at(usage, "cost"); cost.is_number() && cost.get<double>() >= 0)
      draft_.cost_dollars = cost.get<double>();
  }

  void read_choice(const Json& choice, const Json& message) {
    if (const auto error = find_error(choice)) return fail(*error);
    add_text(content_text(at(message, "content")));
    draft_.refusal += text_at(message, "refusal");
    draft_.has_reasoning |= !is_void(at(message, "reasoning")) || !is_void(at(message, "reasoning_content"));
    if (const std::string reason = word_at(choice, "finish_reason"); !reason.empty()) read_reason(reason);
  }

  void read_reason(const std::string& reason) {
    if (reason == "length" || reason == "max_tokens" || reason == "model_length") {
      end(Ending::kTruncated, reason);
    } else if (reason == "content_filter") {
      end(Ending::kRefused, reason);
    } else if (reason == "insufficient_system_resource") {  // DeepSeek's word for a server that ran short
      fail(FailureClass::kOverloaded, "the server gave up: " + reason);
    } else if (reason == "abort" || reason == "error") {
      fail(FailureClass::kServer, "the server gave up: " + reason);
    } else {
      end(Ending::kComplete, reason);
    }
  }
};

class OpenAiChat final : public CodecOf<Decoder> {
 public:
  HttpRequest encode(const ModelConfig& config, const Call& call) const override {
    Json messages = Json::array();
    if (!call.conversation.system.empty())
      messages.push_back({{"role", config.system_role}, {"content", call.conversation.system}});
    for (const Message& message : call.conversation.messages)
      messages.push_back(
          {{"role", message.role == Message::Role::kUser ? "user" : "assistant"}, {"content", message.text}});
    Json body = {{"model", config.model}, {"messages", std::move(messages)}, {"stream", config.stream}};
    if (config.stream) body["stream_options"] = {{"include_usage", true}};
    const std::string cap = config.token_cap_field.empty() ? "max_completion_tokens" : config.token_cap_field;
    if (config.max_output_tokens && cap != "none") body[cap] = *config.max_output_tokens;
    if (config.temperature) body["temperature"] = *config.temperature;
    if (config.top_p) body["top_p"] = *config.top_p;
    if (!config.effort.empty()) body["reasoning_effort"] = config.effort;
    return {join_url(config.base_url, "/chat/completions"), request_headers(config),
            key_header(config, "Authorization: Bearer "), request_body(config, std::move(body))};
  }
};

}  // namespace

std::unique_ptr<Codec> make_openai_chat_codec() {
  return std::make_unique<OpenAiChat>();
}

}  // namespace warpwright::llm
