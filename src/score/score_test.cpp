#include "src/score/score.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "src/base/files.h"
#include "src/base/json.h"
#include "src/score/score_text.h"

namespace warpwright::score {
namespace {

using trace::EvaluationTrace;

constexpr const char* kIndexer = "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64";

std::vector<PublishedRecord> published(const std::string& definition) {
  return load_published(find_home().value(), definition).value();
}

PublishedRecord record_of(const std::string& definition, const std::string& name) {
  for (PublishedRecord& record : published(definition)) {
    if (record.name == name) return record;
  }
  ADD_FAILURE() << definition << " has no record " << name;
  return {};
}

// As FlashInfer-Bench writes it.
std::string trace_line(const EvaluationTrace& trace, const std::string& solution) {
  const Json line = {{"definition", trace.definition},
                     {"workload", {{"axes", trace.axes}, {"inputs", Json::object()}, {"uuid", trace.uuid}}},
                     {"solution", solution},
                     {"evaluation",
                      {{"status", "PASSED"},
                       {"environment", {{"hardware", trace.hardware}, {"libs", {{"torch", "2.12.0"}}}}},
                       {"timestamp", "2026-04-24T00:00:00"},
                       {"log", ""},
                       {"correctness", {{"max_relative_error", 0.0}, {"max_absolute_error", 0.0}}},
                       {"performance",
                        {{"latency_ms", trace.latency_us / 1000},
                         {"reference_latency_ms", 1.0},
                         {"speedup_factor", 1.0}}}}}};
  return line.dump() + "\n";
}

std::vector<EvaluationTrace> through_a_file(const std::string& definition, const std::string& name,
                                            const std::string& solution) {
  std::string text;
  for (const EvaluationTrace& trace : record_of(definition, name).traces) text += trace_line(trace, solution);
  return trace::parse_evaluation_traces(text, "traces.jsonl").value();
}

SolutionScore scored(const DefinitionFacts& facts, const std::vector<EvaluationTrace>& candidate,
                     const std::string& baseline) {
  const auto there = published(facts.name);
  return score_solution(facts, candidate, find_baseline({baseline}, facts.name, candidate, there).value())
      .value();
}

Result<std::string> pages_band(const trace::Axes& axes) {
  const int64_t pages = axes.at("max_num_pages");
  return std::string(pages <= 32 ? "1-32" : pages <= 36 ? "33-36" : pages <= 45 ? "37-45" : "82-91");
}

TEST(PublishedFigures, OfTheIndexerGiveThePublishedScores) {
  const DefinitionFacts facts{kIndexer, {}, pages_band};
  const auto score =
      scored(facts, through_a_file(kIndexer, "published:llm-cuda", "dsa_topk_v48"), "published:flashinfer");
  EXPECT_NEAR(score.score.value(), 44.3, 0.05);
  EXPECT_EQ(score.workloads.size(), 128u);
  EXPECT_EQ(score.win_rate, 1);
  EXPECT_EQ(score.solution, "dsa_topk_v48");
  struct Row {
    const char* name;
    int workloads;
    double baseline_us, candidate_us;
  };
  const std::vector<Row> rows = {{"1-32", 69, 143.8, 1.98},
                                 {"33-36", 18, 148.6, 12.43},
                                 {"37-45", 21, 149.3, 12.84},
                                 {"82-91", 20, 152.2, 17.46}};
  double long_ratios = 0, shares = 0;
  for (const Row& row : rows) {
    const auto band =
        std::find_if(score.bands.begin(), score.bands.end(), [&](auto& b) { return b.name == row.name; });
    ASSERT_NE(band, score.bands.end()) << row.name;
    EXPECT_EQ(band->workloads, row.workloads);
    EXPECT_NEAR(band->baseline_us, row.baseline_us, 0.06) << row.name;
    EXPECT_NEAR(band->candidate_us, row.candidate_us, 0.006) << row.name;
    shares += band->share;
    if (band->workloads != 69)
      long_ratios += band->ratio * band->workloads;
    else {
      EXPECT_NEAR(band->ratio, 72.9, 0.1);
      EXPECT_NEAR(band->share, 0.887, 0.003);  // the 69 short workloads carry nine tenths of the score
    }
  }
  EXPECT_NEAR(long_ratios / 59, 10.8, 0.05);
  EXPECT_NEAR(shares, 1, 1e-12);
  EXPECT_NEAR(scored(facts, through_a_file(kIndexer, "published:team-wombat", "w"), "published:flashinfer")
                  .score.value(),
              38.4, 0.05);
}

TEST(PublishedFigures, OfTheOthersGiveTheirPublishedRatios) {
  const DefinitionFacts decode{"gdn_decode_qk4_v8_d128_k_last", {}, {}};
  EXPECT_NEAR(scored(decode, through_a_file(decode.name, "published:llm-cuda", "x"), "published:flashinfer")
                  .score.value(),
              1.13, 0.005);
  // Of these FlashInfer's time per workload is not public.
  const std::vector<std::pair<std::string, double>> of_means = {
      {"gdn_prefill_qk4_v8_d128_k_last", 13.7},
      {"dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64", 29.8},
      {"moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048", 1.62}};
  for (const auto& [name, ratio] : of_means) {
    const auto score =
        scored({name, {}, {}}, through_a_file(name, "published:llm-cuda", "x"), "published:flashinfer");
    EXPECT_FALSE(score.score) << name;
    EXPECT_NEAR(score.ratio_of_means, ratio, 0.01 * ratio) << name;
    EXPECT_EQ(score.notes.size(), 1u) << name;
  }
}

// Two bands of one workload each; baseline 10 us, candidate 1 us and 10 us.
struct Small {
  DefinitionFacts facts{
      "d", {{"u0", {{"n", 1}}}, {"u1", {{"n", 9}}}}, [](const trace::Axes& axes) -> Result<std::string> {
        return std::string(axes.at("n") < 5 ? "small" : "large");
      }};
  std::vector<EvaluationTrace> traces = {make("fast_a", "u0", 1, 1), make("fast_a", "u1", 9, 10)};
  Baseline baseline{
      "flashinfer_x", "B200", {make("flashinfer_x", "u0", 1, 10), make("flashinfer_x", "u1", 9, 10)}, 0};

  static EvaluationTrace make(const std::string& solution, const std::string& uuid, int64_t n,
                              double latency_us) {
    return {"d", solution, uuid, {{"n", n}}, Status::kPassed, latency_us, "B200", "t.jsonl:1"};
  }
  SolutionScore score() const { return score_solution(facts, traces, baseline).value(); }
  std::string error() const {
    const auto score = score_solution(facts, traces, baseline);
    return score ? "scored" : score.error().message;
  }
};

TEST(Score, IsTheMeanOfRatiosAndEachBandCarriesItsPart) {
  const SolutionScore score = Small().score();
  EXPECT_DOUBLE_EQ(score.score.value(), 5.5);
  EXPECT_DOUBLE_EQ(score.win_rate, 0.5);
  EXPECT_DOUBLE_EQ(score.bands[0].share, 10.0 / 11);
  EXPECT_DOUBLE_EQ(score.ratio_of_means, 20.0 / 11);
}

TEST(Score, ATenthFasterAddsWhatTheTableSays) {
  Small faster;
  const SolutionScore before = faster.score();
  faster.traces[0].latency_us *= 0.9;
  EXPECT_NEAR(faster.score().score.value(), before.score.value() + before.bands[0].gain_of_a_tenth, 1e-9);
}

TEST(Score, OneFailedOrMissingWorkloadMakesItZero) {
  Small failed;
  failed.traces[1].status = Status::kTimeout;
  failed.traces[1].latency_us = 0;
  EXPECT_EQ(failed.score().score, 0);
  EXPECT_EQ(failed.score().workloads[1].problem, "TIMEOUT (t.jsonl:1)");
  EXPECT_DOUBLE_EQ(failed.score().mean_of_passed, 10);
  Small missing;
  missing.traces.pop_back();
  EXPECT_EQ(missing.score().score, 0);
  EXPECT_EQ(missing.score().workloads[1].problem, "missing");
  missing.facts.workloads.clear();  // without a dataset the baseline's workloads are taken for all
  EXPECT_EQ(missing.score().workloads[1].problem, "missing");
  Small only_mean;
  only_mean.baseline = {"published:x", "B200", {}, 10};
  EXPECT_FALSE(only_mean.score().score);
  only_mean.traces.pop_back();
  EXPECT_EQ(only_mean.score().score, 0);
}

TEST(Score, OfRepeatedTracesTheFastestCountsAndAnyFailure) {
  Small repeated;
  repeated.traces.push_back(Small::make("fast_a", "u1", 9, 5));
  EXPECT_DOUBLE_EQ(repeated.score().score.value(), 6);
  EXPECT_EQ(repeated.score().notes.size(), 1u);
  repeated.traces.push_back(repeated.traces.back());
  repeated.traces.back().status = Status::kRuntimeError;
  EXPECT_EQ(repeated.score().score, 0);
}

TEST(Score, WorkloadsThatTheBaselineDidNotPassAreLeftOutAndSaid) {
  Small small;
  small.baseline.traces[1].status = Status::kTimeout;
  small.baseline.traces[1].latency_us = 0;
  EXPECT_EQ(small.score().score, 10);
  ASSERT_EQ(small.score().notes.size(), 1u);
  EXPECT_EQ(small.score().notes[0], "1 workload left out: flashinfer_x has no passing trace there");
  small.baseline.traces.erase(small.baseline.traces.begin());
  EXPECT_EQ(small.error(), "d: 'fast_a' and the baseline 'flashinfer_x' have no workload in common");
}

TEST(Score, TimesOfUnlikeHardwareAreNeverDivided) {
  Small other;
  other.baseline.hardware = "H100";
  EXPECT_NE(other.error().find("'fast_a' was measured on B200, the baseline 'flashinfer_x' on H100"),
            std::string::npos)
      << other.error();
  Small mixed;
  mixed.traces[1].hardware = "H100";
  EXPECT_NE(mixed.error().find("t.jsonl:1: 'fast_a' was measured on H100 here and on B200 before"),
            std::string::npos)
      << mixed.error();
}

TEST(Score, ATrackCountsWhatItExpects) {
  const SolutionScore d = Small().score();
  SolutionScore better = d;
  better.score = 7;
  better.solution = "best";
  const rules::Track track{"B", "two kernels", {"d", "e"}};
  const auto tracks = score_tracks({track, {"A", "none", {"x"}}}, {d, better});
  ASSERT_EQ(tracks.size(), 1u);
  EXPECT_EQ(tracks[0].score, 3.5);
  EXPECT_EQ(tracks[0].best[0]->solution, "best");
  EXPECT_FALSE(tracks[0].best[1]);
  const std::string text = render_scores({d}, tracks, PerWorkload::kYes);
  EXPECT_NE(text.find("track B (two kernels): 3.50\n    d: 7.00 (best)\n    e: 0, no traces"),
            std::string::npos)
      << text;
  EXPECT_EQ(scores_to_json({d}, tracks)["tracks"][0]["score"], 3.5);
}

TEST(Baseline, IsFoundByNameByItsBeginOrAmongThePublished) {
  const Small small;
  std::vector<EvaluationTrace> traces = small.baseline.traces;
  traces.insert(traces.end(), small.traces.begin(), small.traces.end());
  EXPECT_EQ(find_baseline({"flashinfer"}, "d", traces, {})->name, "flashinfer_x");
  EXPECT_EQ(find_baseline({"nobody", "fast_a"}, "d", traces, {})->name, "fast_a");
  EXPECT_EQ(find_baseline({"nobody"}, "d", traces, {}).error().message,
            "d: no baseline 'nobody'; give --baseline one of: fast_a, flashinfer_x");
  traces.push_back(Small::make("flashinfer_y", "u0", 1, 3));
  EXPECT_EQ(
      find_baseline({"flashinfer"}, "d", traces, {}).error().message,
      "d: 'flashinfer' begins several solutions: flashinfer_x, flashinfer_y; give one name to --baseline");
}

TEST(PublishedFiles, AreStrict) {
  const std::string header =
      R"({"definition":"d","hardware":"B200","note":"n","records":{"x":{"solution":"s","measured":"m","source":"w"}}})"
      "\n";
  const auto error = [&](const std::string& line) {
    const auto parsed = parse_published(header + line, "p.jsonl");
    return parsed ? "accepted" : parsed.error().message;
  };
  EXPECT_EQ(error(R"({"uuid":"u","axes":{"n":1},"latency_us":{"x":2}})"), "accepted");
  EXPECT_EQ(error(R"({"uuid":"u","axes":{"n":1},"latency_us":{"y":2}})"),
            "p.jsonl:2: 'y' is no record of the first line");
  EXPECT_EQ(error(R"({"uuid":"u","axes":{"n":1},"latency_us":{"x":0}})"),
            "p.jsonl:2: the latency of 'x' must be a positive number");
  EXPECT_EQ(error(R"({"uuid":"u","axes":{"n":1},"latency_us":{}})"),
            "p.jsonl: record 'published:x' has 0 of 1 workloads");
}

}  // namespace
}  // namespace warpwright::score
