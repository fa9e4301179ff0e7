#include "src/llm/plain_text.h"

#include <fmt/format.h>

namespace warpwright::llm {
namespace {

void add_part(std::string& text, std::string_view name, const std::string& part) {
  text += fmt::format("{}===== {} =====\n{}", text.empty() ? "" : "\n", name, part);
  if (!part.ends_with('\n')) text += '\n';
}

}  // namespace

std::string plain_text(const Conversation& conversation) {
  std::string text;
  if (!conversation.system.empty()) add_part(text, "SYSTEM", conversation.system);
  for (const Message& message : conversation.messages)
    add_part(text, message.role == Message::Role::kUser ? "USER" : "ASSISTANT", message.text);
  return text;
}

std::string well_formed(const std::string& bytes) {
  return Json::parse(dump_json(Json(bytes))).get<std::string>();
}

}  // namespace warpwright::llm
