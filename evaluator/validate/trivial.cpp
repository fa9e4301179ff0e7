#include "evaluator/validate/trivial.h"

#include <fmt/format.h>

#include <cmath>
#include <span>

#include "evaluator/reference/numeric.h"

namespace warpwright::validate {
namespace {

// The strict rule for answer(i), ending at the first element that is wrong by itself: mostly at once.
template <class Answer>
bool passes(Answer answer, std::span<const double> reference, double rms,
            const rules::StrictTolerance& strict) {
  double sum = 0;
  double squares = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double error = answer(i) - reference[i];
    if (!(std::abs(error) <= strict.scaled_max * (std::abs(reference[i]) + rms))) return false;
    sum += error;
    squares += error * error;
  }
  const auto count = static_cast<double>(reference.size());
  return std::sqrt(squares / count) <= strict.scaled_rms * rms &&
         std::abs(sum) / count <= strict.scaled_bias * rms;
}

std::optional<std::string> find_for_output(const std::string& name, std::span<const double> expected,
                                           const reference::Inputs& inputs,
                                           const rules::StrictTolerance& strict,
                                           const reference::OracleOutputs* previous) {
  double sum = 0;
  double squares = 0;
  for (double value : expected) {
    sum += value;
    squares += value * value;
  }
  if (expected.empty()) return std::nullopt;
  const auto count = static_cast<double>(expected.size());
  const double rms = std::sqrt(squares / count);
  if (passes([](size_t) { return 0.0; }, expected, rms, strict)) return fmt::format("zeros pass as {}", name);
  if (passes([&](size_t) { return sum / count; }, expected, rms, strict))
    return fmt::format("a constant passes as {}", name);
  for (const auto& [input, tensor] : inputs.tensors) {
    if (tensor.elements() != static_cast<int64_t>(expected.size())) continue;
    const auto copy = [&t = tensor](size_t i) { return reference::load_element(t.dtype, t.data, i); };
    if (passes(copy, expected, rms, strict)) return fmt::format("a copy of {} passes as {}", input, name);
  }
  if (previous == nullptr || !previous->contains(name)) return std::nullopt;
  const std::vector<double>& old = previous->at(name);
  if (old.size() == expected.size() && passes([&](size_t i) { return old[i]; }, expected, rms, strict))
    return fmt::format("the previous workload's result passes as {}", name);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_trivial_answer(const trace::Definition& definition,
                                               const reference::ReferenceCase& reference,
                                               const rules::Rules& rules,
                                               const reference::OracleOutputs* previous) {
  for (const trace::Tensor& tensor : definition.outputs) {
    const auto strict = rules.strict.find(tensor.name);
    const auto expected = reference.outputs.find(tensor.name);
    if (strict == rules.strict.end() || expected == reference.outputs.end()) continue;
    if (auto found =
            find_for_output(tensor.name, expected->second, reference.inputs, strict->second, previous))
      return found;
  }
  return std::nullopt;
}

}  // namespace warpwright::validate
