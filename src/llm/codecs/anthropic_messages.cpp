// Anthropic's Messages. input_tokens leaves cached tokens out: ours are the sum. Usage comes twice: with
// message_start what is known then, with message_delta cumulative totals; the larger of each counts.
#include <fmt/format.h>

#include <algorithm>

#include "src/llm/codecs/codecs.h"
#include "src/llm/codecs/reply_decoder.h"
#include "src/llm/codecs/wire_json.h"

namespace warpwright::llm {
namespace {

// Known to every server that speaks this format, and without the newer versions' ban on sampling fields.
constexpr std::string_view kDefaultVersion = "2023-06-01";

class Decoder final : public BodyDecoder {
 public:
  using BodyDecoder::BodyDecoder;

 protected:
  void on_chunk(const std::string& event_name, const Json& chunk) override {
    const std::string_view named = text_at(chunk, "type");
    const std::string_view type = named.empty() ? std::string_view(event_name) : named;
    if (type == "message_start") {
      const Json& message = at(chunk, "message");
      read_names(message);
      read_usage(at(message, "usage"));
    } else if (type == "content_block_start") {
      read_part(at(chunk, "content_block"));
    } else if (type == "content_block_delta") {
      read_part(at(chunk, "delta"));
    } else if (type == "message_delta") {
      read_usage(at(chunk, "usage"));
      draft_.usage = usage();
      read_stop(at(chunk, "delta"));
    } else if (type == "message_stop") {
      set_complete();
    } else if (type == "message") {  // a whole answer as the only event
      on_whole(chunk);
      set_complete();
    }
  }

  void on_whole(const Json& answer) override {
    const Json& content = at(answer, "content");
    if (!content.is_array() && text_at(answer, "stop_reason").empty())
      return fail(FailureClass::kBadReply, "the answer has no content");
    read_names(answer);
    read_usage(at(answer, "usage"));
    draft_.usage = usage();
    if (content.is_array())
      for (const Json& part : content) read_part(part);
    read_stop(answer);
  }

 private:
  void read_names(const Json& message) {
    draft_.model = text_at(message, "model");
    draft_.id = text_at(message, "id");
  }

  void read_part(const Json& part) {
    const std::string_view type = text_at(part, "type");
    if (type == "text" || type == "text_delta") add_text(text_at(part, "text"));
    draft_.has_reasoning |= type.find("thinking") != std::string_view::npos;
  }

  void read_usage(const Json& json) {
    const auto take = [&json](int64_t& total, const char* key) {
      total = std::max(total, count_at(json, key).value_or(0));
    };
    take(uncached_input_, "input_tokens");
    take(cache_write_, "cache_creation_input_tokens");
    take(cached_read_, "cache_read_input_tokens");
    take(output_, "output_tokens");
    if (const auto thinking = count_at(at(json, "output_tokens_details"), "thinking_tokens"))
      reasoning_ = std::max(reasoning_, *thinking);
  }

  Usage usage() const {
    Usage usage;
    usage.input = uncached_input_ + cache_write_ + cached_read_;
    usage.cached_read = cached_read_;
    usage.cache_write = cache_write_;
    usage.output = output_;
    usage.reasoning = std::min(output_, reasoning_);
    usage.known = usage.input > 0 || usage.output > 0;
    return usage;
  }

  void read_stop(const Json& json) {
    const std::string_view reason = text_at(json, "stop_reason");
    if (reason.empty()) return;
    if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
      end(Ending::kTruncated, reason);
    } else if (reason == "refusal") {
      const Json& details = at(json, "stop_details");
      const std::string_view category = text_at(details, "category");
      end(Ending::kRefused, category.empty() ? std::string(reason) : fmt::format("{}: {}", reason, category));
      draft_.refusal = text_at(details, "explanation");
    } else if (reason == "pause_turn") {  // of tools that run on the server; we offer none
      end(Ending::kFailed, reason);
    } else {
      end(Ending::kComplete, reason);
    }
  }

  int64_t uncached_input_ = 0, cache_write_ = 0, cached_read_ = 0, output_ = 0, reasoning_ = 0;
};

class AnthropicMessages final : public CodecOf<Decoder> {
 public:
  HttpRequest encode(const ModelConfig& config, const Call& call) const override {
    Json messages = Json::array();
    for (const Message& message : call.conversation.messages)
      messages.push_back(
          {{"role", message.role == Message::Role::kUser ? "user" : "assistant"}, {"content", message.text}});
    Json body = {{"model", config.model}, {"messages", std::move(messages)}, {"stream", config.stream}};
    if (const std::string& text = call.conversation.system; !text.empty()) {
      Json block = {{"type", "text"}, {"text", text}};
      if (config.prompt_cache) block["cache_control"] = {{"type", "ephemeral"}};
      body["system"] = Json::array({std::move(block)});
    }
    if (config.max_output_tokens) body["max_tokens"] = *config.max_output_tokens;
    if (config.temperature) body["temperature"] = *config.temperature;
    if (config.top_p) body["top_p"] = *config.top_p;
    if (!config.effort.empty()) {
      body["thinking"] = {{"type", "adaptive"}};
      body["output_config"] = {{"effort", config.effort}};
    }
    const std::string version =
        config.version_header.empty() ? std::string(kDefaultVersion) : config.version_header;
    return {join_url(config.base_url, "/v1/messages"),
            request_headers(config, {"anthropic-version: " + version}), key_header(config, "x-api-key: "),
            request_body(config, std::move(body))};
  }
};

}  // namespace

std::unique_ptr<Codec> make_anthropic_messages_codec() {
  return std::make_unique<AnthropicMessages>();
}

}  // namespace warpwright::llm
