#include <fmt/format.h>

#include "evaluator/sim/barrier.h"
#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/calls.h"
#include "evaluator/sim/ops/warp_ops.h"
#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/shuffle_mode.h"

namespace warpwright::sim {
void Decoder::add_fixup(int block) {
  op_targets_.emplace_back(ops_.size() - 1, block);
}

void Decoder::decode_simple(Handler handler) {
  Op op;
  op.run = handler;
  push(op);
}

// For control operations under a predicate: lanes where it fails jump behind the operation.
void Decoder::branch_around() {
  if (instruction_->predicate < 0) return;
  Op op;
  op.run = best_level().handlers.branch_if;
  op.s[0] = register_row(instruction_->predicate);
  op.flags = instruction_->predicate_negated ? 0 : 1;
  push(op);
  add_fixup(block_ + 1);
  falls_around_ = true;
}

void Decoder::decode_branch() {
  const auto& operands = instruction_->operands;
  const auto& labels = plans_[function_].function->labels;
  const auto label = operands.empty() ? labels.end() : labels.find(operands[0].name);
  if (label == labels.end()) return void(fail("a branch to an unknown label"));
  const auto target = static_cast<std::size_t>(label->second);
  const auto& flow = plans_[function_].flow;
  const int block =
      target < flow.block_of.size() ? flow.block_of[target] : static_cast<int>(flow.blocks.size());
  Op op;
  if (instruction_->predicate < 0) {
    op.run = best_level().handlers.branch;
  } else {
    op.run = best_level().handlers.branch_if;
    op.s[0] = register_row(instruction_->predicate);
    op.flags = instruction_->predicate_negated ? 1 : 0;
    falls_around_ = true;
  }
  push(op);
  add_fixup(block);
}

// The table's place in Kernel::branch_tables, with blocks of this function until resolve_targets(); -1: bad.
int Decoder::branch_table(const std::string& name) {
  const ptx::Function& function = *plans_[function_].function;
  const auto [place, is_new] =
      tables_.try_emplace({function_, name}, static_cast<uint32_t>(kernel_->branch_tables.size()));
  if (!is_new) return static_cast<int>(place->second);
  const auto table = function.branch_targets.find(name);
  std::vector<int32_t> blocks;
  const auto& flow = plans_[function_].flow;
  for (std::size_t k = 0; table != function.branch_targets.end() && k < table->second.size(); ++k) {
    const auto found = function.labels.find(table->second[k]);
    if (found == function.labels.end()) break;
    const auto target = static_cast<std::size_t>(found->second);
    blocks.push_back(target < flow.block_of.size() ? flow.block_of[target]
                                                   : static_cast<int>(flow.blocks.size()));
  }
  const bool is_good = table != function.branch_targets.end() && blocks.size() == table->second.size();
  if (!is_good) {
    tables_.erase(place);
    return -1;
  }
  table_functions_.push_back(function_);
  kernel_->branch_tables.push_back(std::move(blocks));
  return static_cast<int>(place->second);
}

void Decoder::decode_brx() {
  branch_around();
  const auto& operands = instruction_->operands;
  const int table = branch_table(operands[1].name);
  if (table < 0) return void(fail("a table of labels that is not there"));
  Op op;
  op.run = branch_indexed;
  op.s[0] = source(operands[0], RowKind::k32);
  op.list = static_cast<uint32_t>(table);
  push(op);
}

void Decoder::decode_exit() {
  branch_around();
  const bool returns = instruction_->base() == "ret" && !plans_[function_].function->is_entry;
  Op op;
  op.run = returns ? return_lanes : exit_lanes;
  if (returns) op.s[0] = plans_[function_].return_row;
  push(op);
}

void Decoder::decode_barrier() {
  branch_around();
  const auto& operands = instruction_->operands;
  if (instruction_->has("cluster")) return decode_cluster_barrier();
  const bool reduces = instruction_->has("red");
  if (reduces && operands.size() < 3) return void(fail("operands are missing"));
  std::size_t next = reduces ? 1 : 0;
  Op op;
  op.run = barrier_op;
  op.flags =
      static_cast<uint8_t>((instruction_->has("arrive") ? kArriveOnly : 0) |
                           (instruction_->base() == "bar" || instruction_->has("aligned") ? kAligned : 0));
  const std::size_t last = operands.size() - (reduces && !operands.empty() ? 1 : 0);
  op.s[0] = next < last ? source(operands[next], RowKind::k32) : literal(0, RowKind::k32);
  if (next + 1 < last) op.s[1] = source(operands[next + 1], RowKind::k32);
  if (!reduces) {
    push(op);
    return;
  }
  op.s[2] = source(operands.back(), RowKind::kPredicate);
  push(op);
  const bool counts = instruction_->has("popc");
  Op result;
  result.run = barrier_result;
  result.flags = counts ? 0 : instruction_->has("and") ? 1 : 2;
  const Destination to = destination(operands[0], counts ? RowKind::k32 : RowKind::kPredicate);
  result.d = to.row;
  push(result);
}

void Decoder::decode_bar_warp() {
  branch_around();
  Op op;
  op.run = sync_warp;
  if (!instruction_->operands.empty()) op.s[3] = member_mask(instruction_->operands[0]);
  push(op);
}

void Decoder::decode_shuffle() {
  branch_around();
  const auto& operands = instruction_->operands;
  const bool is_sync = instruction_->has("sync");
  if (operands.size() < (is_sync ? 5u : 4u)) return void(fail(""));
  Op op;
  op.run = best_level().handlers.shuffle;
  op.flags = static_cast<uint8_t>(instruction_->has("up")     ? ShuffleMode::kUp
                                  : instruction_->has("down") ? ShuffleMode::kDown
                                  : instruction_->has("bfly") ? ShuffleMode::kButterfly
                                                              : ShuffleMode::kIndex);
  for (std::size_t k = 0; k < 3; ++k) op.s[k] = source(operands[k + 1], RowKind::k32);
  op.s[3] = is_sync ? member_mask(operands[4]) : literal(0, RowKind::k32);
  const Destination to = destination(operands[0], RowKind::k32);
  op.d = to.row;
  op.whole = to.whole;
  op.list = operands[0].second >= 0 ? register_row(operands[0].second) : kNoRow;
  if (operands[2].kind == ptx::Operand::Kind::kImmediate &&
      operands[3].kind == ptx::Operand::Kind::kImmediate)
    fix_shuffle(op, static_cast<uint32_t>(operands[2].bits), static_cast<uint32_t>(operands[3].bits));
  push(op);
}

// Who reads from whom is known: ISA manual, shfl.sync; c[4:0] is the clamp, c[12:8] the segment mask.
void Decoder::fix_shuffle(Op& op, uint32_t b, uint32_t c) {
  const uint32_t segment = c >> 8 & 31u, clamp = c & 31u, distance = b & 31u;
  std::vector<uint32_t> from;
  uint32_t inside = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    const uint32_t first = lane & segment, last = first | (clamp & ~segment);
    uint32_t other = lane;
    bool in_range = false;
    switch (static_cast<ShuffleMode>(op.flags)) {
      case ShuffleMode::kUp:
        other = lane - distance;
        in_range = static_cast<int32_t>(other) >= static_cast<int32_t>(last);
        break;
      case ShuffleMode::kDown:
        other = lane + distance;
        in_range = other <= last;
        break;
      case ShuffleMode::kButterfly:
        other = lane ^ distance;
        in_range = other <= last;
        break;
      case ShuffleMode::kIndex:
        other = first | (distance & ~segment);
        in_range = other <= last;
        break;
    }
    from.push_back(in_range ? other & 31u : lane);
    inside |= static_cast<uint32_t>(in_range) << lane;
  }
  op.run = best_level().handlers.shuffle_fixed;
  op.s[1] = op.list;
  op.list = add_list(from);
  op.immediate = inside;
}

void Decoder::decode_vote() {
  branch_around();
  const auto& operands = instruction_->operands;
  if (operands.size() < 2) return void(fail(""));
  const bool ballot = instruction_->has("ballot");
  Op op;
  op.run = vote;
  op.flags = static_cast<uint8_t>(ballot                     ? VoteMode::kBallot
                                  : instruction_->has("any") ? VoteMode::kAny
                                  : instruction_->has("uni") ? VoteMode::kUni
                                                             : VoteMode::kAll);
  op.s[0] = source(operands[1], RowKind::kPredicate);
  if (operands.size() > 2) op.s[3] = member_mask(operands[2]);
  op.d = destination(operands[0], ballot ? RowKind::k32 : RowKind::kPredicate).row;
  push(op);
}

void Decoder::decode_match() {
  branch_around();
  const auto& operands = instruction_->operands;
  if (operands.size() < 3) return void(fail(""));
  Op op;
  op.run = match;
  op.flags = static_cast<uint8_t>(instruction_->has("all") ? MatchMode::kAll : MatchMode::kAny);
  op.size = static_cast<uint8_t>(ptx::type_size(instruction_->type()));
  op.s[0] = source(operands[1], kind_of_bytes(op.size));
  op.s[3] = member_mask(operands[2]);
  op.d = destination(operands[0], RowKind::k32).row;
  op.list = operands[0].second >= 0 ? register_row(operands[0].second) : kNoRow;
  push(op);
}

void Decoder::decode_redux() {
  branch_around();
  const auto& operands = instruction_->operands;
  const std::string& type = instruction_->type();
  if (operands.size() < 3) return void(fail(""));
  const bool is_signed = type == "s32", is_float = type == "f32";
  Op op;
  op.run = redux;
  const bool is_min = instruction_->has("min"), is_max = instruction_->has("max");
  ReduxMode mode = ReduxMode::kAdd;
  if (is_min)
    mode = is_float ? ReduxMode::kMinFloat : is_signed ? ReduxMode::kMinSigned : ReduxMode::kMinUnsigned;
  if (is_max)
    mode = is_float ? ReduxMode::kMaxFloat : is_signed ? ReduxMode::kMaxSigned : ReduxMode::kMaxUnsigned;
  if (instruction_->has("and")) mode = ReduxMode::kAnd;
  if (instruction_->has("or")) mode = ReduxMode::kOr;
  if (instruction_->has("xor")) mode = ReduxMode::kXor;
  op.flags = static_cast<uint8_t>(mode);
  op.immediate = (instruction_->has("abs") ? 1 : 0) | (instruction_->has("NaN") ? 2 : 0);
  op.s[0] = source(operands[1], RowKind::k32);
  op.s[3] = member_mask(operands[2]);
  op.d = destination(operands[0], RowKind::k32).row;
  push(op);
}

void Decoder::decode_elect() {
  branch_around();
  const auto& operands = instruction_->operands;
  if (operands.size() < 2) return void(fail(""));
  Op op;
  op.run = elect;
  op.s[3] = member_mask(operands[1]);
  op.d =
      operands[0].kind == ptx::Operand::Kind::kRegister ? destination(operands[0], RowKind::k32).row : kNoRow;
  op.list = operands[0].second >= 0 ? register_row(operands[0].second) : kNoRow;
  push(op);
}

const std::map<std::string_view, Decoder::Method>& Decoder::methods() {
  using D = Decoder;
  // The ones without a method of their own are plain operations, by table (op_entries).
  static const std::map<std::string_view, Method> kMethods = {
      {"bra", &D::decode_branch},
      {"brx", &D::decode_brx},
      {"exit", &D::decode_exit},
      {"ret", &D::decode_exit},
      {"call", &D::decode_call},
      {"alloca", &D::decode_alloca},
      {"stacksave", &D::decode_alloca},
      {"stackrestore", &D::decode_alloca},
      {"shfl", &D::decode_shuffle},
      {"vote", &D::decode_vote},
      {"match", &D::decode_match},
      {"redux", &D::decode_redux},
      {"elect", &D::decode_elect},
      {"mbarrier", &D::decode_mbarrier},
      {"tensormap", &D::decode_tensormap},
      {"wgmma", &D::decode_wgmma},
      {"tcgen05", &D::decode_tcgen05},
      {"mov", &D::decode_mov},
      {"cvta", &D::decode_cvta},
      {"isspacep", &D::decode_isspacep},
      {"setp", &D::decode_setp},
      {"set", &D::decode_set},
      {"selp", &D::decode_selp},
      {"slct", &D::decode_slct},
      {"cvt", &D::decode_cvt},
      {"lop3", &D::decode_lop3},
      {"vadd", &D::decode_video},
      {"vsub", &D::decode_video},
      {"vabsdiff", &D::decode_video},
      {"vmin", &D::decode_video},
      {"vmax", &D::decode_video},
      {"vshl", &D::decode_video},
      {"vshr", &D::decode_video},
      {"vset", &D::decode_video},
      {"vmad", &D::decode_video},
      {"vadd2", &D::decode_video},
      {"vsub2", &D::decode_video},
      {"vavrg2", &D::decode_video},
      {"vabsdiff2", &D::decode_video},
      {"vmin2", &D::decode_video},
      {"vmax2", &D::decode_video},
      {"vset2", &D::decode_video},
      {"vadd4", &D::decode_video},
      {"vsub4", &D::decode_video},
      {"vavrg4", &D::decode_video},
      {"vabsdiff4", &D::decode_video},
      {"vmin4", &D::decode_video},
      {"vmax4", &D::decode_video},
      {"vset4", &D::decode_video},
      {"mapa", &D::decode_cluster_address},
      {"getctarank", &D::decode_cluster_address},
      {"createpolicy", &D::decode_policy},
      {"cp", &D::decode_cp},
      {"ldmatrix", &D::decode_matrix_access},
      {"stmatrix", &D::decode_matrix_access},
      {"movmatrix", &D::decode_movmatrix},
      {"mma", &D::decode_mma},
      {"wmma", &D::decode_wmma},
  };
  return kMethods;
}

}  // namespace warpwright::sim
