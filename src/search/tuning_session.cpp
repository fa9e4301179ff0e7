#include "src/search/tuning_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/search/knob_grid.h"

namespace warpwright::search {
namespace {

using events::Candidate;
using events::CandidateId;
using events::RunView;
using events::TuningSession;
using Outcome = KnobTrial::Outcome;

constexpr size_t kMaxTrials = 40;  // that the model learns from; of more, the best and the latest
constexpr size_t kMaxLooked = 32;  // sessions, best first, that a ticket is offered to
constexpr double kEstimateNoise = 0.003, kMeasureNoise = 0.02;

int64_t most_in_flight(const TuningSession& session) {
  return std::max<int64_t>(2, session.granted / 3);
}

KnobTrial trial_of(const KnobGrid& grid, const Candidate& candidate) {
  KnobTrial trial{grid.places_of(candidate.knobs), Outcome::kFailed, candidate.score};
  if (candidate.passed()) trial.outcome = Outcome::kScored;
  if (candidate.lost_race) trial.outcome = Outcome::kBounded;
  return trial;
}

std::vector<KnobTrial> trials_of(const RunView& view, const TuningTable::Source& source,
                                 const KnobGrid& grid) {
  std::vector<const Candidate*> applied;
  for (CandidateId id : source.applied) applied.push_back(view.find(id));
  if (applied.size() > kMaxTrials) {
    const auto latest = applied.end() - static_cast<std::ptrdiff_t>(kMaxTrials / 2);
    std::stable_sort(applied.begin(), latest, [](auto* a, auto* b) { return a->score > b->score; });
    applied.erase(applied.begin() + static_cast<std::ptrdiff_t>(kMaxTrials / 2), latest);
  }
  std::vector<KnobTrial> trials;
  std::set<Places> seen;
  for (const Candidate* candidate : applied)
    if (KnobTrial trial = trial_of(grid, *candidate); seen.insert(trial.places).second)
      trials.push_back(std::move(trial));
  for (events::Ticket ticket : source.in_flight)
    if (Places places = grid.places_of(view.find(ticket)->knobs); seen.insert(places).second)
      trials.push_back({std::move(places), Outcome::kUnknown, 0});
  return trials;
}

bool is_estimated(const RunView& view) {
  return view.baseline && view.baseline->measure.is_estimate();
}

class Tuning {
 public:
  Tuning(const State& state, const KnobFilter& accepts)
      : state_(state), view_(state.view()), accepts_(accepts) {}

  std::optional<KnobProposal> propose(Urgency urgency) const {
    const events::SearchSettings& settings = state_.settings();
    if (settings.tuning_budget == 0 || view_.tuning.empty()) return std::nullopt;
    const auto ticket = static_cast<uint64_t>(state_.next_ticket());
    if (urgency == Urgency::kShare &&
        Rng::stream(view_.started->seed, "tuning", ticket).uniform() >= settings.tuning_share)
      return std::nullopt;
    for (const std::string& hash : awake()) {
      const TuningSession& session = view_.tuning.at(hash);
      if (urgency == Urgency::kShare && session.in_flight >= most_in_flight(session)) continue;
      if (auto proposal = propose_for(hash, session)) return proposal;
    }
    return std::nullopt;
  }

  std::optional<KnobProposal> propose_for(const std::string& hash, const TuningSession& session) const {
    const TuningTable::Source& source = *state_.tuning().find(hash);
    const KnobGrid grid(view_.sources.at(hash).declared_knobs);
    if (source.verdict.revision != source.revision)
      source.verdict = {source.revision, choose(hash, source, grid)};
    const auto& choice = source.verdict.choice;
    if (!choice || choice->gain < kLeastGain) return std::nullopt;
    const Candidate& best = *view_.find(session.best);
    KnobProposal proposal;
    proposal.origin = {"tune", best.origin.island, best.id, {}};
    proposal.source_hash = hash;
    proposal.knobs = grid.values_at(choice->places);
    proposal.note = fmt::format("tuning, {} of {}: {}", session.used + session.in_flight + 1, session.budget,
                                grid.changes(grid.places_of(best.knobs), choice->places));
    return proposal;
  }

 private:
  // With budget and still promising, best first. Champions of bands may stand anywhere in the ranking.
  std::vector<std::string> awake() const {
    std::vector<std::string> sources;
    const auto& ranked = state_.tuning().ranked();
    const Candidate* best = view_.best ? view_.find(*view_.best) : nullptr;
    const double floor = best == nullptr ? 0 : (1 - state_.settings().tuning_margin) * best->score;
    for (auto it = ranked.begin(); it != ranked.end() && sources.size() < kMaxLooked && it->score >= floor;
         ++it)
      sources.push_back(it->source_hash);
    for (const auto& [band, champion] : view_.champions) {
      const std::string& hash = view_.find(champion.candidate)->source_hash;
      const auto session = view_.tuning.find(hash);
      if (session == view_.tuning.end() || !session->second.has_budget()) continue;
      if (std::find(sources.begin(), sources.end(), hash) == sources.end()) sources.push_back(hash);
    }
    return sources;
  }

  std::optional<KnobChoice> choose(const std::string& hash, const TuningTable::Source& source,
                                   const KnobGrid& grid) const {
    const auto& tried = state_.assignments_tried(hash);
    KnobChoiceInput input;
    input.sizes = grid.sizes();
    input.defaults = grid.defaults();
    input.trials = trials_of(view_, source, grid);
    input.noise = is_estimated(view_) ? kEstimateNoise : kMeasureNoise;
    input.accepts = [&](const Places& places) {
      const KnobValues knobs = grid.values_at(places);
      return !tried.contains(canonical_knobs(knobs)) && (!accepts_ || accepts_(hash, knobs));
    };
    Rng rng = Rng::stream(view_.started->seed, "tuning " + hash, static_cast<uint64_t>(source.revision));
    return choose_knobs(input, rng);
  }

  const State& state_;
  const RunView& view_;
  const KnobFilter& accepts_;
};

}  // namespace

std::optional<KnobProposal> propose_tuning(const State& state, const KnobFilter& accepts, Urgency urgency) {
  return Tuning(state, accepts).propose(urgency);
}

std::optional<KnobProposal> tune_in_session(const State& state, const KnobFilter& accepts,
                                            const std::string& source_hash) {
  const auto session = state.view().tuning.find(source_hash);
  if (state.settings().tuning_budget == 0 || session == state.view().tuning.end()) return std::nullopt;
  if (!session->second.has_budget()) return std::nullopt;
  return Tuning(state, accepts).propose_for(source_hash, session->second);
}

}  // namespace warpwright::search
