#include "src/plan/checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/plan/names.h"

namespace warpwright::plan {
namespace {

Type scalar_type(trace::DType dtype) {
  switch (dtype) {
    case trace::DType::kFloat64:
    case trace::DType::kFloat32:
    case trace::DType::kFloat16:
    case trace::DType::kBfloat16:
    case trace::DType::kFloat8E4m3fn:
    case trace::DType::kFloat8E5m2:
    case trace::DType::kFloat4E2m1:
      return Type::kFloat;
    case trace::DType::kInt64:
    case trace::DType::kInt32:
    case trace::DType::kInt16:
    case trace::DType::kInt8:
    case trace::DType::kUint64:
    case trace::DType::kUint32:
    case trace::DType::kUint16:
    case trace::DType::kUint8:
      return Type::kInt;
    case trace::DType::kBool:
      return Type::kBool;
  }
  return Type::kInt;
}

// What a kernel receives for a scalar input passed as it is; none if the ABI has no such type.
std::optional<ScalarArgument::Type> argument_type(trace::DType dtype) {
  if (dtype == trace::DType::kFloat32) return ScalarArgument::Type::kF32;
  if (dtype == trace::DType::kFloat64) return ScalarArgument::Type::kF64;
  if (dtype == trace::DType::kInt32) return ScalarArgument::Type::kI32;
  if (dtype == trace::DType::kInt64) return ScalarArgument::Type::kI64;
  if (dtype == trace::DType::kBool) return ScalarArgument::Type::kBool;
  return std::nullopt;
}

ScalarArgument::Type argument_type(Cast cast) {
  switch (cast) {
    case Cast::kI32:
      return ScalarArgument::Type::kI32;
    case Cast::kI64:
      return ScalarArgument::Type::kI64;
    case Cast::kF32:
      return ScalarArgument::Type::kF32;
    case Cast::kF64:
      return ScalarArgument::Type::kF64;
  }
  return ScalarArgument::Type::kI32;
}

// The x of x, x + a, x + a + b: whether the name is a buffer's decides between view and value.
Expression& leftmost_term(Expression& expression) {
  Expression* at = &expression;
  for (auto* sum = std::get_if<Binary>(&at->node); sum != nullptr && sum->op == Operator::kAdd;
       sum = std::get_if<Binary>(&at->node)) {
    at = sum->left.get();
  }
  return *at;
}

// x + a + b -> a + b. REQUIRES: leftmost_term is not `expression` itself.
ExpressionPtr without_leftmost_term(ExpressionPtr expression) {
  ExpressionPtr* parent = &expression;
  for (;;) {
    auto& sum = std::get<Binary>((*parent)->node);
    if (!std::holds_alternative<Binary>(sum.left->node)) break;
    parent = &sum.left;
  }
  ExpressionPtr rest = std::move(std::get<Binary>((*parent)->node).right);
  *parent = std::move(rest);
  return expression;
}

}  // namespace

Checker::Checker(const trace::Definition& definition, std::vector<std::string> units,
                 Diagnostics& diagnostics)
    : definition_(definition), units_(std::move(units)), diagnostics_(diagnostics) {}

bool Checker::check_over_axes(Expression& expression, Type wanted, std::string_view what) {
  axes_only_ = true;
  for (const trace::Axis& axis : definition_.axes) symbols_[axis.name] = {SymbolKind::kAxis};
  if (!check(expression)) return false;
  if (expression.type == wanted) return true;
  return fail(expression.at,
              fmt::format("{} must be {}, not {}", what, to_string(wanted), to_string(expression.type)));
}

void Checker::add_definition() {
  for (const trace::Tensor& tensor : definition_.outputs) {
    symbols_[tensor.name] = {SymbolKind::kOutput, Type::kInt, &tensor,
                             std::string(trace::cuda_type(tensor.dtype)), trace::size_bits(tensor.dtype)};
  }
  for (const trace::Tensor& tensor : definition_.inputs) {
    symbols_[tensor.name] = {tensor.is_scalar ? SymbolKind::kScalar : SymbolKind::kInput,
                             scalar_type(tensor.dtype), &tensor, std::string(trace::cuda_type(tensor.dtype)),
                             trace::size_bits(tensor.dtype)};
  }
  for (const trace::Axis& axis : definition_.axes) {
    if (find(axis.name) == nullptr) symbols_[axis.name] = {SymbolKind::kAxis};
  }
}

void Checker::collect_declarations(const Block& block) {
  const auto add = [&](const std::string& name, Position at) { declarations_.emplace(name, at); };
  for (const Statement& statement : block.statements) {
    if (const auto* tune = std::get_if<Tune>(&statement.node)) add(tune->knob.name, statement.at);
    if (const auto* constant = std::get_if<Constant>(&statement.node)) add(constant->name, statement.at);
    if (const auto* workspace = std::get_if<Workspace>(&statement.node)) add(workspace->name, statement.at);
    if (const auto* map = std::get_if<TensorMap>(&statement.node)) add(map->name, statement.at);
    if (const auto* branch = std::get_if<If>(&statement.node)) {
      collect_declarations(branch->then_block);
      collect_declarations(branch->else_block);
    }
  }
}

void Checker::check_plan(Ast& ast, Position plan_at) {
  add_definition();
  collect_declarations(ast.body);
  check_block(ast.body, true);
  ast.knobs = knobs_;
  if (!diagnostics_.empty()) return;
  if (launches_ == 0)
    diagnostics_.error(plan_at, "the plan launches no kernel: add kernel<<<grid, block>>>(...);");
  for (const trace::Tensor& output : definition_.outputs) {
    if (output.is_scalar || std::count(outputs_used_.begin(), outputs_used_.end(), output.name) > 0) continue;
    diagnostics_.error(plan_at,
                       fmt::format("output '{}' is never written: pass it to a kernel", output.name));
  }
}

// Names declared in a block end with it.
void Checker::check_block(Block& block, bool is_body) {
  const size_t outer = declared_.size();
  for (Statement& statement : block.statements) {
    if (diagnostics_.full()) return;
    check_statement(statement, is_body);
  }
  for (; declared_.size() > outer; declared_.pop_back()) symbols_.erase(declared_.back());
}

void Checker::check_statement(Statement& statement, bool is_body) {
  std::visit(
      [&](auto& node) {
        using Node = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<Node, Tune>) {
          check(node, statement.at, is_body);
        } else if constexpr (std::is_same_v<Node, Constant> || std::is_same_v<Node, Workspace> ||
                             std::is_same_v<Node, TensorMap> || std::is_same_v<Node, Launch>) {
          check(node, statement.at);
        } else {
          check(node);
        }
      },
      statement.node);
}

bool Checker::declare(const std::string& name, Position at, Symbol symbol) {
  symbol.at = at;
  if (is_reserved(name) || find_element_type(name) != nullptr) {
    symbols_.emplace(name, Symbol{});
    return fail(at, fmt::format("'{}' is a word of the plan language: choose another name", name));
  }
  if (const Symbol* other = find(name)) {
    if (other->at.line > 0) {
      return fail(at, fmt::format("'{}' is declared already, on line {}", name, other->at.line));
    }
    const bool axis = other->kind == SymbolKind::kAxis;
    return fail(at, fmt::format("'{}' is {} of the definition: choose another name", name,
                                axis ? "an axis" : "a tensor or scalar"));
  }
  symbols_[name] = std::move(symbol);
  declared_.push_back(name);
  declared_before_[name] = at;
  return true;
}

void Checker::check(Tune& tune, Position at, bool is_body) {
  const std::string& name = tune.knob.name;
  if (!is_body) {
    fail(at, fmt::format("knob '{}' is declared inside a block: tune belongs to the top level", name));
  } else if (is_cpp_keyword(name)) {
    fail(tune.knob.at, fmt::format("'{}' is a word of C++ and cannot become knob::{}", name, name));
  }
  if (declare(name, tune.knob.at, {SymbolKind::kKnob, tune.type})) knobs_.push_back(tune.knob);
}

void Checker::check(Require& require) {
  check_as(require.condition, Type::kBool, "the condition of require");
}

void Checker::check(Constant& constant, Position at) {
  const bool ok = check_as(constant.value, constant.type, fmt::format("const {}", constant.name));
  declare(constant.name, at, {ok ? SymbolKind::kConstant : SymbolKind::kBroken, constant.type});
}

void Checker::check(Workspace& workspace, Position at) {
  check_as(workspace.count, Type::kInt, fmt::format("the size of workspace '{}'", workspace.name));
  declare(workspace.name, at,
          {SymbolKind::kWorkspace, Type::kInt, nullptr, workspace.element_type, workspace.element_bits});
}

void Checker::check(TensorMap& map, Position at) {
  bool ok = check_view(map.base);
  if (map.element_type.empty()) {
    map.element_type = map.base.element_type;
    map.element_bits = map.base.element_bits;
  }
  const ElementType* type = find_element_type(map.element_type);
  if (ok && (type == nullptr || !type->tensor_map)) {
    ok = fail(at,
              fmt::format("a tensor map cannot have elements of type {}: write tiled<uint8_t>(...) or such",
                          map.element_type));
  }
  const auto check_list = [&](Extent& list, std::string_view what, size_t wanted) {
    for (ExpressionPtr& value : list) ok = check_as(value, Type::kInt, what) && ok;
    if (list.empty() || list.size() == wanted) return;
    ok = fail(at, fmt::format("tensor map '{}' has {} dims, so {} needs {} value{}, got {}", map.name,
                              map.dims.size(), what, wanted, wanted == 1 ? "" : "s", list.size()));
  };
  const size_t rank = map.dims.size();
  if (rank > 5)
    ok = fail(at, fmt::format("tensor map '{}' has {} dims: 1 to 5 are possible", map.name, rank));
  check_list(map.dims, "dims", rank);
  check_list(map.box, "box", rank);
  check_list(map.strides_bytes, "strides_bytes", rank - 1);
  check_list(map.elem_strides, "elem_strides", rank);
  const bool nan = std::count(map.flags.begin(), map.flags.end(), "oob_nan") > 0;
  if (ok && nan && !type->floating) ok = fail(at, "oob_nan needs elements of a floating type");
  declare(map.name, at, {ok ? SymbolKind::kTensorMap : SymbolKind::kBroken});
}

// A kernel stands directly before what follows the if when both ways end with one.
void Checker::check(If& statement) {
  check_as(statement.condition, Type::kBool, "the condition of if");
  const bool before = kernel_before_;
  check_block(statement.then_block, false);
  const bool after_then = kernel_before_;
  kernel_before_ = before;
  check_block(statement.else_block, false);
  kernel_before_ = kernel_before_ && after_then;
}

void Checker::check_written(const View& view, std::string_view how) {
  if (view.kind == BufferKind::kInput) {
    fail(view.at, fmt::format("{} cannot write to '{}': inputs must stay unchanged", how, view.buffer));
  }
}

void Checker::check(Memset& memset) {
  if (check_view(memset.target)) check_written(memset.target, "memset");
  check_as(memset.value, Type::kInt, "the byte of memset");
  check_as(memset.bytes, Type::kInt, "the size of memset");
  kernel_before_ = false;
}

void Checker::check(Copy& copy) {
  if (check_view(copy.target)) check_written(copy.target, "copy");
  check_view(copy.source);
  check_as(copy.bytes, Type::kInt, "the size of copy");
  kernel_before_ = false;
}

bool Checker::check_view(View& view) {
  const bool offset_ok = view.offset == nullptr ||
                         check_as(view.offset, Type::kInt, fmt::format("the offset into '{}'", view.buffer));
  const Symbol* symbol = find(view.buffer);
  if (symbol == nullptr) {
    report_unknown(view.buffer, view.at, true);
    return false;
  }
  switch (symbol->kind) {
    case SymbolKind::kInput:
      view.kind = BufferKind::kInput;
      break;
    case SymbolKind::kOutput:
      view.kind = BufferKind::kOutput;
      break;
    case SymbolKind::kWorkspace:
      view.kind = BufferKind::kWorkspace;
      break;
    case SymbolKind::kBroken:
      return false;
    case SymbolKind::kAxis:
    case SymbolKind::kScalar:
    case SymbolKind::kConstant:
    case SymbolKind::kKnob:
      return fail(view.at, fmt::format("'{}' is a value: here a tensor or workspace is needed", view.buffer));
    case SymbolKind::kTensorMap:
      return fail(view.at,
                  fmt::format("'{}' is a tensor map: here a tensor or workspace is needed", view.buffer));
  }
  if (!view.in_bytes) {
    view.element_type = symbol->element_type;
    view.element_bits = symbol->element_bits;
  }
  if (view.kind == BufferKind::kOutput) outputs_used_.push_back(view.buffer);
  return offset_ok;
}

void Checker::check_extent(Extent& extent, std::string_view what) {
  constexpr char kAxisNames[] = "xyz";
  for (size_t i = 0; i < extent.size(); ++i) {
    check_as(extent[i], Type::kInt, fmt::format("the {}'s {}", what, kAxisNames[i]));
  }
}

void Checker::check(Launch& launch, Position at) {
  check_kernel(launch.kernel);
  check_extent(launch.grid, "grid");
  check_extent(launch.block, "block");
  check_extent(launch.cluster, "cluster");
  if (launch.shared_bytes) check_as(launch.shared_bytes, Type::kInt, "the shared memory");
  if (launch.carveout_percent) check_as(launch.carveout_percent, Type::kInt, "the carveout");
  for (KernelArgument& argument : launch.arguments) check_argument(argument);
  if (launch.pdl && !kernel_before_) {
    fail(at, "[[pdl]] needs a kernel directly before this launch on every path: leave it out here");
  }
  kernel_before_ = true;
  ++launches_;
}

void Checker::check_argument(KernelArgument& argument) {
  if (auto* view = std::get_if<View>(&argument)) {
    check_view(*view);
    return;
  }
  auto value = std::move(std::get<ExpressionPtr>(argument));
  Expression& term = leftmost_term(*value);
  const auto* name = std::get_if<Name>(&term.node);
  const Symbol* symbol = name == nullptr ? nullptr : find(name->name);
  const bool is_buffer =
      symbol != nullptr && (symbol->kind == SymbolKind::kInput || symbol->kind == SymbolKind::kOutput ||
                            symbol->kind == SymbolKind::kWorkspace);
  if (is_buffer) {
    View view;
    view.buffer = name->name;
    view.at = term.at;
    if (&term != value.get()) view.offset = without_leftmost_term(std::move(value));
    check_view(view);
    argument = std::move(view);
  } else if (symbol != nullptr && symbol->kind == SymbolKind::kTensorMap && &term == value.get()) {
    argument = TensorMapName{name->name};
  } else {
    check_scalar_argument(argument, std::move(value));
  }
}

void Checker::check_scalar_argument(KernelArgument& argument, ExpressionPtr value) {
  const bool ok = check(*value);
  ScalarValue scalar;
  if (value->type == Type::kFloat) scalar.type = ScalarArgument::Type::kF32;
  if (value->type == Type::kBool) scalar.type = ScalarArgument::Type::kBool;
  if (const auto* cast = std::get_if<CastTo>(&value->node)) scalar.type = argument_type(cast->cast);
  const auto* name = std::get_if<Name>(&value->node);
  if (ok && name != nullptr && name->kind == NameKind::kScalar) {
    const trace::DType dtype = find(name->name)->tensor->dtype;
    const std::optional<ScalarArgument::Type> type = argument_type(dtype);
    if (type) {
      scalar.type = *type;
    } else {
      fail(value->at,
           fmt::format("scalar '{}' of type {} cannot be passed as it is: write {}({})", name->name,
                       trace::to_string(dtype), value->type == Type::kFloat ? "f32" : "i64", name->name));
    }
  }
  scalar.value = std::move(value);
  argument = std::move(scalar);
}

}  // namespace warpwright::plan
