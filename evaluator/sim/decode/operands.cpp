#include <fmt/format.h>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/warp_ops.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {
namespace {

uint64_t mask_of(RowKind kind) {
  switch (kind) {
    case RowKind::k8:
      return 0xff;
    case RowKind::k16:
      return 0xffff;
    case RowKind::k32:
      return 0xffffffff;
    case RowKind::kPredicate:
      return 1;
    case RowKind::k64:
    case RowKind::kNone:
      return ~uint64_t{0};
  }
  return ~uint64_t{0};
}

bool is_known_special(std::string_view name) {
  static constexpr std::string_view kNames[] = {"%tid.x",
                                                "%tid.y",
                                                "%tid.z",
                                                "%ntid.x",
                                                "%ntid.y",
                                                "%ntid.z",
                                                "%ctaid.x",
                                                "%ctaid.y",
                                                "%ctaid.z",
                                                "%nctaid.x",
                                                "%nctaid.y",
                                                "%nctaid.z",
                                                "%laneid",
                                                "%warpid",
                                                "%nwarpid",
                                                "%smid",
                                                "%nsmid",
                                                "%gridid",
                                                "%lanemask_eq",
                                                "%lanemask_lt",
                                                "%lanemask_le",
                                                "%lanemask_gt",
                                                "%lanemask_ge",
                                                "%dynamic_smem_size",
                                                "%total_smem_size",
                                                "%aggr_smem_size",
                                                "%is_explicit_cluster",
                                                "%clusterid.x",
                                                "%clusterid.y",
                                                "%clusterid.z",
                                                "%nclusterid.x",
                                                "%nclusterid.y",
                                                "%nclusterid.z",
                                                "%cluster_ctaid.x",
                                                "%cluster_ctaid.y",
                                                "%cluster_ctaid.z",
                                                "%cluster_nctaid.x",
                                                "%cluster_nctaid.y",
                                                "%cluster_nctaid.z",
                                                "%cluster_ctarank",
                                                "%cluster_nctarank",
                                                "%reserved_smem_offset_begin",
                                                "%reserved_smem_offset_end"};
  for (const std::string_view known : kNames) {
    if (known == name) return true;
  }
  // Registers of the driver and the performance counters: zero.
  return name == "%current_graph_exec" || name.starts_with("%envreg") || name.starts_with("%pm");
}

bool is_clock(std::string_view name) {
  return name == "%clock" || name == "%clock64" || name == "%globaltimer" || name == "%clock_hi" ||
         name == "%globaltimer_lo" || name == "%globaltimer_hi";
}

}  // namespace

uint32_t Decoder::fail(std::string note) {
  if (!failed_) failure_ = std::move(note);
  failed_ = true;
  return 0;
}

uint32_t Decoder::register_row(int reg) const {
  const FunctionPlan& plan = plans_[function_];
  const auto index = static_cast<std::size_t>(reg);
  const auto pool = ptx::RowAssignment::pool_of(plan.function->registers[index].cls);
  const int row = plan.rows.row[index] < 0 ? 0 : plan.rows.row[index];
  const uint32_t stride = pool == ptx::RowAssignment::kPredicates ? 4
                          : pool == ptx::RowAssignment::k32Bit    ? kRow32
                          : pool == ptx::RowAssignment::k64Bit    ? kRow64
                                                                  : 2 * kRow64;
  return plan.base[pool] + static_cast<uint32_t>(row) * stride;
}

ptx::RegisterClass Decoder::register_class(int reg) const {
  return plans_[function_].function->registers[static_cast<std::size_t>(reg)].cls;
}

uint32_t Decoder::new_row(RowKind kind) {
  // Rows stay aligned to vectors: predicates take a whole small row too.
  const uint32_t row = kernel_->register_bytes;
  kernel_->register_bytes += kind == RowKind::k64 ? kRow64 : kRow32;
  return row;
}

uint32_t Decoder::constant(ConstantRow row, RowKind kind) {
  row.wide = kind == RowKind::k64;
  const auto key =
      std::make_tuple(static_cast<int>(row.kind), row.value, row.wide, row.is_signed, row.size, row.name);
  const auto [place, is_new] = constants_.try_emplace(key, 0);
  if (is_new) {
    place->second = new_row(kind);
    row.row = place->second;
    kernel_->constants.push_back(std::move(row));
  }
  return place->second;
}

uint32_t Decoder::literal(uint64_t bits, RowKind kind) {
  if (kind == RowKind::kPredicate) {  // all lanes of the mask word
    return constant(
        {.kind = ConstantRow::Kind::kLiteral, .value = bits & 1 ? uint64_t{kFullMask} : 0, .name = {}},
        RowKind::k32);
  }
  return constant({.kind = ConstantRow::Kind::kLiteral, .value = bits & mask_of(kind), .name = {}}, kind);
}

uint32_t Decoder::special(const std::string& name, RowKind kind) {
  if (name == "WARP_SZ") return literal(kLanes, kind);
  if (is_clock(name)) {
    const uint32_t row = new_row(kind);
    Op op;
    op.run = read_clock;
    op.d = row;
    op.size = kind == RowKind::k64 ? 8 : 4;
    op.immediate = name.ends_with("_hi") ? 32 : 0;
    op.flags = name.starts_with("%globaltimer") ? kNanoseconds : 0;
    push(op);
    return row;
  }
  if (!is_known_special(name)) return fail("the special register " + name);
  return constant({.kind = ConstantRow::Kind::kSpecial, .name = name}, kind);
}

// Of the block's own shared memory: its rank is part of it.
uint32_t Decoder::shared_address(uint64_t offset, RowKind kind) {
  return constant({.kind = ConstantRow::Kind::kShared, .value = offset, .name = {}}, kind);
}

uint32_t Decoder::symbol_address(const std::string& name, int64_t offset, RowKind kind) {
  const FunctionPlan& plan = plans_[function_];
  if (const auto shared = plan.shared.find(name); shared != plan.shared.end()) {
    return shared_address(shared->second + static_cast<uint64_t>(offset), kind);
  }
  if (const auto shared = module_shared_.find(name);
      shared != module_shared_.end() && !plan.variables.contains(name)) {
    return shared_address(shared->second + static_cast<uint64_t>(offset), kind);
  }
  if (const auto frame = plan.frame.find(name); frame != plan.frame.end()) {
    return literal(frame->second + static_cast<uint64_t>(offset), kind);
  }
  const auto symbol = [&](std::string key) {
    return constant(
        {.kind = ConstantRow::Kind::kSymbol, .value = static_cast<uint64_t>(offset), .name = std::move(key)},
        kind);
  };
  if (plan.function->is_entry) {
    if (const auto found = plan.parameters.find(name); found != plan.parameters.end()) {
      return constant({.kind = ConstantRow::Kind::kSymbol,
                       .value = found->second->offset + static_cast<uint64_t>(offset),
                       .name = std::string(kParameterSymbol)},
                      kind);
    }
  }
  if (plan.variables.contains(name)) return symbol(Program::Impl::symbol_key(plan.function, name));
  if (variables_.contains(name)) return symbol(Program::Impl::symbol_key(nullptr, name));
  if (const int number = function_number(name); number >= 0)
    return literal(function_pointer(static_cast<std::size_t>(number)) + static_cast<uint64_t>(offset), kind);
  return fail("the unknown name " + name);
}

uint32_t Decoder::source(const ptx::Operand& operand, RowKind kind) {
  using Kind = ptx::Operand::Kind;
  switch (operand.kind) {
    case Kind::kRegister: {
      const ptx::RegisterClass cls = register_class(operand.reg);
      const uint32_t row = register_row(operand.reg);
      const bool is_predicate = cls == ptx::RegisterClass::kPred;
      if (cls == ptx::RegisterClass::k128) return fail("a 128-bit register");
      if (is_predicate != (kind == RowKind::kPredicate)) return fail("a register of another kind");
      if (is_predicate && operand.negated) {
        const uint32_t inverse = new_row(RowKind::kPredicate);
        emit_raw("not.pred", inverse, {row}, false);
        return inverse;
      }
      const bool is_wide = cls == ptx::RegisterClass::k64;
      if (is_predicate || is_wide == (kind == RowKind::k64)) return row;
      const uint32_t converted = new_row(kind);
      emit_raw(is_wide ? "unpack.low.32" : "ext.64.u32", converted, {row}, false);
      return converted;
    }
    case Kind::kSpecial:
      return special(operand.name, kind);
    case Kind::kImmediate:
      return literal(operand.bits, kind);
    case Kind::kSymbol:
      if (operand.name == "WARP_SZ") return literal(kLanes, kind);
      return symbol_address(operand.name, operand.offset, kind);
    case Kind::kSink:
    case Kind::kLabel:
    case Kind::kVector:
    case Kind::kMemory:
    case Kind::kTuple:
      return fail("an operand of this form");
  }
  return fail("an operand of this form");
}

Decoder::Destination Decoder::destination(const ptx::Operand& operand, RowKind kind) {
  if (operand.kind == ptx::Operand::Kind::kSink) return {new_row(kind), true, kNoRow};
  if (operand.kind != ptx::Operand::Kind::kRegister) {
    fail("a destination of this form");
    return {};
  }
  const ptx::RegisterClass cls = register_class(operand.reg);
  const bool is_predicate = cls == ptx::RegisterClass::kPred, is_wide = cls == ptx::RegisterClass::k64;
  if (cls == ptx::RegisterClass::k128) {
    fail("a 128-bit register");
    return {};
  }
  if (is_predicate != (kind == RowKind::kPredicate) || (kind == RowKind::k64 && !is_wide)) {
    fail("a destination register of another kind");
    return {};
  }
  const bool whole = plans_[function_].block_local[static_cast<std::size_t>(operand.reg)] != 0 &&
                     instruction_->predicate < 0;
  const uint32_t row = register_row(operand.reg);
  if (is_wide && kind != RowKind::k64) return {new_row(kind), whole, row};
  return {row, whole, kNoRow};
}

void Decoder::finish_destination(const Destination& destination, bool is_signed) {
  if (destination.widen_to == kNoRow) return;
  emit_raw(is_signed ? "widen.signed" : "ext.64.u32", destination.widen_to, {destination.row},
           destination.whole);
}

RowKind Decoder::kind_of_bytes(int bytes) {
  return bytes == 8 ? RowKind::k64 : bytes == 4 ? RowKind::k32 : bytes == 2 ? RowKind::k16 : RowKind::k8;
}

void Decoder::set_address(Op& op, const ptx::Operand& operand) {
  op.immediate = operand.offset;
  if (operand.kind != ptx::Operand::Kind::kMemory || operand.elements.empty()) {
    fail("an address of this form");
    return;
  }
  const ptx::Operand& base = operand.elements.front();
  if (base.kind == ptx::Operand::Kind::kRegister && register_class(base.reg) != ptx::RegisterClass::k64) {
    op.flags |= kAddress32;
    op.s[0] = source(base, RowKind::k32);
  } else {
    op.s[0] = source(base, RowKind::k64);
  }
}

}  // namespace warpwright::sim
