// A conversation as JSON text without a tree: a prompt is some sixty kilobytes, and one is written for every
// call.
#pragma once

#include "src/base/json_writer.h"
#include "src/llm/conversation.h"

namespace warpwright::llm {

void write_json(JsonWriter& writer, const Conversation& conversation);  // as dump_json(to_json(conversation))

}  // namespace warpwright::llm
