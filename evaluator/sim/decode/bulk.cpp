// bulk and tensor copies, st.async, red.async, tensormap.
#include <algorithm>
#include <cstring>

#include "evaluator/sim/bulk_copy.h"
#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {
namespace {

bool is_space(std::string_view part) {
  return part == "global" || part == "shared::cta" || part == "shared::cluster";
}

// Destination and source, in the order of the opcode; empty if it does not name both.
struct Spaces {
  std::string_view to, from;
};
Spaces spaces_of(const ptx::Instruction& instruction) {
  Spaces spaces;
  for (const std::string& part : instruction.parts) {
    if (!is_space(part)) continue;
    (spaces.to.empty() ? spaces.to : spaces.from) = part;
  }
  return spaces;
}

// What cp.reduce.async.bulk takes, by where it reduces into.
bool has_reduction(const AtomicKind& kind, const std::string& type, bool in_global) {
  using Operation = AtomicOperation;
  switch (kind.operation) {
    case Operation::kAdd:
      if (type == "u32" || type == "s32" || type == "u64") return true;
      return in_global && (type == "f32" || type == "f64" || type == "f16" || type == "bf16");
    case Operation::kMin:
    case Operation::kMax:
      if (type == "u32" || type == "s32") return true;
      return in_global && (type == "u64" || type == "s64" || type == "f16" || type == "bf16");
    case Operation::kInc:
    case Operation::kDec:
      return type == "u32";
    case Operation::kAnd:
    case Operation::kOr:
    case Operation::kXor:
      return type == "b32" || (in_global && type == "b64");
    case Operation::kExchange:
    case Operation::kCas:
      return false;
  }
  return false;
}

constexpr std::pair<std::string_view, TensorMapField> kFields[] = {
    {"global_address", TensorMapField::kAddress},
    {"rank", TensorMapField::kRank},
    {"box_dim", TensorMapField::kBox},
    {"global_dim", TensorMapField::kDimension},
    {"global_stride", TensorMapField::kStride},
    {"element_stride", TensorMapField::kElementStride},
    {"elemtype", TensorMapField::kType},
    {"interleave_layout", TensorMapField::kInterleave},
    {"swizzle_mode", TensorMapField::kSwizzle},
    {"swizzle_atomicity", TensorMapField::kAtomicity},
    {"fill_mode", TensorMapField::kFill}};

}  // namespace

// A memory operand's address, 64 bits wide.
uint32_t Decoder::address_row(const ptx::Operand& operand) {
  Op at;
  set_address(at, operand);
  uint32_t row = at.s[0];
  if (failed_) return row;
  if ((at.flags & kAddress32) != 0) {
    const uint32_t wide = new_row(RowKind::k64);
    emit_raw("ext.64.u32", wide, {row}, false);
    row = wide;
  }
  if (operand.offset == 0) return row;
  const uint32_t sum = new_row(RowKind::k64);
  emit_raw("add.u64", sum, {row, literal(static_cast<uint64_t>(operand.offset), RowKind::k64)}, false);
  return sum;
}

void Decoder::decode_bulk_group() {
  Op op;
  op.run = commit_bulk;
  if (instruction_->has("wait_group")) {
    const auto& operands = instruction_->operands;
    const bool known = !operands.empty() && operands[0].kind == ptx::Operand::Kind::kImmediate;
    if (!known || operands[0].bits > INT32_MAX) return void(fail("a number of groups of this form"));
    op.run = wait_for_bulk;
    op.immediate = static_cast<int64_t>(operands[0].bits);
    op.flags = instruction_->has("read") ? kOnlySources : 0;
  }
  push(op);
}

void Decoder::decode_bulk() {
  if (instruction_->has("prefetch")) return;
  if (instruction_->has("commit_group") || instruction_->has("wait_group")) return decode_bulk_group();
  for (const std::string& part : instruction_->parts) {
    if (part.starts_with("im2col")) return void(fail("im2col tensor copies: only tile modes are simulated"));
    if (part == "ignore_oob") return void(fail("bulk copies with ignore_oob"));
  }
  const Spaces spaces = spaces_of(*instruction_);
  BulkForm form;
  form.is_tensor = instruction_->has("tensor");
  form.is_multicast = instruction_->has("multicast::cluster");
  form.by_pair = instruction_->has("cta_group::2");
  form.by_rows = instruction_->has("tile::gather4") || instruction_->has("tile::scatter4");
  form.in_own_block = spaces.to == "shared::cta";
  form.kind = spaces.to == "global"     ? BulkForm::Kind::kStore
              : spaces.from == "global" ? BulkForm::Kind::kLoad
                                        : BulkForm::Kind::kShare;
  const bool is_known =
      !spaces.from.empty() && (spaces.from == "global") == (form.kind == BulkForm::Kind::kLoad) &&
      (form.is_tensor == 0 || form.kind != BulkForm::Kind::kShare) && spaces.from != "shared::cluster";
  if (!is_known) return void(fail("copies between these spaces"));
  if (!decode_bulk_reduction(form)) return void(fail("a reduction of this form"));
  if (!(form.is_tensor != 0 ? decode_tensor_operands(form) : decode_bulk_operands(form)))
    return void(fail("operands of this form"));
  std::vector<uint32_t> words(sizeof form / sizeof(uint32_t));
  std::memcpy(words.data(), &form, sizeof form);
  Op op;
  op.run = bulk_copy_op;
  op.list = add_list(words);
  op.site = add_sites(false, form.kind == BulkForm::Kind::kLoad, 1);
  push(op);
}

bool Decoder::decode_bulk_reduction(BulkForm& form) {
  form.reduces = instruction_->has("reduce");
  if (form.reduces == 0) return true;
  if (form.kind == BulkForm::Kind::kLoad) return false;
  std::vector<std::string> parts = instruction_->parts;
  if (form.is_tensor != 0) parts.push_back("u32");  // the map says the type
  const std::optional<AtomicKind> kind = parse_atomic(parts);
  const bool fits =
      kind && kind->elements == 1 && parts.back() != "b128" && kind->bytes * kind->elements <= 8 &&
      (form.is_tensor != 0 || has_reduction(*kind, parts.back(), form.kind == BulkForm::Kind::kStore));
  if (!fits) return false;
  form.operation = static_cast<uint32_t>(kind->operation);
  form.type = static_cast<uint32_t>(kind->type);
  form.element_bytes = static_cast<uint32_t>(kind->bytes);
  return true;
}

// [to], [from], size {, [mbarrier] {, blocks}} {, cache policy} {, bytes}
bool Decoder::decode_bulk_operands(BulkForm& form) {
  const auto& operands = instruction_->operands;
  if (operands.size() < 3) return false;
  form.to = address_row(operands[0]);
  form.from = address_row(operands[1]);
  form.size = source(operands[2], RowKind::k32);
  std::size_t at = 3;
  if (form.kind != BulkForm::Kind::kStore) {
    if (operands.size() <= at) return false;
    form.barrier = address_row(operands[at++]);
  }
  if (form.is_multicast != 0) {
    if (operands.size() <= at) return false;
    form.blocks = source(operands[at++], RowKind::k16);
  }
  if (instruction_->has("L2::cache_hint")) ++at;
  if (instruction_->has("cp_mask")) {
    if (operands.size() <= at) return false;
    form.bytes = source(operands[at++], RowKind::k16);
  }
  return operands.size() == at;
}

// [to], [map, {coordinates}], [mbarrier] {, blocks} {, cache policy}; [map, {coordinates}], [from] {, policy}
bool Decoder::decode_tensor_operands(BulkForm& form) {
  const auto& operands = instruction_->operands;
  const bool is_load = form.kind == BulkForm::Kind::kLoad;
  const std::size_t map_at = is_load ? 1 : 0;
  if (operands.size() < (is_load ? 3u : 2u)) return false;
  const ptx::Operand& map = operands[map_at];
  if (map.kind != ptx::Operand::Kind::kMemory || map.elements.size() != 2) return false;
  const ptx::Operand& coordinates = map.elements[1];
  const bool is_list = coordinates.kind == ptx::Operand::Kind::kVector;
  const std::size_t count = is_list ? coordinates.elements.size() : 1;
  const auto rank =
      std::find_if(instruction_->parts.begin(), instruction_->parts.end(), [](const auto& part) {
        return part.size() == 2 && part[1] == 'd' && part[0] >= '1' && part[0] <= '5';
      });
  if (rank == instruction_->parts.end()) return false;
  if (count != (form.by_rows != 0 ? 5u : static_cast<std::size_t>((*rank)[0] - '0'))) return false;
  form.coordinate_count = static_cast<uint32_t>(count);
  for (std::size_t k = 0; k < count; ++k)
    form.coordinates[k] = source(is_list ? coordinates.elements[k] : coordinates, RowKind::k32);
  form.map = address_row(map);
  (is_load ? form.to : form.from) = address_row(operands[is_load ? 0 : 1]);
  std::size_t at = 2;
  if (is_load) form.barrier = address_row(operands[at++]);
  if (form.is_multicast != 0) {
    if (operands.size() <= at) return false;
    form.blocks = source(operands[at++], RowKind::k16);
  }
  if (instruction_->has("L2::cache_hint")) ++at;
  return operands.size() == at;
}

// st.async [to], values, [mbarrier]; red.async with an operation.
void Decoder::decode_store_async() {
  const auto& operands = instruction_->operands;
  if (operands.size() != 3 || instruction_->has("global") ||
      !instruction_->has("mbarrier::complete_tx::bytes"))
    return void(fail("st.async and red.async without an mbarrier"));
  Op op;
  op.run = store_async_op;
  const int bytes = ptx::type_size(instruction_->type());
  if (bytes != 4 && bytes != 8) return void(fail("values of this type"));
  op.s[2] = 0;
  if (instruction_->base() == "red") {
    const std::optional<AtomicKind> kind = parse_atomic(instruction_->parts);
    if (!kind || kind->elements != 1 || !has_reduction(*kind, instruction_->type(), false))
      return void(fail("a reduction of this form"));
    op.s[2] = (static_cast<uint32_t>(kind->operation) + 1) | static_cast<uint32_t>(kind->type) << 8;
  }
  set_address(op, operands[0]);
  op.s[1] = address_row(operands[2]);
  const std::vector<uint32_t> rows = data_sources(operands[1], bytes);
  if (rows.size() > 4 || rows.size() * static_cast<std::size_t>(bytes) > 32) return void(fail(""));
  op.target = bytes;
  op.count = static_cast<uint8_t>(rows.size());
  op.list = add_list(rows);
  push(op);
}

void Decoder::decode_tensormap() {
  const auto& operands = instruction_->operands;
  Op op;
  if (instruction_->has("cp_fenceproxy")) {
    if (operands.size() < 2) return void(fail(""));
    op.run = copy_tensor_map_op;
    op.s[0] = address_row(operands[0]);
    op.s[1] = address_row(operands[1]);
    push(op);
    return;
  }
  const auto field = std::find_if(std::begin(kFields), std::end(kFields),
                                  [&](const auto& f) { return instruction_->has(f.first); });
  if (!instruction_->has("replace") || !instruction_->has("tile") || field == std::end(kFields))
    return void(fail("only tensormap.replace.tile and cp_fenceproxy are simulated"));
  const bool has_ordinal =
      field->second >= TensorMapField::kBox && field->second <= TensorMapField::kElementStride;
  if (operands.size() != (has_ordinal ? 3u : 2u)) return void(fail("operands of this form"));
  op.run = replace_tensor_map_op;
  set_address(op, operands[0]);
  if (instruction_->has("global")) op.flags |= kConstantSpace;
  if (!instruction_->has("global") && !instruction_->has("shared::cta")) op.flags |= kGenericAddress;
  op.count = static_cast<uint8_t>(field->second);
  if (has_ordinal) {
    if (operands[1].kind != ptx::Operand::Kind::kImmediate) return void(fail("an ordinal of this form"));
    op.list = static_cast<uint32_t>(std::min<uint64_t>(operands[1].bits, kMaxTensorRank));
  }
  op.s[1] = source(operands.back(), RowKind::k64);
  push(op);
}

}  // namespace warpwright::sim
