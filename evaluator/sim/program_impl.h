// A program's module, laid out, and its decoded kernels. Internal.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "evaluator/sim/machine.h"
#include "evaluator/sim/op_table.h"
#include "evaluator/sim/simulator.h"

namespace warpwright::sim {

// The fastest instruction-set level this processor has.
const IsaLevel& best_level();
// All plain operations by name; those of the level win over the rare ones.
const std::unordered_map<std::string_view, OpEntry>& op_entries();

// Kernel-parameter blocks have an address only where a kernel asks for it.
inline constexpr std::string_view kParameterSymbol = "%param";

struct Program::Impl {
  uint64_t id = 0;  // differs from that of every other program of the process
  ptx::Module module;
  std::map<std::string, KernelInfo, std::less<>> kernels;
  std::map<std::string, std::unique_ptr<Kernel>, std::less<>> decoded;

  // The key under which a variable of a function's body, or of the module, is placed.
  static std::string symbol_key(const ptx::Function* function, std::string_view name);
  const Kernel* decode(std::string_view name);
  // Places .global and .const variables in the memory, once per memory.
  ModuleImage& image(Memory::Impl& impl, Memory& memory);
};

}  // namespace warpwright::sim
