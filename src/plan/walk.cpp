#include "src/plan/walk.h"

namespace warpwright::plan {
namespace {

class Walker {
 public:
  explicit Walker(const Visitor& visitor) : visitor_(visitor) {}

  void block(const Block& block) {
    for (const Statement& statement : block.statements) this->statement(statement);
  }
  void statement(const Statement& statement) {
    std::visit([this](const auto& node) { visit(node); }, statement.node);
  }

 private:
  void visit(const Tune&) {}
  void visit(const Require& node) { expression(node.condition); }
  void visit(const Constant& node) { expression(node.value); }
  void visit(const Workspace& node) { expression(node.count); }
  void visit(const TensorMap& node) {
    view(node.base);
    for (const auto* list : {&node.dims, &node.strides_bytes, &node.box, &node.elem_strides}) all(*list);
  }
  void visit(const If& node) {
    expression(node.condition);
    block(node.then_block);
    block(node.else_block);
  }
  void visit(const Memset& node) {
    view(node.target);
    expression(node.value);
    expression(node.bytes);
  }
  void visit(const Copy& node) {
    view(node.target);
    view(node.source);
    expression(node.bytes);
  }
  void visit(const Launch& node) {
    kernel(node.kernel);
    for (const Extent* extent : {&node.grid, &node.block, &node.cluster}) all(*extent);
    expression(node.shared_bytes);
    expression(node.carveout_percent);
    for (const KernelArgument& argument : node.arguments) {
      if (const auto* value = std::get_if<ExpressionPtr>(&argument)) expression(*value);
      if (const auto* of_view = std::get_if<View>(&argument)) view(*of_view);
      if (const auto* scalar = std::get_if<ScalarValue>(&argument)) expression(scalar->value);
    }
  }

  void view(const View& view) { expression(view.offset); }
  void all(const Extent& list) {
    for (const ExpressionPtr& value : list) expression(value);
  }
  void kernel(const KernelName& name) {
    if (visitor_.kernel) visitor_.kernel(name);
    for (const TemplateArgument& argument : name.template_arguments) expression(argument.value);
  }

  void expression(const ExpressionPtr& pointer) {
    if (pointer == nullptr) return;
    if (visitor_.expression) visitor_.expression(*pointer);
    std::visit([this](const auto& node) { operands(node); }, pointer->node);
  }
  void operands(const Literal&) {}
  void operands(const Name&) {}
  void operands(const Has&) {}
  void operands(const Unary& node) { expression(node.operand); }
  void operands(const Binary& node) {
    expression(node.left);
    expression(node.right);
  }
  void operands(const Conditional& node) {
    expression(node.condition);
    expression(node.if_true);
    expression(node.if_false);
  }
  void operands(const Call& node) { all(node.arguments); }
  void operands(const CastTo& node) { expression(node.operand); }
  void operands(const ResidentBlocks& node) {
    kernel(node.kernel);
    expression(node.threads);
    expression(node.shared_bytes);
  }

  const Visitor& visitor_;
};

}  // namespace

void walk(const Block& block, const Visitor& visitor) {
  Walker(visitor).block(block);
}

void walk(const Statement& statement, const Visitor& visitor) {
  Walker(visitor).statement(statement);
}

}  // namespace warpwright::plan
