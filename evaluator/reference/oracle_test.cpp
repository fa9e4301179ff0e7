#include "evaluator/reference/oracle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "evaluator/reference/numeric.h"
#include "src/base/files.h"

namespace warpwright::reference {
namespace {

using trace::Definition;
using trace::LoadedDefinition;

LoadedDefinition load_decode() {
  ::unsetenv("FIB_DATASET_PATH");
  return trace::DatasetPath::open({}).value().load("gdn_decode_qk4_v8_d128_k_last").value();
}
rules::Rules load_rules_of(const LoadedDefinition& loaded) {
  return rules::load_rules(loaded, find_home().value()).value();
}
void set_axis(Definition& definition, const std::string& name, int64_t value) {
  for (trace::Axis& axis : definition.axes) {
    if (axis.name == name) axis.value = value;
  }
}
LoadedDefinition small_member(int64_t q_heads, int64_t v_heads, int64_t head_size) {
  LoadedDefinition loaded = load_decode();
  loaded.definition.name = "gdn_decode_small";
  set_axis(loaded.definition, "num_q_heads", q_heads);
  set_axis(loaded.definition, "num_k_heads", q_heads);
  set_axis(loaded.definition, "num_v_heads", v_heads);
  set_axis(loaded.definition, "head_size", head_size);
  return loaded;
}
trace::Workload workload_of(const Definition& definition, int64_t batch) {
  trace::Workload workload;
  workload.uuid = "test";
  workload.axes = {{"batch_size", batch}};
  for (const trace::Tensor& tensor : definition.inputs) workload.inputs[tensor.name] = {};
  return workload;
}

// The definition's own words, in the K x V view and with the three separate steps.
OracleOutputs by_definition(const Inputs& in, int64_t batch, int64_t q_heads, int64_t v_heads, int64_t d,
                            double scale) {
  const auto at = [&](const char* name, int64_t i) {
    const HostTensor& t = in.tensors.at(name);
    return load_element(t.dtype, t.data, static_cast<size_t>(i));
  };
  OracleOutputs out;
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t h = 0; h < v_heads; ++h) {
      const int64_t vh = n * v_heads + h, qh = n * q_heads + h / (v_heads / q_heads);
      const double g =
          std::exp(-std::exp(at("A_log", h)) * std::log(1 + std::exp(at("a", vh) + at("dt_bias", h))));
      const double beta = 1 / (1 + std::exp(-at("b", vh)));
      std::vector<std::vector<double>> s(d, std::vector<double>(d));  // [K][V]
      for (int64_t k = 0; k < d; ++k) {
        for (int64_t v = 0; v < d; ++v)
          s[k][v] = in.tensors.contains("state") ? g * at("state", (vh * d + v) * d + k) : 0;
      }
      for (int64_t v = 0; v < d; ++v) {
        double old = 0;
        for (int64_t k = 0; k < d; ++k) old += at("k", qh * d + k) * s[k][v];
        const double fresh = beta * at("v", vh * d + v) + (1 - beta) * old;
        for (int64_t k = 0; k < d; ++k) s[k][v] += at("k", qh * d + k) * (fresh - old);
      }
      for (int64_t v = 0; v < d; ++v) {
        double sum = 0;
        for (int64_t k = 0; k < d; ++k) {
          sum += at("q", qh * d + k) * s[k][v];
          out.values["new_state"].push_back(s[k][v]);
        }
        out.values["output"].push_back(scale * sum);
      }
    }
  }
  return out;
}

void expect_close(const OracleOutputs& actual, const OracleOutputs& expected) {
  for (const auto& [name, values] : expected.values) {
    ASSERT_EQ(actual.values.at(name).size(), values.size());
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(actual.values.at(name)[i], values[i], 1e-12 * (1 + std::abs(values[i])))
          << name << " " << i;
  }
}

TEST(GdnDecode, FollowsTheDefinitionForAnyHeadsAndSizes) {
  struct Member {
    int64_t q_heads, v_heads, head_size;
  };
  for (const Member& m : {Member{1, 1, 8}, Member{2, 6, 20}, Member{4, 8, 16}, Member{3, 3, 5}}) {
    const LoadedDefinition loaded = small_member(m.q_heads, m.v_heads, m.head_size);
    const rules::Rules rules = load_rules_of(loaded);
    const auto workload = workload_of(loaded.definition, 3);
    const Inputs inputs = make_inputs(loaded.definition, workload, rules, "", 1).value();
    const auto actual = find_oracle("gdn_decode")->run(loaded.definition, workload.axes, inputs).value();
    const double scale = static_cast<float>(rules.scalar_defaults.at("scale"));
    expect_close(actual, by_definition(inputs, 3, m.q_heads, m.v_heads, m.head_size, scale));
  }
}

TEST(GdnDecode, AnAbsentStateIsZerosAndANullScaleIsTheDefault) {
  const LoadedDefinition loaded = small_member(2, 4, 16);
  const rules::Rules rules = load_rules_of(loaded);
  auto workload = workload_of(loaded.definition, 2);
  workload.inputs.erase("state");
  workload.inputs["scale"] = {trace::WorkloadInput::Kind::kScalar, 0, true, "", "", ""};
  const Inputs inputs = make_inputs(loaded.definition, workload, rules, "", 1).value();
  EXPECT_FALSE(inputs.tensors.contains("state"));
  const auto actual = find_oracle("gdn_decode")->run(loaded.definition, workload.axes, inputs).value();
  expect_close(actual, by_definition(inputs, 2, 2, 4, 16, 0.25));
}

TEST(GdnDecode, StaysFiniteAtTheGatesExtremes) {
  const LoadedDefinition loaded = load_decode();
  const rules::Rules rules = load_rules_of(loaded);
  OracleCache cache;
  for (const rules::InputProfile& profile : rules.profiles) {
    const auto made = cache.get(loaded.definition, workload_of(loaded.definition, 2), rules, profile.name, 3);
    EXPECT_TRUE(made) << profile.name << ": " << made.error().message;
  }
}

TEST(GdnDecode, ContestInputsGiveOutputsOfTheCapturedSize) {
  const LoadedDefinition loaded = load_decode();
  OracleCache cache;
  const auto made =
      cache.get(loaded.definition, workload_of(loaded.definition, 4), load_rules_of(loaded), "contest", 1);
  double squares = 0;
  for (double value : made.value()->outputs.values.at("output")) squares += value * value;
  const double rms = std::sqrt(squares / (4 * 8 * 128));
  EXPECT_GT(rms, 5e-4);
  EXPECT_LT(rms, 5e-3);
}

TEST(GdnDecode, AxesOutsideTheFamilyAreRefused) {
  const LoadedDefinition loaded = small_member(3, 4, 16);  // 4 is no multiple of 3
  const rules::Rules rules = load_rules_of(loaded);
  OracleCache cache;
  EXPECT_FALSE(cache.get(loaded.definition, workload_of(loaded.definition, 1), rules, "", 1));
}

TEST(OracleCache, TheSameCaseIsMadeOnceAndOthersAreNotMixedUp) {
  const LoadedDefinition loaded = small_member(2, 4, 16);
  const rules::Rules rules = load_rules_of(loaded);
  const auto workload = workload_of(loaded.definition, 2);
  OracleCache cache;
  const auto first = cache.get(loaded.definition, workload, rules, "", 1).value();
  EXPECT_EQ(cache.get(loaded.definition, workload, rules, "", 1).value(), first);
  EXPECT_EQ(cache.hits(), 1);
  EXPECT_NE(cache.get(loaded.definition, workload, rules, "", 2).value(), first);
  EXPECT_NE(cache.get(loaded.definition, workload, rules, "gates", 1).value(), first);
  auto without_state = workload;
  without_state.inputs.erase("state");
  EXPECT_NE(cache.get(loaded.definition, without_state, rules, "", 1).value(), first);
  auto other_scale = workload;
  other_scale.inputs["scale"] = {trace::WorkloadInput::Kind::kScalar, 0.5, false, "", "", ""};
  EXPECT_NE(cache.get(loaded.definition, other_scale, rules, "", 1).value(), first);
  EXPECT_EQ(cache.hits(), 1);
}

TEST(OracleCache, KeepsToItsCapButAlwaysTheNewest) {
  const LoadedDefinition loaded = small_member(2, 4, 16);
  const rules::Rules rules = load_rules_of(loaded);
  const auto workload = workload_of(loaded.definition, 2);
  OracleCache cache(1);
  const auto first = cache.get(loaded.definition, workload, rules, "", 1).value();
  const auto second = cache.get(loaded.definition, workload, rules, "", 2).value();
  EXPECT_EQ(cache.bytes(), second->bytes());
  EXPECT_EQ(cache.get(loaded.definition, workload, rules, "", 2).value(), second);
  EXPECT_EQ(cache.get(loaded.definition, workload, rules, "", 1).value()->outputs, first->outputs);
}

TEST(OracleCache, AReferenceThatIsNotFiniteIsTheEvaluatorsError) {
  const LoadedDefinition loaded = small_member(2, 4, 16);
  rules::Rules rules = load_rules_of(loaded);
  rules.profiles[0].generators["state"] = {rules::Distribution::kConstant,
                                           {{"value", 1e39}}};  // beyond float
  OracleCache cache;
  const auto made = cache.get(loaded.definition, workload_of(loaded.definition, 1), rules, "", 1);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kInfrastructure);
}

}  // namespace
}  // namespace warpwright::reference
