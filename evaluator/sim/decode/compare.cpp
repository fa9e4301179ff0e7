// setp, set, selp, slct and lop3 with a predicate.
#include <fmt/format.h>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {

namespace {

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

std::string_view combination(const ptx::Instruction& instruction) {
  return instruction.has("and") ? "and.pred" : instruction.has("or") ? "or.pred" : "xor.pred";
}

bool is_pair(std::string_view type) {
  return type == "f16x2" || type == "bf16x2";
}

}  // namespace

// The comparison of a setp or set, without its boolean combination, in a predicate row of its own. `half`
// picks the low (0) or high (1) one of packed halves.
uint32_t Decoder::comparison(int half) {
  const auto& parts = instruction_->parts;
  const auto& operands = instruction_->operands;
  if (operands.size() < 3) return fail("");
  std::string type = instruction_->type();
  if (is_pair(type)) type.resize(type.size() - 2);
  if (type.starts_with("b") && type != "bf16") type[0] = 'u';
  const bool flushes = instruction_->has("ftz");
  const std::string_view name = is_integer(type) ? integer_comparison(parts[1]) : std::string_view(parts[1]);
  const auto found =
      op_entries().find(fmt::format("setp.{}{}.{}", name, flushes && type == "f32" ? ".ftz" : "", type));
  if (found == op_entries().end()) return fail("");
  const auto operand = [&](std::size_t k) {
    const bool is_packed = is_pair(instruction_->type());
    uint32_t row = source(operands[k], is_packed ? RowKind::k32 : found->second.sources[k - 1]);
    const auto through = [&](std::string_view entry) {
      const uint32_t next = new_row(RowKind::k16);
      emit_raw(entry, next, {row}, true);
      row = next;
    };
    if (is_packed) through(half == 0 ? "unpack.low.16" : "unpack.high.16");
    if (flushes && type == "f16") through("flush.f16");
    return row;
  };
  const uint32_t a = operand(1), b = operand(2), row = new_row(RowKind::kPredicate);
  emit_raw(found->first, row, {a, b}, false);
  return row;
}

// `row` combined with the instruction's third source, if it has one.
uint32_t Decoder::combined(uint32_t row) {
  const auto& operands = instruction_->operands;
  if (operands.size() <= 3) return row;
  const uint32_t other = source(operands[3], RowKind::kPredicate), result = new_row(RowKind::kPredicate);
  emit_raw(combination(*instruction_), result, {row, other}, false);
  return result;
}

void Decoder::decode_setp() {
  const auto& operands = instruction_->operands;
  if (operands.empty()) return void(fail(""));
  const bool has_second = operands[0].second >= 0, packed = is_pair(instruction_->type());
  const uint32_t compared = comparison(0);
  if (failed_) return;
  if (!has_second && operands.size() == 3 && ops_.size() == 1 &&
      operands[0].kind == ptx::Operand::Kind::kRegister) {
    ops_.back().d = register_row(operands[0].reg);  // the common form: no detour
    return;
  }
  uint32_t second = kNoRow;
  if (packed) {
    second = comparison(1);
  } else if (has_second) {
    second = new_row(RowKind::kPredicate);
    emit_raw("not.pred", second, {compared}, false);
  }
  // Either destination may be the predicate to combine with: compute both results before writing.
  const uint32_t first = combined(compared);
  if (has_second) emit_raw("mov.pred", register_row(operands[0].second), {combined(second)}, false);
  if (operands[0].kind == ptx::Operand::Kind::kRegister)
    emit_raw("mov.pred", register_row(operands[0].reg), {first}, false);
}

void Decoder::decode_set() {
  const auto& parts = instruction_->parts;
  if (parts.size() < 4) return void(fail(""));
  const bool packed = is_pair(instruction_->type());
  const std::string& result = parts[parts.size() - 2];
  const auto truth = [&](RowKind kind) {
    const uint64_t yes = result == "f32"                          ? 0x3f800000
                         : result == "f16" || result == "f16x2"   ? 0x3c00
                         : result == "bf16" || result == "bf16x2" ? 0x3f80
                                                                  : ~uint64_t{0};
    return literal(yes, kind);
  };
  const int bytes = ptx::type_size(result);
  if (bytes != 2 && bytes != 4) return void(fail(""));
  const RowKind kind = packed ? RowKind::k16 : kind_of_bytes(bytes);
  std::vector<uint32_t> rows;
  for (int half = 0; half < (packed ? 2 : 1); ++half) {
    const uint32_t p = combined(comparison(half));
    if (failed_) return;
    rows.push_back(new_row(kind));
    emit_raw(kind == RowKind::k16 ? "selp.16" : "selp.32", rows.back(), {truth(kind), literal(0, kind), p},
             true);
  }
  const Destination to = destination(instruction_->operands[0], packed ? RowKind::k32 : kind);
  emit_raw(packed ? "pack.16" : "mov.32", to.row, rows, to.whole);
  finish_destination(to, result.starts_with("s"));
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
  const char* flush = instruction_->has("ftz") ? ".ftz" : "";
  if (!emit_entry(fmt::format("slct{}.{}.{}", flush, bits, parts.back()), operands[0],
                  {&operands[1], &operands[2], &operands[3]}))
    fail("");
}

// lop3.b32 d, a, b, c, table; lop3.{or,and}.b32 d|p, a, b, c, table, q: p = (d != 0) op q.
void Decoder::decode_lop3() {
  const auto& operands = instruction_->operands;
  const bool has_predicate = instruction_->parts.size() == 3;
  if (operands.size() != (has_predicate ? 6u : 5u)) return void(fail(""));
  if (!has_predicate) {
    if (!decode_table_op("lop3.b32")) fail("");
    return;
  }
  if (operands[0].second < 0) return void(fail("a missing predicate result"));
  const Destination to = operands[0].kind == ptx::Operand::Kind::kRegister
                             ? destination(operands[0], RowKind::k32)
                             : Destination{new_row(RowKind::k32), true, kNoRow};
  std::vector<uint32_t> sources;
  for (std::size_t k = 1; k < 5; ++k) sources.push_back(source(operands[k], RowKind::k32));
  const uint32_t q = source(operands[5], RowKind::kPredicate);
  emit_raw("lop3.b32", to.row, sources, to.whole);
  const uint32_t set = new_row(RowKind::kPredicate);
  emit_raw("setp.ne.u32", set, {to.row, literal(0, RowKind::k32)}, false);
  emit_raw(combination(*instruction_), register_row(operands[0].second), {set, q}, false);
  finish_destination(to, false);
}

}  // namespace warpwright::sim
