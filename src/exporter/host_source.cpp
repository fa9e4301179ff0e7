#include "src/exporter/host_source.h"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "src/exporter/cxx_expression.h"
#include "src/exporter/device_source.h"
#include "src/exporter/entry_source.h"
#include "src/exporter/host_support.h"

namespace warpwright::exporter {
namespace {

class PlanWriter {
 public:
  explicit PlanWriter(const HostSourceInputs& inputs) : inputs_(inputs) {}

  Result<std::string> write() {
    TRY(block(inputs_.ast.body, 1));
    if (refusal_) return usage_error(*refusal_);
    return std::move(out_);
  }

 private:
  using Statement = plan::Statement;

  Result<void> block(const plan::Block& body, int depth) {
    for (const Statement& statement : body.statements) {
      at_ = statement.at;
      indent_ = std::string(static_cast<size_t>(depth) * 2, ' ');
      depth_ = depth;
      TRY(std::visit([this](const auto& node) { return write_node(node); }, statement.node));
    }
    return {};
  }

  void line(const std::string& content) { out_ += indent_ + content + "\n"; }
  std::string text(const plan::Expression& expression) const {
    return checked(expression), cxx_.emit(expression);
  }
  std::string text_as_float(const plan::Expression& expression) const {
    return checked(expression), cxx_.emit_float(expression);
  }
  std::string primary(const plan::Expression& expression) const {
    return checked(expression), cxx_.emit_primary(expression);
  }

  void checked(const plan::Expression& expression) const {
    NamesUsed names;
    collect_names(expression, names);
    for (const plan::KernelName* kernel : names.resident_kernels) {
      if (has_constant_template_arguments(*kernel) || refusal_) continue;
      refusal_ = fmt::format(
          "plan line {}, column {}: resident_blocks of {} cannot be exported: its template arguments change "
          "with the workload",
          kernel->at.line, kernel->at.column, plan_text(*kernel));
    }
  }

  // For messages: `plan line 12: memset`.
  std::string what(std::string_view name) const {
    return cxx_string(fmt::format("{} (plan line {})", name, at_.line));
  }

  Result<void> write_node(const plan::Tune&) { return {}; }  // knobs stand at the function's start

  Result<void> write_node(const plan::Require& node) {
    const std::string message =
        node.message.empty() ? "a requirement of the plan does not hold" : node.message;
    line(fmt::format("if (!({})) ww::fail({});", text(*node.condition), what(message)));
    return {};
  }

  Result<void> write_node(const plan::Constant& node) {
    const bool constant = is_constant(*node.value);
    if (constant) constants_.insert(node.name);
    const char* type = node.type == plan::Type::kInt     ? "ww::Int"
                       : node.type == plan::Type::kFloat ? "ww::Float"
                                                         : "bool";
    const std::string value =
        node.type == plan::Type::kFloat ? text_as_float(*node.value) : text(*node.value);
    line(fmt::format("[[maybe_unused]] {} {} {} = {};", constant ? "constexpr" : "const", type,
                     cxx_name(node.name), value));
    return {};
  }

  Result<void> write_node(const plan::Workspace& node) {
    line(fmt::format("[[maybe_unused]] const ww::Buffer {} =", cxx_name(node.name)));
    line(fmt::format("    ww_call.workspace({}, {}, {} * {}, {});", workspaces_++, cxx_string(node.name),
                     primary(*node.count), node.element_bits / 8,
                     node.self_clean ? "/*self_clean=*/true" : "/*self_clean=*/false"));
    return {};
  }

  Result<void> write_node(const plan::TensorMap& node) {
    return usage_error(
        fmt::format("plan line {}, column {}: tensormap '{}' cannot be exported to tvm-ffi yet; pass "
                    "pointers to the kernel instead",
                    at_.line, at_.column, node.name));
  }

  Result<void> write_node(const plan::If& node) {
    const int depth = depth_;
    const std::string indent = indent_;
    const plan::If* branch = &node;
    line(fmt::format("if ({}) {{", text(*branch->condition)));
    for (;;) {
      TRY(block(branch->then_block, depth + 1));
      indent_ = indent;
      if (!branch->has_else) break;
      const auto& rest = branch->else_block.statements;
      const plan::If* const next = rest.size() == 1 ? std::get_if<plan::If>(&rest[0].node) : nullptr;
      if (next == nullptr) {
        line("} else {");
        TRY(block(branch->else_block, depth + 1));
        indent_ = indent;
        break;
      }
      line(fmt::format("}} else if ({}) {{", text(*next->condition)));
      branch = next;
    }
    line("}");
    return {};
  }

  Result<void> write_node(const plan::Memset& node) {
    out_ += wrapped_call(
        indent_, "ww_call.memset",
        {what("memset of " + node.target.buffer), view(node.target), text(*node.value), text(*node.bytes)});
    return {};
  }

  Result<void> write_node(const plan::Copy& node) {
    out_ += wrapped_call(
        indent_, "ww_call.copy",
        {what("copy to " + node.target.buffer), view(node.target), view(node.source), text(*node.bytes)});
    return {};
  }

  Result<void> write_node(const plan::Launch& node) {
    const auto site = inputs_.sites.find({at_.line, at_.column});
    const bool reached = site != inputs_.sites.end();
    const bool fixed = has_constant_template_arguments(node.kernel);
    const std::string name = plan_text(node.kernel);
    if (!reached && (inputs_.refuse_unreached || !fixed)) {
      line(
          fmt::format("ww::fail({});", what(name + " is not part of this solution: no workload reaches it")));
      return {};
    }
    line("{");
    const std::string outer = indent_;
    indent_ += "  ";
    TRY(launch_config(node));
    TRY_ASSIGN(auto arguments, launch_arguments(node));
    if (fixed) {
      const std::string kernel =
          reached ? instantiation(node.kernel, site->second.front()) : cxx_kernel(node.kernel);
      arguments.insert(arguments.begin(), {what(name), "&" + kernel, "ww_config"});
      out_ += wrapped_call(indent_, "ww_call.launch", arguments);
    } else {
      arguments.insert(arguments.begin(), {what(name), "ww_kernel", "ww_config"});
      line("const auto ww_launch = [&](auto* ww_kernel) {");
      out_ += wrapped_call(indent_ + "  ", "ww_call.launch", arguments);
      line("};");
      dispatch(node.kernel, site->second);
    }
    indent_ = outer;
    line("}");
    return {};
  }

  Result<void> launch_config(const plan::Launch& node) {
    line("ww::LaunchConfig ww_config;");
    line(fmt::format("ww_config.grid = {{{}}};", extent(node.grid)));
    line(fmt::format("ww_config.block = {{{}}};", extent(node.block)));
    if (node.shared_bytes != nullptr)
      line(fmt::format("ww_config.shared_bytes = {};", text(*node.shared_bytes)));
    if (!node.cluster.empty()) {
      line("ww_config.has_cluster = true;");
      line(fmt::format("ww_config.cluster = {{{}}};", extent(node.cluster)));
    }
    if (node.pdl) line("ww_config.pdl = true;");
    if (node.cooperative) line("ww_config.cooperative = true;");
    if (node.carveout_percent != nullptr) {
      line(fmt::format("ww_config.carveout_percent = {};", text(*node.carveout_percent)));
    }
    return {};
  }

  std::string extent(const plan::Extent& extents) const {
    std::string list;
    for (const auto& value : extents) list += (list.empty() ? "" : ", ") + text(*value);
    return list;
  }

  Result<std::vector<std::string>> launch_arguments(const plan::Launch& node) const {
    std::vector<std::string> arguments;
    for (const plan::KernelArgument& argument : node.arguments) {
      if (const auto* place = std::get_if<plan::View>(&argument)) {
        arguments.push_back(view(*place) + ".data");
      } else if (const auto* scalar = std::get_if<plan::ScalarValue>(&argument)) {
        arguments.push_back(scalar_argument(*scalar));
      } else {
        return usage_error(fmt::format(
            "plan line {}, column {}: a tensor map cannot be exported to tvm-ffi yet", at_.line, at_.column));
      }
    }
    return arguments;
  }

  std::string scalar_argument(const plan::ScalarValue& scalar) const {
    const plan::Expression* value = scalar.value.get();
    const auto* cast = std::get_if<plan::CastTo>(&value->node);
    if (cast != nullptr && is_same(cast->cast, scalar.type)) value = cast->operand.get();
    switch (scalar.type) {
      case plan::ScalarArgument::Type::kI32:
        return fmt::format("ww::i32({})", text(*value));
      case plan::ScalarArgument::Type::kI64:
        return fmt::format("ww::i64({})", text(*value));
      case plan::ScalarArgument::Type::kF32:
        return fmt::format("ww::f32({})", text(*value));
      case plan::ScalarArgument::Type::kF64:
        return fmt::format("ww::f64({})", text(*value));
      case plan::ScalarArgument::Type::kBool:
        break;
    }
    return primary(*value);
  }

  static bool is_same(plan::Cast cast, plan::ScalarArgument::Type type) {
    switch (cast) {
      case plan::Cast::kI32:
        return type == plan::ScalarArgument::Type::kI32;
      case plan::Cast::kI64:
        return type == plan::ScalarArgument::Type::kI64;
      case plan::Cast::kF32:
        return type == plan::ScalarArgument::Type::kF32;
      case plan::Cast::kF64:
        return type == plan::ScalarArgument::Type::kF64;
    }
    return false;
  }

  std::string view(const plan::View& place) const {
    const std::string name = cxx_name(place.buffer);
    if (place.offset == nullptr) return name;
    return fmt::format("{}.{}({}, {})", name, place.in_bytes ? "from_byte" : "from_element",
                       text(*place.offset), place.element_bits / 8);
  }

  // As NVRTC was asked for it: "candidate::split<16, float>".
  static std::string instantiation(const plan::KernelName& kernel,
                                   const std::vector<std::string>& arguments) {
    const std::string name = fmt::format("{}::{}", cxx_unit_namespace(kernel.unit), kernel.name);
    return arguments.empty() ? name : fmt::format("{}<{}>", name, fmt::join(arguments, ", "));
  }

  // Template arguments that change with the workload: one branch per instantiation seen.
  void dispatch(const plan::KernelName& kernel, const Instantiations& instantiations) {
    const char* keyword = "if";
    for (const std::vector<std::string>& values : instantiations) {
      std::string condition;
      for (size_t i = 0; i < values.size(); ++i) {
        const plan::TemplateArgument& argument = kernel.template_arguments[i];
        if (argument.value == nullptr || is_constant(*argument.value)) continue;
        condition +=
            fmt::format("{}{} == {}", condition.empty() ? "" : " && ", primary(*argument.value), values[i]);
      }
      line(fmt::format("{} ({}) {{", keyword, condition));
      line(fmt::format("  ww_launch(&{});", instantiation(kernel, values)));
      keyword = "} else if";
    }
    line("} else {");
    line(fmt::format("  ww::fail({});",
                     what(plan_text(kernel) + ": these template arguments are not part of this solution")));
    line("}");
  }

  bool has_constant_template_arguments(const plan::KernelName& kernel) const {
    for (const plan::TemplateArgument& argument : kernel.template_arguments) {
      if (argument.value != nullptr && !is_constant(*argument.value)) return false;
    }
    return true;
  }

  // Known once knobs and definition are: a constant expression of the generated code.
  bool is_constant(const plan::Expression& expression) const {
    NamesUsed names;
    collect_names(expression, names);
    if (names.arch || names.sm_count || !names.resident_kernels.empty()) return false;
    if (!names.scalars.empty() || !names.inputs_tested.empty()) return false;
    for (const std::string& axis : names.axes) {
      const trace::Axis* const found = inputs_.definition.find_axis(axis);
      if (found == nullptr || !found->is_constant) return false;
    }
    for (const std::string& name : names.constants) {
      if (constants_.count(name) == 0) return false;
    }
    return true;
  }

  const HostSourceInputs& inputs_;
  const CxxExpressions cxx_{};
  std::set<std::string> constants_;  // plan constants that are constant expressions
  plan::Position at_;
  std::string indent_;
  int depth_ = 1;
  int workspaces_ = 0;
  mutable std::optional<std::string> refusal_;  // found while an expression was written
  std::string out_;
};

}  // namespace

Result<std::string> host_source(const HostSourceInputs& inputs) {
  TRY_ASSIGN(const EntryText entry, entry_source(inputs.ast, inputs.definition, inputs.knobs));
  TRY_ASSIGN(const std::string plan, PlanWriter(inputs).write());
  return fmt::format(
      "{}\n#include \"{}\"\n#include \"{}\"\n\nnamespace solution {{\nnamespace {{\n\n{}{}\n"
      "  // The launch plan.\n  ww::Call ww_call(ww_device);\n{}  ww_call.finish();\n}}\n\n}}  // namespace\n"
      "}}  // namespace solution\n\nTVM_FFI_DLL_EXPORT_TYPED_FUNC({}, solution::run);\n",
      inputs.header_comment, kDeviceSourcePath, kHostSupportPath, entry.signature, entry.prologue, plan,
      inputs.entry_symbol);
}

}  // namespace warpwright::exporter
