// An event as the journal stores it: dump_json(to_json(event)) to the letter. What every evaluation writes is
// written without a tree.
#pragma once

#include <string>

#include "src/events/event.h"

namespace warpwright::events {

std::string to_json_text(const Event& event);
std::string to_json_text(const ResultSummary& summary);

}  // namespace warpwright::events
