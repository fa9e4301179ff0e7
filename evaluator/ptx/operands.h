// Which operands an instruction writes and which it reads, after the PTX ISA manual's instruction
// descriptions.
#pragma once

#include "evaluator/ptx/module.h"

namespace warpwright::ptx {

enum class Access { kRead, kWrite, kReadWrite };

// How many leading operands are destinations: 0 (st, red, bar.sync, ...), or 1. A leading memory operand is
// never one.
int destination_count(const Instruction& instruction);

// True if the destination is also a source (accumulators of wgmma.mma_async).
bool destination_is_also_read(const Instruction& instruction);

// True if the instruction may write memory of any space or reach other code: everything that is not known to
// only read registers, load, or compute.
bool may_write_memory(const Instruction& instruction);

// True for bra, brx, ret, exit and trap: control may not fall to the next instruction.
bool is_branch_or_exit(const Instruction& instruction);

namespace detail {
template <class Visitor>
void visit_operand(const Operand& operand, Access access, Visitor& visit) {
  if (operand.reg >= 0) visit(operand.reg, access);
  if (operand.second >= 0) visit(operand.second, access);
  const Access inner = operand.kind == Operand::Kind::kMemory ? Access::kRead : access;
  for (const Operand& element : operand.elements) visit_operand(element, inner, visit);
}
}  // namespace detail

// Calls visit(register index, Access) for each register of the instruction, reads (and the guard) before
// writes. A guarded write (predicate >= 0) leaves the register unchanged in lanes whose guard is false.
template <class Visitor>
void visit_registers(const Instruction& instruction, Visitor visit) {
  const std::size_t written = static_cast<std::size_t>(destination_count(instruction));
  if (instruction.predicate >= 0) visit(instruction.predicate, Access::kRead);
  for (std::size_t i = written; i < instruction.operands.size(); ++i) {
    detail::visit_operand(instruction.operands[i], Access::kRead, visit);
  }
  const Access access = destination_is_also_read(instruction) ? Access::kReadWrite : Access::kWrite;
  for (std::size_t i = 0; i < written && i < instruction.operands.size(); ++i) {
    detail::visit_operand(instruction.operands[i], access, visit);
  }
}

}  // namespace warpwright::ptx
