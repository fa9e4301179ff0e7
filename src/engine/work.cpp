#include "src/engine/work.h"

#include <string>

#include "src/search/finalists.h"

namespace warpwright::engine {

using events::Candidate;
using events::Phase;
using events::Ticket;

std::vector<WorkItem> open_work(const search::State& state, const std::set<WorkItem>& in_flight,
                                search::Drain drain) {
  const events::RunView& view = state.view();
  std::set<std::string> keys_in_flight;
  for (const WorkItem& item : in_flight)
    if (item.kind == WorkKind::kEvaluate) keys_in_flight.insert(view.find(item.ticket)->result_key);
  std::vector<WorkItem> work;
  const auto add = [&](WorkKind kind, Ticket ticket) {
    if (!in_flight.contains({kind, ticket})) work.push_back({kind, ticket});
  };
  if (const auto duel = search::needed_duel(state, drain); duel && *duel)  // settling reports its errors
    add(WorkKind::kDuel, (*duel)->challenger);
  for (Ticket ticket = state.applied(); ticket < state.next_ticket(); ++ticket) {
    const Candidate* candidate = view.find(ticket);
    if (candidate == nullptr) continue;
    if (candidate->phase == Phase::kRequested) add(WorkKind::kAskProvider, ticket);
    if (candidate->phase == Phase::kProposed) add(WorkKind::kCompile, ticket);
    if (candidate->phase != Phase::kCompiled || view.results.contains(candidate->result_key)) continue;
    if (keys_in_flight.insert(candidate->result_key).second) add(WorkKind::kEvaluate, ticket);
  }
  return work;
}

std::vector<WorkItem> final_work(const search::State& state, const std::set<WorkItem>& in_flight) {
  std::vector<WorkItem> work;
  for (const events::CandidateId id : search::finalists_to_measure(state.view()))
    if (!in_flight.contains({WorkKind::kFinal, id})) work.push_back({WorkKind::kFinal, id});
  return work;
}

int64_t evaluations_bound(const search::State& state) {
  const events::RunView& view = state.view();
  std::set<std::string> open_keys;
  int64_t unknown = 0;
  for (Ticket ticket = state.applied(); ticket < state.next_ticket(); ++ticket) {
    const Candidate* candidate = view.find(ticket);
    if (candidate == nullptr || state.outcome_known(ticket)) continue;
    if (candidate->result_key.empty())
      ++unknown;
    else
      open_keys.insert(candidate->result_key);
  }
  return view.counters.evaluations + unknown + static_cast<int64_t>(open_keys.size());
}

}  // namespace warpwright::engine
