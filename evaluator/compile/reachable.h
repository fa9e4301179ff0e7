// What the bodies of some kernels can get at: functions and module variables, through mentions in code, calls
// and addresses in initialisers.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "evaluator/ptx/module.h"

namespace warpwright::compile {

struct Mention {
  std::string name;
  const ptx::Variable* variable = nullptr;  // null for a function
  int line = 0;                             // of the first mention
};

struct Reachable {
  std::vector<const ptx::Function*> functions;  // with bodies, each once, in order of discovery
  std::vector<Mention> undefined_functions;
  std::vector<Mention> variables;
  // Module variables whose address is worth following -> what it leads to: a global variable (itself, or one
  // that its initialiser points to), else, for a constant, itself: inline assembly can try to store to it.
  std::unordered_map<std::string, const ptx::Variable*> tracked;
  // Those whose content holds such an address, so that what is loaded from them must be followed too.
  std::unordered_set<std::string> holds_address;
};

// Pointers into `module`, which must outlive the result.
Reachable find_reachable(const ptx::Module& module, const std::vector<std::string>& entries);

}  // namespace warpwright::compile
