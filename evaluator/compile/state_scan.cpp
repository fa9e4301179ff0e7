#include "evaluator/compile/state_scan.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <unordered_map>

#include "evaluator/compile/address_flow.h"
#include "evaluator/compile/reachable.h"

namespace warpwright::compile {
namespace {

using ptx::Function;
using ptx::Instruction;
using ptx::Operand;
using ptx::Space;
using ptx::Variable;

constexpr char kMend[] =
    "keep nothing between calls: pass a workspace from the plan, and make a lookup table __constant__ or a "
    "local "
    "constexpr array";

std::string readable(const std::string& mangled) {
  const std::string name = mangled.substr(0, mangled.find('@'));
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? text.get() : name;
}

std::string runtime_mend(const std::string& name) {
  if (name == "vprintf") return "printf: remove it";
  if (name == "__assertfail") return "assert: remove it, or #define NDEBUG before the includes";
  if (name == "malloc" || name == "free") return name + ": declare a workspace in the plan instead";
  return name + ", which is defined outside this file: include its definition or remove the call";
}

class StateScan {
 public:
  StateScan(const ptx::Module& module, const std::vector<std::string>& entries)
      : reachable_(find_reachable(module, entries)) {}

  std::vector<StateFinding> run() {
    for (const Mention& call : reachable_.undefined_functions) {
      add("device-runtime-call", call.name, "the device code calls " + runtime_mend(call.name), call.line);
    }
    for (const Mention& mention : reachable_.variables) check_variable(mention);
    for (const Function* function : reachable_.functions) check_function(*function);
    return std::move(findings_);
  }

 private:
  void check_variable(const Mention& mention) {
    const Variable& variable = *mention.variable;
    if (variable.is_managed) {
      refuse_state(variable.name, "managed variable", "is reachable from a kernel", mention.line);
    } else if (variable.is_extern && variable.space == Space::kGlobal) {
      refuse_state(variable.name, "extern device variable", "is reachable from a kernel", mention.line);
    }
  }

  void check_function(const Function& function) {
    for (const Variable& variable : function.variables) {
      if (variable.space == Space::kGlobal || variable.space == Space::kConst) {
        refuse_state(variable.name, "variable", "is declared inside " + readable(function.name),
                     variable.line);
      }
    }
    for (const Instruction& instruction : function.code) check_instruction(instruction);
    const bool calls_runtime = !reachable_.undefined_functions.empty();
    for (const AddressUse& use : find_untraceable_uses(function, reachable_)) {
      // printf's format string: the call is refused already, and this name means nothing to its author.
      if (calls_runtime && use.variable->name.starts_with("$str")) continue;
      const std::string how =
          use.is_write ? "may be written by " : "has its address taken where it cannot be followed in ";
      const char* const kind = use.variable->space == Space::kConst ? "constant" : "device variable";
      refuse_state(use.variable->name, kind, how + readable(function.name) + " (" + use.opcode + ")",
                   use.line);
    }
  }

  void refuse_state(const std::string& name, const std::string& kind, const std::string& why, int line) {
    add("state-between-calls", name, kind + " '" + readable(name) + "' " + why + "; " + kMend, line);
  }

  void check_instruction(const Instruction& instruction) {
    for (const Operand& operand : instruction.operands) check_special(operand, instruction.line);
    const std::string& base = instruction.base();
    const bool touches_memory = base == "st" || base == "atom" || base == "red" || base == "ld";
    if (touches_memory && base != "ld" && (instruction.has("sys") || instruction.has("mmio"))) {
      add("system-scope", "",
          instruction.opcode + ": use device scope (atomicAdd, cuda::thread_scope_device)", instruction.line);
    }
    if (base == "multimem") {
      add("multimem", "", instruction.opcode + ": one GPU runs the kernel, use plain loads and atomics",
          instruction.line);
    }
    if (base == "brkpt") add("breakpoint", "", "brkpt: remove __brkpt()", instruction.line);
    if (base == "nanosleep")
      warn("sleep", "nanosleep: waiting by time makes the time unsteady", instruction.line);
    const bool pins = instruction.has("L2::evict_last") || instruction.has("L1::evict_last") ||
                      instruction.has("L2::cache_hint") || base == "createpolicy" || base == "applypriority";
    if (pins) {
      warn("cache-policy", instruction.opcode + ": data pinned in L2 does not survive to the next call here",
           instruction.line);
    }
  }

  void check_special(const Operand& operand, int line) {
    for (const Operand& element : operand.elements) check_special(element, line);
    if (operand.kind != Operand::Kind::kSpecial) return;
    const std::string& name = operand.name;
    for (const char* forbidden : {"%clock", "%globaltimer", "%gridid", "%pm", "%current_graph_exec"}) {
      if (!name.starts_with(forbidden)) continue;
      add("forbidden-register", name, name + " is read: a kernel may not know the time or which launch it is",
          line);
    }
    if (name.starts_with("%envreg")) {
      warn("grid-workspace",
           name +
               " is read, as by this_grid().sync(): needs [[cooperative]]; a self_clean workspace barrier "
               "does not",
           line);
    }
    if (name == "%smid") warn("sm-id", "%smid is read: results must not depend on where a block runs", line);
  }

  void warn(const std::string& rule, const std::string& message, int line) {
    add(rule, "", message, line, Severity::kWarning);
  }
  void add(const std::string& rule, const std::string& name, std::string message, int line,
           Severity severity = Severity::kRefused) {
    if (!seen_.emplace(rule, name).second) return;
    findings_.push_back({severity, rule, std::move(message), line});
  }

  Reachable reachable_;
  std::vector<StateFinding> findings_;
  std::set<std::pair<std::string, std::string>> seen_;
};

}  // namespace

std::vector<StateFinding> scan_for_state(const ptx::Module& module, const std::vector<std::string>& entries) {
  return StateScan(module, entries).run();
}

bool waits_for_prerequisites(const ptx::Module& module, const std::string& entry) {
  const Reachable reachable = find_reachable(module, {entry});
  if (reachable.functions.empty()) return true;
  for (const Function* function : reachable.functions)
    for (const Instruction& instruction : function->code)
      if (instruction.base() == "griddepcontrol" && instruction.has("wait")) return true;
  return false;
}

}  // namespace warpwright::compile
