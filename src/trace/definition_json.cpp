// Definition files of FlashInfer Trace.
#include <fmt/format.h>

#include <charconv>

#include "src/trace/definition.h"
#include "src/trace/json_reader.h"

namespace warpwright::trace {
namespace {

constexpr size_t kMaxDimensions = 16;

Result<Axis> parse_axis(const std::string& name, const OrderedJson& json, const std::string& where) {
  if (!is_identifier(name)) return usage_error(fmt::format("{}: an axis name must be an identifier", where));
  if (!json.is_object()) return usage_error(fmt::format("{}: must be an object", where));
  Axis axis;
  axis.name = name;
  TRY_ASSIGN(const std::string type, require_string(json, "type", where));
  TRY_ASSIGN(axis.description, optional_string(json, "description", where));
  if (type == "var") return axis;
  if (type != "const")
    return usage_error(fmt::format("{}: axis type must be 'const' or 'var', not '{}'", where, type));
  const auto value = json.find("value");
  if (value == json.end() || !value->is_number_integer())
    return usage_error(fmt::format("{}: a constant axis needs an integer 'value'", where));
  const bool too_big = value->is_number_unsigned() && value->get<uint64_t>() > INT32_MAX;
  if (too_big || value->get<int64_t>() < 0)
    return usage_error(fmt::format("{}: 'value' must be from 0 to {}", where, INT32_MAX));
  axis.is_constant = true;
  axis.value = value->get<int64_t>();
  return axis;
}

Result<std::string> parse_dimension(const OrderedJson& json, const Definition& definition,
                                    const std::string& where) {
  if (json.is_number_unsigned() && json.get<uint64_t>() <= INT32_MAX)
    return std::to_string(json.get<uint64_t>());
  if (!json.is_string())
    return usage_error(
        fmt::format("{}: 'shape' must hold axis names or sizes, not {}", where, json.type_name()));
  const auto& text = json.get_ref<const std::string&>();
  int32_t literal = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), literal);
  const bool is_literal = error == std::errc() && end == text.data() + text.size() && literal >= 0;
  if (is_literal || definition.find_axis(text) != nullptr) return text;
  return usage_error(fmt::format("{}: unknown axis '{}'", where, text));
}

Result<void> parse_shape(const OrderedJson& json, const Definition& definition, const std::string& where,
                         Tensor& tensor) {
  const auto shape = json.find("shape");
  if (shape == json.end())
    return usage_error(fmt::format("{}: 'shape' is missing (null for a scalar)", where));
  tensor.is_scalar = shape->is_null();
  if (tensor.is_scalar) return {};
  if (!shape->is_array() || shape->size() > kMaxDimensions)
    return usage_error(
        fmt::format("{}: 'shape' must be null or a list of at most {} axis names", where, kMaxDimensions));
  for (const OrderedJson& dimension : *shape) {
    TRY_ASSIGN(std::string text, parse_dimension(dimension, definition, where));
    tensor.shape.push_back(std::move(text));
  }
  return {};
}

Result<Tensor> parse_tensor(const std::string& name, const OrderedJson& json, const Definition& definition,
                            const std::string& where) {
  if (!is_identifier(name)) return usage_error(fmt::format("{}: a tensor name must be an identifier", where));
  if (!json.is_object()) return usage_error(fmt::format("{}: must be an object", where));
  if (definition.find_tensor(name) != nullptr || definition.find_axis(name) != nullptr)
    return usage_error(fmt::format("{}: the name '{}' is taken by another tensor or axis", where, name));
  Tensor tensor;
  tensor.name = name;
  TRY(parse_shape(json, definition, where, tensor));
  TRY_ASSIGN(const std::string dtype, require_string(json, "dtype", where));
  const auto known = dtype_from_string(dtype);
  if (!known) return usage_error(fmt::format("{}: unknown dtype '{}'", where, dtype));
  tensor.dtype = *known;
  const auto optional = json.find("optional");
  if (optional != json.end() && !optional->is_null()) {
    if (!optional->is_boolean())
      return usage_error(fmt::format("{}: 'optional' must be true or false", where));
    tensor.optional = optional->get<bool>();
  }
  TRY_ASSIGN(tensor.description, optional_string(json, "description", where));
  return tensor;
}

Result<std::vector<std::string>> parse_strings(const OrderedJson& json, const char* key,
                                               const std::string& path) {
  std::vector<std::string> strings;
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return strings;
  if (!it->is_array()) return usage_error(fmt::format("{}: '{}' must be a list of strings", path, key));
  for (const OrderedJson& item : *it) {
    if (!item.is_string()) return usage_error(fmt::format("{}: '{}' must be a list of strings", path, key));
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

Result<void> parse_tensors(const OrderedJson& json, const std::string& path, Definition& definition) {
  TRY_ASSIGN(const OrderedJson* inputs, require_object(json, "inputs", path));
  for (const auto& [name, value] : inputs->items()) {
    TRY_ASSIGN(Tensor tensor, parse_tensor(name, value, definition, path + ": inputs." + name));
    definition.inputs.push_back(std::move(tensor));
  }
  TRY_ASSIGN(const OrderedJson* outputs, require_object(json, "outputs", path));
  for (const auto& [name, value] : outputs->items()) {
    const std::string where = path + ": outputs." + name;
    TRY_ASSIGN(Tensor tensor, parse_tensor(name, value, definition, where));
    if (tensor.is_scalar) return usage_error(fmt::format("{}: an output must have a shape", where));
    definition.outputs.push_back(std::move(tensor));
  }
  if (definition.outputs.empty()) return usage_error(fmt::format("{}: 'outputs' is empty", path));
  return {};
}

}  // namespace

Result<Definition> parse_definition(std::string_view json_text, const std::string& path) {
  TRY_ASSIGN(const OrderedJson json, parse_ordered_json(json_text, path));
  if (!json.is_object())
    return usage_error(fmt::format("{}: a definition must be a JSON object, not {}", path, json.type_name()));
  Definition definition;
  definition.source_path = path;
  TRY_ASSIGN(definition.name, require_string(json, "name", path));
  if (!is_identifier(definition.name))
    return usage_error(fmt::format("{}: name '{}' must be an identifier", path, definition.name));
  TRY_ASSIGN(definition.op_type, require_string(json, "op_type", path));
  TRY_ASSIGN(definition.description, optional_string(json, "description", path));
  TRY_ASSIGN(definition.reference, optional_string(json, "reference", path));
  TRY_ASSIGN(const OrderedJson* axes, require_object(json, "axes", path));
  for (const auto& [name, value] : axes->items()) {
    TRY_ASSIGN(Axis axis, parse_axis(name, value, path + ": axes." + name));
    definition.axes.push_back(std::move(axis));
  }
  TRY(parse_tensors(json, path, definition));
  TRY_ASSIGN(definition.constraints, parse_strings(json, "constraints", path));
  TRY_ASSIGN(definition.tags, parse_strings(json, "tags", path));
  return definition;
}

}  // namespace warpwright::trace
