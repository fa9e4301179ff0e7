#include "src/search/near_duplicates.h"

#include "src/search/window.h"

namespace warpwright::search {

using events::CandidateId;

std::optional<CandidateId> evaluated_before(const State& state, events::Ticket ticket,
                                            const std::string& identity, const std::string& fingerprint) {
  if (!state.settings().share_near_duplicates) return std::nullopt;
  const auto first = state.first_of_program(identity, fingerprint);
  const auto seeds = static_cast<int64_t>(state.view().started->seeds.size());
  if (!first || *first >= outcomes_needed(ticket, seeds, state.settings().window)) return std::nullopt;
  return first;
}

events::Compiled compiled_event(const State& state, events::Ticket ticket, const std::string& identity,
                                const std::string& result_key, const std::string& fingerprint,
                                const std::string& sketch) {
  events::Compiled event{ticket, identity, result_key, fingerprint, sketch, {}};
  const auto first = evaluated_before(state, ticket, identity, fingerprint);
  if (!first || state.view().find(*first)->result_key == result_key) return event;
  event.near_duplicate_of = first;
  event.result_key = state.view().find(*first)->result_key;
  return event;
}

std::optional<CandidateId> same_program(const State& state, const events::Candidate& candidate, bool passed) {
  if (!state.settings().share_near_duplicates) return std::nullopt;
  const auto first = state.first_of_program(candidate.identity, candidate.fingerprint);
  if (!first || *first >= candidate.id || state.view().find(*first)->passed() != passed) return std::nullopt;
  return first;
}

}  // namespace warpwright::search
