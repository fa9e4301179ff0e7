// Follows the addresses of global variables and constants through the registers of one function.
#pragma once

#include <string>
#include <vector>

#include "evaluator/compile/reachable.h"
#include "evaluator/ptx/module.h"

namespace warpwright::compile {

struct AddressUse {
  const ptx::Variable* variable = nullptr;  // whose address it may be
  bool is_write = false;                    // the address of a store or atomic; otherwise it escapes
  std::string opcode;
  int line = 0;
};

// For a global variable: uses of its address other than loading, computing and comparing addresses with one
// another. For a constant: stores through its address. The first per variable. Regardless of order and
// branches, so it may report what cannot happen, not the reverse.
std::vector<AddressUse> find_untraceable_uses(const ptx::Function& function, const Reachable& reachable);

}  // namespace warpwright::compile
