#include "src/llm/conversation_text.h"

namespace warpwright::llm {

void write_json(JsonWriter& writer, const Conversation& conversation) {
  writer.begin_object().key("messages").begin_array();
  for (const Message& message : conversation.messages)
    writer.begin_object()
        .field("role", message.role == Message::Role::kUser ? "user" : "assistant")
        .field("text", message.text)
        .end_object();
  writer.end_array().field("system", conversation.system).end_object();
}

}  // namespace warpwright::llm
