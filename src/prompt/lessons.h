// What a run has learnt, read off its events: every idea of a model that was tried, what came of it, how we know.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/events/lesson.h"
#include "src/events/run_view.h"

namespace warpwright::prompt {

// The kernels (without template arguments) and launches of a result: what a lesson was learnt on. Equal for settings of
// a knob, different after a change of structure. "gdn_decode x1", "finish, split x2"; empty: unknown.
std::string structure_of(const events::ResultSummary& result);

// At most `limit`: open directions first (newest first), then what tells most: large gains and losses and recent ones
// before old and small ones. Of equal ideas the latest trial; an open direction that was tried is not open any more.
// `research`: what research tickets wrote, oldest first.
std::vector<events::Lesson> lessons_of(const events::RunView& view, const std::vector<events::Lesson>& research, size_t limit);

// A lesson learnt on another structure than the parent's may not hold any more.
bool is_reopened(const events::Lesson& lesson, std::string_view parent_structure);

// `LESSON: ...` and `DIRECTION: ...` lines of a researcher's reply, at most 12 and each one bounded line; the first kind
// with outcome kNoGain (an insight is not a gain), the second open.
std::vector<events::Lesson> lessons_from_reply(std::string_view reply, events::Ticket ticket, std::string_view structure);

// The reply's `IDEA: ...` line, bounded; empty: there is none.
std::string idea_from_reply(std::string_view reply);

}  // namespace warpwright::prompt
