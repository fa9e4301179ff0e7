#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/decode/decoder.h"
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
  std::vector<std::string_view> parts(instruction.parts.begin() + 1, instruction.parts.end());
  if (parts.size() > 1 && parts.back() == "relu") std::swap(parts.back(), parts[parts.size() - 2]);
  for (const std::string_view part : parts) {
    if (!is_any(part, {"rn", "approx", "full", "noftz"})) name.append(".").append(part);
  }
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
  if (const auto found = op_entries().find(name); found != op_entries().end()) {
    const auto& wanted = found->second.sources;
    const auto count = std::find(wanted.begin(), wanted.end(), RowKind::kNone) - wanted.begin();
    if (static_cast<std::size_t>(count) != sources.size()) return false;
  }
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

}  // namespace warpwright::sim
