// Whether a report can be believed at all, before it becomes an event: a worker may be damaged, of another
// build, or lie. What cannot be believed is nobody's result, as if the worker had been lost.
#pragma once

#include <optional>
#include <string>

#include "src/events/run_view.h"

namespace warpwright::engine {

// None: it can. Else why not, in one line. `baseline` may be null (nothing has passed yet: what does not fit
// it is found when the result is scored, search/window.h); `race` is what was asked for, null if none was.
std::optional<std::string> why_not_believed(const EvaluationReport& report, const events::Baseline* baseline,
                                            const Race* race = nullptr);

}  // namespace warpwright::engine
