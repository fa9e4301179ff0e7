#include "src/events/run_view.h"

#include "src/base/check.h"

namespace warpwright::events {

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::kRequested:
      return "requested";
    case Phase::kProposed:
      return "proposed";
    case Phase::kCompiled:
      return "compiled";
    case Phase::kEvaluated:
      return "evaluated";
    case Phase::kApplied:
      return "applied";
    case Phase::kProposalFailed:
      return "proposal failed";
    case Phase::kAbandoned:
      return "abandoned";
    case Phase::kResearched:
      return "researched";
  }
  CHECK(false);
}

const Candidate* RunView::find(CandidateId id) const {
  auto it = candidates.find(id);
  return it == candidates.end() ? nullptr : &it->second;
}

const DuelFinished* RunView::duel_of(CandidateId challenger, CandidateId incumbent) const {
  const auto found = duels.find({challenger, incumbent});
  return found == duels.end() ? nullptr : &found->second;
}

const ResultSummary* RunView::result_of(const Candidate& candidate) const {
  auto it = results.find(candidate.result_key);
  return it == results.end() ? nullptr : &it->second;
}

std::vector<CandidateId> lineage(const RunView& view, CandidateId id) {
  std::vector<CandidateId> line;
  for (const Candidate* c = view.find(id); c != nullptr;) {
    line.push_back(c->id);
    // A parent always has a smaller number, so the walk ends even on a damaged record.
    const bool has_parent = c->origin.parent && *c->origin.parent < c->id;
    c = has_parent ? view.find(*c->origin.parent) : nullptr;
  }
  return line;
}

}  // namespace warpwright::events
