// The strict tolerances of moe_fp8_block_scale, calibrated: the activation between the two products kept in
// bf16, or quantised to e4m3 with a scale for each block of 128, as every kernel does that runs the second
// product on FP8 tensor cores (FlashInfer's and DeepGEMM's do). What is routed otherwise must be outside.
#include "evaluator/validate/calibration.h"

namespace warpwright::validate {
namespace {

using namespace calibration;

enum class Between { kBf16, kE4m3 };

struct Kernel {
  const char* name = "bf16 between";
  Between between = Between::kBf16;
  bool drop_last_expert = false;  // the weakest of a token's
  bool bias_in_weights = false;
};

class Moe {
 public:
  Moe(const Case& c, const Kernel& kernel)
      : kernel_(kernel),
        tokens_(c.axis("seq_len")),
        experts_(c.axis("num_experts")),
        local_(c.axis("num_local_experts")),
        hidden_(c.axis("hidden_size")),
        inter_(c.axis("intermediate_size")),
        logits_(floats_of(c.inputs(), "routing_logits")),
        bias_(floats_of(c.inputs(), "routing_bias")),
        w13_(dequantised(c, "gemm1_weights", 2 * inter_, hidden_)),
        w2_(dequantised(c, "gemm2_weights", hidden_, inter_)),
        offset_(static_cast<int64_t>(c.inputs().scalars.at("local_expert_offset"))),
        scaling_(static_cast<float>(c.inputs().scalars.at("routed_scaling_factor"))) {
    x_ = floats_of(c.inputs(), "hidden_states");
    const Floats scales = floats_of(c.inputs(), "hidden_states_scale");
    for (int64_t t = 0; t < tokens_; ++t)
      for (int64_t i = 0; i < hidden_; ++i)
        x_[static_cast<size_t>(t * hidden_ + i)] *= scales[static_cast<size_t>(i / kBlock * tokens_ + t)];
  }

  Computed run() {
    std::vector<double> output;
    for (int64_t t = 0; t < tokens_; ++t) {
      const Floats sum = token(t);
      output.insert(output.end(), sum.begin(), sum.end());
    }
    return {{"output", output}};
  }

 private:
  static constexpr int64_t kBlock = 128;

  // Values times scales in float32: rounding of 2^-24, as in a kernel that scales sums of blocks.
  Floats dequantised(const Case& c, const std::string& name, int64_t rows, int64_t depth) const {
    Floats values = floats_of(c.inputs(), name);
    const Floats scales = floats_of(c.inputs(), name + "_scale");
    for (int64_t r = 0; r < local_ * rows; ++r)
      for (int64_t i = 0; i < depth; ++i)
        values[static_cast<size_t>(r * depth + i)] *=
            scales[static_cast<size_t>(r / kBlock * (depth / kBlock) + i / kBlock)];
    return values;
  }

  Floats token(int64_t t) {
    Floats sum(static_cast<size_t>(hidden_), 0);
    for (const auto& [expert, weight] : route(t)) {
      const int64_t e = expert - offset_;
      if (e < 0 || e >= local_) continue;
      const Floats c = activated(t, e);
      for (int64_t i = 0; i < hidden_; ++i)
        sum[static_cast<size_t>(i)] +=
            weight * dot(c.data(), &w2_[static_cast<size_t>((e * hidden_ + i) * inter_)], inter_);
    }
    return sum;
  }

  Floats activated(int64_t t, int64_t e) const {
    Floats c;
    const float* x = &x_[static_cast<size_t>(t * hidden_)];
    for (int64_t i = 0; i < inter_; ++i) {
      const float up = dot(x, &w13_[static_cast<size_t>((e * 2 * inter_ + i) * hidden_)], hidden_);
      const float gate = dot(x, &w13_[static_cast<size_t>((e * 2 * inter_ + inter_ + i) * hidden_)], hidden_);
      c.push_back(gate / (1 + fast_exp(-gate)) * up);
    }
    for (int64_t first = 0; first < inter_; first += kBlock) {
      float largest = 1e-30f;
      for (int64_t i = first; i < first + kBlock; ++i)
        largest = std::max(largest, std::abs(c[static_cast<size_t>(i)]));
      const float scale = largest / 448;
      for (int64_t i = first; i < first + kBlock; ++i) {
        float& value = c[static_cast<size_t>(i)];
        value = kernel_.between == Between::kBf16 ? to_bf16(value) : to_e4m3(value / scale) * scale;
      }
    }
    return c;
  }

  std::vector<std::pair<int64_t, float>> route(int64_t t) const {
    Floats score, biased;
    for (int64_t e = 0; e < experts_; ++e) {
      score.push_back(1 / (1 + fast_exp(-logits_[static_cast<size_t>(t * experts_ + e)])));
      biased.push_back(score.back() + bias_[static_cast<size_t>(e)]);
    }
    const int64_t groups = 8, size = experts_ / groups;
    std::vector<std::pair<float, int64_t>> group_scores, chosen;
    for (int64_t g = 0; g < groups; ++g) {
      Floats sorted(biased.begin() + g * size, biased.begin() + (g + 1) * size);
      std::sort(sorted.rbegin(), sorted.rend());
      group_scores.emplace_back(sorted[0] + sorted[1], g);
    }
    std::sort(group_scores.rbegin(), group_scores.rend());
    for (size_t g = 0; g < 4; ++g)
      for (int64_t e = group_scores[g].second * size; e < (group_scores[g].second + 1) * size; ++e)
        chosen.emplace_back(biased[static_cast<size_t>(e)], e);
    std::sort(chosen.rbegin(), chosen.rend());
    chosen.resize(8);
    float sum = 0;
    const auto weigh = [&](int64_t e) {
      return kernel_.bias_in_weights ? biased[static_cast<size_t>(e)] : score[static_cast<size_t>(e)];
    };
    for (const auto& [value, e] : chosen) sum += weigh(e);
    if (kernel_.drop_last_expert) chosen.pop_back();
    std::vector<std::pair<int64_t, float>> routed;
    for (const auto& [value, e] : chosen) routed.emplace_back(e, weigh(e) / (sum + 1e-20f) * scaling_);
    return routed;
  }

  const Kernel& kernel_;
  int64_t tokens_, experts_, local_, hidden_, inter_;
  Floats logits_, bias_, w13_, w2_, x_;
  int64_t offset_;
  float scaling_;
};

constexpr const char* kDefinition = "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048";

TEST(MoeCalibration, HonestKernelsPassByAFactorOfThree) {
  Family family(kDefinition);
  const Kernel plain, quantised{"e4m3 between", Between::kE4m3};
  for (const Case& c : family.cases("adversarial", {"model", "sparse", "one_expert"}, "seq_len", 20)) {
    if (c.profile == "model") family.expect_well_within(c, plain.name, Moe(c, plain).run());
    family.expect_well_within(c, quantised.name, Moe(c, quantised).run());
  }
}

TEST(MoeCalibration, OtherRoutingIsCaught) {
  Family family(kDefinition);
  Kernel dropping{"weakest expert dropped"}, biased{"biased weights"};
  dropping.drop_last_expert = true;
  biased.bias_in_weights = true;
  for (const Case& c : family.cases("adversarial", {"close_scores"}, "seq_len", 20))
    family.expect_caught(c, dropping.name, Moe(c, dropping).run());
  for (const Case& c : family.cases("adversarial", {"strong_bias"}, "seq_len", 20))
    family.expect_caught(c, biased.name, Moe(c, biased).run());
}

// One token of many hardly shows in the whole tensor's figures.
TEST(MoeCalibration, OneLostTokenIsCaught) {
  Family family(kDefinition);
  for (const Case& c : family.cases("adversarial", {"one_expert"}, "seq_len", 1000)) {
    Computed computed = {{"output", c.reference->outputs.values.at("output")}};
    EXPECT_TRUE(family.judge(c, computed).verdict.passed());
    const int64_t hidden = c.axis("hidden_size");
    std::fill_n(computed["output"].begin() + c.axis("seq_len") / 2 * hidden, hidden, 0.0);
    family.expect_caught(c, "one token lost", computed);
  }
}

}  // namespace
}  // namespace warpwright::validate
