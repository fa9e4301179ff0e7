// What a run has learnt, read off its events: every idea of a model that was tried, what came of it, how we
// know.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/events/lesson.h"
#include "src/events/run_view.h"

namespace warpwright::prompt {

// The kernels (without template arguments) and launches of a result: what a lesson was learnt on. Equal for
// settings of a knob, different after a change of structure. "gdn_decode x1", "finish, split x2"; empty:
// unknown.
std::string structure_of(const events::ResultSummary& result);

// At most `limit`: open directions first (the six newest), then what tells most: large gains and losses and
// recent ones before old and small ones. Of equal ideas the latest trial. A direction's evidence is its name,
// "D3"; it is open until an idea says that name, or its own words, or 24 tickets have passed. `research`:
// what research tickets wrote, oldest first (RunView::lessons). Reads applied candidates only.
std::vector<events::Lesson> lessons_of(const events::RunView& view,
                                       const std::vector<events::Lesson>& research, size_t limit);

// A lesson learnt on another structure than the parent's may not hold any more.
bool is_reopened(const events::Lesson& lesson, std::string_view parent_structure);

}  // namespace warpwright::prompt
