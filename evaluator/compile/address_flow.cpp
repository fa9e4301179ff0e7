#include "evaluator/compile/address_flow.h"

#include <algorithm>

#include "evaluator/ptx/operands.h"

namespace warpwright::compile {
namespace {

using ptx::Instruction;
using ptx::Operand;

std::size_t index(int value) {
  return static_cast<std::size_t>(value);
}

// What a register or operand may hold the address of. A global variable displaces a constant: it is held to
// more.
struct Address {
  const ptx::Variable* target = nullptr;  // null: no address
  bool holds_address = false;             // what is loaded through it is an address again

  int rank() const { return target == nullptr ? 0 : target->space == ptx::Space::kConst ? 1 : 2; }
  bool add(const Address& other) {
    const bool displaces = other.rank() > rank();
    const bool grows = displaces || (other.holds_address && !holds_address);
    if (displaces) target = other.target;
    holds_address |= other.holds_address;
    return grows;
  }
};

bool is_load(const Instruction& instruction) {
  const std::string& base = instruction.base();
  return base == "ld" || base == "ldu" || base == "ldmatrix" || base == "tex" || base == "suld";
}

bool is_comparison(const Instruction& instruction) {
  const std::string& base = instruction.base();
  return base == "setp" || base == "set" || base == "slct" || base == "testp" || base == "brx";
}

class AddressFlow {
 public:
  AddressFlow(const ptx::Function& function, const Reachable& reachable)
      : function_(function),
        reachable_(reachable),
        held_(function.registers.size()),
        readers_(function.registers.size()) {
    for (std::size_t i = 0; i < function.code.size(); ++i) {
      ptx::visit_registers(function.code[i], [&](int reg, ptx::Access access) {
        if (access != ptx::Access::kWrite) readers_[index(reg)].push_back(i);
      });
      if (mentions_variable(function.code[i])) work_.push_back(i);
    }
  }

  std::vector<AddressUse> run() {
    std::vector<std::size_t> touched = work_;
    while (!work_.empty()) {
      const std::size_t i = work_.back();
      work_.pop_back();
      touched.push_back(i);
      propagate(function_.code[i]);
    }
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    for (const std::size_t i : touched) judge(function_.code[i]);
    return std::move(uses_);
  }

 private:
  bool mentions_variable(const Instruction& instruction) const {
    return std::any_of(instruction.operands.begin(), instruction.operands.end(),
                       [&](const Operand& operand) { return address_in(operand).target != nullptr; });
  }

  Address address_in(const Operand& operand) const {
    Address address;
    if (operand.kind == Operand::Kind::kSymbol) {
      const auto found = reachable_.tracked.find(operand.name);
      if (found != reachable_.tracked.end()) {
        address.add({found->second, reachable_.holds_address.contains(operand.name)});
      }
    }
    if (operand.reg >= 0) address.add(held_[index(operand.reg)]);
    for (const Operand& element : operand.elements) address.add(address_in(element));
    return address;
  }

  std::size_t first_source(const Instruction& instruction) const {
    return std::min(index(ptx::destination_count(instruction)), instruction.operands.size());
  }

  Address address_of_sources(const Instruction& instruction) const {
    Address address;
    for (std::size_t i = first_source(instruction); i < instruction.operands.size(); ++i) {
      address.add(address_in(instruction.operands[i]));
    }
    return address;
  }

  void propagate(const Instruction& instruction) {
    const Address address = address_of_sources(instruction);
    if (address.target == nullptr || (is_load(instruction) && !address.holds_address)) return;
    ptx::visit_registers(instruction, [&](int reg, ptx::Access access) {
      if (access == ptx::Access::kRead || function_.registers[index(reg)].cls == ptx::RegisterClass::kPred)
        return;
      if (!held_[index(reg)].add(address)) return;
      work_.insert(work_.end(), readers_[index(reg)].begin(), readers_[index(reg)].end());
    });
  }

  bool compares_with_other(const Instruction& instruction) const {
    if (!is_comparison(instruction)) return false;
    for (std::size_t i = first_source(instruction); i < instruction.operands.size(); ++i) {
      const Operand& operand = instruction.operands[i];
      const bool is_predicate =
          operand.reg >= 0 && function_.registers[index(operand.reg)].cls == ptx::RegisterClass::kPred;
      if (!is_predicate && address_in(operand).target == nullptr) return true;
    }
    return false;
  }

  void judge(const Instruction& instruction) {
    const Address address = address_of_sources(instruction);
    if (address.target == nullptr) return;
    const bool writes = ptx::may_write_memory(instruction);
    if (!writes && !compares_with_other(instruction)) return;
    const Operand& first = instruction.operands[first_source(instruction)];
    const bool through_it = first.kind == Operand::Kind::kMemory && address_in(first).target != nullptr;
    if (address.rank() == 1 && !(writes && through_it)) return;
    const bool known = std::any_of(uses_.begin(), uses_.end(),
                                   [&](const AddressUse& use) { return use.variable == address.target; });
    if (known) return;
    uses_.push_back({address.target, writes && through_it, instruction.opcode, instruction.line});
  }

  const ptx::Function& function_;
  const Reachable& reachable_;
  std::vector<Address> held_;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<std::size_t> work_;
  std::vector<AddressUse> uses_;
};

}  // namespace

std::vector<AddressUse> find_untraceable_uses(const ptx::Function& function, const Reachable& reachable) {
  if (reachable.tracked.empty()) return {};
  return AddressFlow(function, reachable).run();
}

}  // namespace warpwright::compile
