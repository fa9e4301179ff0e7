// Tuning by a model against what it replaces, on landscapes of real seeds (every assignment evaluated by the
// simulator) and on drawn ones. Prints the table of src/search/README.md; asserts what holds whatever the
// constants.
#include "src/search/knob_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <fstream>
#include <map>
#include <sstream>

#include "src/search/state.h"
#include "src/search/tune.h"

namespace warpwright::search {
namespace {

using Outcome = KnobTrial::Outcome;

constexpr size_t kMostEvaluations = 64;
constexpr size_t kOutstanding = 4;  // evaluations whose outcome no decision knows yet
constexpr int kStarts = 50;

struct Landscape {
  std::vector<size_t> sizes;
  Places start;                // in place of the defaults
  std::vector<double> scores;  // the last knob moves fastest; 0: refused by `require`; below 0: fails
  double at(const Places& places) const {
    size_t index = 0;
    for (size_t k = 0; k < sizes.size(); ++k) index = index * sizes[k] + places[k];
    return scores[index];
  }
  double best() const { return *std::max_element(scores.begin(), scores.end()); }
  Places draw(Rng& rng) const {
    Places places;
    for (size_t size : sizes) places.push_back(static_cast<uint8_t>(rng.below(size)));
    return places;
  }
};

Landscape read_landscape(const std::string& name) {
  Landscape land;
  std::ifstream file("src/search/testdata/knob_landscapes/" + name + ".txt");
  std::string line, word;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    if (!line.starts_with("knob ")) {
      while (words >> word) land.scores.push_back(word == "-" ? 0 : std::stod(word));
      continue;
    }
    std::string chosen, value;
    words >> word >> word >> word >> chosen >> word;
    size_t count = 0, at = 0;
    for (; words >> value; ++count)
      if (value == chosen) at = count;
    land.sizes.push_back(count);
    land.start.push_back(static_cast<uint8_t>(at));
  }
  return land;
}

// The author's guess is as good as any: the default first, then valid starts that leave something to gain.
std::vector<Landscape> starts_of(const Landscape& land, int count) {
  std::vector<Landscape> lands = {land};
  for (uint64_t i = 1; lands.size() < static_cast<size_t>(count); ++i) {
    Landscape other = land;
    Rng rng = Rng::stream(i, "start");
    other.start = land.draw(rng);
    const double score = other.at(other.start);
    if (score > 0 && score < 0.97 * land.best()) lands.push_back(std::move(other));
  }
  return lands;
}

double bell(Rng& rng) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += rng.uniform();
  return sum;
}

// Main effects with an optimum somewhere or without order, some pairs, a roof, a limit on resources, a little
// roughness.
Landscape drawn_landscape(uint64_t seed) {
  Rng rng = Rng::stream(seed, "landscape");
  Landscape land;
  size_t total = 1;
  for (size_t k = 0, knobs = 2 + rng.below(6); k < knobs; ++k) {
    size_t values = 2 + rng.below(5);
    if (total * values > 6000) values = 2;
    land.sizes.push_back(values);
    total *= values;
  }
  const size_t knobs = land.sizes.size();
  std::vector<double> height(knobs), top(knobs), needs(knobs), pairs(knobs * knobs, 0);
  std::vector<std::vector<double>> unordered(knobs);
  double all_needs = 0;
  for (size_t k = 0; k < knobs; ++k) {
    height[k] = 0.7 * std::pow(rng.uniform(), 2);
    top[k] = rng.uniform();
    needs[k] = rng.uniform();
    all_needs += needs[k];
    if (rng.below(5) == 0)
      for (size_t v = 0; v < land.sizes[k]; ++v) unordered[k].push_back(0.3 * height[k] * bell(rng));
    for (size_t j = 0; j < k; ++j) pairs[k * knobs + j] = rng.below(3) == 0 ? 0.3 * bell(rng) : 0;
  }
  const double limit = rng.below(2) == 0 ? all_needs : all_needs * (0.55 + 0.3 * rng.uniform());
  const double roof = -0.1 + 0.3 * rng.uniform();
  const bool fails = rng.below(2) == 0;
  Places places(knobs);
  for (size_t n = 0; n < total; ++n) {
    size_t rest = n;
    for (size_t k = knobs; k-- > 0; rest /= land.sizes[k])
      places[k] = static_cast<uint8_t>(rest % land.sizes[k]);
    double log_score = 0.01 * bell(rng), need = 0;
    const auto along = [&](size_t k) { return places[k] / static_cast<double>(land.sizes[k] - 1); };
    for (size_t k = 0; k < knobs; ++k) {
      log_score += unordered[k].empty() ? -height[k] * std::abs(along(k) - top[k]) : unordered[k][places[k]];
      need += needs[k] * along(k);
      for (size_t j = 0; j < k; ++j)
        log_score += pairs[k * knobs + j] * (along(k) - top[k]) * (along(j) - top[j]);
    }
    land.scores.push_back(need > limit ? (fails ? -1.0 : 0.0) : std::exp(std::min(log_score, roof)));
  }
  do land.start = land.draw(rng);
  while (land.at(land.start) <= 0);
  return land;
}

using Proposer = std::function<std::optional<Places>(const Landscape&, const std::vector<KnobTrial>&, Rng&)>;

// The best score after each evaluation, with kOutstanding of them under way at every decision.
std::vector<double> run(const Landscape& land, const Proposer& propose, uint64_t seed) {
  std::vector<KnobTrial> trials;
  std::deque<size_t> open;
  std::vector<double> best;
  const auto settle = [&](size_t i) {
    const double score = land.at(trials[i].places);
    trials[i].outcome = score > 0 ? Outcome::kScored : Outcome::kFailed;
    trials[i].score = std::max(score, 0.0);
    best.push_back(std::max(score, best.empty() ? 0 : best.back()));
  };
  trials.push_back({land.start, Outcome::kUnknown, 0});
  settle(0);
  while (best.size() < kMostEvaluations && best.back() < land.best()) {
    while (open.size() < kOutstanding) {
      Rng rng = Rng::stream(seed, "decision", trials.size());
      auto places = propose(land, trials, rng);
      if (!places) break;
      EXPECT_NE(land.at(*places), 0) << "refused";
      for (const KnobTrial& trial : trials) EXPECT_NE(trial.places, *places) << "tried before";
      open.push_back(trials.size());
      trials.push_back({std::move(*places), Outcome::kUnknown, 0});
    }
    if (open.empty()) break;
    settle(open.front());
    open.pop_front();
  }
  return best;
}

std::optional<Places> by_model(const Landscape& land, const std::vector<KnobTrial>& trials, Rng& rng) {
  const auto choice = choose_knobs(
      {land.sizes, land.start, trials, 0.003, [&](const Places& p) { return land.at(p) != 0; }}, rng);
  return choice ? std::optional(choice->places) : std::nullopt;
}

std::optional<Places> at_random(const Landscape& land, const std::vector<KnobTrial>& trials, Rng& rng) {
  for (int draw = 0; draw < 5000; ++draw) {
    Places places = land.draw(rng);
    const auto is_it = [&](const KnobTrial& trial) { return trial.places == places; };
    if (land.at(places) != 0 && std::none_of(trials.begin(), trials.end(), is_it)) return places;
  }
  return std::nullopt;
}

KnobValues values_of(const Places& places) {
  KnobValues values;
  for (size_t k = 0; k < places.size(); ++k) values["K" + std::to_string(k)] = std::to_string(places[k]);
  return values;
}

Places places_of(const KnobValues& values) {
  Places places;
  for (size_t k = 0; k < values.size(); ++k)
    places.push_back(static_cast<uint8_t>(std::stoi(values.at("K" + std::to_string(k)))));
  return places;
}

// The operator `tune` (tune.h) with parents from an archive of 50, as search/select.h draws them.
std::optional<Places> by_operator(const Landscape& land, const std::vector<KnobTrial>& trials, Rng& rng) {
  std::vector<events::DeclaredKnob> declared;
  for (size_t k = 0; k < land.sizes.size(); ++k) {
    declared.push_back({"K" + std::to_string(k), {}, std::to_string(land.start[k])});
    for (size_t v = 0; v < land.sizes[k]; ++v) declared.back().values.push_back(std::to_string(v));
  }
  std::vector<const KnobTrial*> archive;
  std::set<std::string> tried;
  for (const KnobTrial& trial : trials) {
    tried.insert(canonical_knobs(values_of(trial.places)));
    if (trial.outcome == Outcome::kScored) archive.push_back(&trial);
  }
  std::stable_sort(archive.begin(), archive.end(), [](auto* a, auto* b) { return a->score > b->score; });
  if (archive.size() > 50) archive.resize(50);
  const size_t chosen = rng.below(archive.size());
  const KnobValues parent = values_of(archive[chosen]->places);
  TuneInput input{
      &declared, &parent, {}, &tried, [&](const KnobValues& v) { return land.at(places_of(v)) != 0; }};
  for (size_t i = 0; i < archive.size() && input.mates.size() < 16; ++i)
    if (i != chosen) input.mates.push_back({static_cast<int64_t>(i), values_of(archive[i]->places)});
  const auto move = tune(input, rng);
  return move ? std::optional(places_of(move->knobs)) : std::nullopt;
}

struct Row {
  std::vector<size_t>
      needed;           // evaluations to within 2 % of the optimum, sorted; one more than the most if never
  double after_13 = 0;  // best / optimum with a session's usual budget, mean
  double mean() const {
    double sum = 0;
    for (size_t n : needed) sum += static_cast<double>(n);
    return sum / static_cast<double>(needed.size());
  }
};

Row measure(const std::vector<Landscape>& lands, const Proposer& propose) {
  Row row;
  for (size_t i = 0; i < lands.size(); ++i) {
    const std::vector<double> best = run(lands[i], propose, i);
    const double goal = 0.98 * lands[i].best();
    const auto there = std::find_if(best.begin(), best.end(), [&](double score) { return score >= goal; });
    row.needed.push_back(there == best.end() ? kMostEvaluations + 1
                                             : static_cast<size_t>(there - best.begin()) + 1);
    row.after_13 +=
        best[std::min<size_t>(best.size(), 13) - 1] / lands[i].best() / static_cast<double>(lands.size());
  }
  std::sort(row.needed.begin(), row.needed.end());
  return row;
}

void print(const std::string& name, const std::string& method, const Row& row) {
  const auto at = [&](double share) {
    return row.needed[static_cast<size_t>(share * static_cast<double>(row.needed.size()))];
  };
  std::printf("%-12s %-9s %6zu  %3zu..%-3zu %6.1f %10.3f\n", name.c_str(), method.c_str(), at(0.5), at(0.1),
              at(0.9), row.mean(), row.after_13);
}

// The standard error of a difference of two means over these runs is 1 to 2 evaluations.
void compare(const std::string& name, const std::vector<Landscape>& lands) {
  const Row model = measure(lands, by_model), old = measure(lands, by_operator),
            random = measure(lands, at_random);
  print(name, "model", model);
  print(name, "tune", old);
  print(name, "random", random);
  EXPECT_LT(model.mean(), random.mean()) << name;
  EXPECT_LT(model.mean(), old.mean()) << name;
  EXPECT_GT(model.after_13, random.after_13) << name;
  EXPECT_GT(model.after_13, old.after_13) << name;
}

TEST(KnobChoice, ReachesTheOptimumSoonerThanTheOperatorAndRandomDraws) {
  std::printf("%-12s %-9s %6s  %8s %6s %10s\n", "landscape", "method", "median", "10..90 %", "mean",
              "best at 13");
  for (const char* name : {"lane_groups", "split_merge", "grouped_mma"})
    compare(name, starts_of(read_landscape(name), kStarts));
  std::vector<Landscape> drawn;
  for (uint64_t seed = 0; seed < 2 * kStarts; ++seed) drawn.push_back(drawn_landscape(seed));
  compare("drawn", drawn);
}

TEST(KnobChoice, IsAFunctionOfItsInputAndTriesEveryAssignmentInTheEnd) {
  const Landscape land{{3, 4, 2}, {0, 0, 0}, std::vector<double>(24, 1.0)};
  const auto choose_all = [&] {
    std::vector<KnobTrial> trials = {{land.start, Outcome::kScored, 1}};
    for (size_t i = 0; i < 40; ++i) {
      Rng rng = Rng::stream(1, "x", i);
      const auto places = by_model(land, trials, rng);
      if (!places) break;
      trials.push_back({*places,
                        i % 3 == 0   ? Outcome::kFailed
                        : i % 3 == 1 ? Outcome::kUnknown
                                     : Outcome::kBounded,
                        0.5});
    }
    std::vector<Places> order;
    for (const KnobTrial& trial : trials) order.push_back(trial.places);
    return order;
  };
  const auto order = choose_all();
  EXPECT_EQ(order, choose_all());
  EXPECT_EQ(std::set<Places>(order.begin(), order.end()).size(), 24u);
}

TEST(KnobChoice, AKnobThatChangesNothingPromisesNothing) {
  KnobChoiceInput input{{4, 4}, {0, 0}, {}, 0.003, [](const Places&) { return true; }};
  for (uint8_t a = 0; a < 4; ++a) input.trials.push_back({{a, 0}, Outcome::kScored, 1});
  for (uint8_t b = 1; b < 4; ++b) input.trials.push_back({{0, b}, Outcome::kScored, 1});
  Rng rng(1);
  const auto flat = choose_knobs(input, rng);
  ASSERT_TRUE(flat);
  for (KnobTrial& trial : input.trials) trial.score = 1 + 0.2 * trial.places[0] + 0.1 * trial.places[1];
  const auto steep = choose_knobs(input, rng);
  ASSERT_TRUE(steep);
  EXPECT_GT(steep->gain, 10 * flat->gain);
  EXPECT_EQ(steep->places, (Places{3, 3}));
}

TEST(KnobChoice, FailuresAreAvoidedWithoutBeingForbidden) {
  KnobChoiceInput input{
      {5, 5}, {0, 0}, {{{0, 0}, Outcome::kScored, 1}}, 0.003, [](const Places&) { return true; }};
  for (uint8_t b = 0; b < 5; ++b) input.trials.push_back({{4, b}, Outcome::kFailed, 0});
  Rng rng(1);
  const auto choice = choose_knobs(input, rng);
  ASSERT_TRUE(choice);
  EXPECT_LT(choice->places[0], 3);
}

TEST(KnobChoice, HugeAndHostileSpacesTakeNoLonger) {
  KnobChoiceInput input{
      std::vector<size_t>(60, 250), Places(60, 0), {}, 0.003, [](const Places&) { return false; }};
  Rng rng(1);
  EXPECT_FALSE(choose_knobs(input, rng));
  input.accepts = [](const Places&) { return true; };
  for (double score : {0.0, 1e-300, 1e300, -1.0}) {
    input.trials.push_back({Places(60, static_cast<uint8_t>(input.trials.size())), Outcome::kScored, score});
    EXPECT_TRUE(choose_knobs(input, rng));
  }
}

}  // namespace
}  // namespace warpwright::search
