#include "src/llm/conversation.h"

namespace warpwright::llm {

Json to_json(const Conversation& conversation) {
  Json messages = Json::array();
  for (const Message& message : conversation.messages)
    messages.push_back(
        {{"role", message.role == Message::Role::kUser ? "user" : "assistant"}, {"text", message.text}});
  return {{"system", conversation.system}, {"messages", std::move(messages)}};
}

Result<Conversation> conversation_from_json(const Json& json, const std::string& where) {
  Conversation conversation;
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  TRY_ASSIGN(conversation.system, reader.string("system"));
  TRY_ASSIGN(const Json* messages, reader.array("messages"));
  for (const Json& entry : *messages) {
    TRY_ASSIGN(auto message, JsonObjectReader::open(entry, where + ": message"));
    TRY_ASSIGN(const std::string role, message.string("role"));
    TRY_ASSIGN(std::string text, message.string("text"));
    if (role != "user" && role != "assistant")
      return usage_error(where + ": a message's role is user or assistant, not " + role);
    conversation.messages.push_back(
        {role == "user" ? Message::Role::kUser : Message::Role::kAssistant, std::move(text)});
  }
  return conversation;
}

}  // namespace warpwright::llm
