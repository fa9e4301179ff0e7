// How a run searches. `evolve` is the whole engine; the other two are what it is held against, at equal
// budget (engine/study.h): plain, without anything that would make them another evolve.
//
//   best-of-n   every proposal is made from a seed, or from nothing, and sees no other outcome: knobs are
//               random assignments of a random seed, models get a seed with its own record and nothing else
//   hill-climb  one line: every proposal changes the best so far. Knobs take one step; when all steps were
//               tried, a random assignment of a seed or of the best is the next
//
// Both are deterministic, resumable and budgeted as every run: they decide from the same state by tickets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/base/rng.h"
#include "src/search/decide.h"
#include "src/search/operators.h"

namespace warpwright::search {

enum class Strategy { kEvolve, kBestOfN, kHillClimb };
Strategy strategy_of(const events::SearchSettings& settings);

// The settings with everything switched off that their strategy does without: the one place that says what.
// Idempotent; `evolve` is left as it is.
//   both        islands, migration, portfolio, tuning sessions, races, stagnation, inspirations, bandits'
//               operators by outcome, crossover, research, compose
//   best-of-n   besides: repair, best settings of a source, bandits, trials of prompt sections
// Error (usage): no operator is left.
Result<events::SearchSettings> settle_strategy(events::SearchSettings settings);

std::string_view about_strategy(const events::SearchSettings& settings);  // one line, for people

// What takes the place of the evolving choices in decide(). REQUIRES (all): not evolve.
// None: the operator has nothing to begin from.
std::optional<events::Origin> plain_origin(const State& state, const Operator& kind, Rng& rng);
std::optional<KnobProposal> plain_tune(const State& state, const KnobFilter& accepts, Rng& rng);

// What a prompt of best-of-n may show of a run: its seeds, their results, the baseline.
events::RunView seeds_alone(const events::RunView& view);

}  // namespace warpwright::search
