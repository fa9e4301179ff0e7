// Which loops poll memory, and which stretches may store.
#include "evaluator/ptx/operands.h"
#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {
namespace {

constexpr int kLongestPollingLoop = 64;  // instructions

bool is_private(const ptx::Instruction& instruction) {
  return instruction.has("local") || instruction.has("param") || instruction.has("param::func");
}

// A load that sees what others write while it is repeated, or an atomic operation whose result is used.
bool polls(const ptx::Instruction& instruction) {
  if (instruction.base() == "atom") return true;
  if (instruction.base() == "mbarrier") return instruction.has("test_wait") || instruction.has("try_wait");
  if (instruction.base() != "ld") return false;
  for (const char* order : {"volatile", "acquire", "relaxed", "mmio"}) {
    if (instruction.has(order)) return true;
  }
  return false;
}

}  // namespace

bool may_store(const ptx::Instruction& instruction) {
  const std::string& base = instruction.base();
  // Atomic operations are counted when they change a value, and what a call does where it does it.
  if (base == "atom" || base == "red" || base == "call" || base == "mbarrier") return false;
  return ptx::may_write_memory(instruction) && !is_private(instruction);
}

std::vector<bool> find_polling_heads(const ptx::Function& function, const ptx::FlowGraph& flow) {
  std::vector<bool> heads(flow.blocks.size());
  const auto instruction = [&](int k) -> const ptx::Instruction& {
    return function.code[static_cast<std::size_t>(k)];
  };
  for (std::size_t block = 0; block < flow.blocks.size(); ++block) {
    for (const int successor : flow.blocks[block].successors) {
      const auto head = static_cast<std::size_t>(successor);
      if (head > block) continue;
      const int begin = flow.blocks[head].begin, end = flow.blocks[block].end;
      if (end - begin > kLongestPollingLoop) continue;
      bool found = false, stores = false;
      for (int k = begin; k < end; ++k) {
        found |= polls(instruction(k));
        stores |= may_store(instruction(k));
      }
      if (found && !stores) heads[head] = true;
    }
  }
  return heads;
}

}  // namespace warpwright::sim
