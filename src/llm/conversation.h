// What a model is told: a system text and the turns so far. Plain data; what the journal keeps of a request.
#pragma once

#include <string>
#include <vector>

#include "src/base/json.h"

namespace warpwright::llm {

struct Message {
  enum class Role { kUser, kAssistant };
  Role role = Role::kUser;
  std::string text;
};

// `system` is what stays the same from call to call (providers cache by prefix); `messages` begin and end
// with the user's and alternate.
struct Conversation {
  std::string system;
  std::vector<Message> messages;
};

Json to_json(const Conversation& conversation);
Result<Conversation> conversation_from_json(const Json& json, const std::string& where);

}  // namespace warpwright::llm
