#include "src/search/decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/search/ensemble.h"
#include "src/search/operators.h"
#include "src/search/prompt_trials.h"
#include "src/search/select.h"
#include "src/search/stagnation.h"
#include "src/search/strategy.h"
#include "src/search/tune.h"
#include "src/search/tuning_session.h"
#include "src/search/window.h"

namespace warpwright::search {
namespace {

using events::Candidate;
using events::CandidateId;
using events::Origin;
using events::RunView;

constexpr size_t kMaxMates = 16;

// The other passed candidates of a source that stand in the archive, best first.
std::vector<Mate> mates_of(const RunView& view, const Candidate& parent) {
  std::vector<Mate> mates;
  for (CandidateId id : view.archive) {
    const Candidate& other = *view.find(id);
    if (id != parent.id && other.source_hash == parent.source_hash) mates.push_back({id, other.knobs});
    if (mates.size() == kMaxMates) break;
  }
  return mates;
}

class Decider {
 public:
  Decider(const State& state, const KnobFilter& accepts, const Composer& composer)
      : state_(state),
        view_(state.view()),
        accepts_(accepts),
        composer_(composer),
        ticket_(state.next_ticket()),
        island_(static_cast<int>(ticket_ % state.settings().islands)),
        is_plain_(strategy_of(state.settings()) != Strategy::kEvolve),
        rng_(Rng::stream(view_.started->seed, "proposal", static_cast<uint64_t>(ticket_))) {}

  Decision run() {
    const auto& seeds = view_.started->seeds;
    if (ticket_ < static_cast<int64_t>(seeds.size()))
      return SeedProposal{{"seed", island_, {}, {}}, seeds[static_cast<size_t>(ticket_)]};
    if (!view_.baseline && !seeds.empty()) return Exhausted{why_no_baseline()};
    if (view_.islands[static_cast<size_t>(island_)].wants_research && state_.can_research())
      if (auto decision = ask_model("research")) return *decision;
    if (!is_plain_) {
      if (auto composition = compose_champions()) return *composition;
      if (auto tuned = propose_tuning(state_, accepts_, Urgency::kShare)) return std::move(*tuned);
    }
    std::map<std::string, double> operators = usable_operators();
    while (!operators.empty()) {
      const std::string op = draw_operator(operators);
      auto decision = op != "tune" ? ask_model(op) : is_plain_ ? tune_plainly() : tune_somebody();
      if (decision) return *decision;
      operators.erase(op);
    }
    if (!is_plain_)
      if (auto tuned = propose_tuning(state_, accepts_, Urgency::kNothingElse)) return std::move(*tuned);
    return nothing_left();
  }

 private:
  std::map<std::string, double> usable_operators() const {
    std::map<std::string, double> operators = state_.settings().operators;
    operators.erase("compose");  // by a rule of its own
    const auto& limits = state_.settings().operator_limits;
    std::erase_if(operators, [&](const auto& entry) {
      auto limit = limits.find(entry.first);
      return entry.second <= 0 || (limit != limits.end() && state_.requests_of(entry.first) >= limit->second);
    });
    return operators;
  }

  std::string draw_operator(const std::map<std::string, double>& operators) {
    return draw(operators, state_.settings().operator_choice,
                [&](const std::string& op) { return state_.arms().of_operator(op); });
  }

  std::string draw_model(const std::string& op, const std::map<std::string, double>& models) {
    std::map<std::string, double> awake = models;
    if (models.size() > 1) awake.erase(view_.islands[static_cast<size_t>(island_)].resting_model);
    return draw(awake, state_.settings().model_choice,
                [&](const std::string& model) { return state_.arms().of(op, model); });
  }

  std::string draw(const std::map<std::string, double>& weights, const std::string& choice,
                   const std::function<ArmTotals(const std::string&)>& totals_of) {
    std::vector<Arm> arms;
    for (const auto& [name, weight] : weights) {
      const ArmTotals totals = totals_of(name);
      arms.push_back({name, weight, totals.pulls, totals.gain, totals.dollars()});
    }
    return arms[choice == "bandit" ? choose_by_bandit(arms, rng_) : choose_by_weight(arms, rng_)].model;
  }

  std::optional<Decision> tune_plainly() {
    auto proposal = plain_tune(state_, accepts_, rng_);
    return proposal ? std::optional<Decision>(std::move(*proposal)) : std::nullopt;
  }

  // By a rule of its own, not by its weight (compose.h).
  std::optional<Decision> compose_champions() const {
    const auto weight = state_.settings().operators.find("compose");
    if (!composer_.compose || weight == state_.settings().operators.end() || weight->second <= 0)
      return std::nullopt;
    const auto due = due_composition(view_, state_.compositions(), composer_.bands);
    if (!due) return std::nullopt;
    auto source = composer_.compose(due->champions);
    if (!source) return std::nullopt;
    return ComposeProposal{{"compose", island_, {}, due->candidates()}, std::move(*source), due->note()};
  }

  // One parent after another, until a source has an assignment left.
  std::optional<Decision> tune_somebody() {
    std::set<std::string> exhausted;
    const Eligible is_open = [&](const Candidate& c) { return !exhausted.contains(c.source_hash); };
    while (auto parent_id = select_parent(state_, island_, rng_, exhausted.empty() ? Eligible() : is_open)) {
      const Candidate& parent = *view_.find(*parent_id);
      if (auto tuned = tune_in_session(state_, accepts_, parent.source_hash)) return std::move(*tuned);
      TuneInput input;
      input.declared = &view_.sources.at(parent.source_hash).declared_knobs;
      input.parent = &parent.knobs;
      input.mates = mates_of(view_, parent);
      input.tried = &state_.assignments_tried(parent.source_hash);
      if (accepts_)
        input.accepts = [&](const KnobValues& knobs) { return accepts_(parent.source_hash, knobs); };
      if (auto move = tune(input, rng_)) {
        Origin origin{"tune", island_, parent.id, {}};
        if (move->mate) origin.inspirations = {*move->mate};
        return KnobProposal{std::move(origin), parent.source_hash, std::move(move->knobs),
                            std::move(move->note)};
      }
      exhausted.insert(parent.source_hash);
    }
    return std::nullopt;
  }

  std::optional<Decision> ask_model(const std::string& op) {
    const Operator* kind = find_operator(op);
    CHECK(kind != nullptr);
    const bool is_plain_choice = is_plain_ && kind->needs != Needs::kFailure;
    std::optional<Origin> origin = is_plain_choice ? plain_origin(state_, *kind, rng_) : origin_for(*kind);
    if (!origin) return std::nullopt;
    const auto& roles = state_.settings().operator_roles;
    const auto named = roles.find(op);
    const std::string role = named == roles.end() ? std::string(kind->role) : named->second;
    const auto models = state_.settings().roles.find(role);
    // A role that names no models is its own (the folder of scripted answers).
    const std::string model = models == state_.settings().roles.end() ? role : draw_model(op, models->second);
    return ModelRequest{std::move(*origin), state_.requests_of(op), role, model,
                        draw_left_out(state_.settings(), view_.started->seed, ticket_, op)};
  }

  // None: what the operator needs is not there (yet).
  std::optional<Origin> origin_for(const Operator& kind) {
    Origin origin{std::string(kind.name), island_, {}, {}};
    const int count = state_.settings().inspirations;
    switch (kind.needs) {
      case Needs::kNothing:
        return origin;
      case Needs::kHistory:
        if (state_.applied() < kLeastHistory) return std::nullopt;
        return origin;
      case Needs::kFailure:
        origin.parent = state_.failure_to_repair();
        if (!origin.parent) return std::nullopt;
        return origin;
      case Needs::kChampions:
        return std::nullopt;
      case Needs::kParent:
      case Needs::kTwoParents:
        break;
    }
    origin.parent = select_parent(state_, island_, rng_, {});
    if (!origin.parent) return std::nullopt;
    // A model changes a source: it is shown with the best values that its knobs were found to have.
    if (state_.settings().best_settings)
      origin.parent = state_.population().best_setting(view_.find(*origin.parent)->source_hash);
    if (kind.needs == Needs::kParent) {
      origin.inspirations = select_inspirations(state_, island_, *origin.parent, count, rng_);
      return origin;
    }
    const std::string& source = view_.find(*origin.parent)->source_hash;
    const auto second =
        select_parent(state_, island_, rng_, [&](const Candidate& c) { return c.source_hash != source; });
    if (!second) return std::nullopt;
    origin.inspirations = {*second};
    return origin;
  }

  // What is outstanding may still bring new parents; only when nothing is can the search be over.
  Decision nothing_left() const {
    if (state_.last_working_ticket() < state_.applied()) return Exhausted{"search space exhausted"};
    return Idle{"nothing to propose before outstanding outcomes are known"};
  }

  std::string why_no_baseline() const {
    const Candidate* first = view_.find(0);
    const events::ResultSummary* result = first == nullptr ? nullptr : view_.result_of(*first);
    if (result == nullptr) return "the baseline seed was not evaluated: nothing can be scored";
    return fmt::format("the baseline seed {} did not pass ({}: {}): nothing can be scored",
                       view_.started->seeds[0].name, to_string(result->status), result->message);
  }

  const State& state_;
  const RunView& view_;
  const KnobFilter& accepts_;
  const Composer& composer_;
  const events::Ticket ticket_;
  const int island_;
  const bool is_plain_;  // a strategy without a population
  Rng rng_;
};

}  // namespace

KnobValues default_knobs(const std::vector<events::DeclaredKnob>& declared) {
  KnobValues knobs;
  for (const events::DeclaredKnob& knob : declared) knobs[knob.name] = knob.default_value;
  return knobs;
}

Decision decide(const State& state, const KnobFilter& accepts, const Composer& composer) {
  CHECK(ready_to_decide(state));
  return Decider(state, accepts, composer).run();
}

events::Event event_of(const State& state, const Decision& decision,
                       const std::vector<events::DeclaredKnob>& seed_knobs) {
  const events::Ticket ticket = state.next_ticket();
  if (const auto* seed = std::get_if<SeedProposal>(&decision))
    return events::Proposed{ticket,
                            seed->origin,
                            seed->seed.source_hash,
                            default_knobs(seed_knobs),
                            seed_knobs,
                            "seed " + seed->seed.name};
  if (const auto* knobs = std::get_if<KnobProposal>(&decision))
    return events::Proposed{ticket, knobs->origin, knobs->source_hash, knobs->knobs, {}, knobs->note};
  if (const auto* composed = std::get_if<ComposeProposal>(&decision))
    return events::Proposed{ticket,
                            composed->origin,
                            composed->source.source_hash,
                            default_knobs(composed->source.declared_knobs),
                            composed->source.declared_knobs,
                            composed->note};
  if (const auto* request = std::get_if<ModelRequest>(&decision))
    return events::ModelRequested{ticket,           request->origin, request->request_index,
                                  request->role,    request->model,  {},
                                  request->left_out};
  CHECK(std::holds_alternative<Idle>(decision));
  return events::ProposalFailed{ticket, events::ProposalFailed::Kind::kIdle, std::get<Idle>(decision).reason};
}

}  // namespace warpwright::search
