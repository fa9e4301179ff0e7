#include <fmt/format.h>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/memory_impl.h"
#include "evaluator/sim/ops/convert.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {
namespace {

bool is_any(std::string_view part, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (part == name) return true;
  }
  return false;
}

// Without the modifiers that change nothing here: the default rounding, and how approximate a result may be.
std::string canonical_name(const ptx::Instruction& instruction) {
  const std::string& type = instruction.type();
  const bool is_float_mad = instruction.base() == "mad" && is_any(type, {"f32", "f64"});
  std::string name = is_float_mad ? "fma" : instruction.base();
  const bool ternary = is_any(name, {"min", "max"}) && instruction.operands.size() == 4;
  if (ternary) name += "3";
  for (std::size_t i = 1; i < instruction.parts.size(); ++i) {
    if (is_any(instruction.parts[i], {"rn", "approx", "full", "noftz"})) continue;
    name += "." + instruction.parts[i];
  }
  return name;
}

bool is_integer(std::string_view type) {
  return !type.empty() && (type[0] == 'u' || type[0] == 's') && ptx::type_size(type) > 0;
}

std::string_view integer_comparison(std::string_view name) {
  if (name == "lo") return "lt";
  if (name == "ls") return "le";
  if (name == "hi") return "gt";
  if (name == "hs") return "ge";
  return name;
}

}  // namespace

void Decoder::emit_raw(std::string_view name, uint32_t d, std::vector<uint32_t> sources, bool whole) {
  const auto entry = op_entries().find(name);
  if (entry == op_entries().end()) {
    fail(fmt::format("{}", name));
    return;
  }
  Op op;
  op.run = entry->second.run;
  op.d = d;
  op.whole = whole;
  for (std::size_t k = 0; k < sources.size(); ++k) op.s[k] = sources[k];
  push(op);
}

bool Decoder::emit_entry(std::string_view name, const ptx::Operand& d,
                         const std::vector<const ptx::Operand*>& sources) {
  const auto found = op_entries().find(name);
  if (found == op_entries().end()) return false;
  const OpEntry& entry = found->second;
  Op op;
  op.run = entry.run;
  for (std::size_t k = 0; k < entry.sources.size() && entry.sources[k] != RowKind::kNone; ++k) {
    if (k >= sources.size()) return false;
    op.s[k] = source(*sources[k], entry.sources[k]);
  }
  const Destination to = destination(d, entry.result);
  op.d = to.row;
  op.whole = to.whole;
  op.list = carry_row_;
  push(op);
  finish_destination(to, instruction_->type().starts_with("s"));
  return true;
}

bool Decoder::decode_table_op(const std::string& name) {
  std::vector<const ptx::Operand*> sources;
  for (std::size_t k = 1; k < instruction_->operands.size(); ++k)
    sources.push_back(&instruction_->operands[k]);
  return emit_entry(name, instruction_->operands[0], sources);
}

void Decoder::decode_plain() {
  if (instruction_->operands.empty()) {
    fail("");
    return;
  }
  if (instruction_->operands[0].second >= 0) {
    fail("a second, predicate result");
    return;
  }
  if (!decode_table_op(canonical_name(*instruction_))) fail("");
}

void Decoder::decode_mov() {
  const ptx::Operand& d = instruction_->operands[0];
  const ptx::Operand& s = instruction_->operands[1];
  const std::string& type = instruction_->type();
  const int bytes = ptx::type_size(type);
  if (type == "pred") {
    if (!emit_entry("mov.pred", d, {&s})) fail("");
    return;
  }
  const auto pieces = [&](const ptx::Operand& operand) { return static_cast<int>(operand.elements.size()); };
  if (s.kind == ptx::Operand::Kind::kVector) {  // pack
    if (bytes == 16 || (bytes / pieces(s)) < 2) return void(fail("packing of this form"));
    if (pieces(s) == 2) {
      if (!emit_entry(bytes == 8 ? "pack.32" : "pack.16", d, {&s.elements[0], &s.elements[1]})) fail("");
      return;
    }
    const uint32_t low = new_row(RowKind::k32), high = new_row(RowKind::k32);
    emit_raw("pack.16", low, {source(s.elements[0], RowKind::k16), source(s.elements[1], RowKind::k16)},
             false);
    emit_raw("pack.16", high, {source(s.elements[2], RowKind::k16), source(s.elements[3], RowKind::k16)},
             false);
    const Destination to = destination(d, RowKind::k64);
    emit_raw("pack.32", to.row, {low, high}, to.whole);
    return;
  }
  if (d.kind == ptx::Operand::Kind::kVector) {  // unpack
    if (bytes == 16 || (bytes / pieces(d)) < 2) return void(fail("unpacking of this form"));
    std::vector<uint32_t> wholes = {source(s, kind_of_bytes(bytes))};
    if (pieces(d) == 4) {
      const uint32_t low = new_row(RowKind::k32), high = new_row(RowKind::k32);
      emit_raw("unpack.low.32", low, {wholes[0]}, false);
      emit_raw("unpack.high.32", high, {wholes[0]}, false);
      wholes = {low, high};
    }
    const int piece = bytes / pieces(d);
    // A piece may go to the register that is being taken apart: all pieces are computed before any is
    // written.
    std::vector<std::pair<Destination, uint32_t>> moves;
    for (int k = 0; k < pieces(d); ++k) {
      const ptx::Operand& element = d.elements[static_cast<std::size_t>(k)];
      if (element.kind == ptx::Operand::Kind::kSink) continue;
      const Destination to = destination(element, kind_of_bytes(piece));
      const bool clashes = to.row == wholes[static_cast<std::size_t>(k / 2)];
      const uint32_t row = clashes ? new_row(kind_of_bytes(piece)) : to.row;
      emit_raw(fmt::format("unpack.{}.{}", k % 2 == 0 ? "low" : "high", piece * 8), row,
               {wholes[static_cast<std::size_t>(k / 2)]}, clashes || to.whole);
      if (clashes) moves.emplace_back(to, row);
    }
    for (const auto& [to, row] : moves) emit_raw("mov.32", to.row, {row}, to.whole);
    return;
  }
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
  if (window == 0) {
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

// The comparison of a setp or set, with its boolean combination, in a predicate row of its own.
uint32_t Decoder::comparison(std::size_t first_source) {
  const auto& parts = instruction_->parts;
  const auto& operands = instruction_->operands;
  std::string type = instruction_->type();
  if (type.starts_with("b") && type != "bf16" && type != "bf16x2") type[0] = 'u';
  const bool flushes = instruction_->has("ftz") && type == "f32";
  const std::string_view name = is_integer(type) ? integer_comparison(parts[1]) : std::string_view(parts[1]);
  const auto found = op_entries().find(fmt::format("setp.{}{}.{}", name, flushes ? ".ftz" : "", type));
  if (found == op_entries().end() || operands.size() < first_source + 2) return fail("");
  const uint32_t row = new_row(RowKind::kPredicate);
  const uint32_t a = source(operands[first_source], found->second.sources[0]);
  const uint32_t b = source(operands[first_source + 1], found->second.sources[1]);
  emit_raw(found->first, row, {a, b}, false);
  return row;
}

void Decoder::decode_setp() {
  const auto& operands = instruction_->operands;
  const uint32_t compared = comparison(1);
  if (failed_) return;
  std::string_view combine;
  if (operands.size() > 3) {
    combine = instruction_->has("and") ? "and.pred" : instruction_->has("or") ? "or.pred" : "xor.pred";
  }
  const uint32_t other = combine.empty() ? kNoRow : source(operands[3], RowKind::kPredicate);
  const auto write = [&](uint32_t to, uint32_t value) {
    if (combine.empty()) {
      emit_raw("mov.pred", to, {value}, false);
    } else {
      emit_raw(combine, to, {value, other}, false);
    }
  };
  const bool has_second = operands[0].second >= 0;
  if (!has_second && combine.empty() && ops_.size() == 1 &&
      operands[0].kind == ptx::Operand::Kind::kRegister) {
    ops_.back().d = register_row(operands[0].reg);  // the common form: no detour
    return;
  }
  uint32_t inverse = kNoRow;
  if (has_second) {
    inverse = new_row(RowKind::kPredicate);
    emit_raw("not.pred", inverse, {compared}, false);
  }
  // Either destination may be the combined predicate: compute both results before writing.
  const uint32_t result = new_row(RowKind::kPredicate);
  write(result, compared);
  if (has_second) write(register_row(operands[0].second), inverse);
  if (operands[0].kind == ptx::Operand::Kind::kRegister)
    emit_raw("mov.pred", register_row(operands[0].reg), {result}, false);
}

void Decoder::decode_set() {
  const auto& parts = instruction_->parts;
  uint32_t p = comparison(1);
  if (failed_ || parts.size() < 4) return void(fail(""));
  if (instruction_->operands.size() > 3) {
    const uint32_t other = source(instruction_->operands[3], RowKind::kPredicate);
    const uint32_t combined = new_row(RowKind::kPredicate);
    emit_raw(instruction_->has("and")  ? "and.pred"
             : instruction_->has("or") ? "or.pred"
                                       : "xor.pred",
             combined, {p, other}, false);
    p = combined;
  }
  const std::string& result = parts[parts.size() - 2];
  const int bytes = ptx::type_size(result);
  const uint64_t yes = result == "f32"    ? 0x3f800000
                       : result == "f16"  ? 0x3c00
                       : result == "bf16" ? 0x3f80
                                          : ~uint64_t{0};
  if (bytes != 2 && bytes != 4) return void(fail(""));
  const RowKind kind = kind_of_bytes(bytes);
  const Destination to = destination(instruction_->operands[0], kind);
  emit_raw(fmt::format("selp.{}", 8 * bytes), to.row, {literal(yes, kind), literal(0, kind), p}, to.whole);
}

void Decoder::decode_selp() {
  const auto& operands = instruction_->operands;
  if (operands.size() != 4) return void(fail(""));
  const int bits = 8 * ptx::type_size(instruction_->type());
  if (!emit_entry(fmt::format("selp.{}", bits), operands[0], {&operands[1], &operands[2], &operands[3]}))
    fail("");
}

void Decoder::decode_slct() {
  const auto& operands = instruction_->operands;
  const auto& parts = instruction_->parts;
  if (operands.size() != 4 || parts.size() < 3) return void(fail(""));
  const int bits = 8 * ptx::type_size(parts[parts.size() - 2]);
  if (!emit_entry(fmt::format("slct.{}.{}", bits, parts.back()), operands[0],
                  {&operands[1], &operands[2], &operands[3]}))
    fail("");
}

void Decoder::decode_cvt() {
  const auto& operands = instruction_->operands;
  const auto& parts = instruction_->parts;
  if (parts.size() == 3 && is_integer(parts[1]) && is_integer(parts[2]) && ptx::type_size(parts[1]) > 1) {
    const std::string name = fmt::format("ext.{}.{}", 8 * ptx::type_size(parts[1]), parts[2]);
    const bool into_wider = operands[0].kind == ptx::Operand::Kind::kRegister && parts[1] == "s16" &&
                            register_class(operands[0].reg) != ptx::RegisterClass::k16;
    if (!into_wider && emit_entry(name, operands[0], {&operands[1]})) return;
  }
  if (decode_table_op(instruction_->opcode)) return;
  const std::optional<Conversion> conversion = parse_conversion(parts);
  if (!conversion || operands.size() < (conversion->from_pair ? 3u : 2u)) return void(fail(""));
  if (operands[0].kind != ptx::Operand::Kind::kRegister) return void(fail(""));
  Op op;
  op.run = convert_op;
  op.immediate = static_cast<int64_t>(kernel_->conversions.size());
  const ptx::RegisterClass cls = register_class(operands[0].reg);
  op.size = cls == ptx::RegisterClass::k64 ? 64 : cls == ptx::RegisterClass::k16 ? 16 : 32;
  op.flags = static_cast<uint8_t>((op.size == 64 ? 1 : 0) | (conversion->from.bits == 64 ? 2 : 0));
  op.d = register_row(operands[0].reg);
  const RowKind from = conversion->from.bits == 64 ? RowKind::k64 : RowKind::k32;
  op.s[0] = source(operands[1], from);
  if (conversion->from_pair) op.s[1] = source(operands[2], from);
  kernel_->conversions.push_back(*conversion);
  push(op);
}

}  // namespace warpwright::sim
