// cvt: by table where there is a line for it, else through ops/convert.h.
#include <fmt/format.h>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/convert.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {
namespace {

bool is_integer(std::string_view type) {
  return !type.empty() && (type[0] == 'u' || type[0] == 's') && ptx::type_size(type) > 0;
}

}  // namespace

void Decoder::decode_cvt() {
  const auto& operands = instruction_->operands;
  const auto& parts = instruction_->parts;
  if (operands.size() < 2) return void(fail(""));
  if (parts.size() == 3 && is_integer(parts[1]) && is_integer(parts[2]) && ptx::type_size(parts[1]) > 1) {
    const std::string name = fmt::format("ext.{}.{}", 8 * ptx::type_size(parts[1]), parts[2]);
    const bool into_wider = operands[0].kind == ptx::Operand::Kind::kRegister && parts[1] == "s16" &&
                            register_class(operands[0].reg) != ptx::RegisterClass::k16;
    if (!into_wider && emit_entry(name, operands[0], {&operands[1]})) return;
  }
  if (decode_table_op(instruction_->opcode)) return;
  const std::optional<Conversion> conversion = parse_conversion(parts);
  if (!conversion) return void(fail(""));
  emit_conversion(*conversion);
}

void Decoder::emit_conversion(const Conversion& conversion) {
  const auto& operands = instruction_->operands;
  // The sources: registers one by one, or four in a vector; then the random bits.
  std::vector<const ptx::Operand*> from = elements(operands[1]);
  std::size_t next = 2;
  while (from.size() < static_cast<std::size_t>(conversion.sources) && next < operands.size())
    from.push_back(&operands[next++]);
  if (from.size() != static_cast<std::size_t>(conversion.sources)) return void(fail("sources of this form"));
  Op op;
  op.run = convert_op;
  op.immediate = static_cast<int64_t>(kernel_->conversions.size());
  op.list = kNoRow;
  if (conversion.random_bits > 0) {
    if (next >= operands.size()) return void(fail("no random bits"));
    op.list = source(operands[next++], RowKind::k32);
  }
  if (next != operands.size()) return void(fail("operands of this form"));
  const bool has_register = operands[0].kind == ptx::Operand::Kind::kRegister;
  if (!has_register && operands[0].kind != ptx::Operand::Kind::kSink) return void(fail(""));
  const ptx::RegisterClass cls = has_register ? register_class(operands[0].reg) : ptx::RegisterClass::k64;
  if (cls == ptx::RegisterClass::kPred || cls == ptx::RegisterClass::k128) return void(fail(""));
  op.size = cls == ptx::RegisterClass::k64 ? 64 : cls == ptx::RegisterClass::k16 ? 16 : 32;
  op.flags = static_cast<uint8_t>((op.size == 64 ? 1 : 0) | (conversion.from.bits == 64 ? 2 : 0));
  op.d = has_register ? register_row(operands[0].reg) : new_row(RowKind::k64);
  const RowKind kind = conversion.from.bits == 64 ? RowKind::k64 : RowKind::k32;
  for (std::size_t k = 0; k < from.size(); ++k) op.s[k] = source(*from[k], kind);
  kernel_->conversions.push_back(conversion);
  push(op);
}

}  // namespace warpwright::sim
