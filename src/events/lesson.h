// What a run has learnt: an idea, what came of it, and how we know. Shown to later prompts, so that nothing
// is tried twice and what worked is built on.
#pragma once

#include <optional>
#include <string>

#include "src/base/json.h"

namespace warpwright::events {

struct Lesson {
  enum class Outcome {
    kOpen,    // a direction somebody proposed, not tried yet
    kGain,    // faster than what it was made from
    kNoGain,  // correct, and not faster
    kFailed,  // refused, wrong or did not compile
  };
  std::string idea;  // one line
  Outcome outcome = Outcome::kOpen;
  std::string evidence;  // one line: "c0017: 1.24x of c0009", "c0021: INCORRECT_NUMERICAL: ..."
  // The kernels and launches of what it was tried on. After a change of structure a lesson may not hold any
  // more, and is shown as reopened.
  std::string structure;
  std::optional<int64_t> candidate;  // whose trial it was, or the research ticket that wrote it
};
std::string_view to_string(Lesson::Outcome outcome);  // "open", "gain", "no-gain", "failed"

Json to_json(const Lesson& lesson);
Result<Lesson> lesson_from_json(const Json& json);

}  // namespace warpwright::events
