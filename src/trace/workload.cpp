#include "src/trace/workload.h"

#include <fmt/format.h>

#include <set>

#include "src/trace/json_reader.h"

namespace warpwright::trace {
namespace {

constexpr int64_t kMaxAxis = int64_t{1} << 31;

Result<Axes> parse_axes(const OrderedJson& json, const Definition& definition, const std::string& where) {
  Axes axes;
  for (const auto& [name, value] : json.items()) {
    const Axis* axis = definition.find_axis(name);
    if (axis == nullptr) return usage_error(fmt::format("{}: axes: unknown axis '{}'", where, name));
    const bool fits = value.is_number_unsigned() && value.get<uint64_t>() < kMaxAxis;
    if (!fits)
      return usage_error(
          fmt::format("{}: axes: '{}' must be an integer from 0 to {}", where, name, kMaxAxis - 1));
    const auto number = value.get<int64_t>();
    if (axis->is_constant && number != axis->value)
      return usage_error(
          fmt::format("{}: axes: '{}' is constant ({}), not {}", where, name, axis->value, number));
    if (!axis->is_constant) axes[name] = number;
  }
  for (const Axis& axis : definition.axes) {
    if (!axis.is_constant && !axes.contains(axis.name))
      return usage_error(fmt::format("{}: axes: '{}' is missing", where, axis.name));
  }
  return axes;
}

Result<void> parse_scalar(const OrderedJson& json, const std::string& where, WorkloadInput& input) {
  input.kind = WorkloadInput::Kind::kScalar;
  const auto value = json.find("value");
  if (value == json.end()) return usage_error(fmt::format("{}: 'value' is missing", where));
  input.scalar_is_null = value->is_null();
  if (value->is_boolean()) {
    input.scalar = value->get<bool>() ? 1 : 0;
  } else if (value->is_number()) {
    input.scalar = value->get<double>();
  } else if (!value->is_null()) {
    return usage_error(fmt::format("{}: 'value' must be a number, not {}", where, value->type_name()));
  }
  return {};
}

// The path is joined to a dataset's folder: it must not lead out of it.
bool stays_inside(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  for (size_t at = path.find(".."); at != std::string::npos; at = path.find("..", at + 1)) {
    const bool starts = at == 0 || path[at - 1] == '/';
    const bool ends = at + 2 == path.size() || path[at + 2] == '/';
    if (starts && ends) return false;
  }
  return true;
}

Result<WorkloadInput> parse_input(const OrderedJson& json, const Tensor& tensor, const std::string& where) {
  if (!json.is_object()) return usage_error(fmt::format("{}: must be an object", where));
  WorkloadInput input;
  TRY_ASSIGN(const std::string type, require_string(json, "type", where));
  if (type == "random") return input;
  if (type == "scalar") {
    if (!tensor.is_scalar)
      return usage_error(fmt::format("{}: is a tensor, so it cannot be a scalar", where));
    TRY(parse_scalar(json, where, input));
    return input;
  }
  if (type != "safetensors")
    return usage_error(fmt::format("{}: type must be random, scalar or safetensors, not '{}'", where, type));
  if (tensor.is_scalar)
    return usage_error(fmt::format("{}: is a scalar, so its value stands here, not in a file", where));
  input.kind = WorkloadInput::Kind::kSafetensors;
  TRY_ASSIGN(input.path, require_string(json, "path", where));
  TRY_ASSIGN(input.tensor_key, require_string(json, "tensor_key", where));
  if (!stays_inside(input.path))
    return usage_error(
        fmt::format("{}: path '{}' must be relative and stay inside the dataset", where, input.path));
  return input;
}

Result<void> parse_inputs(const OrderedJson& json, const Definition& definition, const std::string& where,
                          Workload& workload) {
  for (const auto& [name, value] : json.items()) {
    const Tensor* tensor = definition.find_input(name);
    if (tensor == nullptr)
      return usage_error(fmt::format("{}: inputs: '{}' is not an input of {}", where, name, definition.name));
    if (value.is_null() && tensor->optional) continue;
    TRY_ASSIGN(WorkloadInput input, parse_input(value, *tensor, where + ": inputs." + name));
    workload.inputs.emplace(name, std::move(input));
  }
  for (const Tensor& tensor : definition.inputs) {
    if (!tensor.optional && !workload.inputs.contains(tensor.name))
      return usage_error(fmt::format("{}: inputs: '{}' is missing", where, tensor.name));
  }
  return {};
}

Result<Workload> parse_line(std::string_view line, const Definition& definition, const std::string& where) {
  TRY_ASSIGN(const OrderedJson json, parse_ordered_json(line, where));
  if (!json.is_object()) return usage_error(fmt::format("{}: must be a JSON object", where));
  TRY_ASSIGN(const std::string name, require_string(json, "definition", where));
  if (name != definition.name)
    return usage_error(fmt::format("{}: belongs to definition '{}', not '{}'", where, name, definition.name));
  TRY_ASSIGN(const OrderedJson* body, require_object(json, "workload", where));
  Workload workload;
  TRY_ASSIGN(workload.uuid, require_string(*body, "uuid", where));
  TRY_ASSIGN(const OrderedJson* axes, require_object(*body, "axes", where));
  TRY_ASSIGN(workload.axes, parse_axes(*axes, definition, where));
  TRY_ASSIGN(const OrderedJson* inputs, require_object(*body, "inputs", where));
  TRY(parse_inputs(*inputs, definition, where, workload));
  return workload;
}

bool only_random(const Workload& workload) {
  for (const auto& [name, input] : workload.inputs) {
    if (input.kind == WorkloadInput::Kind::kSafetensors) return false;
  }
  return true;
}

bool equivalent(const Workload& a, const Workload& b) {
  return only_random(a) && only_random(b) && a.axes == b.axes && a.inputs == b.inputs;
}

}  // namespace

Result<std::vector<Workload>> parse_workloads(std::string_view jsonl, const Definition& definition,
                                              const std::string& path, const std::string& dataset) {
  std::vector<Workload> workloads;
  std::set<std::string> uuids;
  int line_number = 0;
  while (!jsonl.empty()) {
    ++line_number;
    const size_t end = jsonl.find('\n');
    const std::string_view line = jsonl.substr(0, end);
    jsonl.remove_prefix(end == std::string_view::npos ? jsonl.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", path, line_number);
    TRY_ASSIGN(Workload workload, parse_line(line, definition, where));
    if (!uuids.insert(workload.uuid).second)
      return usage_error(fmt::format("{}: uuid '{}' occurs twice", where, workload.uuid));
    workload.index = static_cast<int>(workloads.size());
    for (auto& [name, input] : workload.inputs) {
      if (input.kind == WorkloadInput::Kind::kSafetensors) input.dataset = dataset;
    }
    workloads.push_back(std::move(workload));
  }
  return workloads;
}

std::vector<WorkloadGroup> group_workloads(const std::vector<Workload>& workloads) {
  std::vector<WorkloadGroup> groups;
  for (const Workload& workload : workloads) {
    WorkloadGroup* home = nullptr;
    for (WorkloadGroup& group : groups) {
      if (equivalent(group.workload, workload)) home = &group;
    }
    if (home == nullptr) home = &groups.emplace_back(WorkloadGroup{workload, {}});
    home->uuids.push_back(workload.uuid);
  }
  return groups;
}

}  // namespace warpwright::trace
