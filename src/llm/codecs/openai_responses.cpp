// OpenAI's Responses. A stream ends with the event response.completed, .incomplete or .failed, which holds
// the whole response again: its text decides, the pieces before it are for the progress timer.
#include <algorithm>

#include "src/llm/codecs/codecs.h"
#include "src/llm/codecs/reply_decoder.h"
#include "src/llm/codecs/wire_json.h"

namespace warpwright::llm {
namespace {

// input_tokens includes cached ones, output_tokens includes reasoning.
Usage read_usage(const Json& json) {
  Usage usage;
  const Json& details = at(json, "input_tokens_details");
  usage.input = count_at(json, "input_tokens").value_or(0);
  usage.cached_read = std::min(usage.input, count_at(details, "cached_tokens").value_or(0));
  usage.cache_write =
      std::min(usage.input - usage.cached_read, count_at(details, "cache_write_tokens").value_or(0));
  usage.output = count_at(json, "output_tokens").value_or(0);
  usage.reasoning =
      std::min(usage.output, count_at(at(json, "output_tokens_details"), "reasoning_tokens").value_or(0));
  usage.known = usage.input > 0 || usage.output > 0;
  return usage;
}

class Decoder final : public BodyDecoder {
 public:
  using BodyDecoder::BodyDecoder;

 protected:
  void on_chunk(const std::string& event_name, const Json& chunk) override {
    const std::string_view named = text_at(chunk, "type");
    const std::string_view type = named.empty() ? std::string_view(event_name) : named;
    if (type == "response.output_text.delta") {
      add_text(text_at(chunk, "delta"));
    } else if (type == "response.refusal.delta") {
      draft_.refusal += text_at(chunk, "delta");
    } else if (type.starts_with("response.reasoning")) {
      draft_.has_reasoning = true;
    } else if (type == "response.completed" || type == "response.incomplete" || type == "response.failed") {
      set_complete();
      read_response(at(chunk, "response"));
    } else if (text_at(chunk, "object") == "response") {  // a whole answer as the only event
      set_complete();
      on_whole(chunk);
    }
  }

  void on_whole(const Json& answer) override {
    if (!at(answer, "output").is_array() && text_at(answer, "status").empty())
      return fail(FailureClass::kBadReply, "the answer has no output");
    read_response(answer);
  }

 private:
  void read_response(const Json& response) {
    draft_.model = text_at(response, "model");
    draft_.id = text_at(response, "id");
    if (const Json& usage = at(response, "usage"); usage.is_object()) draft_.usage = read_usage(usage);
    if (const auto error = find_error(response)) return fail(*error);
    read_output(at(response, "output"));
    read_status(response);
  }

  void read_output(const Json& output) {
    if (!output.is_array()) return;
    std::string text, refusal;
    for (const Json& item : output) {
      draft_.has_reasoning |= text_at(item, "type") == "reasoning";
      if (text_at(item, "type") != "message") continue;
      const Json& content = at(item, "content");
      text += content_text(content);
      if (!content.is_array()) continue;
      for (const Json& part : content)
        if (text_at(part, "type") == "refusal") refusal += text_at(part, "refusal");
    }
    if (!refusal.empty()) draft_.refusal = std::move(refusal);
    if (text.empty()) return;  // some servers leave the output of the last event empty
    draft_.text.clear();
    add_text(text);
  }

  void read_status(const Json& response) {
    const std::string_view status = text_at(response, "status");
    if (status == "incomplete") {
      const std::string_view reason = text_at(at(response, "incomplete_details"), "reason");
      end(reason == "content_filter" ? Ending::kRefused : Ending::kTruncated,
          reason.empty() ? status : reason);
    } else if (status == "failed") {
      fail(FailureClass::kServer, "the response failed without saying why");
    } else if (status == "queued" || status == "in_progress" || status == "cancelled") {
      end(Ending::kFailed, status);
    } else {
      end(Ending::kComplete, status);
    }
  }
};

class OpenAiResponses final : public CodecOf<Decoder> {
 public:
  HttpRequest encode(const ModelConfig& config, const Call& call) const override {
    Json input = Json::array();
    for (const Message& message : call.conversation.messages)
      input.push_back(
          {{"role", message.role == Message::Role::kUser ? "user" : "assistant"}, {"content", message.text}});
    // Nothing refers back to an earlier response: none needs to be stored.
    Json body = {
        {"model", config.model}, {"input", std::move(input)}, {"stream", config.stream}, {"store", false}};
    if (!call.conversation.system.empty()) body["instructions"] = call.conversation.system;
    const std::string cap = config.token_cap_field.empty() ? "max_output_tokens" : config.token_cap_field;
    if (config.max_output_tokens && cap != "none") body[cap] = *config.max_output_tokens;
    if (config.temperature) body["temperature"] = *config.temperature;
    if (config.top_p) body["top_p"] = *config.top_p;
    if (!config.effort.empty()) body["reasoning"] = {{"effort", config.effort}};
    return {join_url(config.base_url, "/responses"), request_headers(config),
            key_header(config, "Authorization: Bearer "), request_body(config, std::move(body))};
  }
};

}  // namespace

std::unique_ptr<Codec> make_openai_responses_codec() {
  return std::make_unique<OpenAiResponses>();
}

}  // namespace warpwright::llm
