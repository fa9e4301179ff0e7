#include "evaluator/ptx/operands.h"

namespace warpwright::ptx {
namespace {

// `words` are separated and surrounded by blanks.
bool contains(std::string_view words, std::string_view word) {
  if (word.empty()) return false;
  for (std::size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1)) {
    if (words[at - 1] == ' ' && words[at + word.size()] == ' ') return true;
  }
  return false;
}

// Opcodes whose first operand is a source although it is not in brackets.
constexpr std::string_view kNoDestination =
    " bra brx nanosleep setmaxnreg stackrestore pmevent ret exit cp fence st red ";

// Opcodes that only compute, load, vote, exchange lanes or wait.
constexpr std::string_view kPure =
    " abs activemask add addc alloca and applypriority bar barrier bfe bfi bfind bmsk bra brev brx "
    "clz cnot copysign cos createpolicy cvt cvta div dp2a dp4a elect ex2 exit fence fma fns "
    "getctarank griddepcontrol isspacep istypep ld ldmatrix ldu lg2 lop3 mad mad24 madc mapa match "
    "max membar min mma mov movmatrix mul mul24 nanosleep neg not or popc prefetch prefetchu prmt "
    "rcp redux rem ret rsqrt sad selp set setmaxnreg setp shf shfl shl shr sin slct sqrt "
    "stackrestore stacksave sub subc suld szext tanh testp tex tld4 trap txq vabsdiff vabsdiff2 "
    "vabsdiff4 vadd vadd2 vadd4 vmad vmax vmin vote vset vshl vshr vsub wgmma xor ";

bool first_operand_is(const Instruction& instruction, Operand::Kind kind) {
  return !instruction.operands.empty() && instruction.operands.front().kind == kind;
}

}  // namespace

int destination_count(const Instruction& instruction) {
  if (instruction.operands.empty() || first_operand_is(instruction, Operand::Kind::kMemory)) return 0;
  const std::string& base = instruction.base();
  if (base == "call") return first_operand_is(instruction, Operand::Kind::kTuple) ? 1 : 0;
  if (base == "bar" || base == "barrier") return instruction.has("red") ? 1 : 0;
  if (base == "tcgen05") return instruction.has("ld") ? 1 : 0;
  if (base == "wgmma") return instruction.has("mma_async") ? 1 : 0;
  return contains(kNoDestination, base) ? 0 : 1;
}

bool destination_is_also_read(const Instruction& instruction) {
  return instruction.base() == "wgmma" && instruction.has("mma_async");
}

bool may_write_memory(const Instruction& instruction) {
  const std::string& base = instruction.base();
  if (base == "wmma") return instruction.has("store");
  return !contains(kPure, base);
}

bool is_branch_or_exit(const Instruction& instruction) {
  const std::string& base = instruction.base();
  return base == "bra" || base == "brx" || base == "ret" || base == "exit" || base == "trap";
}

}  // namespace warpwright::ptx
