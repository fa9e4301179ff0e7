// A bound plan as canonical text, as JSON and for people.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "src/plan/plan.h"

namespace warpwright::plan {
namespace {

// Canonical: no positions, and floats as their bits, so that equal texts mean equal plans.
enum class Form { kCanonical, kReadable };

std::string_view type_name(ScalarArgument::Type type) {
  switch (type) {
    case ScalarArgument::Type::kI32:
      return "i32";
    case ScalarArgument::Type::kI64:
      return "i64";
    case ScalarArgument::Type::kF32:
      return "f32";
    case ScalarArgument::Type::kF64:
      return "f64";
    case ScalarArgument::Type::kBool:
      return "bool";
  }
  return "";
}

bool is_float(ScalarArgument::Type type) {
  return type == ScalarArgument::Type::kF32 || type == ScalarArgument::Type::kF64;
}

Json position_json(Position at) {
  return {{"line", at.line}, {"column", at.column}};
}
Json dim3_json(const Dim3& dim) {
  return Json::array({dim.x, dim.y, dim.z});
}

Json view_json(const BufferView& view) {
  return {{"kind", "buffer"},
          {"buffer", view.buffer},
          {"byte_offset", view.byte_offset},
          {"type", view.element_type},
          {"null", view.is_null}};
}

Json scalar_json(const ScalarArgument& scalar, Form form) {
  Json json = {{"kind", "scalar"}, {"type", type_name(scalar.type)}};
  if (form == Form::kCanonical) {
    json["integer"] = scalar.integer;
    json["bits"] = fmt::format("{:016x}", std::bit_cast<uint64_t>(scalar.number));
  } else if (is_float(scalar.type)) {
    json["value"] = scalar.number;
  } else if (scalar.type == ScalarArgument::Type::kBool) {
    json["value"] = scalar.integer != 0;
  } else {
    json["value"] = scalar.integer;
  }
  return json;
}

Json argument_json(const Argument& argument, Form form) {
  if (const auto* view = std::get_if<BufferView>(&argument)) return view_json(*view);
  if (const auto* scalar = std::get_if<ScalarArgument>(&argument)) return scalar_json(*scalar, form);
  return {{"kind", "tensor_map"}, {"name", std::get<TensorMapArgument>(argument).name}};
}

Json operation_json(const BoundLaunch& launch, Form form) {
  Json arguments = Json::array();
  for (const Argument& argument : launch.arguments) arguments.push_back(argument_json(argument, form));
  const LaunchAttributes& attributes = launch.attributes;
  return {{"kind", "launch"},
          {"unit", launch.unit},
          {"kernel", launch.kernel},
          {"name_expression", launch.name_expression},
          {"grid", dim3_json(launch.grid)},
          {"block", dim3_json(launch.block)},
          {"dynamic_shared_bytes", launch.dynamic_shared_bytes},
          {"cluster", attributes.cluster ? dim3_json(*attributes.cluster) : Json()},
          {"pdl", attributes.pdl},
          {"cooperative", attributes.cooperative},
          {"carveout_percent", attributes.carveout_percent ? Json(*attributes.carveout_percent) : Json()},
          {"arguments", std::move(arguments)}};
}

Json operation_json(const BoundMemset& memset, Form) {
  return {{"kind", "memset"},
          {"target", view_json(memset.target)},
          {"value", memset.value},
          {"bytes", memset.bytes}};
}

Json operation_json(const BoundCopy& copy, Form) {
  return {{"kind", "copy"},
          {"target", view_json(copy.target)},
          {"source", view_json(copy.source)},
          {"bytes", copy.bytes}};
}

Json tensor_map_json(const BoundTensorMap& map) {
  return {{"name", map.name},
          {"type", map.element_type},
          {"base", view_json(map.base)},
          {"dims", map.dims},
          {"strides_bytes", map.strides_bytes},
          {"box", map.box},
          {"elem_strides", map.elem_strides},
          {"flags", map.flags}};
}

Json plan_json(const BoundPlan& plan, Form form) {
  Json json = {{"knobs", plan.knobs}};
  Json& workspaces = json["workspaces"] = Json::array();
  for (const BoundWorkspace& workspace : plan.workspaces) {
    workspaces.push_back({{"name", workspace.name},
                          {"type", workspace.element_type},
                          {"bytes", workspace.bytes},
                          {"self_clean", workspace.self_clean}});
  }
  Json& maps = json["tensor_maps"] = Json::array();
  for (const BoundTensorMap& map : plan.tensor_maps) {
    maps.push_back(tensor_map_json(map));
    if (form == Form::kReadable) maps.back()["at"] = position_json(map.at);
  }
  Json& operations = json["operations"] = Json::array();
  for (const BoundOperation& operation : plan.operations) {
    std::visit(
        [&](const auto& op) {
          operations.push_back(operation_json(op, form));
          if (form == Form::kReadable) operations.back()["at"] = position_json(op.at);
        },
        operation);
  }
  return json;
}

// --- for people ---

std::string size_text(int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes % 1024 == 0) return fmt::format("{} KiB", bytes / 1024);
  return fmt::format("{:.2f} KiB", static_cast<double>(bytes) / 1024);
}

std::string dim3_text(const Dim3& dim) {
  return fmt::format("({}, {}, {})", dim.x, dim.y, dim.z);
}

std::string view_text(const BufferView& view) {
  if (view.is_null) return fmt::format("{} (absent: null)", view.buffer);
  return view.byte_offset == 0 ? view.buffer : fmt::format("{} + {} bytes", view.buffer, view.byte_offset);
}

// Rows of columns, each as wide as its widest entry; the last of a row takes what it needs.
using Rows = std::vector<std::vector<std::string>>;
std::string aligned(const Rows& rows, std::string_view indent) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::vector<std::string> argument_row(size_t index, const Argument& argument) {
  std::vector<std::string> row = {fmt::format("{}", index)};
  if (const auto* view = std::get_if<BufferView>(&argument)) {
    row.insert(row.end(), {view->element_type + "*", view_text(*view)});
  } else if (const auto* map = std::get_if<TensorMapArgument>(&argument)) {
    row.insert(row.end(), {"CUtensorMap", map->name});
  } else {
    const auto& scalar = std::get<ScalarArgument>(argument);
    constexpr std::string_view kTypes[] = {"int", "long long", "float", "double", "bool"};
    std::string value = fmt::format("{}", scalar.integer);
    if (is_float(scalar.type)) value = fmt::format("{}", scalar.number);
    if (scalar.type == ScalarArgument::Type::kBool) value = scalar.integer != 0 ? "true" : "false";
    row.insert(row.end(), {std::string(kTypes[static_cast<size_t>(scalar.type)]), value});
  }
  return row;
}

std::string attributes_text(const LaunchAttributes& attributes) {
  std::vector<std::string> texts;
  if (attributes.cluster) texts.push_back("cluster" + dim3_text(*attributes.cluster));
  if (attributes.pdl) texts.push_back("pdl");
  if (attributes.cooperative) texts.push_back("cooperative");
  if (attributes.carveout_percent)
    texts.push_back(fmt::format("carveout({} %)", *attributes.carveout_percent));
  return fmt::format("{}", fmt::join(texts, " "));
}

std::string operation_text(const BoundLaunch& launch) {
  const int64_t threads = launch.block.x * launch.block.y * launch.block.z;
  // At most 2^31 * 2^16 * 2^16 blocks, which a double shows well enough where 64 bits would overflow.
  const double blocks = static_cast<double>(launch.grid.x) * static_cast<double>(launch.grid.y) *
                        static_cast<double>(launch.grid.z);
  const std::string unit = launch.unit.empty() ? "" : launch.unit + "::";
  std::string text = fmt::format("launch {}{}  (line {})\n", unit, launch.name_expression, launch.at.line);
  Rows facts = {{"grid", dim3_text(launch.grid), fmt::format("{:.0f} blocks", blocks)},
                {"block", dim3_text(launch.block), fmt::format("{} threads", threads)},
                {"dynamic shared", size_text(launch.dynamic_shared_bytes)}};
  const std::string attributes = attributes_text(launch.attributes);
  if (!attributes.empty()) facts.push_back({"attributes", attributes});
  text += aligned(facts, "     ");
  if (launch.arguments.empty()) return text;
  Rows rows;
  for (size_t i = 0; i < launch.arguments.size(); ++i) rows.push_back(argument_row(i, launch.arguments[i]));
  return text + "     arguments\n" + aligned(rows, "       ");
}

std::string operation_text(const BoundMemset& memset) {
  return fmt::format("memset {}, byte {}, {}  (line {})\n", view_text(memset.target), memset.value,
                     size_text(memset.bytes), memset.at.line);
}

std::string operation_text(const BoundCopy& copy) {
  return fmt::format("copy {} to {}, {}  (line {})\n", view_text(copy.source), view_text(copy.target),
                     size_text(copy.bytes), copy.at.line);
}

std::string list_text(const std::vector<int64_t>& values) {
  return fmt::format("{{{}}}", fmt::join(values, ", "));
}

std::string tensor_map_text(const BoundTensorMap& map) {
  Rows rows = {{"elements", map.element_type}, {"base", view_text(map.base)},
               {"dims", list_text(map.dims)},  {"strides, bytes", list_text(map.strides_bytes)},
               {"box", list_text(map.box)},    {"elem strides", list_text(map.elem_strides)}};
  if (!map.flags.empty()) rows.push_back({"flags", fmt::format("{}", fmt::join(map.flags, " "))});
  return fmt::format("tensor map {}  (line {})\n", map.name, map.at.line) + aligned(rows, "     ");
}

}  // namespace

std::string canonical_text(const BoundPlan& plan) {
  return dump_json(plan_json(plan, Form::kCanonical));
}

Json to_json(const BoundPlan& plan) {
  return plan_json(plan, Form::kReadable);
}

std::string describe(const BoundPlan& plan) {
  std::string text;
  if (!plan.knobs.empty()) {
    Rows rows;
    for (const auto& [name, value] : plan.knobs) rows.push_back({name, value});
    text += "knobs\n" + aligned(rows, "     ");
  }
  if (!plan.workspaces.empty()) {
    int64_t total = 0;
    Rows rows;
    for (const BoundWorkspace& workspace : plan.workspaces) {
      rows.push_back({workspace.name, workspace.element_type, size_text(workspace.bytes),
                      workspace.self_clean ? "self_clean" : ""});
      total += workspace.bytes;
    }
    text += fmt::format("workspaces, {} in all\n", size_text(total)) + aligned(rows, "     ");
  }
  for (const BoundTensorMap& map : plan.tensor_maps) text += tensor_map_text(map);
  int number = 0;
  for (const BoundOperation& operation : plan.operations) {
    text += fmt::format("{:>3}. ", ++number);
    text += std::visit([](const auto& op) { return operation_text(op); }, operation);
  }
  return text;
}

}  // namespace warpwright::plan
