#include "src/trace/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace warpwright::trace {
namespace {

template <class T>
const T* find_named(const std::vector<T>& items, std::string_view name) {
  const auto it = std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
  return it == items.end() ? nullptr : &*it;
}

std::optional<int64_t> integer_literal(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const Axis* Definition::find_axis(std::string_view axis_name) const {
  return find_named(axes, axis_name);
}
const Tensor* Definition::find_input(std::string_view tensor_name) const {
  return find_named(inputs, tensor_name);
}
const Tensor* Definition::find_output(std::string_view tensor_name) const {
  return find_named(outputs, tensor_name);
}
const Tensor* Definition::find_tensor(std::string_view tensor_name) const {
  const Tensor* input = find_input(tensor_name);
  return input != nullptr ? input : find_output(tensor_name);
}

Axes Definition::constant_axes() const {
  Axes constants;
  for (const Axis& axis : axes) {
    if (axis.is_constant) constants[axis.name] = axis.value;
  }
  return constants;
}

Result<std::vector<int64_t>> Definition::shape_of(const Tensor& tensor, const Axes& variable_axes) const {
  std::vector<int64_t> shape;
  for (const std::string& dimension : tensor.shape) {
    const Axis* axis = find_axis(dimension);
    const auto given = variable_axes.find(dimension);
    if (const auto literal = integer_literal(dimension)) {
      shape.push_back(*literal);
    } else if (axis != nullptr && axis->is_constant) {
      shape.push_back(axis->value);
    } else if (given != variable_axes.end() && given->second >= 0) {
      shape.push_back(given->second);
    } else {
      return usage_error(fmt::format("{}: tensor '{}' needs a value (not negative) for axis '{}'", name,
                                     tensor.name, dimension));
    }
  }
  return shape;
}

Result<int64_t> Definition::bytes_of(const Tensor& tensor, const Axes& variable_axes) const {
  TRY_ASSIGN(const std::vector<int64_t> shape, shape_of(tensor, variable_axes));
  int64_t bits = size_bits(tensor.dtype);
  for (int64_t extent : shape) {
    if (__builtin_mul_overflow(bits, extent, &bits))
      return usage_error(fmt::format("{}: the size of tensor '{}' overflows", name, tensor.name));
  }
  return bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

}  // namespace warpwright::trace
