#include "evaluator/reference/buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/reference/inputs.h"
#include "evaluator/reference/numeric.h"
#include "src/rules/workload_binding.h"

namespace warpwright::reference {
namespace {

constexpr int64_t kMaxTensorBytes = int64_t{64} << 30;
constexpr int64_t kChunk = 1 << 14;  // elements made at a time: the floats stay in cache

Result<HostTensor> make_tensor(const trace::Definition& definition, const trace::Tensor& tensor,
                               const trace::Axes& axes, const rules::Generator& generator, uint64_t seed) {
  HostTensor made;
  made.dtype = tensor.dtype;
  TRY_ASSIGN(made.shape, definition.shape_of(tensor, axes));
  TRY_ASSIGN(const int64_t bytes, definition.bytes_of(tensor, axes));
  if (tensor.dtype == trace::DType::kFloat4E2m1)
    return usage_error(
        fmt::format("{}: inputs of packed fp4 cannot be drawn ('{}')", definition.name, tensor.name));
  if (bytes > kMaxTensorBytes)
    return usage_error(fmt::format("{}: '{}' would have {} GiB", definition.name, tensor.name, bytes >> 30));
  made.data.resize(static_cast<size_t>(bytes));
  const int64_t elements = made.elements();
  const int64_t row_length = made.shape.empty() ? 1 : std::max<int64_t>(1, made.shape.back());
  std::vector<float> values(static_cast<size_t>(std::min(elements, kChunk)));
  for (int64_t first = 0; first < elements; first += kChunk) {
    const std::span chunk(values.data(), static_cast<size_t>(std::min(kChunk, elements - first)));
    generate(generator, seed, tensor.name, row_length, first, chunk);
    store_floats(tensor.dtype, made.data, static_cast<size_t>(first), chunk);
  }
  return made;
}

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
  Inputs inputs;
  inputs.scalars = rules::scalar_values(definition, workload, rules);
  for (const trace::Tensor& tensor : definition.inputs) {
    if (tensor.is_scalar || !workload.inputs.contains(tensor.name)) continue;
    const rules::Generator generator = rules.generator_of(tensor, profile);
    if (generator.distribution == rules::Distribution::kAbsent) continue;
    TRY_ASSIGN(inputs.tensors[tensor.name], make_tensor(definition, tensor, workload.axes, generator, seed));
  }
  return inputs;
}

}  // namespace warpwright::reference
