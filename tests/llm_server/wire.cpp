#include "tests/llm_server/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace warpwright::llm_server {
namespace {

std::string data_frame(const Json& json) {
  return "data: " + dump_json(json) + "\n\n";
}
std::string named_frame(Json json) {
  const std::string type = json.at("type");
  return "event: " + type + "\ndata: " + dump_json(json) + "\n\n";
}

// Cuts at any byte would need escapes that JSON does not have: pieces end between characters.
std::vector<std::string> pieces_of(const std::string& text, size_t count) {
  std::vector<std::string> pieces;
  const size_t size = std::max<size_t>(1, text.size() / std::max<size_t>(1, count));
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.size(), at + size);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

// "%2B" is "+".
std::string unescaped(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size();
    plain += is_escape ? static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16)) : text[i];
    if (is_escape) i += 2;
  }
  return plain;
}

std::string text_of(const Json& content) {
  if (content.is_string()) return content;
  std::string text;
  if (content.is_array())
    for (const Json& part : content) text += part.value("text", "");
  return text;
}

std::string last_text(const Json& list, const char* content) {
  if (!list.is_array() || list.empty() || !list.back().is_object()) return "";
  return list.back().contains(content) ? text_of(list.back().at(content)) : "";
}

// --- Chat completions ---

Json chat_usage() {
  return {{"prompt_tokens", kInputTokens},
          {"completion_tokens", kOutputTokens},
          {"total_tokens", kInputTokens + kOutputTokens},
          {"prompt_tokens_details", {{"cached_tokens", kCachedTokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", kReasoningTokens}}}};
}
std::string chat_finish(Finish finish) {
  return finish == Finish::kLength ? "length" : "stop";
}
Json chat_chunk(const std::string& model, const Json& delta, const Json& finish) {
  return {{"id", "chatcmpl-1"},
          {"object", "chat.completion.chunk"},
          {"created", 1},
          {"model", model},
          {"choices", Json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}})}};
}
Json chat_whole(const Request& request, const Answer& answer) {
  Json message = {{"role", "assistant"}, {"content", answer.text}, {"refusal", nullptr}};
  if (answer.finish == Finish::kRefusal)
    message = {{"role", "assistant"}, {"content", nullptr}, {"refusal", "No."}};
  if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
  return {
      {"id", "chatcmpl-1"},
      {"object", "chat.completion"},
      {"created", 1},
      {"model", request.model},
      {"choices",
       Json::array({{{"index", 0}, {"message", message}, {"finish_reason", chat_finish(answer.finish)}}})},
      {"usage", chat_usage()}};
}
Events chat_stream(const Request& request, const Answer& answer) {
  Events events;
  auto add = [&](const Json& delta, const Json& finish) {
    events.frames.push_back(data_frame(chat_chunk(request.model, delta, finish)));
  };
  add({{"role", "assistant"}, {"content", ""}}, nullptr);
  if (!answer.reasoning.empty()) add({{"reasoning_content", answer.reasoning}}, nullptr);
  if (answer.finish == Finish::kRefusal) {
    add({{"refusal", "No."}}, nullptr);
  } else {
    for (const std::string& piece : pieces_of(answer.text, answer.pieces)) add({{"content", piece}}, nullptr);
  }
  add(Json::object(), chat_finish(answer.finish));
  events.tail = 2;
  if (request.json.contains("stream_options")) {
    Json usage = chat_chunk(request.model, Json::object(), nullptr);
    usage["choices"] = Json::array();
    usage["usage"] = chat_usage();
    events.frames.push_back(data_frame(usage));
    ++events.tail;
  }
  events.frames.push_back("data: [DONE]\n\n");
  return events;
}

// --- Responses ---

Json responses_whole(const Request& request, const Answer& answer) {
  Json content = {{"type", "output_text"}, {"text", answer.text}, {"annotations", Json::array()}};
  if (answer.finish == Finish::kRefusal) content = {{"type", "refusal"}, {"refusal", "No."}};
  Json output = Json::array();
  if (!answer.reasoning.empty())
    output.push_back({{"type", "reasoning"}, {"id", "rs_1"}, {"summary", Json::array()}});
  output.push_back({{"type", "message"},
                    {"id", "msg_1"},
                    {"role", "assistant"},
                    {"status", "completed"},
                    {"content", Json::array({content})}});
  Json response = {{"id", "resp_1"}, {"object", "response"}, {"model", request.model}, {"output", output}};
  response["status"] = answer.finish == Finish::kLength ? "incomplete" : "completed";
  response["error"] = nullptr;
  response["incomplete_details"] = nullptr;
  if (answer.finish == Finish::kLength) response["incomplete_details"] = {{"reason", "max_output_tokens"}};
  response["usage"] = {{"input_tokens", kInputTokens},
                       {"input_tokens_details", {{"cached_tokens", kCachedTokens}}},
                       {"output_tokens", kOutputTokens},
                       {"output_tokens_details", {{"reasoning_tokens", kReasoningTokens}}},
                       {"total_tokens", kInputTokens + kOutputTokens}};
  return response;
}
Events responses_stream(const Request& request, const Answer& answer) {
  Events events;
  int64_t sequence = 0;
  auto add = [&](Json event) {
    event["sequence_number"] = sequence++;
    events.frames.push_back(named_frame(std::move(event)));
  };
  const Json started = {
      {"id", "resp_1"}, {"model", request.model}, {"status", "in_progress"}, {"output", Json::array()}};
  add({{"type", "response.created"}, {"response", started}});
  const Json item = {{"type", "message"}, {"id", "msg_1"}, {"role", "assistant"}, {"content", Json::array()}};
  add({{"type", "response.output_item.added"}, {"output_index", 0}, {"item", item}});
  const bool refusal = answer.finish == Finish::kRefusal;
  const char* delta = refusal ? "response.refusal.delta" : "response.output_text.delta";
  for (const std::string& piece :
       refusal ? std::vector<std::string>{"No."} : pieces_of(answer.text, answer.pieces))
    add({{"type", delta}, {"item_id", "msg_1"}, {"output_index", 0}, {"content_index", 0}, {"delta", piece}});
  if (!refusal)
    add({{"type", "response.output_text.done"},
         {"item_id", "msg_1"},
         {"output_index", 0},
         {"content_index", 0},
         {"text", answer.text}});
  const char* last = answer.finish == Finish::kLength ? "response.incomplete" : "response.completed";
  add({{"type", last}, {"response", responses_whole(request, answer)}});
  return events;
}

// --- Messages ---

Json messages_usage() {
  return {{"input_tokens", kInputTokens - kCachedTokens - kCacheWriteTokens},
          {"cache_read_input_tokens", kCachedTokens},
          {"cache_creation_input_tokens", kCacheWriteTokens},
          {"output_tokens", kOutputTokens},
          {"output_tokens_details", {{"thinking_tokens", kReasoningTokens}}}};
}
std::string messages_stop(Finish finish) {
  if (finish == Finish::kRefusal) return "refusal";
  return finish == Finish::kLength ? "max_tokens" : "end_turn";
}
Json messages_whole(const Request& request, const Answer& answer) {
  Json content = Json::array();
  if (!answer.reasoning.empty())
    content.push_back({{"type", "thinking"}, {"thinking", answer.reasoning}, {"signature", "s"}});
  if (answer.finish != Finish::kRefusal) content.push_back({{"type", "text"}, {"text", answer.text}});
  return {{"id", "msg_1"},
          {"type", "message"},
          {"role", "assistant"},
          {"model", request.model},
          {"content", content},
          {"stop_reason", messages_stop(answer.finish)},
          {"stop_sequence", nullptr},
          {"usage", messages_usage()}};
}
Events messages_stream(const Request& request, const Answer& answer) {
  Events events;
  auto add = [&](Json event) { events.frames.push_back(named_frame(std::move(event))); };
  Json start = messages_whole(request, {});
  start["content"] = Json::array();
  start["stop_reason"] = nullptr;
  start["usage"]["output_tokens"] = 1;
  add({{"type", "message_start"}, {"message", start}});
  add({{"type", "ping"}});
  int index = 0;
  if (!answer.reasoning.empty()) {
    add({{"type", "content_block_start"},
         {"index", index},
         {"content_block", {{"type", "thinking"}, {"thinking", ""}}}});
    add({{"type", "content_block_delta"},
         {"index", index},
         {"delta", {{"type", "thinking_delta"}, {"thinking", answer.reasoning}}}});
    add({{"type", "content_block_delta"},
         {"index", index},
         {"delta", {{"type", "signature_delta"}, {"signature", "s"}}}});
    add({{"type", "content_block_stop"}, {"index", index++}});
  }
  if (answer.finish != Finish::kRefusal) {
    add({{"type", "content_block_start"},
         {"index", index},
         {"content_block", {{"type", "text"}, {"text", ""}}}});
    for (const std::string& piece : pieces_of(answer.text, answer.pieces))
      add({{"type", "content_block_delta"},
           {"index", index},
           {"delta", {{"type", "text_delta"}, {"text", piece}}}});
    add({{"type", "content_block_stop"}, {"index", index}});
  }
  add({{"type", "message_delta"},
       {"delta", {{"stop_reason", messages_stop(answer.finish)}, {"stop_sequence", nullptr}}},
       {"usage", messages_usage()}});
  add({{"type", "message_stop"}});
  events.tail = 2;
  return events;
}

// --- Gemini ---

Json gemini_part(const Request& request, const std::string& text, const Json& finish, bool thought = false) {
  Json candidate = {{"index", 0},
                    {"content", {{"role", "model"}, {"parts", Json::array({{{"text", text}}})}}}};
  if (thought) candidate["content"]["parts"][0]["thought"] = true;
  if (!finish.is_null()) candidate["finishReason"] = finish;
  return {{"candidates", Json::array({candidate})},
          {"modelVersion", request.model},
          {"responseId", "r1"},
          {"usageMetadata",
           {{"promptTokenCount", kInputTokens},
            {"cachedContentTokenCount", kCachedTokens},
            {"candidatesTokenCount", kOutputTokens - kReasoningTokens},
            {"thoughtsTokenCount", kReasoningTokens},
            {"totalTokenCount", kInputTokens + kOutputTokens}}}};
}
Json gemini_blocked(const Request& request) {
  return {{"promptFeedback", {{"blockReason", "PROHIBITED_CONTENT"}}},
          {"modelVersion", request.model},
          {"usageMetadata", {{"promptTokenCount", kInputTokens}, {"totalTokenCount", kInputTokens}}}};
}
Json gemini_whole(const Request& request, const Answer& answer) {
  if (answer.finish == Finish::kRefusal) return gemini_blocked(request);
  Json whole = gemini_part(request, answer.text, answer.finish == Finish::kLength ? "MAX_TOKENS" : "STOP");
  if (!answer.reasoning.empty()) {
    Json& parts = whole["candidates"][0]["content"]["parts"];
    parts.insert(parts.begin(), Json{{"text", answer.reasoning}, {"thought", true}});
  }
  return whole;
}
Events gemini_stream(const Request& request, const Answer& answer) {
  Events events;
  if (answer.finish == Finish::kRefusal) return {{data_frame(gemini_blocked(request))}, 1};
  if (!answer.reasoning.empty())
    events.frames.push_back(data_frame(gemini_part(request, answer.reasoning, {}, true)));
  const std::vector<std::string> pieces = pieces_of(answer.text, answer.pieces);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Json finish =
        i + 1 < pieces.size() ? Json() : Json(answer.finish == Finish::kLength ? "MAX_TOKENS" : "STOP");
    events.frames.push_back(data_frame(gemini_part(request, pieces[i], finish)));
  }
  return events;
}

}  // namespace

void interpret(Request& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  request.json = Json::parse(request.body, nullptr, false);
  if (!request.json.is_object()) request.json = Json::object();
  request.stream = request.json.value("stream", false);
  request.model = request.json.value("model", "");
  if (path.ends_with("/chat/completions")) {
    request.wire = Wire::kChat;
    request.prompt = last_text(request.json.value("messages", Json()), "content");
  } else if (path.ends_with("/responses")) {
    request.wire = Wire::kResponses;
    const Json input = request.json.value("input", Json());
    request.prompt = input.is_string() ? input.get<std::string>() : last_text(input, "content");
  } else if (path.ends_with("/messages")) {
    request.wire = Wire::kMessages;
    request.prompt = last_text(request.json.value("messages", Json()), "content");
  } else if (const size_t colon = path.rfind(':'), models = path.rfind("/models/");
             colon != std::string::npos && models != std::string::npos) {
    request.wire = Wire::kGemini;
    request.model = unescaped(path.substr(models + 8, colon - models - 8));
    request.stream = path.ends_with(":streamGenerateContent");
    request.prompt = last_text(request.json.value("contents", Json()), "parts");
  }
}

std::string answer_text(std::string_view prompt, size_t bytes) {
  std::string text = fmt::format("Answer to <{}>:\n", prompt.substr(0, 60));
  for (size_t i = 0; text.size() < bytes; ++i)
    text += fmt::format("{} é 漢 🚀 \"line\" \\ {}\n", i, i * 7919 % 1000);
  return text;
}

std::string whole_body(const Request& request, const Answer& answer) {
  switch (*request.wire) {
    case Wire::kChat:
      return dump_json(chat_whole(request, answer));
    case Wire::kResponses:
      return dump_json(responses_whole(request, answer));
    case Wire::kMessages:
      return dump_json(messages_whole(request, answer));
    case Wire::kGemini:
      break;
  }
  return dump_json(gemini_whole(request, answer));
}

Events stream_events(const Request& request, const Answer& answer) {
  switch (*request.wire) {
    case Wire::kChat:
      return chat_stream(request, answer);
    case Wire::kResponses:
      return responses_stream(request, answer);
    case Wire::kMessages:
      return messages_stream(request, answer);
    case Wire::kGemini:
      break;
  }
  return gemini_stream(request, answer);
}

std::string reasoning_event(Wire wire, std::string_view text) {
  switch (wire) {
    case Wire::kChat:
      return data_frame(chat_chunk("m", {{"reasoning_content", text}}, nullptr));
    case Wire::kResponses:
      return named_frame({{"type", "response.reasoning_summary_text.delta"},
                          {"item_id", "rs_1"},
                          {"output_index", 0},
                          {"summary_index", 0},
                          {"delta", text}});
    case Wire::kMessages:
      return named_frame({{"type", "content_block_delta"},
                          {"index", 0},
                          {"delta", {{"type", "thinking_delta"}, {"thinking", text}}}});
    case Wire::kGemini:
      break;
  }
  return data_frame(gemini_part({}, std::string(text), {}, true));
}

std::string error_body(Wire wire, int status, std::string_view type, std::string_view message) {
  switch (wire) {
    case Wire::kChat:
    case Wire::kResponses:
      return dump_json(
          {{"error", {{"message", message}, {"type", type}, {"param", nullptr}, {"code", type}}}});
    case Wire::kMessages:
      return dump_json(
          {{"type", "error"}, {"error", {{"type", type}, {"message", message}}}, {"request_id", "req_1"}});
    case Wire::kGemini:
      break;
  }
  return dump_json({{"error", {{"code", status}, {"status", type}, {"message", message}}}});
}

std::string error_event(Wire wire, int status, std::string_view type, std::string_view message) {
  const std::string body = error_body(wire, status, type, message);
  if (wire == Wire::kMessages) return "event: error\ndata: " + body + "\n\n";
  if (wire == Wire::kResponses)
    return named_frame({{"type", "error"}, {"code", type}, {"message", message}, {"param", nullptr}});
  return "data: " + body + "\n\n";
}

}  // namespace warpwright::llm_server
