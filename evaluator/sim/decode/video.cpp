#include "evaluator/sim/ops/video.h"

#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {

// v....  d{.part}, {-}a{.part}, {-}b{.part}{, {-}c}
void Decoder::decode_video() {
  const auto& operands = instruction_->operands;
  std::optional<VideoForm> form = parse_video(instruction_->parts);
  if (!form || operands.size() < 3 || operands.size() > 4) return void(fail(""));
  const auto to = parse_video_destination(*form, operands[0].name);
  const auto a = parse_video_selector(*form, operands[1].name, false);
  const auto b = parse_video_selector(*form, operands[2].name, true);
  const bool needs_c = form->elements > 1 || form->second != VideoSecond::kNone ||
                       form->operation == VideoOperation::kMultiplyAdd ||
                       (to && form->elements == 1 && *to != 0);
  if (!to || !a || !b || needs_c != (operands.size() == 4)) return void(fail("selectors of this form"));
  form->destination = *to;
  form->a_select = *a;
  form->b_select = *b;
  if (operands[1].negated != operands[2].negated) form->flags |= VideoForm::kNegateProduct;
  if (needs_c && operands[3].negated) form->flags |= VideoForm::kNegateC;
  Op op;
  op.run = video_op;
  op.s[0] = source(operands[1], RowKind::k32);
  op.s[1] = source(operands[2], RowKind::k32);
  if (needs_c) op.s[2] = source(operands[3], RowKind::k32);
  const Destination result = destination(operands[0], RowKind::k32);
  op.d = result.row;
  op.list = static_cast<uint32_t>(kernel_->videos.size());
  kernel_->videos.push_back(*form);
  push(op);
  finish_destination(result, false);
}

}  // namespace warpwright::sim
