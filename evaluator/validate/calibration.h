// What the calibrations of strict tolerances share. A calibration computes an operator as an honest kernel
// would (float32, tensor cores with bf16 or e4m3 operands) and holds it against the rules: honest errors must
// stay within a third of what is allowed, shortcuts must be outside. PRINT_CALIBRATION=1 prints the tables.
// Test-only, private to validate.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "evaluator/reference/numeric.h"
#include "evaluator/validate/compare.h"
#include "evaluator/validate/trivial.h"
#include "src/base/files.h"

namespace warpwright::validate::calibration {

using Floats = std::vector<float>;
using Computed = std::map<std::string, std::vector<double>>;  // by output; rounded to its dtype when judged

inline float keep(float x) {
  return x;
}
inline float to_bf16(float x) {
  return reference::float_from_bf16(reference::bf16_from_float(x));
}
inline float to_half(float x) {
  return reference::float_from_f16(reference::f16_from_float(x));
}
inline float to_e4m3(float x) {
  return reference::float_from_e4m3(reference::e4m3_from_float(x));
}
// ex2.approx of a rounded product: 2 units in the last place.
inline float fast_exp(float x) {
  const float result = std::exp2(x * 1.44269504f);
  return std::nextafter(std::nextafter(result, 2 * result), 2 * result);
}
// lg2.approx: absolute error 2^-22 near 1.
inline float fast_log2(float x) {
  return std::round(std::log2(x) * 0x1p22f) * 0x1p-22f;
}
// A tensor core's product of operands that are exact in float, summed in float32.
inline float dot(const float* x, const float* y, int64_t n) {
  float lanes[8] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i % 8] += x[i] * y[i];
  float sum = 0;
  for (float lane : lanes) sum += lane;
  return sum;
}

inline Floats floats_of(const reference::Inputs& inputs, const std::string& name) {
  const reference::HostTensor& tensor = inputs.tensors.at(name);
  Floats values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(reference::load_element(tensor.dtype, tensor.data, i));
  return values;
}
inline std::vector<int64_t> integers_of(const reference::Inputs& inputs, const std::string& name) {
  const reference::HostTensor& tensor = inputs.tensors.at(name);
  std::vector<int64_t> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<int64_t>(reference::load_element(tensor.dtype, tensor.data, i));
  return values;
}

inline bool printing() {
  return std::getenv("PRINT_CALIBRATION") != nullptr;
}

// One workload of a selection and what is right for it.
struct Case {
  trace::Definition definition;  // of the selection's size
  trace::Axes axes;              // all of them
  std::string name, profile;
  std::shared_ptr<const reference::ReferenceCase> reference;
  const reference::Inputs& inputs() const { return reference->inputs; }
  int64_t axis(const std::string& axis_name) const { return axes.at(axis_name); }
};

class Family {
 public:
  explicit Family(const std::string& definition_name) {
    ::unsetenv("FIB_DATASET_PATH");
    loaded_ = trace::DatasetPath::open({}).value().load(definition_name).value();
    rules_ = rules::load_rules(loaded_, find_home().value()).value();
  }
  const rules::Rules& rules() const { return rules_; }

  // Of a selection those with one of the profiles and at most `most` of `axis`, for the time's sake.
  std::vector<Case> cases(const std::string& selection, const std::vector<std::string>& profiles,
                          const std::string& axis, int64_t most, uint64_t seed = 11) {
    trace::LoadedDefinition scaled = loaded_;
    scaled.definition = rules_.definition_for(selection, loaded_.definition).value();
    std::vector<Case> made;
    const auto workloads = rules_.select(selection, scaled).value();
    for (const rules::SelectedWorkload& selected : workloads) {
      const trace::Workload& workload = selected.group.workload;
      if (std::find(profiles.begin(), profiles.end(), selected.profile) == profiles.end()) continue;
      if (workload.axes.at(axis) > most) continue;
      Case one;
      one.definition = scaled.definition;
      one.axes = scaled.definition.constant_axes();
      one.axes.insert(workload.axes.begin(), workload.axes.end());
      one.profile = selected.profile;
      one.name = selection + " " + selected.profile;
      for (const auto& [name, value] : workload.axes) one.name += " " + std::to_string(value);
      auto reference = cache_.get(scaled.definition, workload, rules_, selected.profile, seed);
      EXPECT_TRUE(reference) << one.name << ": " << reference.error().message;
      if (!reference) continue;
      one.reference = *reference;
      made.push_back(std::move(one));
    }
    return made;
  }

  // `only`: one output's name, or empty for all.
  Comparison judge(const Case& c, const Computed& computed, const std::string& only = "") const {
    std::map<std::string, std::vector<std::byte>> buffers;
    trace::Definition definition = c.definition;
    if (!only.empty()) std::erase_if(definition.outputs, [&](const auto& t) { return t.name != only; });
    for (const trace::Tensor& output : definition.outputs) {
      const std::vector<double>& values = computed.at(output.name);
      auto& bytes = buffers[output.name];
      bytes.resize(static_cast<size_t>(definition.bytes_of(output, c.axes).value()));
      for (size_t i = 0; i < values.size(); ++i) reference::store_element(output.dtype, bytes, i, values[i]);
    }
    const auto read = [&](const std::string& name) { return std::span<const std::byte>(buffers.at(name)); };
    return compare_outputs(definition, c.axes, read, c.reference->outputs, rules_, RuleSet::kStrictOnly)
        .value();
  }

  // Honest errors, times three, are within what is allowed.
  void expect_well_within(const Case& c, const char* kernel, const Computed& computed) const {
    for (const auto& [output, allowed] : rules_.strict) {
      const Comparison judged = judge(c, computed, output);
      const ErrorStatistics& s = judged.statistics;
      if (printing())
        std::printf("%-34s %-12s %-12s max %.1e rms %.1e bias %.1e row %.1e\n", c.name.c_str(), kernel,
                    output.c_str(), s.scaled_max, s.scaled_rms, s.scaled_bias, s.scaled_row_rms);
      EXPECT_TRUE(judged.verdict.passed()) << c.name << " " << kernel << ": " << judged.verdict.message;
      EXPECT_LT(3 * s.scaled_max, allowed.scaled_max) << c.name << " " << kernel << " " << output;
      if (allowed.scaled_row_rms > 0) {
        EXPECT_LT(3 * s.scaled_row_rms, allowed.scaled_row_rms) << c.name << " " << kernel << " " << output;
      }
      EXPECT_LT(3 * s.scaled_rms, allowed.scaled_rms) << c.name << " " << kernel << " " << output;
      EXPECT_LT(3 * s.scaled_bias, allowed.scaled_bias) << c.name << " " << kernel << " " << output;
    }
  }

  void expect_caught(const Case& c, const char* kernel, const Computed& computed) const {
    const Comparison judged = judge(c, computed);
    EXPECT_FALSE(judged.verdict.passed()) << c.name << " " << kernel;
    if (printing()) std::printf("%s, %s: %s\n", c.name.c_str(), kernel, judged.verdict.message.c_str());
  }

 private:
  trace::LoadedDefinition loaded_;
  rules::Rules rules_;
  reference::OracleCache cache_;
};

}  // namespace warpwright::validate::calibration
