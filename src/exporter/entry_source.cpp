#include "src/exporter/entry_source.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <set>

#include "src/exporter/cxx_expression.h"

namespace warpwright::exporter {
namespace {

using trace::DType;
using trace::Tensor;

struct NamesOfPlan {
  NamesUsed names;
  std::set<std::string> buffers;
};

void collect(const plan::Block& block, NamesOfPlan& used);

struct StatementCollector {
  NamesOfPlan& used;

  void expression(const plan::ExpressionPtr& node) const {
    if (node != nullptr) collect_names(*node, used.names);
  }
  void view(const plan::View& node) const {
    used.buffers.insert(node.buffer);
    expression(node.offset);
  }
  void operator()(const plan::Tune&) const {}
  void operator()(const plan::Require& node) const { expression(node.condition); }
  void operator()(const plan::Constant& node) const { expression(node.value); }
  void operator()(const plan::Workspace& node) const { expression(node.count); }
  void operator()(const plan::TensorMap&) const {}  // refused when it is written
  void operator()(const plan::If& node) const {
    expression(node.condition);
    collect(node.then_block, used);
    collect(node.else_block, used);
  }
  void operator()(const plan::Memset& node) const {
    view(node.target);
    expression(node.value);
    expression(node.bytes);
  }
  void operator()(const plan::Copy& node) const {
    view(node.target);
    view(node.source);
    expression(node.bytes);
  }
  void operator()(const plan::Launch& node) const {
    for (const auto& argument : node.kernel.template_arguments) expression(argument.value);
    for (const plan::Extent* extent : {&node.grid, &node.block, &node.cluster}) {
      for (const auto& value : *extent) expression(value);
    }
    expression(node.shared_bytes);
    expression(node.carveout_percent);
    for (const auto& argument : node.arguments) {
      if (const auto* place = std::get_if<plan::View>(&argument)) view(*place);
      if (const auto* scalar = std::get_if<plan::ScalarValue>(&argument)) expression(scalar->value);
    }
  }
};

void collect(const plan::Block& block, NamesOfPlan& used) {
  for (const plan::Statement& statement : block.statements)
    std::visit(StatementCollector{used}, statement.node);
}

std::optional<std::string> dlpack_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
    case DType::kFloat32:
    case DType::kFloat16:
      return fmt::format("{{kDLFloat, {}, 1}}", trace::size_bits(dtype));
    case DType::kBfloat16:
      return "{kDLBfloat, 16, 1}";
    case DType::kFloat8E4m3fn:
      return "{kDLFloat8_e4m3fn, 8, 1}";
    case DType::kFloat8E5m2:
      return "{kDLFloat8_e5m2, 8, 1}";
    case DType::kFloat4E2m1:
      return std::nullopt;  // packed in pairs in some frameworks, bytes in others
    case DType::kInt64:
    case DType::kInt32:
    case DType::kInt16:
    case DType::kInt8:
      return fmt::format("{{kDLInt, {}, 1}}", trace::size_bits(dtype));
    case DType::kUint64:
    case DType::kUint32:
    case DType::kUint16:
    case DType::kUint8:
      return fmt::format("{{kDLUInt, {}, 1}}", trace::size_bits(dtype));
    case DType::kBool:
      return "{kDLBool, 8, 1}";
  }
  return std::nullopt;
}

enum class ScalarKind { kFloat, kInt, kBool };
ScalarKind scalar_kind(DType dtype) {
  if (dtype == DType::kBool) return ScalarKind::kBool;
  const std::string_view name = trace::to_string(dtype);
  return name.substr(0, 3) == "int" || name.substr(0, 4) == "uint" ? ScalarKind::kInt : ScalarKind::kFloat;
}

std::string argument_name(const Tensor& tensor) {
  return "arg_" + cxx_name(tensor.name);
}

std::string argument_type(const Tensor& tensor) {
  std::string type = "tvm::ffi::TensorView";
  if (tensor.is_scalar) {
    const ScalarKind kind = scalar_kind(tensor.dtype);
    type = kind == ScalarKind::kInt ? "int64_t" : kind == ScalarKind::kBool ? "bool" : "double";
  }
  return tensor.optional ? fmt::format("tvm::ffi::Optional<{}>", type) : type;
}

bool is_integer_text(const std::string& text) {
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

class EntryWriter {
 public:
  EntryWriter(const plan::Ast& ast, const trace::Definition& definition, const KnobValues& knobs)
      : ast_(ast), definition_(definition), knobs_(knobs) {
    for (const auto* tensors : {&definition.inputs, &definition.outputs}) {
      for (const Tensor& tensor : *tensors) arguments_.push_back(&tensor);
    }
    collect(ast.body, used_);
    for (const Tensor* tensor : arguments_) {
      if (!tensor->is_scalar) used_.names.axes.insert(tensor->shape.begin(), tensor->shape.end());
    }
  }

  Result<EntryText> write() {
    TRY(axes());
    TRY(tensors());
    scalars();
    presence();
    knobs();
    return EntryText{signature(), std::move(out_)};
  }

 private:
  void line(const std::string& text) { out_ += "  " + text + "\n"; }

  std::string signature() const {
    std::string text = "void run(";
    for (size_t i = 0; i < arguments_.size(); ++i) {
      text += fmt::format("{}{} {}", i == 0 ? "" : ",\n         ", argument_type(*arguments_[i]),
                          argument_name(*arguments_[i]));
    }
    return text + ") {\n";
  }

  Result<void> axes() {
    line("// Axes: the definition's constants, and the others from the tensors' shapes.");
    for (const trace::Axis& axis : definition_.axes) {
      if (used_.names.axes.count(axis.name) == 0) continue;
      if (axis.is_constant) {
        line(fmt::format("constexpr ww::Int {} = {};", cxx_name(axis.name), cxx_integer(axis.value)));
      } else {
        TRY_ASSIGN(const std::string value, axis_value(axis.name));
        line(fmt::format("const ww::Int {} = {};", cxx_name(axis.name), value));
      }
    }
    return {};
  }

  // Of the first tensor that is always given and has the axis in its shape.
  Result<std::string> axis_value(const std::string& axis) const {
    for (const Tensor* tensor : arguments_) {
      if (tensor->is_scalar || tensor->optional) continue;
      for (size_t i = 0; i < tensor->shape.size(); ++i) {
        if (tensor->shape[i] != axis) continue;
        return fmt::format("ww::axis({}, {}, {}, {})", argument_name(*tensor), cxx_string(tensor->name),
                           tensor->shape.size(), i);
      }
    }
    return usage_error(
        fmt::format("definition {}: axis '{}' is in the shape of no required tensor, so exported code "
                    "cannot read it",
                    definition_.name, axis));
  }

  Result<void> tensors() {
    const Tensor* first = nullptr;
    for (const Tensor* tensor : arguments_) {
      if (first == nullptr && !tensor->is_scalar && !tensor->optional) first = tensor;
    }
    if (first == nullptr) return usage_error(fmt::format("definition {} has no tensors", definition_.name));
    out_ += "\n";
    line("// Tensors: data type, shape, layout and device.");
    line(fmt::format("const DLDevice ww_device = {}.device();", argument_name(*first)));
    for (const Tensor* tensor : arguments_) {
      if (tensor->is_scalar) continue;
      const std::optional<std::string> type = dlpack_type(tensor->dtype);
      if (!type) {
        return usage_error(
            fmt::format("definition {}: tensor '{}' has data type {}, which cannot be exported yet",
                        definition_.name, tensor->name, trace::to_string(tensor->dtype)));
      }
      tensor_check(*tensor, *type);
    }
    return {};
  }

  void tensor_check(const Tensor& tensor, const std::string& type) {
    std::string shape;
    for (const std::string& extent : tensor.shape) {
      shape += (shape.empty() ? "" : ", ") + (is_integer_text(extent) ? extent : cxx_name(extent));
    }
    const bool named = used_.buffers.count(tensor.name) != 0;
    const std::string target = named ? fmt::format("const ww::Buffer {} = ", cxx_name(tensor.name)) : "";
    out_ +=
        wrapped_call("  ", target + "ww::checked_tensor",
                     {argument_name(tensor), cxx_string(tensor.name), type, "{" + shape + "}", "ww_device"});
  }

  void scalars() {
    for (const Tensor* tensor : arguments_) {
      if (!tensor->is_scalar) continue;
      const std::string name = argument_name(*tensor);
      if (used_.names.scalars.count(tensor->name) == 0) {
        line(fmt::format("static_cast<void>({});  // not used by the plan", name));
        continue;
      }
      const ScalarKind kind = scalar_kind(tensor->dtype);
      const char* const type = kind == ScalarKind::kInt    ? "ww::Int"
                               : kind == ScalarKind::kBool ? "bool"
                                                           : "ww::Float";
      const char* const zero = kind == ScalarKind::kBool ? "false" : "0";
      const std::string value =
          tensor->optional ? fmt::format("{}.has_value() ? *{} : {}", name, name, zero) : name;
      line(fmt::format("const {} {}({});", type, cxx_name(tensor->name), value));
    }
  }

  // has(x) of the plan is ww_has_x here.
  void presence() {
    for (const Tensor* tensor : arguments_) {
      if (used_.names.inputs_tested.count(tensor->name) == 0) continue;
      const bool optional = tensor->optional;
      line(fmt::format("{} bool ww_has_{} = {};", optional ? "const" : "constexpr", cxx_name(tensor->name),
                       optional ? argument_name(*tensor) + ".has_value()" : "true"));
    }
  }

  void knobs() {
    bool first = true;
    for (const plan::Knob& knob : ast_.knobs) {
      if (used_.names.knobs.count(knob.name) == 0) continue;
      if (first) out_ += "\n  // Knobs, as chosen for this solution.\n";
      first = false;
      const auto value = knobs_.find(knob.name);
      const std::string& text = value == knobs_.end() ? knob.default_value : value->second;
      if (knob.type == "bool") {
        line(fmt::format("constexpr bool {} = {};", cxx_name(knob.name), text == "true" || text == "1"));
      } else if (knob.type == "float") {
        line(fmt::format("constexpr ww::Float {}({});", cxx_name(knob.name), text));
      } else {
        line(fmt::format("constexpr ww::Int {} = {};", cxx_name(knob.name), text));
      }
    }
  }

  const plan::Ast& ast_;
  const trace::Definition& definition_;
  const KnobValues& knobs_;
  std::vector<const Tensor*> arguments_;  // inputs, then outputs
  NamesOfPlan used_;
  std::string out_;
};

}  // namespace

Result<EntryText> entry_source(const plan::Ast& ast, const trace::Definition& definition,
                               const KnobValues& knobs) {
  return EntryWriter(ast, definition, knobs).write();
}

}  // namespace warpwright::exporter
