// Whether a report can be believed at all, before it becomes an event: a worker may be damaged, of another
// build, or lie. What cannot be believed is nobody's result, as if the worker had been lost.
#pragma once

#include <optional>
#include <string>

#include "src/events/run_view.h"

namespace warpwright::engine {

// None: it can. Else why not, in one line. `baseline` may be null (nothing has passed yet).
std::optional<std::string> why_not_believed(const EvaluationReport& report, const events::Baseline* baseline);

}  // namespace warpwright::engine
