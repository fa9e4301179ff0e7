#include "evaluator/reference/buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/reference/inputs.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/parallel.h"
#include "evaluator/reference/structured_inputs.h"
#include "src/rules/workload_binding.h"
#include "src/trace/captured_input.h"

namespace warpwright::reference {
namespace {

using rules::Distribution;

constexpr int64_t kMaxTensorBytes = int64_t{64} << 30;
constexpr int64_t kChunk = 1 << 14;  // elements made at a time: the floats stay in cache

// All that an input of a workload depends on.
class InputMaker {
 public:
  InputMaker(const trace::Definition& definition, const trace::Workload& workload, const rules::Rules& rules,
             std::string_view profile, uint64_t seed)
      : definition_(definition),
        axes_(workload.axes),
        rules_(rules),
        profile_(profile),
        seed_(seed),
        scalars_(rules::scalar_values(definition, workload, rules)) {}

  // REQUIRES: the generator is not kAbsent.
  Result<HostTensor> make(const trace::Tensor& tensor) const {
    const rules::Generator generator = rules_.generator_of(tensor, profile_);
    TRY_ASSIGN(HostTensor made, allocate(tensor));
    if (!rules::facts_of(generator.distribution).structured) {
      fill(generator, tensor, made);
      return made;
    }
    const auto other_input = [this](std::string_view name) -> Result<HostTensor> {
      const trace::Tensor* other = definition_.find_input(name);
      if (other == nullptr || rules_.generator_of(*other, profile_).distribution == Distribution::kBlockTable)
        return usage_error(fmt::format("{}: there is no input '{}' of lengths", definition_.name, name));
      return make(*other);
    };
    TRY(generate_structured({definition_, axes_, tensor, generator, seed_, scalars_, other_input}, made));
    return made;
  }

 private:
  Result<HostTensor> allocate(const trace::Tensor& tensor) const {
    HostTensor made;
    made.dtype = tensor.dtype;
    TRY_ASSIGN(made.shape, definition_.shape_of(tensor, axes_));
    TRY_ASSIGN(const int64_t bytes, definition_.bytes_of(tensor, axes_));
    if (tensor.dtype == trace::DType::kFloat4E2m1)
      return usage_error(
          fmt::format("{}: inputs of packed fp4 cannot be drawn ('{}')", definition_.name, tensor.name));
    if (bytes > kMaxTensorBytes)
      return usage_error(
          fmt::format("{}: '{}' would have {} GiB", definition_.name, tensor.name, bytes >> 30));
    made.data.resize(static_cast<size_t>(bytes));
    return made;
  }

  void fill(const rules::Generator& generator, const trace::Tensor& tensor, HostTensor& made) const {
    const int64_t elements = made.elements();
    const int64_t row_length = made.shape.empty() ? 1 : std::max<int64_t>(1, made.shape.back());
    for_each_row((elements + kChunk - 1) / kChunk, [&](int64_t chunk) {
      const int64_t first = chunk * kChunk;
      std::vector<float> values(static_cast<size_t>(std::min(kChunk, elements - first)));
      generate(generator, seed_, tensor.name, row_length, first, values);
      store_floats(tensor.dtype, made.data, static_cast<size_t>(first), values);
    });
  }

  const trace::Definition& definition_;
  const trace::Axes& axes_;
  const rules::Rules& rules_;
  std::string_view profile_;
  uint64_t seed_;
  std::map<std::string, double> scalars_;
};

}  // namespace

int64_t element_count(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

int64_t HostTensor::elements() const {
  return element_count(shape);
}

Result<Inputs> make_inputs(const trace::Definition& definition, const trace::Workload& workload,
                           const rules::Rules& rules, std::string_view profile, uint64_t seed) {
  if (rules.find_profile(profile) == nullptr)
    return usage_error(fmt::format("{}: unknown input profile '{}'", rules.source_path, profile));
  const InputMaker maker(definition, workload, rules, profile, seed);
  Inputs inputs;
  inputs.scalars = rules::scalar_values(definition, workload, rules);
  for (const trace::Tensor& tensor : definition.inputs) {
    if (tensor.is_scalar || !workload.inputs.contains(tensor.name)) continue;
    if (workload.inputs.at(tensor.name).kind == trace::WorkloadInput::Kind::kSafetensors) {
      TRY_ASSIGN(auto captured, trace::read_captured_input(definition, workload, tensor));
      inputs.tensors[tensor.name] = {tensor.dtype, std::move(captured.shape), std::move(captured.data)};
      continue;
    }
    if (rules.generator_of(tensor, profile).distribution == Distribution::kAbsent) continue;
    TRY_ASSIGN(inputs.tensors[tensor.name], maker.make(tensor));
  }
  return inputs;
}

}  // namespace warpwright::reference
