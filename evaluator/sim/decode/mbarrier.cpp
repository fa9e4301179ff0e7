// mbarrier, barrier.cluster, fences between proxies.
#include "evaluator/sim/mbarrier.h"

#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {
namespace {

bool names_shared(const ptx::Instruction& instruction) {
  return instruction.has("shared") || instruction.has("shared::cta") || instruction.has("shared::cluster");
}

// The action that the opcode's second part names; false: none of these.
bool find_action(const ptx::Instruction& i, MbarrierAction& action) {
  if (i.parts.size() < 2) return false;
  const std::string& name = i.parts[1];
  const auto is = [&](std::string_view text, MbarrierAction found) {
    if (name == text) action = found;
    return name == text;
  };
  const MbarrierAction test = i.has("parity") ? MbarrierAction::kTestParity : MbarrierAction::kTestState;
  return is("init", MbarrierAction::kInit) || is("inval", MbarrierAction::kInvalidate) ||
         is("expect_tx", MbarrierAction::kExpect) || is("complete_tx", MbarrierAction::kComplete) ||
         is("arrive", MbarrierAction::kArrive) || is("arrive_drop", MbarrierAction::kArriveDrop) ||
         is("test_wait", test) || is("try_wait", test);
}

}  // namespace

void Decoder::set_shared_address(Op& op, const ptx::Operand& operand) {
  set_address(op, operand);
  if (!names_shared(*instruction_)) op.flags |= kGenericAddress;
}

void Decoder::decode_mbarrier() {
  const auto& operands = instruction_->operands;
  if (instruction_->has("pending_count")) return decode_pending_count();
  Op op;
  MbarrierAction action = MbarrierAction::kInit;
  if (!find_action(*instruction_, action) || operands.empty()) return void(fail(""));
  op.count = static_cast<uint8_t>(action);
  op.run = mbarrier_op;
  // A result comes first: a state (perhaps none, "_"), or a predicate.
  const bool has_result = operands[0].kind != ptx::Operand::Kind::kMemory;
  const bool tests = action == MbarrierAction::kTestState || action == MbarrierAction::kTestParity;
  const std::size_t at = has_result ? 1 : 0;
  if (operands.size() <= at || tests != (has_result && tests)) return void(fail(""));
  if (tests) branch_around();
  set_shared_address(op, operands[at]);
  Destination to;
  if (tests) to = destination(operands[0], RowKind::kPredicate);
  if (has_result && !tests && operands[0].kind != ptx::Operand::Kind::kSink)
    to = destination(operands[0], RowKind::k64);
  op.d = to.row;
  if (!decode_mbarrier_counts(op, action, at + 1)) return void(fail("operands of this form"));
  if (instruction_->has("try_wait")) op.flags |= kMayWait;
  if (instruction_->has("relaxed")) op.flags |= kRelaxed;
  if (instruction_->has("noComplete")) op.flags |= kNoCompletion;
  push(op);
}

// s[1] and s[2] from the operands behind the address.
bool Decoder::decode_mbarrier_counts(Op& op, MbarrierAction action, std::size_t at) {
  const auto& operands = instruction_->operands;
  const bool more = operands.size() > at;
  switch (action) {
    case MbarrierAction::kInvalidate:
      return true;
    case MbarrierAction::kInit:
      if (more) op.s[1] = source(operands[at], RowKind::k32);
      return more;
    case MbarrierAction::kExpect:
    case MbarrierAction::kComplete:
      if (more) op.s[2] = source(operands[at], RowKind::k32);
      return more;
    case MbarrierAction::kArrive:
    case MbarrierAction::kArriveDrop:
      if (instruction_->has("expect_tx")) {
        if (more) op.s[2] = source(operands[at], RowKind::k32);
        return more;
      }
      if (more) op.s[1] = source(operands[at], RowKind::k32);
      return true;
    case MbarrierAction::kTestState:
    case MbarrierAction::kTestParity:
      if (more)
        op.s[1] = source(operands[at], action == MbarrierAction::kTestState ? RowKind::k64 : RowKind::k32);
      return more;
  }
  return false;
}

void Decoder::decode_pending_count() {
  if (instruction_->operands.size() < 2) return void(fail(""));
  Op op;
  op.run = pending_count;
  op.s[0] = source(instruction_->operands[1], RowKind::k64);
  const Destination to = destination(instruction_->operands[0], RowKind::k32);
  op.d = to.row;
  push(op);
  finish_destination(to, false);
}

// cp.async.mbarrier.arrive{.noinc}{.shared}.b64 [mbarrier]
void Decoder::decode_copies_arrive() {
  if (instruction_->operands.empty()) return void(fail(""));
  Op op;
  op.run = arrive_after_copies;
  set_shared_address(op, instruction_->operands[0]);
  if (instruction_->has("noinc")) op.flags |= kNoIncrement;
  push(op);
}

void Decoder::decode_cluster_barrier() {
  Op op;
  op.run = instruction_->has("wait") ? wait_for_cluster : arrive_at_cluster;
  if (instruction_->has("relaxed")) op.flags = kRelaxedArrival;
  push(op);
}

// fence.proxy.async and fence.mbarrier_init; the others' proxies are not told apart.
void Decoder::decode_proxy_fence() {
  Op op;
  op.run = fence_proxies;
  op.flags = instruction_->has("mbarrier_init") ? kOnlyMbarriers : 0;
  push(op);
}

}  // namespace warpwright::sim
