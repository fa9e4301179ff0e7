// Every workload of every selection of every definition can tell a right answer from none.
#include "evaluator/validate/trivial.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "src/base/files.h"
#include "src/trace/dataset.h"

namespace warpwright::validate {
namespace {

// What a test can afford: a smaller cache (answers name its entries, or mix them), and experts at the size of
// `sim`.
constexpr int64_t kMostPages = 160;

class TrivialAnswers : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ::unsetenv("FIB_DATASET_PATH");
    loaded_ = trace::DatasetPath::open({}).value().load(GetParam()).value();
    rules_ = rules::load_rules(loaded_, find_home().value()).value();
    loaded_.definition = rules_.definition_for("sim", loaded_.definition).value();
  }
  reference::ReferenceCase make(rules::SelectedWorkload& selected) {
    trace::Workload& workload = selected.group.workload;
    if (workload.axes.contains("num_pages"))
      workload.axes["num_pages"] = std::min(workload.axes["num_pages"], kMostPages);
    reference::ReferenceCase made;
    made.inputs = reference::make_inputs(loaded_.definition, workload, rules_, selected.profile, 9).value();
    made.outputs =
        reference::find_oracle(rules_.oracle)->run(loaded_.definition, workload.axes, made.inputs).value();
    return made;
  }
  trace::LoadedDefinition loaded_;
  rules::Rules rules_;
};

TEST_P(TrivialAnswers, FailOnEveryWorkloadOfEverySelection) {
  for (const auto& [name, unused] : rules_.selections) {
    std::set<std::string> judged, bands;
    reference::OracleOutputs previous;
    auto workloads = rules_.select(name, loaded_).value();
    for (rules::SelectedWorkload& selected : workloads) {
      bands.insert(selected.band);
      const reference::ReferenceCase made = make(selected);
      const auto trivial = find_trivial_answer(loaded_.definition, selected.group.workload.axes, made, rules_,
                                               previous.values.empty() ? nullptr : &previous);
      if (rules_.find_profile(selected.profile)->answer_is_trivial) {
        EXPECT_TRUE(trivial) << name << ": " << selected.profile << " need not be exempt";
        continue;
      }
      EXPECT_EQ(trivial, std::nullopt)
          << name << " " << selected.group.workload.uuid << " " << selected.profile;
      previous = made.outputs;
      judged.insert(selected.band);
    }
    EXPECT_EQ(judged, bands) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Definitions, TrivialAnswers,
    testing::Values("gdn_decode_qk4_v8_d128_k_last", "gdn_prefill_qk4_v8_d128_k_last",
                    "dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64",
                    "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64",
                    "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048"),
    [](const auto& subject) { return std::string(subject.param); });

}  // namespace
}  // namespace warpwright::validate
