// tcgen05 (ops/tensor.h).
#include <charconv>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/tensor.h"

namespace warpwright::sim {
namespace {

constexpr std::size_t kMostRegisters = 128;

bool starts(const ptx::Instruction& i, std::string_view action) {
  return i.parts.size() > 1 && i.parts[1] == action;
}

int group_of(const ptx::Instruction& i) {
  return i.has("cta_group::1") ? 1 : i.has("cta_group::2") ? 2 : 0;
}

// How often the shape of ld and st is repeated: .x1 to .x128; 0: none of these.
uint32_t repetitions_of(const ptx::Instruction& i) {
  for (uint32_t x = 1; x <= kMostRegisters; x *= 2) {
    if (i.has("x" + std::to_string(x))) return x;
  }
  return 0;
}

struct ShapeForm {
  std::string_view name;
  TensorShape shape;
  uint32_t registers;  // of one repetition
};
const ShapeForm* shape_of(const ptx::Instruction& i) {
  static constexpr ShapeForm kShapes[] = {{"32x32b", TensorShape::k32x32b, 1},
                                          {"16x64b", TensorShape::k16x64b, 1},
                                          {"16x128b", TensorShape::k16x128b, 2},
                                          {"16x256b", TensorShape::k16x256b, 4},
                                          {"16x32bx2", TensorShape::k16x32bx2, 1}};
  for (const ShapeForm& form : kShapes) {
    if (i.has(form.name)) return &form;
  }
  return nullptr;
}

bool find_copy_shape(const ptx::Instruction& i, TensorCopyShape& shape) {
  const auto is = [&](std::string_view name, std::string_view multicast, TensorCopyShape found) {
    if (!i.has(name) || (!multicast.empty() && !i.has(multicast))) return false;
    shape = found;
    return true;
  };
  return is("128x256b", "", TensorCopyShape::k128x256b) || is("4x256b", "", TensorCopyShape::k4x256b) ||
         is("128x128b", "", TensorCopyShape::k128x128b) ||
         is("64x128b", "warpx2::02_13", TensorCopyShape::k64x128bRows02) ||
         is("64x128b", "warpx2::01_23", TensorCopyShape::k64x128bRows01) ||
         is("32x128b", "warpx4", TensorCopyShape::k32x128b);
}

bool find_kind(const ptx::Instruction& i, TensorKind& kind) {
  const auto is = [&](std::string_view name, TensorKind found) {
    if (i.has(name)) kind = found;
    return i.has(name);
  };
  return is("kind::f16", TensorKind::kF16) || is("kind::tf32", TensorKind::kTf32) ||
         is("kind::f8f6f4", TensorKind::kF8f6f4) || is("kind::i8", TensorKind::kI8) ||
         is("kind::mxf8f6f4", TensorKind::kMxf8f6f4) || is("kind::mxf4nvf4", TensorKind::kMxf4nvf4) ||
         is("kind::mxf4", TensorKind::kMxf4);
}

// Scales along K; -1: not a form of this kind.
int scales_of(const ptx::Instruction& i, TensorKind kind) {
  const bool two = i.has("scale_vec::2X") || i.has("block32"),
             four = i.has("scale_vec::4X") || i.has("block16");
  const bool one = i.has("scale_vec::1X"), named = one || two || four;
  switch (kind) {
    case TensorKind::kMxf8f6f4:
      return four || i.has("scale_vec::2X") || !i.has("block_scale") ? -1 : 1;
    case TensorKind::kMxf4:
      return one || four || !i.has("block_scale") ? -1 : 2;
    case TensorKind::kMxf4nvf4:
      return !named || one || !i.has("block_scale") ? -1 : four ? 4 : 2;
    case TensorKind::kF16:
    case TensorKind::kTf32:
    case TensorKind::kF8f6f4:
    case TensorKind::kI8:
      return i.has("block_scale") ? -1 : 0;
  }
  return -1;
}

}  // namespace

bool takes_whole_warp(const ptx::Instruction& i) {
  return i.base() == "tcgen05" &&
         (starts(i, "alloc") || starts(i, "dealloc") || starts(i, "ld") || starts(i, "st") ||
          starts(i, "wait::ld") || starts(i, "wait::st") || starts(i, "relinquish_alloc_permit"));
}

// An address in tensor memory: [row + offset], or a plain register (dealloc).
void Decoder::set_tensor_address(Op& op, const ptx::Operand& operand) {
  op.immediate = operand.offset;
  const bool in_brackets = operand.kind == ptx::Operand::Kind::kMemory;
  if (in_brackets && operand.elements.empty()) return void(fail("an address of this form"));
  op.s[0] = source(in_brackets ? operand.elements.front() : operand, RowKind::k32);
}

void Decoder::decode_tcgen05() {
  const ptx::Instruction& i = *instruction_;
  const auto simple = [&](Handler handler) {
    Op op;
    op.run = handler;
    push(op);
  };
  if (takes_whole_warp(i)) branch_around();
  if (starts(i, "alloc") || starts(i, "dealloc")) return decode_tensor_columns();
  if (starts(i, "relinquish_alloc_permit")) return simple(relinquish_tensor);
  if (starts(i, "ld") || starts(i, "st")) return decode_tensor_access(starts(i, "ld"));
  if (starts(i, "wait::ld")) return simple(wait_tensor_loads);
  if (starts(i, "wait::st")) return simple(wait_tensor_stores);
  if (starts(i, "fence::before_thread_sync")) return simple(fence_tensor_before);
  if (starts(i, "fence::after_thread_sync")) return simple(fence_tensor_after);
  if (starts(i, "commit")) return decode_tensor_commit();
  if (starts(i, "cp") || starts(i, "shift")) return decode_tensor_copy();
  if (starts(i, "mma")) return decode_tensor_mma();
  fail("");
}

// alloc [address in shared memory], columns; dealloc address, columns
void Decoder::decode_tensor_columns() {
  const auto& operands = instruction_->operands;
  if (operands.size() != 2 || group_of(*instruction_) == 0) return void(fail(""));
  Op op;
  const bool allocates = starts(*instruction_, "alloc");
  op.run = allocates ? allocate_tensor : free_tensor;
  if (allocates)
    set_shared_address(op, operands[0]);
  else
    set_tensor_address(op, operands[0]);
  op.s[1] = source(operands[1], RowKind::k32);
  op.count = static_cast<uint8_t>(group_of(*instruction_));
  push(op);
}

// ld registers, [address]{, split}; st [address]{, split}, registers
void Decoder::decode_tensor_access(bool is_load) {
  const ptx::Instruction& i = *instruction_;
  const ShapeForm* form = shape_of(i);
  const uint32_t registers = form == nullptr ? 0 : form->registers * repetitions_of(i);
  const bool splits = form != nullptr && form->shape == TensorShape::k16x32bx2;
  if (registers == 0 || registers > kMostRegisters || i.operands.size() != (splits ? 3u : 2u) || i.has("red"))
    return void(fail(i.has("red") ? "tcgen05.ld.red, which sm_100a does not have" : ""));
  const ptx::Operand& data = i.operands[is_load ? 0 : i.operands.size() - 1];
  Op op;
  op.run = is_load ? load_tensor : store_tensor;
  set_tensor_address(op, i.operands[is_load ? 1 : 0]);
  std::vector<uint32_t> rows;
  if (!add_rows(data, RowKind::k32, static_cast<int>(registers), is_load, rows)) return;
  op.list = add_list(rows);
  op.count = static_cast<uint8_t>(registers);
  op.size = static_cast<uint8_t>(form->shape);
  op.flags = i.has("pack::16b") || i.has("unpack::16b") ? kPacked : 0;
  op.d = splits ? static_cast<uint32_t>(i.operands[is_load ? 2 : 1].bits) : 0;
  if (splits && i.operands[is_load ? 2 : 1].kind != ptx::Operand::Kind::kImmediate)
    return void(fail("a split in a register"));
  if (op.d > 0xffff) return void(fail("a split beyond tensor memory"));
  push(op);
}

// commit [mbarrier]{, mask of blocks}
void Decoder::decode_tensor_commit() {
  const auto& operands = instruction_->operands;
  const bool multicasts = instruction_->has("multicast::cluster");
  if (operands.size() != (multicasts ? 2u : 1u) || group_of(*instruction_) == 0) return void(fail(""));
  Op op;
  op.run = commit_tensor;
  set_shared_address(op, operands[0]);
  if (multicasts) op.s[1] = source(operands[1], RowKind::k16);
  op.d = static_cast<uint32_t>(group_of(*instruction_));
  push(op);
}

// cp [address], descriptor; shift [address]
void Decoder::decode_tensor_copy() {
  const ptx::Instruction& i = *instruction_;
  const bool shifts = starts(i, "shift");
  TensorCopyShape shape = TensorCopyShape::k128x256b;
  if (i.operands.size() != (shifts ? 1u : 2u) || group_of(i) == 0 || (!shifts && !find_copy_shape(i, shape)))
    return void(fail(""));
  Op op;
  op.run = shifts ? shift_tensor : copy_tensor;
  set_tensor_address(op, i.operands[0]);
  if (!shifts) op.s[1] = source(i.operands[1], RowKind::k64);
  op.count = static_cast<uint8_t>(shape);
  op.flags = i.has("b4x16_p64") ? kUnpackFour : i.has("b6x16_p32") ? kUnpackSix : kNoUnpack;
  op.d = static_cast<uint32_t>(group_of(i));
  push(op);
}

// mma [d], a, b, descriptor{, [scales of a], [scales of b]}{, {lanes}}, enable{, scale}
void Decoder::decode_tensor_mma() {
  const ptx::Instruction& i = *instruction_;
  const auto& operands = i.operands;
  TensorKind kind = TensorKind::kF16;
  for (const std::string_view refused : {"ws", "sp", "ashift"}) {
    if (i.has(refused)) return void(fail("tcgen05.mma." + std::string(refused)));
  }
  if (!find_kind(i, kind) || group_of(i) == 0 || operands.size() < 5) return void(fail(""));
  const int scales = scales_of(i, kind);
  if (scales < 0) return void(fail("block scales of this form"));
  Op op;
  op.run = multiply_tensor;
  op.count = static_cast<uint8_t>(kind);
  op.size = static_cast<uint8_t>(scales);
  op.d = static_cast<uint32_t>(group_of(i));
  std::vector<uint32_t> list;
  const auto add_address = [&](const ptx::Operand& operand) {
    Op address;
    set_tensor_address(address, operand);
    list.push_back(address.s[0]);
    list.push_back(static_cast<uint32_t>(address.immediate));
  };
  add_address(operands[0]);
  if (operands[1].kind == ptx::Operand::Kind::kMemory) {
    op.flags |= kTensorA;
    add_address(operands[1]);
  } else {
    list.push_back(source(operands[1], RowKind::k64));
    list.push_back(0);
  }
  list.push_back(source(operands[2], RowKind::k64));
  list.push_back(source(operands[3], RowKind::k32));
  std::size_t at = scales > 0 ? 6 : 4;
  std::vector<uint32_t> masks;
  if (at < operands.size() && operands[at].kind == ptx::Operand::Kind::kVector) {
    op.flags |= kDisablesLanes;
    if (!add_rows(operands[at++], RowKind::k32, 4 * group_of(i), false, masks)) return;
  }
  if (at >= operands.size()) return void(fail("operands are missing"));
  list.push_back(source(operands[at++], RowKind::kPredicate));
  for (const std::size_t k : {4u, 5u}) {
    if (scales > 0)
      add_address(operands[k]);
    else
      list.insert(list.end(), {0, 0});
  }
  list.insert(list.end(), masks.begin(), masks.end());
  if (at < operands.size()) op.immediate = static_cast<int64_t>(operands[at].bits & 15);
  op.list = add_list(list);
  push(op);
}

}  // namespace warpwright::sim
