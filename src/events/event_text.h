// An event as the journal stores it: dump_json(to_json(event)) to the letter. What every evaluation writes is
// written without a tree, and read back without one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/events/event.h"

namespace warpwright::events {

std::string to_json_text(const Event& event);
std::string to_json_text(const ResultSummary& summary);

// What event_from_json(kind, parse_json(text)) gives, in less time. None if the text is of a kind, or written
// in a way, that this does not know (an older version's, texts with escapes), or not JSON: ask those two.
std::optional<Event> scan_event(std::string_view kind, std::string_view text);

}  // namespace warpwright::events
