// Draws of parents and inspirations: those of older runs exactly, and what each share and the temperature
// promise.
#include "src/search/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;
using Ids = std::vector<CandidateId>;

// Settings as a journal has them that is older than members, champions and temperatures.
RunStarted as_of_old(RunStarted run) {
  Json json = to_json(run.search);
  for (const char* younger :
       {"strategy", "top_inspirations", "diverse_inspirations", "portfolio", "population_size",
        "archive_rank", "temperature", "share_near_duplicates", "stagnation_after"})
    json.erase(younger);
  run.search = search_settings_from_json(json, "test").value();
  return run;
}

// How runs drew before, over pools that are gathered and sorted for every draw.
struct OldDraws {
  const RunView& view;
  int island;

  Ids elites(size_t of) const {
    Ids ids;
    for (const auto& [cell, id] : view.islands[of].cells) ids.push_back(id);
    std::sort(ids.begin(), ids.end(), [&](CandidateId a, CandidateId b) { return ranks_before(view, a, b); });
    return ids;
  }
  Ids keep(Ids pool, const Eligible& eligible) const {
    std::erase_if(pool, [&](CandidateId id) { return !eligible(*view.find(id)); });
    return pool;
  }
  Ids anybody(const Eligible& eligible) const {
    Ids pool = keep(view.archive, eligible);
    for (size_t i = 0; pool.empty() && i < view.islands.size(); ++i) pool = keep(elites(i), eligible);
    if (!pool.empty()) return pool;
    for (const auto& [id, c] : view.candidates)
      if (c.passed() && eligible(c)) pool.push_back(id);
    return pool;
  }
  std::optional<CandidateId> parent(Rng& rng, const Eligible& eligible) const {
    const SearchSettings& s = view.started->search;
    const double draw = rng.uniform() * (s.exploration + s.exploitation + s.elite);
    Ids pool = keep(elites(static_cast<size_t>(island)), eligible);
    if (draw >= s.exploration && draw < s.exploration + s.exploitation) {
      const Ids all = keep(view.archive, eligible);
      pool = keep(all, [&](const Candidate& c) { return c.origin.island == island; });
      if (pool.empty()) pool = all;
    }
    if (pool.empty()) pool = anybody(eligible);
    if (pool.empty()) return std::nullopt;
    if (draw < s.exploration + s.exploitation) return pool[rng.below(pool.size())];
    double total = 0;
    for (CandidateId id : pool) total += view.find(id)->score;
    double left = rng.uniform() * total;
    for (CandidateId id : pool) {
      left -= view.find(id)->score;
      if (left < 0) return id;
    }
    return pool.front();
  }
  Ids inspirations(CandidateId parent, int count, Rng& rng) const {
    Ids chosen;
    const auto& best = view.islands[static_cast<size_t>(island)].best;
    if (count > 0 && best && *best != parent) chosen.push_back(*best);
    Ids pool = keep(view.archive, [&](const Candidate& c) {
      return c.id != parent && std::find(chosen.begin(), chosen.end(), c.id) == chosen.end();
    });
    while (chosen.size() < static_cast<size_t>(count) && !pool.empty()) {
      const size_t at = rng.below(pool.size());
      chosen.push_back(pool[at]);
      pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return chosen;
  }
};

TEST(Select, OlderRunsDrawExactlyAsTheyDid) {
  int drawn = 0, none = 0;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    World world(as_of_old(make_agent_run(seed, 5, seed % 2 == 0)), 3, seed);
    for (int64_t tickets = 4; tickets <= 120; tickets += 29) {
      world.run(tickets);
      const State& state = world.state;
      const std::vector<Eligible> filters = {{},
                                             [](const Candidate& c) { return c.source_hash != "good"; },
                                             [](const Candidate& c) { return c.id % 7 == 5; },
                                             [](const Candidate& c) { return c.duplicate_of.has_value(); },
                                             [](const Candidate&) { return false; }};
      for (uint64_t i = 0; i < 200; ++i) {
        const OldDraws old{state.view(), static_cast<int>(i % 3)};
        const Eligible& filter = filters[i % filters.size()];
        Rng now_rng = Rng::stream(seed, "draws", i), old_rng = Rng::stream(seed, "draws", i);
        const auto now = select_parent(state, old.island, now_rng, filter);
        const auto then = old.parent(
            old_rng, filter ? filter : [](const Candidate&) { return true; });
        ASSERT_EQ(now, then);
        if (now) {
          ++drawn;
          const int count = static_cast<int>(i % 4);
          ASSERT_EQ(select_inspirations(state, old.island, *now, count, now_rng),
                    old.inspirations(*then, count, old_rng));
        } else {
          ++none;
        }
        ASSERT_EQ(now_rng.next(), old_rng.next()) << "another number of draws";
      }
    }
  }
  EXPECT_GT(drawn, 1000);
  EXPECT_GT(none, 100);
}

RunStarted calm_run() {
  RunStarted run = make_rich_run(2, 8);
  run.search.stagnation_after = 0;
  return run;
}

// A run that has stopped, with other shares: how often each candidate is drawn.
class Draws {
 public:
  explicit Draws(const std::function<void(RunStarted&)>& change) : world_(calm_run(), 4, 2) {
    world_.run(200);
    world_.drain();
    RunForked fork;  // the settings of the draws alone are other ones
    fork.ticket = world_.state.next_ticket();
    RunStarted run = *world_.state.view().started;
    run.search.exploration = run.search.exploitation = run.search.elite = run.search.portfolio = 0;
    run.search.temperature = 1;
    change(run);
    fork.search = run.search;
    world_.append(fork);
  }
  const State& state() const { return world_.state; }
  const IslandView& island() const { return state().view().islands[1]; }
  double score(CandidateId id) const { return state().view().find(id)->score; }

  std::map<CandidateId, double> shares() const {
    std::map<CandidateId, double> shares;
    for (uint64_t i = 0; i < kDraws; ++i) {
      Rng rng = Rng::stream(9, "shares", i);
      shares[select_parent(state(), 1, rng, {}).value()] += 1.0 / kDraws;
    }
    return shares;
  }

 private:
  static constexpr int kDraws = 20'000;
  World world_;
};

TEST(Select, ExplorationTakesAnyMemberAlike) {
  const Draws draws([](RunStarted& run) { run.search.exploration = 1; });
  const auto shares = draws.shares();
  ASSERT_GT(draws.island().members.size(), draws.island().cells.size()) << "members that are no elites";
  ASSERT_EQ(shares.size(), draws.island().members.size());
  for (const CandidateId id : draws.island().members)
    EXPECT_NEAR(shares.at(id), 1.0 / static_cast<double>(shares.size()), 0.01);
}

TEST(Select, ElitesAreDrawnByScoreAtTheTemperature) {
  for (const double temperature : {0.0, 0.25, 1.0, 50.0}) {
    const Draws draws([&](RunStarted& run) {
      run.search.elite = 1;
      run.search.temperature = temperature;
    });
    const auto heat = draws.island().temperature;
    ASSERT_EQ(heat, 1) << "the test goes by the settings' temperature alone";
    const auto shares = draws.shares();
    double total = 0;
    const auto weight = [&](CandidateId id) {
      if (temperature == 0) return id == *draws.island().best ? 1.0 : 0.0;
      return std::pow(draws.score(id) / draws.score(*draws.island().best), 1 / temperature);
    };
    for (const auto& [cell, id] : draws.island().cells) total += weight(id);
    for (const auto& [cell, id] : draws.island().cells)
      EXPECT_NEAR(shares.contains(id) ? shares.at(id) : 0, weight(id) / total, 0.015) << temperature;
  }
}

TEST(Select, ChampionsAreDrawnByWhatTheirPortfolioWouldLose) {
  const Draws draws([](RunStarted& run) { run.search.portfolio = 1; });
  const auto& stakes = draws.state().population().portfolio().stakes();
  ASSERT_GE(stakes.size(), 2u);
  double total = 0;
  for (const auto& stake : stakes) total += stake.loss;
  const auto shares = draws.shares();
  for (const auto& stake : stakes) EXPECT_NEAR(shares.at(stake.candidate), stake.loss / total, 0.015);
  double all = 0;
  for (const auto& stake : stakes) all += shares.at(stake.candidate);
  EXPECT_NEAR(all, 1, 1e-9) << "nobody else";
}

TEST(Select, InspirationsAreTheBestThenTheLeastAlikeThenOthers) {
  const Draws draws([](RunStarted& run) {
    run.search.exploration = 1;
    run.search.top_inspirations = 2;
    run.search.diverse_inspirations = 2;
  });
  const RunView& view = draws.state().view();
  int checked = 0;
  for (const CandidateId parent : draws.island().members) {
    Rng rng(static_cast<uint64_t>(parent));
    const Ids chosen = select_inspirations(draws.state(), 1, parent, 6, rng);
    ASSERT_EQ(chosen.size(), 6u);
    std::set<CandidateId> distinct(chosen.begin(), chosen.end());
    EXPECT_EQ(distinct.size(), chosen.size());
    EXPECT_FALSE(distinct.contains(parent));
    const auto own = parse_sketch(view.find(parent)->sketch);
    if (parent == *draws.island().best || !own) continue;
    ++checked;
    EXPECT_EQ(chosen[0], *draws.island().best);
    const auto next = std::find_if(view.archive.begin(), view.archive.end(),
                                   [&](CandidateId id) { return id != parent && id != chosen[0]; });
    EXPECT_EQ(chosen[1], *next);
    double farthest = 1;
    for (const CandidateId id : view.archive) {
      const auto sketch = parse_sketch(view.find(id)->sketch);
      if (id != parent && id != chosen[0] && id != chosen[1] && sketch)
        farthest = std::min(farthest, likeness(*own, *sketch));
    }
    EXPECT_EQ(likeness(*own, parse_sketch(view.find(chosen[2])->sketch).value()), farthest);
  }
  EXPECT_GT(checked, 10);
}

TEST(Select, ParentsWithoutASketchGetInspirationsAllTheSame) {
  const Draws draws([](RunStarted& run) {
    run.search.exploration = 1;
    run.search.diverse_inspirations = 3;
  });
  ASSERT_TRUE(draws.state().view().find(0)->sketch.empty());
  Rng rng(1);
  EXPECT_EQ(select_inspirations(draws.state(), 1, 0, 4, rng).size(), 4u);
}

TEST(Select, AHeatedIslandExploresMoreOften) {
  const auto explored = [](bool is_heated) {
    Draws draws([](RunStarted& run) { run.search.exploration = run.search.exploitation = 0.5; });
    State state = draws.state();
    if (is_heated) {
      EXPECT_TRUE(state.apply(Stagnated{0, 1, "heat", 1, {}, {}}));
      EXPECT_TRUE(state.apply(Stagnated{0, 1, "heat", 1, {}, {}}));
    }
    double outside = 0;
    for (uint64_t i = 0; i < 5000; ++i) {
      Rng rng = Rng::stream(3, "heat", i);
      const CandidateId id = *select_parent(state, 1, rng, {});
      const auto& archive = state.view().archive;
      outside += std::find(archive.begin(), archive.end(), id) == archive.end() ? 1 : 0;
    }
    return outside;
  };
  EXPECT_GT(explored(true), 1.3 * explored(false));
}

}  // namespace
}  // namespace warpwright::search::test
