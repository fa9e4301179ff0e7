// wgmma: forms and operands; and, for each kernel that has it, which registers it touches unfenced or in
// flight.
#include "evaluator/sim/ops/wgmma.h"

#include <algorithm>
#include <cstdio>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/decode/wgmma_hazards.h"

namespace warpwright::sim {
namespace {

using T = ElementType;

bool is_f8(T type) {
  return type == T::kE4m3 || type == T::kE5m2;
}
bool is_integer(T type) {
  return type == T::kS8 || type == T::kU8;
}

bool is_valid_n(T type, int n) {
  if (n < 8 || n > 256 || n % 8 != 0) return false;
  return !(is_integer(type) || type == T::kB1) || n == 24 || n == 8 || n % 16 == 0;
}

bool are_valid_types(T d, T a, T b) {
  const bool is_f16_or_f32 = d == T::kF16 || d == T::kF32;
  if (a == T::kF16) return b == a && is_f16_or_f32;
  if (a == T::kBf16 || a == T::kTf32) return b == a && d == T::kF32;
  if (is_f8(a)) return is_f8(b) && is_f16_or_f32;
  if (is_integer(a)) return is_integer(b) && d == T::kS32;
  return a == T::kB1 && b == a && d == T::kS32;
}

// wgmma.mma_async.sync.aligned.m64nNkK{.satfinite}.d.a.b{.and.popc}
std::optional<WgmmaForm> parse_form(const std::vector<std::string>& parts) {
  std::vector<std::string> rest(parts.begin() + 2, parts.end());
  WgmmaForm form;
  const auto drop = [&](std::size_t at, std::string_view name) {
    const bool there = rest.size() > at && rest[at] == name;
    if (there) rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
    return there;
  };
  if (!drop(0, "sync") || !drop(0, "aligned") || rest.size() < 4) return std::nullopt;
  int m = 0;
  char end = 0;
  if (std::sscanf(rest[0].c_str(), "m%dn%dk%d%c", &m, &form.n, &form.k, &end) != 3 || m != 64)
    return std::nullopt;
  form.satfinite = drop(1, "satfinite");
  const bool is_and = drop(4, "and") && drop(4, "popc");
  if (rest.size() != 4) return std::nullopt;
  const auto d = parse_element_type(rest[1]), a = parse_element_type(rest[2]),
             b = parse_element_type(rest[3]);
  if (!d || !a || !b) return std::nullopt;
  form.d = *d;
  form.a = *a;
  form.b = *b;
  if (!are_valid_types(*d, *a, *b) || !is_valid_n(*a, form.n) || form.k != 256 / bits_of(*a) ||
      is_and != (*a == T::kB1) || (form.satfinite && !is_integer(*a)))
    return std::nullopt;
  return form;
}

std::optional<int64_t> immediate_of(const ptx::Operand& operand) {
  if (operand.kind != ptx::Operand::Kind::kImmediate) return std::nullopt;
  return static_cast<int64_t>(operand.bits);
}

}  // namespace

// The immediate operands behind scale-d: signs of A and B, then transpositions. False: not of this form.
bool Decoder::decode_wgmma_immediates(WgmmaForm& form, std::size_t at) {
  const auto& operands = instruction_->operands;
  const bool has_signs = form.d != T::kS32;
  const bool has_transpositions = form.a == T::kF16 || form.a == T::kBf16;
  std::vector<bool*> flags;
  if (has_signs) flags = {&form.negate_a, &form.negate_b};
  if (has_transpositions && !form.a_in_registers) flags.push_back(&form.a_is_transposed);
  if (has_transpositions) flags.push_back(&form.b_is_transposed);
  if (operands.size() != at + flags.size()) return false;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const auto value = immediate_of(operands[at + i]);
    const bool is_sign = has_signs && i < 2;
    if (!value || (is_sign ? *value != 1 && *value != -1 : *value != 0 && *value != 1)) return false;
    *flags[i] = is_sign ? *value == -1 : *value == 1;
  }
  return true;
}

// wgmma.mma_async d, {a, a-descriptor}, b-descriptor, scale-d{, immediates}
void Decoder::decode_wgmma_product() {
  const auto& operands = instruction_->operands;
  auto form = parse_form(instruction_->parts);
  if (!form) return void(fail(instruction_->has("sp") ? "sparse wgmma" : ""));
  if (operands.size() < 4) return void(fail("operands are missing"));
  form->a_in_registers = operands[1].kind == ptx::Operand::Kind::kVector;
  if (!decode_wgmma_immediates(*form, 4)) return void(fail("immediate operands of another form"));
  Op op;
  std::vector<uint32_t> rows;
  const auto result = elements(operands[0]);
  if (result.size() != static_cast<std::size_t>(form->result_registers()))
    return void(fail("accumulators of another number of registers"));
  for (const ptx::Operand* part : result) {
    const Destination to = destination(*part, RowKind::k32);
    if (to.widen_to != kNoRow) return void(fail("a 64-bit accumulator register"));
    rows.push_back(to.row);
  }
  if (form->a_in_registers) {
    if (!add_rows(operands[1], RowKind::k32, kWgmmaARegisters, false, rows)) return;
  } else {
    op.s[0] = source(operands[1], RowKind::k64);
  }
  op.s[1] = source(operands[2], RowKind::k64);
  op.s[2] = source(operands[3], RowKind::kPredicate);
  op.list = add_list(rows);
  op.immediate = form->pack();
  op.run = multiply_warpgroup;
  const auto index = static_cast<int>(instruction_ - plans_[function_].function->code.data());
  if (const auto at = wgmma_hazards_->unfenced.find(index); at != wgmma_hazards_->unfenced.end()) {
    op.flags = kUnfencedRegisters;
    op.s[3] = static_cast<uint32_t>(at->second);
  }
  push(op);
}

void Decoder::start_wgmma_hazards() {
  const FunctionPlan& plan = plans_[function_];
  const auto& code = plan.function->code;
  wgmma_hazards_ = nullptr;
  if (std::any_of(code.begin(), code.end(), [](const auto& i) { return i.base() == "wgmma"; }))
    wgmma_hazards_ = std::make_shared<const WgmmaHazards>(find_wgmma_hazards(*plan.function, plan.flow));
}

void Decoder::emit_wgmma_checks(int index) {
  if (wgmma_hazards_ == nullptr) return;
  Op op;
  op.instruction = static_cast<int32_t>(kernel_->instructions.size());
  if (const auto at = wgmma_hazards_->touches.find(index); at != wgmma_hazards_->touches.end()) {
    std::vector<uint32_t> list = {static_cast<uint32_t>(at->second.size())};
    for (const WgmmaHazards::Touch& touch : at->second) {
      list.push_back(register_row(touch.reg));
      list.push_back(touch.touch);
    }
    op.run = check_wgmma_registers;
    op.list = add_list(list);
    kernel_->code.push_back(op);
  }
  if (const auto at = wgmma_hazards_->copies.find(index); at != wgmma_hazards_->copies.end()) {
    const auto& move = plans_[function_].function->code[static_cast<std::size_t>(index)];
    op.run = note_copy;
    op.s[0] = register_row(at->second);
    op.d = register_row(move.operands[0].reg);
    kernel_->code.push_back(op);
  }
}

void Decoder::decode_wgmma() {
  branch_around();
  if (instruction_->parts.size() < 2) return void(fail(""));
  if (instruction_->has("mma_async")) return decode_wgmma_product();
  Op op;
  if (instruction_->has("fence")) {
    op.run = fence_wgmma;
  } else if (instruction_->has("commit_group")) {
    op.run = commit_wgmma;
  } else if (instruction_->has("wait_group") && !instruction_->operands.empty() &&
             immediate_of(instruction_->operands[0]).value_or(-1) >= 0) {
    op.run = wait_wgmma;
    op.immediate = *immediate_of(instruction_->operands[0]);
  } else {
    return void(fail(""));
  }
  push(op);
}

}  // namespace warpwright::sim
