// setmaxnreg.
#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/register_pool.h"

namespace warpwright::sim {

// setmaxnreg.{inc,dec} count
void Decoder::decode_set_registers() {
  constexpr uint64_t kLeast = 24, kMost = 256, kStep = 8;
  const auto& operands = instruction_->operands;
  const uint64_t count = operands.empty() ? 0 : operands[0].bits;
  if (operands.size() != 1 || operands[0].kind != ptx::Operand::Kind::kImmediate || count < kLeast ||
      count > kMost || count % kStep != 0)
    return void(fail("a multiple of 8 from 24 to 256"));
  Op op;
  op.run = set_registers;
  op.immediate = static_cast<int64_t>(count);
  op.flags = instruction_->has("inc") ? kIncrease : 0;
  branch_around();
  push(op);
}

}  // namespace warpwright::sim
