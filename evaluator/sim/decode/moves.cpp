// mov with its packing and unpacking, address conversions.
#include <fmt/format.h>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/memory_impl.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {

// A value of `bytes` in `rows` (128 bits: two 64-bit rows, the low one first) taken apart down to pieces of
// `piece` bytes, lowest first.
std::vector<uint32_t> Decoder::split(std::vector<uint32_t> rows, int bytes, int piece) {
  int size = bytes == 16 ? 8 : bytes;
  for (; size > piece; size /= 2) {
    std::vector<uint32_t> halves;
    for (const uint32_t row : rows) {
      for (const char* which : {"low", "high"}) {
        halves.push_back(new_row(kind_of_bytes(size / 2)));
        emit_raw(fmt::format("unpack.{}.{}", which, size * 4), halves.back(), {row}, true);
      }
    }
    rows = std::move(halves);
  }
  return rows;
}

// The inverse: rows of `piece` bytes into one row of `bytes`, 128 bits into two.
std::vector<uint32_t> Decoder::join(std::vector<uint32_t> rows, int piece, int bytes) {
  const int whole = bytes == 16 ? 8 : bytes;
  for (int size = piece; size < whole; size *= 2) {
    std::vector<uint32_t> pairs;
    for (std::size_t k = 0; k + 1 < rows.size(); k += 2) {
      pairs.push_back(new_row(kind_of_bytes(size * 2)));
      emit_raw(fmt::format("pack.{}", size * 8), pairs.back(), {rows[k], rows[k + 1]}, true);
    }
    rows = std::move(pairs);
  }
  return rows;
}

std::vector<uint32_t> Decoder::wide_rows(const ptx::Operand& operand) {
  const bool is_register = operand.kind == ptx::Operand::Kind::kRegister &&
                           register_class(operand.reg) == ptx::RegisterClass::k128;
  if (operand.kind == ptx::Operand::Kind::kSink) return {new_row(RowKind::k64), new_row(RowKind::k64)};
  if (!is_register) return {fail("an operand that is not a 128-bit register"), 0};
  const uint32_t row = register_row(operand.reg);
  return {row, row + kRow64};
}

void Decoder::write_wide(const ptx::Operand& d, const std::vector<uint32_t>& rows) {
  const std::vector<uint32_t> to = wide_rows(d);
  for (std::size_t k = 0; k < 2; ++k) emit_raw("mov.64", to[k], {rows[k]}, false);
}

void Decoder::decode_pack(const ptx::Operand& d, const ptx::Operand& s, int bytes) {
  const auto pieces = static_cast<int>(s.elements.size());
  const int piece = bytes / pieces;
  if (pieces == 2 && bytes < 16) {  // the common form
    if (!emit_entry(fmt::format("pack.{}", piece * 8), d, {&s.elements[0], &s.elements[1]})) fail("");
    return;
  }
  std::vector<uint32_t> rows;
  for (const ptx::Operand& element : s.elements) rows.push_back(source(element, kind_of_bytes(piece)));
  rows = join(std::move(rows), piece, bytes);
  if (bytes == 16) return write_wide(d, rows);
  const Destination to = destination(d, kind_of_bytes(bytes));
  emit_raw(bytes == 8 ? "mov.64" : "mov.32", to.row, {rows[0]}, to.whole);
}

void Decoder::decode_unpack(const ptx::Operand& d, const ptx::Operand& s, int bytes) {
  const auto pieces = static_cast<int>(d.elements.size());
  const int piece = bytes / pieces;
  const bool is_common = pieces == 2 && bytes < 16;
  std::vector<uint32_t> wholes = bytes == 16 ? wide_rows(s) : std::vector{source(s, kind_of_bytes(bytes))};
  if (!is_common) wholes = split(std::move(wholes), bytes, piece);
  // A piece may go to the register that is being taken apart: all pieces are computed before any is written.
  std::vector<std::pair<Destination, uint32_t>> moves;
  for (int k = 0; k < pieces; ++k) {
    const ptx::Operand& element = d.elements[static_cast<std::size_t>(k)];
    if (element.kind == ptx::Operand::Kind::kSink) continue;
    const Destination to = destination(element, kind_of_bytes(piece));
    if (!is_common) {
      moves.emplace_back(to, wholes[static_cast<std::size_t>(k)]);
      continue;
    }
    const bool clashes = to.row == wholes[0];
    const uint32_t row = clashes ? new_row(kind_of_bytes(piece)) : to.row;
    emit_raw(fmt::format("unpack.{}.{}", k == 0 ? "low" : "high", piece * 8), row, {wholes[0]},
             clashes || to.whole);
    if (clashes) {
      moves.emplace_back(to, row);
    } else {
      finish_destination(to, false);
    }
  }
  for (const auto& [to, row] : moves) {
    emit_raw(piece == 8 ? "mov.64" : "mov.32", to.row, {row}, to.whole);
    finish_destination(to, false);
  }
}

void Decoder::decode_mov() {
  if (instruction_->operands.size() != 2) return void(fail(""));
  const ptx::Operand& d = instruction_->operands[0];
  const ptx::Operand& s = instruction_->operands[1];
  const std::string& type = instruction_->type();
  const int bytes = ptx::type_size(type);
  if (type == "pred") {
    if (!emit_entry("mov.pred", d, {&s})) fail("");
    return;
  }
  const bool packs = s.kind == ptx::Operand::Kind::kVector, unpacks = d.kind == ptx::Operand::Kind::kVector;
  if (packs || unpacks) {
    const std::size_t pieces = (packs ? s : d).elements.size();
    const bool fits =
        (pieces == 2 || pieces == 4 || pieces == 8) && bytes >= static_cast<int>(pieces) && packs != unpacks;
    if (!fits) return void(fail("packing of this form"));
    return packs ? decode_pack(d, s, bytes) : decode_unpack(d, s, bytes);
  }
  if (bytes == 16) return write_wide(d, wide_rows(s));
  if (!emit_entry(fmt::format("mov.{}", bytes * 8), d, {&s})) fail("");
}

void Decoder::decode_cvta() {
  const auto& parts = instruction_->parts;
  const bool to_space = instruction_->has("to");
  std::string_view space = parts[to_space ? 2 : 1];
  uint64_t window = 0;
  if (space.starts_with("shared")) window = kSharedWindow;
  if (space == "local") window = kLocalWindow;
  const ptx::Operand& d = instruction_->operands[0];
  const bool is_wide = ptx::type_size(instruction_->type()) == 8;
  const Destination to = destination(d, is_wide ? RowKind::k64 : RowKind::k32);
  const uint32_t from = source(instruction_->operands[1], is_wide ? RowKind::k64 : RowKind::k32);
  if (space.starts_with("param") && !to_space && is_wide && plans_[function_].function->is_entry) {
    // Compilers take a parameter's address in 32 bits: the upper half is that of the parameter block.
    const uint32_t upper = new_row(RowKind::k64),
                   block =
                       constant({.kind = ConstantRow::Kind::kSymbol, .name = std::string(kParameterSymbol)},
                                RowKind::k64);
    emit_raw("and.b64", upper, {block, literal(~uint64_t{0xffffffff}, RowKind::k64)}, false);
    emit_raw("or.b64", to.row, {from, upper}, to.whole);
  } else if (window == 0) {
    emit_raw(is_wide ? "mov.64" : "mov.32", to.row, {from}, to.whole);
  } else if (!is_wide) {
    fail("32-bit generic addresses");
  } else {
    emit_raw(to_space ? "sub.u64" : "add.u64", to.row, {from, literal(window, RowKind::k64)}, to.whole);
  }
}

void Decoder::decode_isspacep() {
  const std::string& space = instruction_->parts[1];
  const uint32_t address = source(instruction_->operands[1], RowKind::k64);
  const uint32_t window = new_row(RowKind::k64);
  emit_raw("shr.u64", window, {address, literal(40, RowKind::k32)}, false);
  const Destination to = destination(instruction_->operands[0], RowKind::kPredicate);
  const uint64_t number = space.starts_with("shared") ? kSharedWindow >> 40
                          : space == "local"          ? kLocalWindow >> 40
                                                      : kGlobalBase >> 40;
  if (space == "const" || space == "param") {
    emit_raw("mov.pred", to.row, {literal(0, RowKind::kPredicate)}, false);
  } else {
    emit_raw(space == "global" ? "setp.ge.u64" : "setp.eq.u64", to.row,
             {window, literal(number, RowKind::k64)}, false);
  }
}

// mapa: the address with another rank. getctarank: the rank. Generic addresses have it in the same bits.
void Decoder::decode_cluster_address() {
  const auto& operands = instruction_->operands;
  const bool is_wide = ptx::type_size(instruction_->type()) == 8,
             is_rank = instruction_->base() == "getctarank";
  if (operands.size() < (is_rank ? 2 : 3)) return void(fail(""));
  const RowKind kind = is_wide ? RowKind::k64 : RowKind::k32;
  const std::string width = is_wide ? "64" : "32";
  const uint32_t from = source(operands[1], kind), shift = literal(kRankShift, RowKind::k32);
  if (is_rank) {
    const uint32_t shifted = new_row(kind), rank = new_row(kind);
    emit_raw("shr.u" + width, shifted, {from, shift}, false);
    emit_raw("and.b" + width, rank, {shifted, literal(kMaxClusterBlocks - 1, kind)}, false);
    const Destination to = destination(operands[0], RowKind::k32);
    emit_raw(is_wide ? "unpack.low.32" : "mov.32", to.row, {rank}, to.whole);
    return finish_destination(to, false);
  }
  const uint32_t rank = new_row(kind), plain = new_row(kind);
  emit_raw("shl.b" + width, rank, {source(operands[2], kind), shift}, false);
  emit_raw("and.b" + width, plain, {from, literal(~((kMaxClusterBlocks - 1) << kRankShift), kind)}, false);
  const Destination to = destination(operands[0], kind);
  emit_raw("or.b" + width, to.row, {plain, rank}, to.whole);
  finish_destination(to, false);
}

// A cache policy is a number that only memory operations read, and here they ignore it.
void Decoder::decode_policy() {
  const Destination to = destination(instruction_->operands[0], RowKind::k64);
  emit_raw("mov.64", to.row, {literal(0x12f0000000000000, RowKind::k64)}, to.whole);
}

}  // namespace warpwright::sim
