// Sketches, the archive's orders and objectives.
#include "src/search/archive.h"

#include <gtest/gtest.h>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

std::string hex_of(int equal_values) {
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += i < equal_values ? "00ff" : "12ab";
  return hex;
}

TEST(Sketch, LikenessIsTheShareOfEqualValues) {
  const auto all = parse_sketch(hex_of(32)), half = parse_sketch(hex_of(16));
  ASSERT_TRUE(all && half);
  EXPECT_EQ((*all)[0], 0x00ff);
  EXPECT_EQ((*half)[31], 0x12ab);
  EXPECT_EQ(likeness(*all, *all), 1);
  EXPECT_EQ(likeness(*all, *half), 0.5);
}

TEST(Sketch, WhatIsNoSketchIsNotKnown) {
  EXPECT_FALSE(parse_sketch(""));
  EXPECT_FALSE(parse_sketch(hex_of(32) + "0"));
  EXPECT_FALSE(parse_sketch(hex_of(32).substr(1)));
  EXPECT_FALSE(parse_sketch("x" + hex_of(32).substr(1)));
}

Objectives objectives(CandidateId id, double score, double worst_band, int launches, double code_size) {
  return {id, score, worst_band, launches, code_size};
}

std::vector<CandidateId> ids(const std::vector<Objectives>& list) {
  std::vector<CandidateId> ids;
  for (const Objectives& o : list) ids.push_back(o.id);
  return ids;
}

TEST(Objectives, TheFrontHoldsWhomNobodyBeatsInAll) {
  const std::vector<Objectives> all = {objectives(1, 2.0, 1.0, 2, 900), objectives(2, 1.8, 1.5, 2, 900),
                                       objectives(3, 1.7, 1.4, 3, 900), objectives(4, 1.1, 0.9, 1, 100),
                                       objectives(5, 2.0, 1.0, 2, 900), objectives(6, 1.1, 0.9, 1, 101)};
  EXPECT_EQ(ids(pareto_front(all)), (std::vector<CandidateId>{1, 2, 4}));
  EXPECT_TRUE(pareto_front({}).empty());
}

TEST(Objectives, EveryoneIsOnTheFrontOrBeatenByItAndNobodyOnItIsBeaten) {
  Rng rng(4);
  std::vector<Objectives> all;
  for (CandidateId id = 0; id < 300; ++id)
    all.push_back(objectives(id, 1 + 0.1 * static_cast<double>(rng.below(20)),
                             0.1 * static_cast<double>(rng.below(20)), static_cast<int>(rng.below(4)),
                             static_cast<double>(rng.below(5))));
  const auto front = pareto_front(all);
  for (const Objectives& o : all) {
    const auto beats = [&](const Objectives& f) {
      return dominates(f, o) || (f.score == o.score && f.worst_band == o.worst_band &&
                                 f.launches == o.launches && f.code_size == o.code_size);
    };
    EXPECT_TRUE(std::any_of(front.begin(), front.end(), beats));
    const auto shown = ids(front);
    if (std::find(shown.begin(), shown.end(), o.id) == shown.end()) continue;
    EXPECT_FALSE(std::any_of(all.begin(), all.end(), [&](const Objectives& a) { return dominates(a, o); }));
  }
}

TEST(Objectives, NearlyEqualScoresAreOrderedByRobustnessThenSimplicity) {
  const std::vector<Objectives> all = {objectives(1, 2.00, 0.5, 1, 100), objectives(2, 1.95, 1.00, 3, 500),
                                       objectives(3, 1.92, 0.98, 1, 800), objectives(4, 1.20, 1.2, 1, 10),
                                       objectives(5, 1.91, 0.97, 1, 700)};
  EXPECT_EQ(ids(lexicographic_order(all, 0.05)), (std::vector<CandidateId>{5, 3, 2, 1, 4}));
  EXPECT_EQ(ids(lexicographic_order(all, 0)), (std::vector<CandidateId>{1, 2, 3, 5, 4}));
}

TEST(Objectives, RatiosAreMatchedByNameAndRefusedWhereRecordsAreUnlike) {
  ResultSummary slow = evaluate("plain", {}), fast = slow;
  const Baseline baseline{"plain", 0, slow.measure, slow.workloads};
  for (WorkloadSummary& w : fast.workloads) w.latency_us /= 2;
  std::swap(fast.workloads[0], fast.workloads[2]);
  EXPECT_EQ(ratios_of(baseline, fast), (std::vector<double>{2, 2, 2}));
  EXPECT_EQ(band_means(baseline, fast).at("large"), 2);
  ResultSummary other = fast;
  other.measure.device = "h100";
  EXPECT_TRUE(ratios_of(baseline, other).empty());
  other = fast;
  other.workloads.pop_back();
  EXPECT_TRUE(ratios_of(baseline, other).empty());
  other = fast;
  other.workloads[1].latency_us = 0;
  EXPECT_TRUE(ratios_of(baseline, other).empty());
  other = fast;
  other.workloads[1].uuid = "stranger";
  EXPECT_TRUE(ratios_of(baseline, other).empty());
}

class SmallArchive {
 public:
  SmallArchive() { view.started = RunStarted{}; }
  void enter(CandidateId id, double score, std::string sketch, std::string fingerprint) {
    Candidate& c = view.candidates[id];
    c.id = id;
    c.phase = Phase::kApplied;
    c.status = Status::kPassed;
    c.score = score;
    c.sketch = std::move(sketch);
    c.fingerprint = std::move(fingerprint);
    archive.enter(view, c);
  }
  RunView view;
  Archive archive;
};

TEST(Archive, DistanceIsToTheNearestMemberThatIsKnown) {
  SmallArchive small;
  const auto distance = [&](const std::string& hex) { return small.archive.distance(parse_sketch(hex)); };
  EXPECT_EQ(distance(hex_of(32)), 1);
  small.enter(1, 1, "", "");
  EXPECT_EQ(distance(hex_of(32)), 1);
  small.enter(2, 1, hex_of(8), "");
  EXPECT_EQ(distance(hex_of(32)), 0.75);
  small.enter(3, 1, hex_of(24), "");
  EXPECT_EQ(distance(hex_of(32)), 0.25);
  EXPECT_EQ(distance(hex_of(8)), 0);
  EXPECT_EQ(distance(""), 1);
}

TEST(Archive, OfNearDuplicatesTheBetterStaysAndOfEqualsTheOlder) {
  SmallArchive small;
  small.view.started->search.archive_size = 3;
  small.enter(1, 1.5, "", "print a");
  small.enter(2, 1.4, "", "print b");
  small.enter(3, 1.5, "", "print a");
  EXPECT_EQ(small.view.archive, (std::vector<CandidateId>{1, 2}));
  small.enter(4, 1.6, "", "print b");
  EXPECT_EQ(small.view.archive, (std::vector<CandidateId>{4, 1}));
  small.enter(5, 1.2, "", "");
  small.enter(6, 1.1, "", "print c");
  EXPECT_EQ(small.view.archive, (std::vector<CandidateId>{4, 1, 5}))
      << "bounded, and who lacks a print is nobody's twin";
  small.enter(7, 1.3, "", "print c");
  EXPECT_EQ(small.view.archive, (std::vector<CandidateId>{4, 1, 7}))
      << "who has left the archive is nobody's twin";
}

TEST(Archive, NearDuplicatesAreDistinctUntilAConfigurationSaysOtherwise) {
  SmallArchive small;
  small.view.started->search.share_near_duplicates = false;
  small.enter(1, 1.5, hex_of(4), "print a");
  small.enter(2, 1.6, hex_of(8), "print a");
  EXPECT_EQ(small.view.archive, (std::vector<CandidateId>{2, 1}));
  small.view.started->search.share_near_duplicates = true;
  small.archive.rank_anew(small.view);
  EXPECT_EQ(small.view.archive, (std::vector<CandidateId>{2}));
  EXPECT_TRUE(small.archive.sketch_of(2));
  EXPECT_FALSE(small.archive.sketch_of(1));
}

}  // namespace
}  // namespace warpwright::search::test
