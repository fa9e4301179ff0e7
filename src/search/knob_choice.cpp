#include "src/search/knob_choice.h"

#include <algorithm>
#include <cmath>

#include "src/base/check.h"

namespace warpwright::search {
namespace {

using Outcome = KnobTrial::Outcome;

constexpr double kChangePenalty = 0.01;
constexpr double kReach = 0.35;
constexpr double kRoot2Pi = 2.5066282746310002;

double expected_improvement(const Prediction& p, double best) {
  if (!(p.deviation > 1e-9)) return std::max(0.0, p.mean - best);
  const double z = (p.mean - best) / p.deviation;
  const double density = std::exp(-0.5 * z * z) / kRoot2Pi;
  const double below = 0.5 * std::erfc(-z / std::sqrt(2.0));
  return (p.mean - best) * below + p.deviation * density;
}

class Chooser {
 public:
  Chooser(const KnobChoiceInput& input, Rng& rng) : input_(input), rng_(rng) {
    for (const KnobTrial& trial : input.trials) tried_.insert(trial.places);
  }

  std::optional<KnobChoice> run() {
    std::vector<ScoredPlaces> scored;
    for (const KnobTrial& t : input_.trials)
      if (t.score > 0 && (t.outcome == Outcome::kScored || t.outcome == Outcome::kBounded))
        scored.push_back({t.places, std::log(t.score) - drift(t.places)});
    if (scored.empty()) scored.push_back({input_.defaults, 0});
    incumbent_ = best_trial();
    list_candidates();
    if (candidates_.empty()) return std::nullopt;
    KnobModel model(input_.sizes, std::move(scored), input_.noise);
    for (const KnobTrial& t : input_.trials)
      if (t.outcome == Outcome::kUnknown) model.believe(t.places);
    return best_of(model);
  }

 private:
  // Authors choose defaults with care: every knob that leaves its own costs a little, until shown otherwise.
  double drift(const Places& places) const {
    return -kChangePenalty * static_cast<double>(changes(places, input_.defaults));
  }

  static size_t changes(const Places& a, const Places& b) {
    size_t count = 0;
    for (size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1 : 0;
    return count;
  }

  const KnobTrial* best_trial() const {
    const KnobTrial* best = nullptr;
    for (const KnobTrial& t : input_.trials)
      if (t.outcome == Outcome::kScored && t.score > 0 && (best == nullptr || t.score > best->score))
        best = &t;
    return best;
  }

  void add(const Places& places) {
    if (!tried_.contains(places) && listed_.insert(places).second) candidates_.push_back(places);
  }

  void list_candidates() {
    size_t size = 1;
    for (size_t values : input_.sizes) size = size > kMaxListed ? size : size * values;
    if (size <= kMaxListed) return list_all();
    std::vector<const KnobTrial*> scored;
    for (const KnobTrial& t : input_.trials)
      if (t.outcome == Outcome::kScored) scored.push_back(&t);
    std::stable_sort(scored.begin(), scored.end(),
                     [](const KnobTrial* a, const KnobTrial* b) { return a->score > b->score; });
    for (size_t i = 0; i < std::min<size_t>(scored.size(), 3); ++i) add_steps(scored[i]->places);
    if (scored.empty()) add_steps(input_.defaults);
    const Places& centre = scored.empty() ? input_.defaults : scored.front()->places;
    for (size_t draw = 0; draw < 2 * kMaxListed && candidates_.size() < kMaxListed; ++draw) {
      Places places = centre;
      const bool anywhere = draw % 2 == 0;
      const double share = anywhere ? 1.0 : 2.5 / static_cast<double>(places.size());
      for (size_t knob = 0; knob < places.size(); ++knob)
        if (anywhere || rng_.uniform() < share)
          places[knob] = static_cast<uint8_t>(rng_.below(input_.sizes[knob]));
      add(places);
    }
  }

  void list_all() {
    Places places(input_.sizes.size(), 0);
    for (;;) {
      add(places);
      size_t knob = 0;
      while (knob < places.size() && ++places[knob] == input_.sizes[knob]) places[knob++] = 0;
      if (knob == places.size()) return;
    }
  }

  void add_steps(const Places& from) {
    size_t steps = 0;
    for (size_t values : input_.sizes) steps += values - 1;
    if (steps > kMaxListed / 2) return;  // draws stand for them
    for (size_t knob = 0; knob < from.size(); ++knob) {
      Places places = from;
      for (size_t value = 0; value < input_.sizes[knob]; ++value) {
        places[knob] = static_cast<uint8_t>(value);
        add(places);
      }
    }
  }

  // That it is valid at all, by the trials around it.
  double chance(const Places& places) const {
    double good = 0.9, all = 1;
    for (const KnobTrial& t : input_.trials) {
      if (t.outcome == Outcome::kUnknown) continue;
      double distance = 0;
      for (size_t knob = 0; knob < places.size(); ++knob)
        distance += std::abs(static_cast<double>(places[knob]) - static_cast<double>(t.places[knob])) /
                    static_cast<double>(input_.sizes[knob] - 1);
      const double near = std::exp(-distance / kReach);
      all += near;
      if (t.outcome != Outcome::kFailed) good += near;
    }
    return good / all;
  }

  std::optional<KnobChoice> best_of(const KnobModel& model) const {
    struct Ranked {
      double gain;
      size_t index;
    };
    const double best = incumbent_ == nullptr ? 0 : std::log(incumbent_->score);
    std::vector<Ranked> ranked;
    ranked.reserve(candidates_.size());
    for (size_t i = 0; i < candidates_.size(); ++i) {
      Prediction p = model.predict(candidates_[i]);
      p.mean += drift(candidates_[i]);
      ranked.push_back({expected_improvement(p, best) * chance(candidates_[i]), i});
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const Ranked& a, const Ranked& b) { return a.gain > b.gain; });
    for (const Ranked& r : ranked) {
      const Places& places = candidates_[r.index];
      if (!input_.accepts(places)) continue;
      const Places& from = incumbent_ == nullptr ? input_.defaults : incumbent_->places;
      return KnobChoice{places, r.gain, changes(places, from)};
    }
    return std::nullopt;
  }

  const KnobChoiceInput& input_;
  Rng& rng_;
  std::set<Places> tried_, listed_;
  std::vector<Places> candidates_;
  const KnobTrial* incumbent_ = nullptr;
};

}  // namespace

std::optional<KnobChoice> choose_knobs(const KnobChoiceInput& input, Rng& rng) {
  CHECK(!input.sizes.empty() && input.accepts);
  return Chooser(input, rng).run();
}

}  // namespace warpwright::search
