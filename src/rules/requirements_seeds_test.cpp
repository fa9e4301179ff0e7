// The short way to a verdict on knob values agrees with binding the whole plan, for every shipped seed.
#include "src/plan/requirements.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "src/base/files.h"
#include "src/base/rng.h"
#include "src/plan/compose.h"
#include "src/rules/rules.h"
#include "src/rules/workload_binding.h"
#include "src/trace/dataset.h"

namespace warpwright::rules {
namespace {

namespace fs = std::filesystem;

bool fails_when_bound(const plan::Plan& plan, const trace::Definition& definition, plan::BindInputs inputs,
                      const KnobValues& knobs) {
  inputs.knobs = knobs;
  const auto bound = plan::bind(plan, definition, inputs);
  return !bound && std::any_of(bound.error().begin(), bound.error().end(), [](const plan::Diagnostic& d) {
    return d.message.starts_with("the requirement does not hold");
  });
}

// Now and then one is left out, has a value that is not declared, or is not the plan's.
KnobValues draw_knobs(const std::vector<plan::Knob>& declared, Rng& rng) {
  KnobValues knobs;
  for (const plan::Knob& knob : declared)
    if (rng.below(16) != 0) knobs[knob.name] = knob.values[rng.below(knob.values.size())];
  if (rng.below(16) == 0) knobs[declared.empty() ? "NOBODYS" : declared.front().name] = "77777";
  if (rng.below(32) == 0) knobs["NOBODYS"] = "1";
  return knobs;
}

struct Case {
  std::string name, text;
};

class RequirementsOfSeeds : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto dataset = trace::DatasetPath::open({});
    ASSERT_TRUE(dataset) << dataset.error().message;
    auto loaded = dataset->load(GetParam());
    ASSERT_TRUE(loaded) << loaded.error().message;
    loaded_ = std::move(*loaded);
    const auto rules = load_rules(loaded_, fs::current_path());
    ASSERT_TRUE(rules) << rules.error().message;
    const auto all = rules->select("all", loaded_);
    ASSERT_TRUE(all) << all.error().message;
    for (const SelectedWorkload& selected : *all)
      workloads_.push_back(bind_inputs(loaded_.definition, selected.group.workload, *rules, {}, {}));
    for (const auto& entry : fs::directory_iterator(fs::path("seeds") / GetParam()))
      if (entry.path().extension() == ".cu")
        cases_.push_back({entry.path().stem(), *read_file(entry.path())});
    std::sort(cases_.begin(), cases_.end(), [](const Case& a, const Case& b) { return a.name < b.name; });
    ASSERT_GE(cases_.size(), 2u);
  }

  // Both verdicts over many draws; how often knobs were refused.
  int compare(const Case& one) {
    const auto split = plan::split_source(one.text);
    EXPECT_TRUE(split) << one.name;
    const auto plan = plan::parse_plan(*split, loaded_.definition);
    EXPECT_TRUE(plan) << one.name;
    Rng rng = Rng::stream(7, one.name);
    int refused = 0;
    for (int draw = 0; draw < 60; ++draw) {
      const KnobValues knobs = draw_knobs(plan->knobs(), rng);
      // A few workloads at a time, so that it matters which of them are asked.
      std::vector<plan::BindInputs> some;
      for (int i = 0; i < 4; ++i) some.push_back(workloads_[rng.below(workloads_.size())]);
      const bool fails = std::any_of(some.begin(), some.end(), [&](const plan::BindInputs& inputs) {
        return fails_when_bound(*plan, loaded_.definition, inputs, knobs);
      });
      EXPECT_EQ(plan::meets_requirements(*plan, loaded_.definition, some, knobs), !fails)
          << one.name << ", draw " << draw;
      refused += fails ? 1 : 0;
    }
    return refused;
  }

  trace::LoadedDefinition loaded_;
  std::vector<plan::BindInputs> workloads_;
  std::vector<Case> cases_;
};

TEST_P(RequirementsOfSeeds, VerdictsAreThoseOfBindingTheWholePlan) {
  for (const Case& one : cases_) compare(one);
}

// Some of these `require` depend on the workload, stand in branches or behind launches, or are never reached.
TEST_P(RequirementsOfSeeds, VerdictsHoldForRequirementsInOddPlaces) {
  const std::string axis =
      std::find_if(loaded_.definition.axes.begin(), loaded_.definition.axes.end(), [](const trace::Axis& a) {
        return !a.is_constant;
      })->name;
  int refused = 0;
  for (const Case& one : cases_) {
    const auto end = one.text.find("*/");
    const auto begin = one.text.find("/*@plan") + 7;
    for (const std::string& statement : {
             "require " + axis + " % 2 == 0;",
             "if (" + axis + " > 8) { require " + axis + " % 3 != 0; } else { require " + axis + " > 2; }",
             "const int odd_one = 100 / (" + axis + " % 2);\nrequire odd_one < 0;",
         }) {
      refused +=
          compare({one.name + " after: " + statement, std::string(one.text).insert(end, statement + "\n")});
      refused += compare(
          {one.name + " before: " + statement, std::string(one.text).insert(begin, "\n" + statement + "\n")});
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_P(RequirementsOfSeeds, VerdictsHoldForAComposition) {
  const std::string axis =
      std::find_if(loaded_.definition.axes.begin(), loaded_.definition.axes.end(), [](const trace::Axis& a) {
        return !a.is_constant;
      })->name;
  const std::vector<plan::Part> parts = {{"one", axis + " <= 8", cases_[0].text, {}},
                                         {"other", axis + " > 8", cases_[1].text, {}}};
  const auto composed = plan::compose(parts, loaded_.definition, workloads_);
  ASSERT_TRUE(composed) << composed.error().message;
  compare({"composed", *composed});
}

INSTANTIATE_TEST_SUITE_P(Shipped, RequirementsOfSeeds,
                         ::testing::Values("gdn_decode_qk4_v8_d128_k_last", "gdn_prefill_qk4_v8_d128_k_last",
                                           "dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64",
                                           "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64",
                                           "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048"));

}  // namespace
}  // namespace warpwright::rules
