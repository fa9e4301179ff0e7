// The codec: every event survives the way to disk and back; damage is an error, not a crash.
#include <gtest/gtest.h>

#include "src/events/event_text.h"
#include "src/events/run_view.h"

namespace warpwright::events {
namespace {

ResultSummary sample_summary() {
  ResultSummary s;
  s.status = Status::kPassed;
  s.stage = Stage::kTime;
  s.message = "fine";
  s.identity = "id";
  s.launches = 2;
  s.kernels = {{"k<4>", 40, 0, 1024, 2048, 256}, {"merge", 64, 8, 0, 0, 128}};
  s.workloads = {{"u0", {{"batch_size", 8}}, "small", 3, Status::kPassed, 12.5, 0.25}};
  s.measure = {"sim", "b200", "sim-estimate", "contest"};
  return s;
}

std::vector<Event> one_of_each() {
  RunStarted started;
  started.definition = "gdn";
  started.seed = 0xffffffffffffffffull;
  started.config_json = R"({"a":1})";
  started.search.operators = {{"tune", 1.0}, {"scripted", 2.5}};
  started.search.operator_limits = {{"scripted", 7}};
  started.search.roles = {{"proposer", {{"fast", 2.0}, {"strong", 1.0}}}};
  started.search.operator_roles = {{"diff", "proposer"}};
  started.seeds = {{"plain.cu", "hash0"}, {"good.cu", "hash1"}};
  const Origin origin{"tune", 2, CandidateId{3}, {0, 1}};
  return {started,
          ModelRequested{4, origin, 9, "proposer", "fast", "prompt"},
          ModelAnswered{4, "scripted", "file", "stop", "", "reply", 10, 20},
          Proposed{5, origin, "src", {{"S", "8"}}, {{"S", {"8", "16"}, "16"}}, "S 16 -> 8"},
          ProposalFailed{6, ProposalFailed::Kind::kDiffRefused, "block 2"},
          Compiled{5, "identity", "key"},
          EvaluationFinished{5, "key", "report", sample_summary()},
          Abandoned{7, 3, "worker died"},
          Applied{5, "key", CandidateId{2}, Status::kPassed, 1.25},
          Migrated{40, {{5, 0, 1}, {6, 1, 2}}},
          RunPaused{"Ctrl-C"},
          RunResumed{"0.1.0"},
          RunFinished{"budget"},
          DuelFinished{9, 5, "FASTER", 0.9, 0.88, 0.92, 0.01, 120, "clear", "report"},
          CallStarted{4, 1, 2, "fast", 1500, 900},
          CallFailed{4, 1, 2, "fast", "overloaded", "busy", 529, 20, 30, true, true},
          FollowUpAsked{4, 1, "prompt", "block 2 does not apply"},
          Researched{8, {{"split the row", Lesson::Outcome::kOpen, "c0003 waits on memory", "k,merge/2", 8}}},
          RunForked{"runs/a", 12, 7, "{}", "library", started.search},
          RacePlanned{30, {1.5, {{"w1", 2, 10.5, 3}}}},
          Stagnated{60, 1, "reset", 2.5, "fast", {3, 5}},
          FinalistMeasured{5, sample_summary(), "report"},
          LedgerNoted{parse_json(R"({"seconds":{"busy":3.5}})", "t").value()}};
}

TEST(Events, EveryKindSurvivesTheWayToDiskAndBack) {
  const auto events = one_of_each();
  ASSERT_EQ(events.size(), std::variant_size_v<Event>);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].index(), i) << "one_of_each must follow the variant";
    const std::string text = dump_json(to_json(events[i]));
    auto back = event_from_json(kind_of(events[i]), parse_json(text, "test").value());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->index(), i);
    EXPECT_EQ(to_json_text(events[i]), text);
    EXPECT_EQ(dump_json(to_json(*back)), text);
  }
}

// Of what the texts may hold: what a compiler or a model wrote.
TEST(Events, AnEvaluationsTextIsTheDumpOfItsTree) {
  ResultSummary summary = sample_summary();
  summary.lost_race = true;
  summary.race_bound = 0.1;
  summary.rule = "rule";
  for (const char* message :
       {"", "a \"quoted\" \\ line\nand\ta\x01 tab", "\xc3\xa4 umlaut", "not UTF-8: \xff\xfe", "\x7f"})
    for (const double number : {0.0, -0.0, 1.0, 1e300, 1.0 / 3, 5e-324, 12345678901234.5, 1e15, 1e17}) {
      summary.message = message;
      summary.workloads[0].latency_us = number;
      const Event event = EvaluationFinished{5, "key", "report", summary};
      const std::string text = to_json_text(event);
      EXPECT_EQ(text, dump_json(parse_json(text, "test").value()));
      const auto back = event_from_json(kind_of(event), parse_json(text, "test").value());
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_EQ(to_json_text(*back), text);
      const auto& read = std::get<EvaluationFinished>(*back).summary;
      EXPECT_EQ(read.workloads[0].latency_us, number);
      EXPECT_EQ(read.race_bound, 0.1);
    }
}

TEST(Events, DecodedFieldsAreTheWrittenOnes) {
  auto proposed = event_from_json("proposed/1", to_json(one_of_each()[3])).value();
  const auto& p = std::get<Proposed>(proposed);
  EXPECT_EQ(p.ticket, 5);
  EXPECT_EQ(p.origin.parent, CandidateId{3});
  EXPECT_EQ(p.knobs.at("S"), "8");
  EXPECT_EQ(p.declared_knobs.at(0).values, (std::vector<std::string>{"8", "16"}));
  auto finished = event_from_json("evaluation-finished/1", to_json(one_of_each()[6])).value();
  const ResultSummary& s = std::get<EvaluationFinished>(finished).summary;
  EXPECT_EQ(s.measure, sample_summary().measure);
  EXPECT_EQ(s.workloads.at(0).latency_us, 12.5);
  EXPECT_EQ(s.workloads.at(0).axes.at("batch_size"), 8);
  EXPECT_EQ(feature_value(s, "registers"), 64);
  EXPECT_EQ(feature_value(s, "shared_bytes"), 3072);
  EXPECT_EQ(feature_value(s, "threads_per_block"), 256);
  EXPECT_EQ(feature_value(s, "launches"), 2);
  auto started = event_from_json("run-started/1", to_json(one_of_each()[0])).value();
  EXPECT_EQ(std::get<RunStarted>(started).seed, 0xffffffffffffffffull);
  EXPECT_EQ(std::get<RunStarted>(started).search.operator_limits.at("scripted"), 7);
  EXPECT_EQ(std::get<RunStarted>(started).search.roles.at("proposer").at("fast"), 2.0);
  auto failed = event_from_json("call-failed/1", to_json(one_of_each()[15])).value();
  EXPECT_EQ(std::get<CallFailed>(failed).http_status, 529);
  EXPECT_TRUE(std::get<CallFailed>(failed).is_final);
  auto researched = event_from_json("researched/1", to_json(one_of_each()[17])).value();
  EXPECT_EQ(std::get<Researched>(researched).lessons.at(0).structure, "k,merge/2");
}

TEST(Events, DamageIsAnErrorThatNamesTheKey) {
  EXPECT_NE(event_from_json("proposed/9", Json::object()).error().message.find("another version"),
            std::string::npos);
  for (const Event& event : one_of_each()) {
    const Json whole = to_json(event);
    for (const auto& [key, value] : whole.items()) {
      Json broken = whole;
      broken[key] = Json::array({Json::object()});  // a type no key has
      auto result = event_from_json(kind_of(event), broken);
      EXPECT_FALSE(result) << kind_of(event) << " accepted a broken " << key;
    }
    EXPECT_FALSE(event_from_json(kind_of(event), Json::array()));
  }
}

TEST(Events, SettingsRefuseWhatTheyDoNotKnow) {
  auto error_of = [](const char* text) {
    auto result = search_settings_from_json(parse_json(text, "t").value(), "run.toml: search");
    return result ? std::string("accepted") : result.error().message;
  };
  EXPECT_NE(error_of(R"({"windw": 3})").find("unknown key 'windw'"), std::string::npos);
  EXPECT_NE(error_of(R"({"window": 0})").find("'window'"), std::string::npos);
  EXPECT_NE(error_of(R"({"dimensions": [{"feature": "beauty", "edges": []}]})").find("beauty"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"dimensions": [{"feature": "launches", "edges": [3, 2]}]})").find("ascend"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"operators": {"tune": -1}})").find("tune"), std::string::npos);
  EXPECT_NE(error_of(R"({"exploration": 0, "exploitation": 0, "elite": 0})").find("all 0"),
            std::string::npos);
  auto defaults = search_settings_from_json(Json::object(), "t").value();
  SearchSettings of_old_journals;
  of_old_journals.best_settings = false;
  of_old_journals.diverse_inspirations = 0;
  of_old_journals.portfolio = 0;
  of_old_journals.population_size = 0;
  of_old_journals.share_near_duplicates = false;
  of_old_journals.tuning_budget = 0;
  of_old_journals.race_margin = 0;
  of_old_journals.stagnation_after = 0;
  EXPECT_EQ(dump_json(to_json(defaults)), dump_json(to_json(of_old_journals)));
}

TEST(Events, CandidateIdsReadAsTheyAreWritten) {
  EXPECT_EQ(format_candidate_id(17), "c0017");
  for (const char* text : {"c0017", "c17", "17"}) EXPECT_EQ(parse_candidate_id(text), CandidateId{17});
  for (const char* text : {"", "c", "c-1", "17x", "99999999999999999999"})
    EXPECT_FALSE(parse_candidate_id(text));
}

TEST(Events, LineageEndsAtASeedEvenOnADamagedRecord) {
  RunView view;
  view.candidates[0] = {};
  view.candidates[4].id = 4;
  view.candidates[4].origin.parent = 0;
  view.candidates[9].id = 9;
  view.candidates[9].origin.parent = 4;
  EXPECT_EQ(lineage(view, 9), (std::vector<CandidateId>{9, 4, 0}));
  view.candidates[4].origin.parent = 9;  // a cycle
  EXPECT_EQ(lineage(view, 9), (std::vector<CandidateId>{9, 4}));
}

}  // namespace
}  // namespace warpwright::events
