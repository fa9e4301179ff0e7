// The strict tolerances of gdn_decode, calibrated: an honest float32 kernel stays inside by a factor of three
// on every profile, and what saves work by doing less or in a lower precision is outside on the contest's
// own. PRINT_CALIBRATION=1 prints the table.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "evaluator/reference/numeric.h"
#include "evaluator/validate/compare.h"
#include "evaluator/validate/trivial.h"
#include "src/base/files.h"

namespace warpwright::validate {
namespace {

using reference::float_from_bf16;
using reference::Inputs;

// --- a GPU kernel's float32 arithmetic, with the errors of its fast functions ---

float fast_exp(float x) {  // ex2.approx of a rounded product: 2 units in the last place
  const float result = std::exp2(x * 1.44269504f);
  return std::nextafter(std::nextafter(result, 2 * result), 2 * result);
}
float fast_log(float x) {  // lg2.approx: absolute error 2^-22 near 1
  return std::round(std::log2(x) * 0x1p22f) * 0x1p-22f * 0.693147181f;
}
// 32 lanes hold every 32nd element; partial sums meet in a butterfly of shuffles.
float warp_dot(const float* x, const float* y, int n) {
  float lanes[32] = {};
  for (int i = 0; i < n; ++i) lanes[i % 32] = std::fma(x[i], y[i], lanes[i % 32]);
  for (int distance = 16; distance > 0; distance /= 2) {
    float next[32];
    for (int lane = 0; lane < 32; ++lane) next[lane] = lanes[lane] + lanes[lane ^ distance];
    std::memcpy(lanes, next, sizeof lanes);
  }
  return lanes[0];
}

float keep(float x) {
  return x;
}
float to_bf16(float x) {
  return float_from_bf16(reference::bf16_from_float(x));
}
float to_half(float x) {
  return reference::float_from_f16(reference::f16_from_float(x));
}
float to_tf32(float x) {  // 10 bits of mantissa, as tensor cores read float32
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x0fffu + ((bits >> 13) & 1u)) & ~0x1fffu;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

// What a kernel may do differently.
struct Variant {
  const char* name = "honest";
  float (*round_state)(float) = keep;    // the state as kept and updated
  float (*round_operand)(float) = keep;  // the state as read by the dot products
  bool fused_output = false;             // output from the old state: no second pass over it
  bool drop_decay = false, drop_beta = false, skip_last_row = false, truncate_output = false;
  bool next_head = false, default_scale = false;
};

struct Result {
  std::vector<std::byte> output, new_state;
};

constexpr int kQ = 4, kV = 8, kD = 128;

std::vector<float> floats_of(const Inputs& inputs, const char* name) {
  const reference::HostTensor& tensor = inputs.tensors.at(name);
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(reference::load_element(tensor.dtype, tensor.data, i));
  return values;
}

class Kernel {
 public:
  Kernel(const Inputs& inputs, int batch, const Variant& variant)
      : v_(variant),
        batch_(batch),
        q_(floats_of(inputs, "q")),
        k_(floats_of(inputs, "k")),
        value_(floats_of(inputs, "v")),
        a_log_(floats_of(inputs, "A_log")),
        a_(floats_of(inputs, "a")),
        dt_bias_(floats_of(inputs, "dt_bias")),
        b_(floats_of(inputs, "b")),
        scale_(variant.default_scale ? 0.0883883461f : static_cast<float>(inputs.scalars.at("scale"))) {
    if (inputs.tensors.contains("state")) state_ = floats_of(inputs, "state");
  }

  Result run() {
    result_.output.resize(static_cast<size_t>(batch_) * kV * kD * 2);
    result_.new_state.resize(static_cast<size_t>(batch_) * kV * kD * kD * 4);
    for (int index = 0; index < batch_ * kV; ++index) head(index);
    return std::move(result_);
  }

 private:
  void head(int index) {
    const int h = v_.next_head ? (index + 1) % kV : index % kV;
    const int qk = (index / kV) * kQ + h * kQ / kV;
    const float x = a_[index] + dt_bias_[index % kV];
    const float softplus = x > 20 ? x : fast_log(1.0f + fast_exp(x));
    const float decay = v_.drop_decay ? 1.0f : fast_exp(-fast_exp(a_log_[index % kV]) * softplus);
    const float beta = v_.drop_beta ? 1.0f : 1.0f / (1.0f + fast_exp(-b_[index]));
    const float* q = &q_[qk * kD];
    const float* k = &k_[qk * kD];
    const float qk_dot = warp_dot(q, k, kD);
    for (int row = 0; row < kD; ++row) {
      if (v_.skip_last_row && row == kD - 1) continue;
      this->row(index * kD + row, q, k, decay, beta, qk_dot);
    }
  }

  void row(int index, const float* q, const float* k, float decay, float beta, float qk_dot) {
    float old[kD] = {};
    float operand[kD];
    float updated[kD];
    for (int j = 0; j < kD; ++j) {
      if (!state_.empty()) old[j] = v_.round_state(state_[static_cast<size_t>(index) * kD + j]);
      operand[j] = v_.round_operand(old[j]);
    }
    const float correction = beta * (value_[index] - decay * warp_dot(operand, k, kD));
    for (int j = 0; j < kD; ++j) {
      updated[j] = v_.round_state(std::fma(correction, k[j], decay * old[j]));
      std::memcpy(&result_.new_state[(static_cast<size_t>(index) * kD + j) * 4], &updated[j], 4);
    }
    float read = 0;
    if (v_.fused_output) {
      read = decay * warp_dot(operand, q, kD) + correction * qk_dot;
    } else {
      for (int j = 0; j < kD; ++j) operand[j] = v_.round_operand(updated[j]);
      read = warp_dot(operand, q, kD);
    }
    const float output = scale_ * read;
    uint16_t stored = reference::bf16_from_float(output);
    if (v_.truncate_output) {
      uint32_t bits = 0;
      std::memcpy(&bits, &output, 4);
      stored = static_cast<uint16_t>(bits >> 16);
    }
    std::memcpy(&result_.output[static_cast<size_t>(index) * 2], &stored, 2);
  }

  Variant v_;
  int batch_;
  std::vector<float> q_, k_, value_, a_log_, a_, dt_bias_, b_, state_;
  float scale_;
  Result result_;
};

class Calibration : public ::testing::Test {
 protected:
  Calibration() {
    ::unsetenv("FIB_DATASET_PATH");
    loaded_ = trace::DatasetPath::open({}).value().load("gdn_decode_qk4_v8_d128_k_last").value();
    rules_ = rules::load_rules(loaded_, find_home().value()).value();
  }
  std::shared_ptr<const reference::ReferenceCase> make(const std::string& profile, int batch, uint64_t seed) {
    trace::Workload workload = loaded_.workloads.front();
    workload.axes["batch_size"] = batch;
    return cache_.get(loaded_.definition, workload, rules_, profile, seed).value();
  }
  Comparison judge(const reference::ReferenceCase& made, int batch, const Result& result,
                   const char* only = "") {
    const auto read = [&](const std::string& name) {
      return std::span<const std::byte>(name == "output" ? result.output : result.new_state);
    };
    trace::Definition definition = loaded_.definition;
    if (*only != '\0') std::erase_if(definition.outputs, [&](const auto& t) { return t.name != only; });
    return compare_outputs(definition, {{"batch_size", batch}}, read, made.outputs, rules_,
                           RuleSet::kStrictOnly)
        .value();
  }
  trace::LoadedDefinition loaded_;
  rules::Rules rules_;
  reference::OracleCache cache_;
};

TEST_F(Calibration, AnHonestFloat32KernelPassesEveryProfileByAFactorOfThree) {
  const bool print = std::getenv("PRINT_CALIBRATION") != nullptr;
  for (const rules::InputProfile& profile : rules_.profiles) {
    for (int batch : {1, 4}) {
      for (const bool fused : {false, true}) {
        Variant variant;
        variant.fused_output = fused;
        const auto made = make(profile.name, batch, 11);
        const Result result = Kernel(made->inputs, batch, variant).run();
        for (const auto& [output, allowed] : rules_.strict) {
          const ErrorStatistics s = judge(*made, batch, result, output.c_str()).statistics;
          EXPECT_LT(3 * s.scaled_max, allowed.scaled_max) << profile.name << " " << output << " B=" << batch;
          EXPECT_LT(3 * s.scaled_rms, allowed.scaled_rms) << profile.name << " " << output << " B=" << batch;
          EXPECT_LT(3 * s.scaled_bias, allowed.scaled_bias)
              << profile.name << " " << output << " B=" << batch;
          if (print)
            std::printf("%-14s B=%-2d %-6s %-9s max %.2e rms %.2e bias %.2e\n", profile.name.c_str(), batch,
                        fused ? "fused" : "plain", output.c_str(), s.scaled_max, s.scaled_rms, s.scaled_bias);
        }
      }
    }
  }
}

std::vector<Variant> shortcuts() {
  std::vector<Variant> list;
  const auto add = [&](const char* name, auto change) {
    Variant variant;
    variant.name = name;
    change(variant);
    list.push_back(variant);
  };
  add("state in bf16", [](Variant& v) { v.round_state = to_bf16; });
  add("state in half", [](Variant& v) { v.round_state = to_half; });
  add("state in tf32", [](Variant& v) { v.round_state = to_tf32; });
  add("dot products in bf16", [](Variant& v) { v.round_operand = to_bf16; });
  add("no decay", [](Variant& v) { v.drop_decay = true; });
  add("no beta", [](Variant& v) { v.drop_beta = true; });
  add("last row missing", [](Variant& v) { v.skip_last_row = true; });
  add("another head's operands", [](Variant& v) { v.next_head = true; });
  return list;
}

TEST_F(Calibration, ShortcutsFailOnTheContestsOwnInputs) {
  for (int batch : {1, 4}) {
    const auto made = make("contest", batch, 5);
    for (const Variant& variant : shortcuts()) {
      const Comparison judged = judge(*made, batch, Kernel(made->inputs, batch, variant).run());
      EXPECT_FALSE(judged.verdict.passed()) << variant.name << " B=" << batch;
      if (std::getenv("PRINT_CALIBRATION") != nullptr)
        std::printf("%s: %s\n", variant.name, judged.verdict.message.c_str());
    }
  }
}

// Errors of one sign show where all values have one sign; a constant in place of an argument, where it
// differs.
TEST_F(Calibration, OtherProfilesCatchWhatTheContestsInputsHide) {
  Variant truncating;
  truncating.truncate_output = true;
  const auto positive = make("positive", 3, 5);
  EXPECT_FALSE(judge(*positive, 3, Kernel(positive->inputs, 3, truncating).run()).verdict.passed());
  Variant constant_scale;
  constant_scale.default_scale = true;
  trace::Workload workload = loaded_.workloads.front();
  workload.inputs["scale"].scalar = 0.5;
  const auto scaled = cache_.get(loaded_.definition, workload, rules_, "contest", 1).value();
  EXPECT_FALSE(judge(*scaled, 1, Kernel(scaled->inputs, 1, constant_scale).run()).verdict.passed());
}

TEST_F(Calibration, NoWorkloadOfAnySelectionHasATrivialAnswer) {
  for (const char* selection : {"smoke", "adversarial"}) {
    reference::OracleOutputs previous;
    const auto workloads = rules_.select(selection, loaded_).value();
    for (const rules::SelectedWorkload& selected : workloads) {
      const auto made =
          cache_.get(loaded_.definition, selected.group.workload, rules_, selected.profile, 9).value();
      const auto trivial =
          find_trivial_answer(loaded_.definition, selected.group.workload.axes, *made, rules_, &previous);
      EXPECT_EQ(trivial, std::nullopt) << selected.group.workload.uuid;
      previous = made->outputs;
    }
  }
}

}  // namespace
}  // namespace warpwright::validate
