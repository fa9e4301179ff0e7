#include "evaluator/exec/arguments.h"

#include <fmt/format.h>

#include <cstring>

#include "src/base/check.h"

namespace warpwright::exec {
namespace {

using plan::BufferView;
using plan::ScalarArgument;
using plan::TensorMapArgument;

struct ScalarForm {
  int64_t bytes;
  const char* name;
};

ScalarForm form_of(ScalarArgument::Type type) {
  switch (type) {
    case ScalarArgument::Type::kI32:
      return {4, "i32"};
    case ScalarArgument::Type::kI64:
      return {8, "i64"};
    case ScalarArgument::Type::kF32:
      return {4, "f32"};
    case ScalarArgument::Type::kF64:
      return {8, "f64"};
    case ScalarArgument::Type::kBool:
      return {1, "bool"};
  }
  CHECK(false);
}

template <class T>
void store(std::vector<std::byte>& block, uint64_t offset, T value) {
  CHECK(offset + sizeof value <= block.size());
  std::memcpy(block.data() + offset, &value, sizeof value);
}

void store_scalar(std::vector<std::byte>& block, uint64_t offset, const ScalarArgument& scalar) {
  switch (scalar.type) {
    case ScalarArgument::Type::kI32:
      return store(block, offset, static_cast<int32_t>(scalar.integer));
    case ScalarArgument::Type::kI64:
      return store(block, offset, scalar.integer);
    case ScalarArgument::Type::kF32:
      return store(block, offset, static_cast<float>(scalar.number));
    case ScalarArgument::Type::kF64:
      return store(block, offset, scalar.number);
    case ScalarArgument::Type::kBool:
      return store(block, offset, static_cast<uint8_t>(scalar.integer != 0));
  }
}

}  // namespace

int64_t argument_bytes(const plan::Argument& argument) {
  if (const auto* scalar = std::get_if<ScalarArgument>(&argument)) return form_of(scalar->type).bytes;
  return std::holds_alternative<TensorMapArgument>(argument) ? 128 : 8;
}

std::string describe_argument(const plan::Argument& argument) {
  if (const auto* scalar = std::get_if<ScalarArgument>(&argument)) {
    const bool floating =
        scalar->type == ScalarArgument::Type::kF32 || scalar->type == ScalarArgument::Type::kF64;
    const std::string value =
        floating ? fmt::format("{}", scalar->number) : fmt::format("{}", scalar->integer);
    return fmt::format("{} ({})", value, form_of(scalar->type).name);
  }
  if (const auto* map = std::get_if<TensorMapArgument>(&argument))
    return fmt::format("{} (tensor map)", map->name);
  const auto& view = std::get<BufferView>(argument);
  if (view.is_null) return fmt::format("{} (absent: null pointer)", view.buffer);
  if (view.byte_offset == 0) return fmt::format("{} ({}*)", view.buffer, view.element_type);
  return fmt::format("{} + {} bytes ({}*)", view.buffer, view.byte_offset, view.element_type);
}

std::optional<std::string> check_arguments(const plan::BoundLaunch& launch,
                                           const std::vector<ptx::Parameter>& parameters) {
  if (launch.arguments.size() != parameters.size())
    return fmt::format("kernel `{}` takes {} argument{}, the plan passes {}", launch.kernel,
                       parameters.size(), parameters.size() == 1 ? "" : "s", launch.arguments.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const int64_t given = argument_bytes(launch.arguments[i]);
    if (given == static_cast<int64_t>(parameters[i].size)) continue;
    return fmt::format(
        "argument {} of kernel `{}`, {}, has {} bytes, but the kernel's parameter has {}; cast it in the "
        "plan with "
        "i32(), i64(), f32() or f64(), or change the parameter's type",
        i + 1, launch.kernel, describe_argument(launch.arguments[i]), given, parameters[i].size);
  }
  return std::nullopt;
}

ParameterBlock lay_out_arguments(const plan::BoundLaunch& launch,
                                 const std::vector<ptx::Parameter>& parameters, uint64_t parameter_bytes) {
  CHECK(launch.arguments.size() == parameters.size());
  ParameterBlock block;
  block.bytes.resize(parameter_bytes);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const uint64_t offset = parameters[i].offset;
    CHECK(offset + parameters[i].size <= parameter_bytes);
    if (const auto* scalar = std::get_if<ScalarArgument>(&launch.arguments[i])) {
      store_scalar(block.bytes, offset, *scalar);
    } else if (const auto* view = std::get_if<BufferView>(&launch.arguments[i])) {
      if (!view->is_null) block.pointers.push_back({offset, view});
    } else {
      block.maps.push_back({offset, &std::get<TensorMapArgument>(launch.arguments[i])});
    }
  }
  return block;
}

std::vector<std::byte> pack_arguments(
    const plan::BoundLaunch& launch, const std::vector<ptx::Parameter>& parameters, uint64_t parameter_bytes,
    const std::function<uint64_t(const std::string&)>& address_of,
    const std::function<std::array<std::byte, 128>(const std::string&)>& image_of) {
  ParameterBlock block = lay_out_arguments(launch, parameters, parameter_bytes);
  for (const auto& [offset, map] : block.maps) store(block.bytes, offset, image_of(map->name));
  for (const auto& [offset, view] : block.pointers)
    store(block.bytes, offset, address_of(view->buffer) + static_cast<uint64_t>(view->byte_offset));
  return std::move(block.bytes);
}

}  // namespace warpwright::exec
