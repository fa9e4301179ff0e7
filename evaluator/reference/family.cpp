#include "evaluator/reference/family.h"

#include <fmt/format.h>

#include "evaluator/reference/numeric.h"

namespace warpwright::reference {

tl::unexpected<Error> Operands::error(const std::string& message) const {
  return usage_error(fmt::format("{}: the {} oracle {}", definition_.name, family_, message));
}

Result<int64_t> Operands::axis(const std::string& name) const {
  const trace::Axis* found = definition_.find_axis(name);
  const auto given = axes_.find(name);
  const bool is_constant = found != nullptr && found->is_constant;
  if (found == nullptr || (!is_constant && given == axes_.end()))
    return error(fmt::format("needs the axis '{}'", name));
  const int64_t value = is_constant ? found->value : given->second;
  if (value < (is_constant ? 1 : 0)) return error(fmt::format("cannot take {} = {}", name, value));
  return value;
}

int64_t Operands::axis_or(const std::string& name, int64_t fallback) const {
  return definition_.find_axis(name) == nullptr ? fallback : axis(name).value_or(fallback);
}

Result<const HostTensor*> Operands::optional_tensor(const std::string& name, int64_t elements) const {
  const auto found = inputs_.tensors.find(name);
  if (found == inputs_.tensors.end()) return nullptr;
  if (found->second.elements() != elements)
    return error(
        fmt::format("needs input '{}' of {} elements, not {}", name, elements, found->second.elements()));
  return &found->second;
}

Result<const HostTensor*> Operands::tensor(const std::string& name, int64_t elements) const {
  TRY_ASSIGN(const HostTensor* found, optional_tensor(name, elements));
  if (found == nullptr) return error(fmt::format("needs the input '{}'", name));
  return found;
}

Result<std::vector<double>> Operands::doubles(const std::string& name, int64_t elements) const {
  TRY_ASSIGN(const HostTensor* found, tensor(name, elements));
  std::vector<double> values(static_cast<size_t>(elements));
  load_doubles(found->dtype, found->data, 0, values);
  return values;
}

Result<std::vector<int64_t>> Operands::integers(const std::string& name, int64_t elements) const {
  TRY_ASSIGN(const std::vector<double> values, doubles(name, elements));
  return std::vector<int64_t>(values.begin(), values.end());
}

double Operands::scalar(const std::string& name) const {
  const auto found = inputs_.scalars.find(name);
  return found == inputs_.scalars.end() ? 0 : static_cast<double>(static_cast<float>(found->second));
}

}  // namespace warpwright::reference
