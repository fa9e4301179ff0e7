// What a run's models and operators did and cost, from its events.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::report {

// Tables of models (answers, tokens, dollars) and of operators (tickets, what became of them, gain); empty
// for a run that asked nobody.
std::string models_text(const events::RunView& view);
Json models_json(const events::RunView& view);

// "$0.93 of $5.00; fast: 41 answers, 820k tokens in, 95k out (2 refused); strong: ...", for the live view; empty
// without calls.
std::string spending_line(const events::RunView& view, double max_dollars);

}  // namespace warpwright::report
