#include "src/rules/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "src/base/files.h"
#include "src/rules/rules_file.h"

namespace warpwright::rules {
namespace {

using trace::DatasetPath;
using trace::LoadedDefinition;

LoadedDefinition load(const std::vector<std::filesystem::path>& extra, std::string_view name) {
  ::unsetenv("FIB_DATASET_PATH");
  return DatasetPath::open(extra).value().load(name).value();
}
LoadedDefinition decode() {
  return load({}, "gdn_decode_qk4_v8_d128_k_last");
}
LoadedDefinition family_member() {
  return load({"src/rules/testdata/family"}, "gdn_decode_qk8_v16_d128_k_last");
}
Rules rules_of(const LoadedDefinition& loaded) {
  return load_rules(loaded, find_home().value()).value();
}

const std::string kMinimal = R"(definitions = ["d"]
[[band]]
name = "small"
when = "n <= 8"
[[profile]]
name = "first"
[profile.inputs]
q = { distribution = "unit_rows", norm = 2 }
)";

std::string error_of(const std::string& text) {
  const auto parsed = parse_rules_file(text, "r.toml");
  return parsed ? "accepted" : parsed.error().message;
}

TEST(RulesFile, ErrorsNameFileAndLine) {
  EXPECT_EQ(error_of(kMinimal), "accepted");
  EXPECT_EQ(error_of("definitions = [\"d\"]\noracel = \"x\"\n"),
            "r.toml:2: unknown key 'oracel'; known here: definitions, family, oracle, official, strict, "
            "timing, floor, "
            "scalars, band, profile, selection");
  EXPECT_EQ(error_of(kMinimal + "k = { distribution = \"gauss\" }\n").substr(0, 48),
            "r.toml:9: unknown distribution 'gauss'; there ar");
  EXPECT_EQ(error_of(kMinimal + "k = { distribution = \"normal\", sigma = 1 }\n"),
            "r.toml:9: unknown key 'sigma'; known here: distribution, mean, std");
  EXPECT_EQ(error_of(kMinimal + "[official]\natol = \"x\"\n"),
            "r.toml:10: key 'atol' must be a finite number");
  EXPECT_EQ(error_of(kMinimal + "[official]\nrtol = nan\n"), "r.toml:10: key 'rtol' must be a finite number");
  EXPECT_EQ(error_of(kMinimal + "[strict.y]\nscaled_max = 1\n"),
            "r.toml:9: key 'scaled_rms' is missing (expected a number)");
  EXPECT_EQ(error_of(kMinimal + "[selection.x]\ntake = \"some\"\n"),
            "r.toml:10: 'some' must be all, cheapest_of_each_band or cases");
  EXPECT_EQ(error_of(kMinimal + "[[selection.x.case]]\nprofiles = [\"other\"]\n"),
            "r.toml:10: unknown profile 'other'");
  EXPECT_EQ(error_of(kMinimal + "[timing]\niterations = 0\n"),
            "r.toml:10: 'iterations' must be a whole number from 1 to 10000");
  EXPECT_EQ(error_of(kMinimal + "[timing]\nwarmup = 1.5\n"),
            "r.toml:10: 'warmup' must be a whole number from 0 to 10000");
  EXPECT_EQ(error_of(kMinimal + "[floor]\nbytes = \"n\"\n"),
            "r.toml:10: unknown key 'bytes'; known here: bytes_read, bytes_written, flops");
  EXPECT_EQ(error_of("a = [1,"), "r.toml:1:8: Error while parsing array: encountered end-of-file");
  EXPECT_EQ(error_of("oracle = \"x\"\n"),
            "r.toml:1: needs 'definitions' (names) or a [family] to say whom the rules are for");
}

TEST(Rules, TheContestDecodeFallsIntoTwoBandsWithAllItsWeight) {
  const LoadedDefinition loaded = decode();
  const Rules rules = rules_of(loaded);
  EXPECT_EQ(rules.oracle, "gdn_decode");
  const auto all = rules.select("all", loaded).value();
  double small = 0, large = 0;
  for (const SelectedWorkload& selected : all) {
    (selected.band == "small" ? small : large) += selected.group.weight();
    EXPECT_EQ(selected.profile, "contest");
  }
  EXPECT_EQ(all.size(), 7u);
  EXPECT_EQ(small, 25);
  EXPECT_EQ(large, 29);
}

TEST(Rules, SmokeTakesTheCheapestOfEachBand) {
  const LoadedDefinition loaded = decode();
  const auto smoke = rules_of(loaded).select("smoke", loaded).value();
  ASSERT_EQ(smoke.size(), 2u);
  EXPECT_EQ(smoke[0].group.workload.axes.at("batch_size"), 1);
  EXPECT_EQ(smoke[1].group.workload.axes.at("batch_size"), 16);
}

TEST(Rules, AdversarialCoversEveryProfileWithDistinctNames) {
  const LoadedDefinition loaded = decode();
  const Rules rules = rules_of(loaded);
  std::set<std::string> profiles, uuids;
  bool other_scale = false;
  const auto cases = rules.select("adversarial", loaded).value();
  for (const SelectedWorkload& selected : cases) {
    profiles.insert(selected.profile);
    uuids.insert(selected.group.workload.uuid);
    EXPECT_EQ(selected.group.workload.inputs.contains("state"), selected.profile != "no_state");
    other_scale |= selected.group.workload.inputs.at("scale").kind == trace::WorkloadInput::Kind::kScalar;
  }
  EXPECT_EQ(profiles.size(), rules.profiles.size());
  EXPECT_EQ(uuids.size(), cases.size());
  EXPECT_TRUE(other_scale);
}

TEST(Rules, IndicesAreCheckedAgainstTheDataset) {
  const LoadedDefinition loaded = decode();
  const Rules rules = rules_of(loaded);
  const auto selected = rules.select("0,17,1", loaded).value();  // 0 and 1 are equal: one group
  ASSERT_EQ(selected.size(), 2u);
  EXPECT_EQ(selected[0].group.uuids.size(), 2u);
  EXPECT_EQ(rules.select("54", loaded).error().message,
            "selection '54': gdn_decode_qk4_v8_d128_k_last has workloads 0 to 53");
  for (const char* wrong : {"", "some", "1,", "-1", "1 2", "99999999999999999999"})
    EXPECT_FALSE(rules.select(wrong, loaded)) << wrong;
}

TEST(Rules, AnotherMemberOfTheFamilyNeedsNoFileOfItsOwn) {
  const LoadedDefinition loaded = family_member();
  const Rules rules = rules_of(loaded);
  EXPECT_EQ(rules.oracle, "gdn_decode");
  const auto all = rules.select("all", loaded).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].group.uuids.size(), 2u);
  EXPECT_EQ(all[1].band, "large");
}

TEST(Rules, ADefinitionOfNoFamilyGetsTheOfficialDefaults) {
  LoadedDefinition loaded = decode();
  loaded.definition.inputs.pop_back();  // other tensors: not this family
  const Rules rules = rules_of(loaded);
  EXPECT_TRUE(rules.oracle.empty());
  EXPECT_EQ(rules.official.atol, 1e-2);
  EXPECT_EQ(rules.select("all", loaded).value().front().band, "all");
  EXPECT_EQ(rules.generator_of(loaded.definition.inputs[0], "").distribution, Distribution::kNormal);
}

TEST(Rules, AProfileInheritsFromTheFirst) {
  const LoadedDefinition loaded = decode();
  const Rules rules = rules_of(loaded);
  const trace::Tensor& q = *loaded.definition.find_input("q");
  EXPECT_EQ(rules.generator_of(q, "no_state").distribution, Distribution::kUnitRows);
  EXPECT_EQ(rules.generator_of(q, "heavy_tails").parameter("norm"), 4);
  const trace::Tensor& state = *loaded.definition.find_input("state");
  EXPECT_EQ(rules.generator_of(state, "no_state").distribution, Distribution::kAbsent);
}

// A dataset's own rules, and the mistakes that show only against a definition.
class RulesFolder : public ::testing::Test {
 protected:
  RulesFolder() : folder_(TempDirectory::create().value()), loaded_(decode()) {
    loaded_.dataset = folder_.path();
    std::filesystem::create_directories(folder_.path() / "rules");
  }
  Result<Rules> load_with(const std::string& text) {
    EXPECT_TRUE(write_file_atomic(folder_.path() / "rules" / "r.toml",
                                  "definitions = [\"gdn_decode_qk4_v8_d128_k_last\"]\n" + text));
    return load_rules(loaded_, find_home().value());
  }
  std::string tail(const std::string& message) const {
    const std::string path = (folder_.path() / "rules" / "r.toml").string();
    return message.starts_with(path) ? message.substr(path.size()) : "not of r.toml: " + message;
  }
  TempDirectory folder_;
  LoadedDefinition loaded_;
};

TEST_F(RulesFolder, OfTheDatasetComesBeforeOurs) {
  EXPECT_EQ(load_with("[official]\natol = 0.5\n").value().official.atol, 0.5);
}

TEST_F(RulesFolder, NamesTheDefinitionLacksAreErrors) {
  EXPECT_EQ(tail(load_with("[strict.y]\nscaled_max = 1\nscaled_rms = 1\nscaled_bias = 1\n").error().message),
            ": strict tolerance of 'y': gdn_decode_qk4_v8_d128_k_last has no such name");
  EXPECT_EQ(
      tail(load_with("[[profile]]\nname = \"p\"\ninputs.q.distribution = \"absent\"\n").error().message),
      ": profile 'p': input 'q' is not optional, so it cannot be absent");
  EXPECT_FALSE(load_with("[[profile]]\nname = \"p\"\ninputs.x.distribution = \"normal\"\n"));
}

TEST_F(RulesFolder, TimingCountsAreTheContestsUnlessTheFileSaysOtherwise) {
  EXPECT_EQ(rules_of(loaded_).timing.iterations, 50);
  const TimingCounts counts = load_with("[timing]\nwarmup = 1\niterations = 5\n").value().timing;
  EXPECT_EQ(counts.warm_up, 1);
  EXPECT_EQ(counts.iterations, 5);
  EXPECT_EQ(counts.trials, 3);
}

TEST_F(RulesFolder, AFloorThatCannotBeComputedIsAnError) {
  EXPECT_TRUE(load_with("[floor]\nbytes_read = \"batch_size * 4\"\n"));
  EXPECT_EQ(tail(load_with("[floor]\nflops = \"batch * 4\"\n").error().message),
            ": floor: flops: column 1: unknown name 'batch'; known here: batch_size head_size num_k_heads "
            "num_q_heads "
            "num_v_heads seq_len");
  EXPECT_FALSE(load_with("[floor]\nflops = \"batch_size > 4\"\n"));
}

TEST_F(RulesFolder, BandsMustHoldEveryWorkloadOnce) {
  const std::string small = "[[band]]\nname = \"small\"\nwhen = \"batch_size <= 8\"\n";
  EXPECT_EQ(tail(load_with(small).value().select("all", loaded_).error().message),
            ": no band holds the workload batch_size=16");
  const std::string all = "[[band]]\nname = \"any\"\nwhen = \"batch_size > 0\"\n";
  EXPECT_EQ(tail(load_with(small + all).value().select("all", loaded_).error().message),
            ": the workload batch_size=1 is in more than one band: small, any");
  const std::string wrong = "[[band]]\nname = \"bad\"\nwhen = \"batch <= 8\"\n";
  EXPECT_FALSE(load_with(wrong).value().select("all", loaded_));
}

TEST_F(RulesFolder, ReducedCasesCarryTheWeightOfThoseTheyStandFor) {
  const std::string two =
      "[[selection.sim.case]]\naxes = { batch_size = 2 }\nstands_for = \"batch_size <= 8\"\n"
      "[[selection.sim.case]]\naxes = { batch_size = 20 }\nstands_for = \"batch_size > ";
  const auto selected = load_with(two + "8\"\n").value().select("sim", loaded_).value();
  ASSERT_EQ(selected.size(), 2u);
  EXPECT_EQ(selected[0].group.weight(), 25);
  EXPECT_EQ(selected[1].group.weight(), 29);
  EXPECT_EQ(selected[1].group.workload.axes.at("batch_size"), 20);
  EXPECT_GT(selected[1].group.workload.inputs.at("scale").scalar, 0);
  EXPECT_FALSE(load_with(two + "7\"\n").value().select("sim", loaded_));   // 8 twice
  EXPECT_FALSE(load_with(two + "16\"\n").value().select("sim", loaded_));  // 16 left out
}

TEST_F(RulesFolder, ConstantsScaleTheDefinitionOfTheirSelectionOnly) {
  const std::string small =
      "[selection.sim]\nconstants = { head_size = 32 }\n[[selection.sim.case]]\naxes = { batch_size = "
      "\"head_size / 16\" }\n";
  const Rules rules = load_with(small).value();
  const trace::Definition scaled = rules.definition_for("sim", loaded_.definition).value();
  EXPECT_EQ(scaled.find_axis("head_size")->value, 32);
  EXPECT_EQ(scaled.shape_of(*scaled.find_input("q"), {{"batch_size", 2}}).value(),
            (std::vector<int64_t>{2, 1, 4, 32}));
  EXPECT_EQ(rules.definition_for("all", loaded_.definition).value().find_axis("head_size")->value, 128);
  EXPECT_EQ(rules.definition_for("0,3", loaded_.definition).value().find_axis("head_size")->value, 128);
  LoadedDefinition loaded = loaded_;
  loaded.definition = scaled;
  EXPECT_EQ(rules.select("sim", loaded).value().front().group.workload.axes.at("batch_size"), 2);
  EXPECT_EQ(rules.select("sim", loaded_).value().front().group.workload.axes.at("batch_size"), 8);
}

TEST_F(RulesFolder, ConstantsThatTheDefinitionLacksAreErrors) {
  const std::string a_case = "[[selection.sim.case]]\naxes = { batch_size = 1 }\n";
  EXPECT_EQ(tail(load_with("[selection.sim]\nconstants = { batch_size = 2 }\n" + a_case).error().message),
            ": selection 'sim': constants: 'batch_size' is not a constant axis of "
            "gdn_decode_qk4_v8_d128_k_last");
  EXPECT_EQ(tail(load_with("[selection.sim]\nconstants = { head_size = 0 }\n" + a_case).error().message),
            ":3: 'head_size' must be positive");
  EXPECT_EQ(
      tail(load_with("[selection.sim]\nconstants = { head_size = 64 }\ntake = \"all\"\n").error().message),
      ":3: the dataset's workloads are of the definition's own size: 'constants' goes with [[case]]");
}

TEST_F(RulesFolder, AProfileTakesTheWorkloadsItNames) {
  const std::string uuid = loaded_.workloads[12].uuid;
  const Rules rules =
      load_with("[[profile]]\nname = \"first\"\n[[profile]]\nname = \"other\"\nworkloads = [\"" + uuid +
                "\"]\n")
          .value();
  const auto all = rules.select("all", loaded_).value();
  ASSERT_EQ(all.size(), 8u);  // seven batch sizes, and one workload apart from its equals
  const auto own = std::find_if(all.begin(), all.end(), [](const auto& w) { return w.profile == "other"; });
  ASSERT_NE(own, all.end());
  EXPECT_EQ(own->group.uuids, std::vector<std::string>{uuid});
  EXPECT_EQ(own[-1].group.weight(), 7);  // in the order of the dataset
}

TEST_F(RulesFolder, AProfileWithATrivialAnswerNeedsOthersBesideIt) {
  const std::string profiles =
      "[[profile]]\nname = \"first\"\n[[profile]]\nname = \"nothing\"\nanswer_is_trivial = true\n";
  const std::string alone =
      profiles + "[[selection.x.case]]\naxes = { batch_size = 1 }\nprofiles = [\"nothing\"]\n";
  EXPECT_EQ(tail(load_with(alone).error().message),
            ": selection 'x': only cases whose answer is trivial: nothing would be proven");
  EXPECT_TRUE(load_with(alone + "[[selection.x.case]]\naxes = { batch_size = 2 }\n"));
  EXPECT_FALSE(load_with("[[profile]]\nname = \"nothing\"\nanswer_is_trivial = true\n"));
}

TEST_F(RulesFolder, AStructuredInputNeedsItsAxes) {
  EXPECT_EQ(
      tail(load_with("[[profile]]\nname = \"p\"\ninputs.q.distribution = \"seq_lens\"\n").error().message),
      ": profile 'p': input 'q': seq_lens needs the axis 'max_num_pages'");
}

// The contest's four other definitions: rules are found by family, and every workload has its place.
struct Expected {
  std::string name, oracle;
  size_t workloads;
  std::map<std::string, double> bands;  // weights
};
class ContestRules : public ::testing::TestWithParam<Expected> {};

TEST_P(ContestRules, EveryWorkloadIsInOneBandAndInOneCaseOfSim) {
  const LoadedDefinition loaded = load({}, GetParam().name);
  const Rules rules = rules_of(loaded);
  EXPECT_EQ(rules.oracle, GetParam().oracle);
  EXPECT_EQ(loaded.workloads.size(), GetParam().workloads);
  std::map<std::string, double> all, sim;
  for (const auto& workload : rules.select("all", loaded).value())
    all[workload.band] += workload.group.weight();
  for (const auto& workload : rules.select("sim", loaded).value())
    sim[workload.band] += workload.group.weight();
  EXPECT_EQ(all, GetParam().bands);
  EXPECT_EQ(sim, all) << "reduced cases lie in the bands of those they stand for";
  for (const char* selection : {"smoke", "adversarial"})
    EXPECT_GT(rules.select(selection, loaded).value().size(), 1u) << selection;
}

INSTANTIATE_TEST_SUITE_P(
    Definitions, ContestRules,
    ::testing::Values(Expected{"gdn_prefill_qk4_v8_d128_k_last",
                               "gdn_prefill",
                               100,
                               {{"tiny", 28}, {"short", 28}, {"long", 26}, {"packed", 18}}},
                      Expected{"dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64",
                               "dsa_sparse_attention",
                               23,
                               {{"few", 9}, {"many", 14}}},
                      Expected{"dsa_topk_indexer_fp8_h64_d128_topk2048_ps64",
                               "dsa_topk_indexer",
                               128,
                               {{"all_fit", 69}, {"just_over", 18}, {"medium", 21}, {"long", 20}}},
                      Expected{"moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048",
                               "moe_fp8_block_scale",
                               19,
                               {{"one", 1}, {"few", 15}, {"many", 3}}}),
    [](const auto& definition) { return definition.param.oracle; });

TEST(Rules, MembersOfTheFamiliesWithOtherConstantsFindTheirCasesToo) {
  struct Member {
    std::string of, name;
    trace::Axes constants;
  };
  const std::vector<Member> members = {{"gdn_prefill_qk4_v8_d128_k_last",
                                        "gdn_prefill_qk16_v32_d128_k_last",
                                        {{"num_q_heads", 16}, {"num_v_heads", 32}}},
                                       {"dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64",
                                        "dsa_sparse_attention_h16_ckv512_kpe64_topk256_ps1",
                                        {{"topk", 256}, {"page_size", 1}}},
                                       {"dsa_topk_indexer_fp8_h64_d128_topk2048_ps64",
                                        "dsa_topk_indexer_fp8_h64_d128_topk256_ps1",
                                        {{"topk", 256}, {"page_size", 1}}},
                                       {"moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048",
                                        "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e16_h4096_i1024",
                                        {{"num_local_experts", 16}, {"hidden_size", 4096}}}};
  for (const Member& member : members) {
    LoadedDefinition loaded = load({}, member.of);
    loaded.definition.name = member.name;
    for (trace::Axis& axis : loaded.definition.axes)
      if (member.constants.contains(axis.name)) axis.value = member.constants.at(axis.name);
    const Rules rules = rules_of(loaded);
    EXPECT_FALSE(rules.oracle.empty()) << member.name;
    for (const char* selection : {"smoke", "sim", "all", "adversarial"}) {
      const auto selected = rules.select(selection, loaded);
      EXPECT_TRUE(selected) << selected.error().message;
    }
  }
}

}  // namespace
}  // namespace warpwright::rules
