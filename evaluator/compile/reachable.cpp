#include "evaluator/compile/reachable.h"

#include <string_view>

namespace warpwright::compile {
namespace {

using ptx::Function;
using ptx::Operand;
using ptx::Space;
using ptx::Variable;

class Closure {
 public:
  explicit Closure(const ptx::Module& module) {
    for (const Function& function : module.functions) functions_.emplace(function.name, &function);
    for (const Variable& variable : module.variables) variables_.emplace(variable.name, &variable);
  }

  Reachable run(const std::vector<std::string>& entries) {
    for (const std::string& entry : entries) {
      if (functions_.contains(entry)) mention(entry, 0);
    }
    while (next_function_ < result_.functions.size() || next_variable_ < result_.variables.size()) {
      if (next_function_ < result_.functions.size()) {
        scan_body(*result_.functions[next_function_++]);
      } else {
        scan_initialiser(next_variable_++);
      }
    }
    propagate_addresses();
    return std::move(result_);
  }

 private:
  void mention(const std::string& name, int line) {
    if (!mentioned_.insert(name).second) return;
    if (const auto variable = variables_.find(name); variable != variables_.end()) {
      result_.variables.push_back({name, variable->second, line});
    } else if (const auto function = functions_.find(name); function != functions_.end()) {
      if (function->second->is_declaration) {
        result_.undefined_functions.push_back({name, nullptr, line});
      } else {
        result_.functions.push_back(function->second);
      }
    }
  }

  void scan_operand(const Operand& operand, int line) {
    if (operand.kind == Operand::Kind::kSymbol) mention(operand.name, line);
    for (const Operand& element : operand.elements) scan_operand(element, line);
  }

  void scan_body(const Function& function) {
    for (const ptx::Instruction& instruction : function.code) {
      for (const Operand& operand : instruction.operands) scan_operand(operand, instruction.line);
    }
    for (const Variable& variable : function.variables) {
      for (const Variable::Pointer& pointer : variable.pointers) mention(pointer.symbol, variable.line);
    }
  }

  void scan_initialiser(std::size_t index) {
    const Mention holder = result_.variables[index];  // a copy: mention() may move the vector
    if (holder.variable->space == Space::kGlobal) result_.tracked.emplace(holder.name, holder.variable);
    for (const Variable::Pointer& pointer : holder.variable->pointers) {
      holders_[pointer.symbol].push_back(holder.name);
      mention(pointer.symbol, holder.line);
    }
  }

  // From each global variable back to everything whose initialiser leads to it.
  void propagate_addresses() {
    std::vector<std::string> work;
    for (const auto& [name, target] : result_.tracked) work.push_back(name);
    while (!work.empty()) {
      const std::string name = std::move(work.back());
      work.pop_back();
      const Variable* target = result_.tracked.at(name);
      for (const std::string& holder : holders_[name]) {
        result_.holds_address.insert(holder);
        if (result_.tracked.emplace(holder, target).second) work.push_back(holder);
      }
    }
    for (const Mention& mention : result_.variables) {
      if (mention.variable->space == Space::kConst) result_.tracked.emplace(mention.name, mention.variable);
    }
  }

  std::unordered_map<std::string_view, const Function*> functions_;
  std::unordered_map<std::string_view, const Variable*> variables_;
  std::unordered_set<std::string> mentioned_;
  std::unordered_map<std::string, std::vector<std::string>> holders_;  // variable -> those that point to it
  std::size_t next_function_ = 0;
  std::size_t next_variable_ = 0;
  Reachable result_;
};

}  // namespace

Reachable find_reachable(const ptx::Module& module, const std::vector<std::string>& entries) {
  return Closure(module).run(entries);
}

}  // namespace warpwright::compile
