// Calls by name and through registers, and alloca.
#include <algorithm>
#include <bit>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/atomics.h"
#include "evaluator/sim/ops/calls.h"
#include "evaluator/sim/ops/local_memory.h"
#include "evaluator/sim/ops/warp_ops.h"

namespace warpwright::sim {
namespace {

// Device functions of the runtime that a kernel may declare but nobody defines here.
bool is_assertion(std::string_view name) {
  return name == "__assertfail" || name == "__assert_fail";
}

// (results), function, (arguments), prototype: the lists and the prototype may be missing.
std::size_t callee_operand(const ptx::Instruction& instruction) {
  const auto& operands = instruction.operands;
  std::size_t k = 0;
  while (k < operands.size() && operands[k].kind == ptx::Operand::Kind::kTuple) ++k;
  return k;
}

bool is_indirect(const ptx::Instruction& instruction) {
  const std::size_t k = callee_operand(instruction);
  return instruction.base() == "call" && k < instruction.operands.size() &&
         instruction.operands[k].kind == ptx::Operand::Kind::kRegister;
}

template <class Visitor>
void visit_symbols(const ptx::Operand& operand, Visitor& visit) {
  if (operand.kind == ptx::Operand::Kind::kSymbol) visit(operand.name);
  for (const ptx::Operand& element : operand.elements) visit_symbols(element, visit);
}

}  // namespace

int Decoder::function_number(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? -1 : found->second;
}

void Decoder::collect_by_name(const std::string& name) {
  const int number = function_number(name);
  if (number < 0) return;
  const ptx::Function& function = module_.functions[static_cast<std::size_t>(number)];
  if (!function.is_declaration && !function.is_entry) collect(function, 1);
}

// Whatever a register may hold: functions whose address is taken in code that is reached, or in variables.
void Decoder::collect_indirect() {
  bool any = false;
  for (std::size_t k = 0; k < plans_.size(); ++k) {  // grows
    const ptx::Function& function = *plans_[k].function;
    bool calls = false;
    for (const ptx::Instruction& instruction : function.code) {
      calls |= is_indirect(instruction);
      if (instruction.base() == "call") continue;
      const auto take = [&](const std::string& name) { collect_by_name(name); };
      for (const ptx::Operand& operand : instruction.operands) visit_symbols(operand, take);
    }
    if (!calls || any) continue;
    any = true;
    for (const ptx::Variable& variable : module_.variables) {
      for (const ptx::Variable::Pointer& pointer : variable.pointers) collect_by_name(pointer.symbol);
    }
  }
}

std::vector<FrameSlot> Decoder::parameter_slots(const FunctionPlan& plan,
                                                const std::vector<ptx::Parameter>& parameters) const {
  std::vector<FrameSlot> slots;
  for (const ptx::Parameter& parameter : parameters) {
    const auto place = plan.frame.find(parameter.name);
    const uint64_t offset = place == plan.frame.end() ? 0 : place->second;
    slots.push_back(fit_slot(offset, parameter.size));
  }
  return slots;
}

// A slot never reaches beyond the frame, whatever sizes the text declares.
FrameSlot Decoder::fit_slot(uint64_t offset, uint64_t size) const {
  const uint64_t end = kernel_->local_bytes;
  const uint64_t begin = std::min(offset, end);
  return {static_cast<uint32_t>(begin), static_cast<uint32_t>(std::min(size, end - begin))};
}

bool Decoder::tuple_slots(const ptx::Operand& tuple, std::vector<FrameSlot>& slots) {
  const FunctionPlan& plan = plans_[function_];
  for (const ptx::Operand& element : tuple.elements) {
    const auto place = plan.frame.find(element.name);
    const auto size = plan.frame_sizes.find(element.name);
    if (element.kind != ptx::Operand::Kind::kSymbol || place == plan.frame.end() ||
        size == plan.frame_sizes.end()) {
      fail("an argument that is not a .param variable");
      return false;
    }
    slots.push_back(fit_slot(place->second, size->second));
  }
  return true;
}

void Decoder::lay_out_stack() {
  bool allocates = false;
  for (const FunctionPlan& plan : plans_) {
    for (const ptx::Instruction& instruction : plan.function->code)
      allocates |= instruction.base() == "alloca";
  }
  stack_row_ = new_row(RowKind::k32);
  if (!allocates) return;
  kernel_->stack_row = stack_row_;
  kernel_->stack_begin = kernel_->local_bytes;
  kernel_->local_bytes += kAllocaBytes;
}

void Decoder::find_callees() {
  for (const FunctionPlan& plan : plans_) {
    if (plan.function->is_entry) continue;
    kernel_->return_rows.push_back(plan.return_row);
    Callee callee;
    callee.pointer = function_pointer(static_cast<std::size_t>(function_number(plan.function->name)));
    callee.entry = plan.block_code.front();
    callee.return_row = plan.return_row;
    callee.parameters = parameter_slots(plan, plan.function->parameters);
    callee.results = parameter_slots(plan, plan.function->results);
    kernel_->callees.push_back(std::move(callee));
  }
  std::sort(kernel_->callees.begin(), kernel_->callees.end(),
            [](const Callee& a, const Callee& b) { return a.pointer < b.pointer; });
}

// printf prints nothing and returns 0.
void Decoder::decode_printf() {
  const auto& operands = instruction_->operands;
  const bool has_result = operands[0].kind == ptx::Operand::Kind::kTuple && !operands[0].elements.empty();
  const auto& frame = plans_[function_].frame;
  const auto place = has_result ? frame.find(operands[0].elements[0].name) : frame.end();
  Op op;
  op.run = no_op;
  if (place != frame.end()) {
    op.run = store_local;
    op.flags = kAddress32;
    op.s[0] = literal(place->second, RowKind::k32);
    op.list = add_list({literal(0, RowKind::k32)});
    op.size = 4;
    op.count = 1;
  }
  push(op);
}

void Decoder::decode_call_indirect(std::size_t callee_at) {
  const auto& operands = instruction_->operands;
  if (register_class(operands[callee_at].reg) != ptx::RegisterClass::k64)
    return void(fail("a call through a register of this size"));
  IndirectCall site;
  if (callee_at > 0 && !tuple_slots(operands[0], site.results)) return;
  const bool has_arguments =
      callee_at + 1 < operands.size() && operands[callee_at + 1].kind == ptx::Operand::Kind::kTuple;
  if (has_arguments && !tuple_slots(operands[callee_at + 1], site.arguments)) return;
  Op op;
  op.run = call_indirect;
  op.s[0] = source(operands[callee_at], RowKind::k64);
  op.list = static_cast<uint32_t>(kernel_->indirect_calls.size());
  kernel_->indirect_calls.push_back(std::move(site));
  push(op);
  op.run = take_results;
  push(op);
}

void Decoder::decode_call() {
  branch_around();
  const auto& operands = instruction_->operands;
  const std::size_t name_at = callee_operand(*instruction_);
  if (name_at == operands.size()) return void(fail("a call of nothing"));
  if (is_indirect(*instruction_)) return decode_call_indirect(name_at);
  const std::string& name = operands[name_at].name;
  if (is_assertion(name)) return decode_simple(trap);
  if (name == "vprintf") return decode_printf();
  const int callee = find_plan(name);
  if (callee < 0 || plans_[static_cast<std::size_t>(callee)].function->is_entry)
    return void(fail("the function " + name));
  const FunctionPlan& target = plans_[static_cast<std::size_t>(callee)];
  const auto copy = [&](const std::vector<FrameSlot>& from, const std::vector<FrameSlot>& to) {
    for (std::size_t k = 0; k < std::min(from.size(), to.size()); ++k) {
      Op op;
      op.run = copy_local;
      op.list = from[k].offset;
      op.target = static_cast<int32_t>(to[k].offset);
      op.immediate = std::min(from[k].size, to[k].size);
      push(op);
    }
  };
  std::vector<FrameSlot> arguments, results;
  const bool has_arguments =
      name_at + 1 < operands.size() && operands[name_at + 1].kind == ptx::Operand::Kind::kTuple;
  if (has_arguments && !tuple_slots(operands[name_at + 1], arguments)) return;
  if (name_at > 0 && !tuple_slots(operands[0], results)) return;
  copy(arguments, parameter_slots(target, target.function->parameters));
  Op op;
  op.run = call;
  op.s[0] = target.return_row;
  push(op);
  call_targets_.emplace_back(ops_.size() - 1, callee);
  copy(parameter_slots(target, target.function->results), results);
}

// alloca.u64 d, bytes{, alignment}; stacksave and stackrestore move the top.
void Decoder::decode_alloca() {
  const auto& operands = instruction_->operands;
  const std::string& base = instruction_->base();
  const RowKind kind = kind_of_bytes(ptx::type_size(instruction_->type()));
  if (operands.empty() || (kind != RowKind::k64 && kind != RowKind::k32)) return void(fail(""));
  if (!plans_[function_].function->is_entry) return void(fail("alloca in a function that is called"));
  if (base == "stacksave") {
    const Destination to = destination(operands[0], kind);
    return emit_raw(kind == RowKind::k64 ? "ext.64.u32" : "mov.32", to.row, {stack_row_}, to.whole);
  }
  if (base == "stackrestore") {
    const uint32_t saved = source(operands[0], kind);
    return emit_raw(kind == RowKind::k64 ? "unpack.low.32" : "mov.32", stack_row_, {saved}, false);
  }
  if (operands.size() < 2) return void(fail(""));
  Op op;
  op.run = allocate_local;
  op.size = kind == RowKind::k64 ? 8 : 4;
  op.immediate = 8;
  if (operands.size() > 2) {
    const uint64_t alignment = operands[2].bits;
    if (operands[2].kind != ptx::Operand::Kind::kImmediate || !std::has_single_bit(alignment) ||
        alignment > kAllocaBytes)
      return void(fail("an alignment of this form"));
    op.immediate = static_cast<int64_t>(alignment);
  }
  op.s[0] = source(operands[1], kind);
  op.s[1] = stack_row_;
  op.d = destination(operands[0], kind).row;
  push(op);
}

}  // namespace warpwright::sim
