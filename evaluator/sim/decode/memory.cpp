#include <fmt/format.h>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/async_copy.h"
#include "evaluator/sim/ops/atomics.h"
#include "evaluator/sim/ops/local_memory.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {
namespace {

int log2_of(int value) {
  return value == 1 ? 0 : value == 2 ? 1 : value == 4 ? 2 : 3;
}

int vector_count(const ptx::Instruction& instruction) {
  return instruction.has("v8") ? 8 : instruction.has("v4") ? 4 : instruction.has("v2") ? 2 : 1;
}

bool is_shared(const ptx::Instruction& instruction) {
  return instruction.has("shared") || instruction.has("shared::cta");
}

// Orders other accesses, or is itself ordered against races.
bool synchronises(const ptx::Instruction& instruction) {
  for (const char* part : {"volatile", "acquire", "release", "relaxed", "acq_rel", "mmio"}) {
    if (instruction.has(part)) return true;
  }
  return false;
}

bool is_release(const ptx::Instruction& instruction) {
  return instruction.has("release") || instruction.has("acq_rel") || instruction.has("sc");
}

}  // namespace

std::vector<const ptx::Operand*> Decoder::elements(const ptx::Operand& operand) const {
  std::vector<const ptx::Operand*> result;
  if (operand.kind != ptx::Operand::Kind::kVector) return {&operand};
  for (const ptx::Operand& element : operand.elements) result.push_back(&element);
  return result;
}

uint32_t Decoder::add_list(const std::vector<uint32_t>& rows) {
  const auto begin = static_cast<uint32_t>(kernel_->lists.size());
  kernel_->lists.insert(kernel_->lists.end(), rows.begin(), rows.end());
  return begin;
}

// A call parameter, or a parameter of a .func: kept in the lane's frame.
bool Decoder::is_frame_symbol(const ptx::Operand& memory) const {
  if (memory.elements.empty() || memory.elements.front().kind != ptx::Operand::Kind::kSymbol) return false;
  return plans_[function_].frame.contains(memory.elements.front().name);
}

// Parameters of a kernel are rows, filled in before it starts.
void Decoder::decode_parameter_load() {
  const auto& operands = instruction_->operands;
  const std::string& name = operands[1].elements.front().name;
  const int width = ptx::type_size(instruction_->type()), bytes = std::min(width, 8);
  const auto& parameters = plans_[function_].parameters;
  const auto place = parameters.find(name);
  if (place == parameters.end()) return void(fail("the unknown parameter " + name));
  const ptx::Parameter* found = place->second;
  uint64_t offset = static_cast<uint64_t>(operands[1].offset);  // any bits: negative ones are too large
  for (const Destination& to : data_destinations(operands[0], width)) {
    if (offset > found->size || static_cast<uint64_t>(bytes) > found->size - offset)
      return void(fail("a load beyond the parameter " + name));
    const RowKind kind = kind_of_bytes(bytes);
    const bool is_signed = instruction_->type().starts_with("s");
    const uint32_t row = constant({.kind = ConstantRow::Kind::kParameter,
                                   .is_signed = is_signed,
                                   .size = bytes,
                                   .value = found->offset + offset,
                                   .name = {}},
                                  kind);
    emit_raw(kind == RowKind::k64 ? "mov.64" : "mov.32", to.row, {row}, to.whole);
    finish_destination(to, is_signed);
    offset += static_cast<uint64_t>(bytes);
  }
}

void Decoder::decode_load_store(bool is_load) {
  const auto& operands = instruction_->operands;
  if (operands.size() < 2) return void(fail(""));
  const ptx::Operand& memory = operands[is_load ? 1 : 0];
  const ptx::Operand& data = operands[is_load ? 0 : 1];
  const int width = ptx::type_size(instruction_->type());
  const int bytes = std::min(width, 8), count = vector_count(*instruction_) * (width == 16 ? 2 : 1);
  const bool is_param =
      instruction_->has("param") || instruction_->has("param::entry") || instruction_->has("param::func");
  const bool in_frame = instruction_->has("local") || is_frame_symbol(memory);
  if (bytes == 0 || bytes * count > 32) return void(fail(""));
  if (is_param && is_load && !in_frame && !memory.elements.empty() &&
      memory.elements.front().kind == ptx::Operand::Kind::kSymbol) {
    return decode_parameter_load();
  }
  const bool in_cluster = instruction_->has("shared::cluster");
  Op op;
  set_address(op, memory);
  if (instruction_->has("const") || (is_param && !in_frame)) op.flags |= kConstantSpace;
  if (synchronises(*instruction_)) op.flags |= kSynchronises;
  if (is_release(*instruction_)) op.flags |= kReleases;
  op.size = static_cast<uint8_t>(bytes);
  op.count = static_cast<uint8_t>(count);
  std::vector<uint32_t> rows;
  std::vector<Destination> results;
  if (is_load) {
    results = data_destinations(data, width);
    for (const Destination& result : results) rows.push_back(result.row);
  } else {
    rows = data_sources(data, width);
  }
  if (failed_) return;
  if (rows.size() != static_cast<std::size_t>(count)) return void(fail(""));
  op.list = add_list(rows);
  const MemoryHandlers& handlers = best_level().handlers;
  const int size_index = log2_of(bytes), count_index = log2_of(count);
  const bool generic = !in_frame && !in_cluster && !is_shared(*instruction_) &&
                       !instruction_->has("global") && !(op.flags & kConstantSpace);
  if (in_frame) {
    op.run = is_load ? load_local : store_local;
  } else if (in_cluster) {
    op.run = is_load ? load_cluster : store_cluster;
  } else if (is_shared(*instruction_)) {
    op.run = (is_load ? handlers.load_shared : handlers.store_shared)[size_index][count_index];
  } else if (generic) {
    op.run = (is_load ? handlers.load_generic : handlers.store_generic)[size_index][count_index];
  } else {
    op.run = (is_load ? handlers.load_global : handlers.store_global)[size_index][count_index];
  }
  if (op.run == nullptr) return void(fail(""));
  op.site = static_cast<int32_t>(kernel_->sites.size());
  const auto instruction = static_cast<int32_t>(kernel_->instructions.size()) - 1;
  const bool shared = in_cluster || is_shared(*instruction_);
  if (!shared) kernel_->sites.push_back({false, is_load, instruction});
  if (generic || shared) kernel_->sites.push_back({true, is_load, instruction});
  if (!is_load && (generic || shared)) {
    kernel_->shared_granule = std::min(kernel_->shared_granule, static_cast<uint32_t>(bytes));
  }
  push(op);
  if (!is_load) return;
  const std::string& type = instruction_->type();
  const bool is_signed = type.starts_with("s");
  for (std::size_t k = 0; k < results.size() && width < 16; ++k) {
    const ptx::Operand& element = *elements(data)[k];
    if (is_signed && bytes < 4 &&
        element.kind == ptx::Operand::Kind::kRegister) {  // sign-extend to the register's width
      const bool narrow = register_class(element.reg) == ptx::RegisterClass::k16;
      emit_raw(fmt::format("ext.{}.{}", narrow ? 16 : 32, type), results[k].row, {results[k].row},
               results[k].whole);
    }
    finish_destination(results[k], is_signed);
  }
}

// The rows of a memory operation's data, an element each; a 128-bit register is two of 8 bytes.
std::vector<Decoder::Destination> Decoder::data_destinations(const ptx::Operand& data, int bytes) {
  std::vector<Destination> results;
  if (bytes == 16) {
    for (const uint32_t row : wide_rows(data)) results.push_back({row, false, kNoRow});
    return results;
  }
  for (const ptx::Operand* element : elements(data))
    results.push_back(destination(*element, kind_of_bytes(bytes)));
  return results;
}
std::vector<uint32_t> Decoder::data_sources(const ptx::Operand& data, int bytes) {
  if (bytes == 16) return wide_rows(data);
  std::vector<uint32_t> rows;
  for (const ptx::Operand* element : elements(data)) rows.push_back(source(*element, kind_of_bytes(bytes)));
  return rows;
}

void Decoder::decode_atomic(bool has_result) {
  const auto& operands = instruction_->operands;
  const std::optional<AtomicKind> kind = parse_atomic(instruction_->parts);
  const std::size_t address = has_result ? 1 : 0;
  const bool compares = kind && kind->operation == AtomicOperation::kCas;
  if (!kind || operands.size() < address + (compares ? 3 : 2)) return void(fail(""));
  Op op;
  set_address(op, operands[address]);
  op.run = atomic_op;
  op.size = static_cast<uint8_t>(kind->bytes * kind->elements);
  op.count = static_cast<uint8_t>(kind->operation);
  op.target = static_cast<int32_t>(kind->type) + 256 * kind->elements;
  op.list = static_cast<uint32_t>(instruction_->has("shared::cluster") ? AtomicSpace::kCluster
                                  : is_shared(*instruction_)           ? AtomicSpace::kShared
                                  : instruction_->has("global")        ? AtomicSpace::kGlobal
                                                                       : AtomicSpace::kGeneric);
  const int width = ptx::type_size(instruction_->type());
  const auto count = static_cast<std::size_t>(kind->elements);
  const std::vector<uint32_t> values = data_sources(operands[address + 1], width);
  const std::vector<uint32_t> others =
      compares ? data_sources(operands[address + 2], width) : std::vector(count, kNoRow);
  const bool keeps = has_result && operands[0].kind != ptx::Operand::Kind::kSink;
  const std::vector<Destination> results =
      keeps ? data_destinations(operands[0], width) : std::vector<Destination>(count);
  if (failed_) return;
  if (values.size() != count || others.size() != count || results.size() != count) return void(fail(""));
  if (count == 1) {
    op.d = results[0].row;
    op.s[1] = values[0];
    op.s[2] = others[0];
  } else {
    std::vector<uint32_t> rows;
    for (std::size_t k = 0; k < count; ++k) rows.insert(rows.end(), {results[k].row, values[k], others[k]});
    op.s[3] = add_list(rows);
  }
  if (is_release(*instruction_)) op.flags |= kReleases;
  if (op.list != static_cast<uint32_t>(AtomicSpace::kGlobal)) {
    kernel_->shared_granule =
        std::min(kernel_->shared_granule, static_cast<uint32_t>(std::min(kind->bytes, 4)));
  }
  push(op);
  for (const Destination& to : results) finish_destination(to, false);
}

// cp.async.{ca,cg}.shared.global [dst], [src], bytes{, source bytes}, and the waits for it.
void Decoder::decode_cp() {
  const auto& operands = instruction_->operands;
  const bool waits = instruction_->has("wait_group"), waits_for_all = instruction_->has("wait_all");
  if (instruction_->has("bulk")) return decode_bulk();
  if (instruction_->has("mbarrier")) return decode_copies_arrive();
  if (waits || waits_for_all || instruction_->has("commit_group")) {
    Op op;
    op.run = waits || waits_for_all ? wait_for_copies : commit_copies;
    op.immediate = waits_for_all || !waits ? -1 : 0;
    if (waits) {
      const bool known = !operands.empty() && operands[0].kind == ptx::Operand::Kind::kImmediate;
      if (!known || operands[0].bits > INT32_MAX) return void(fail("a number of groups of this form"));
      op.immediate = static_cast<int64_t>(operands[0].bits);
    }
    push(op);
    return;
  }
  if (!instruction_->has("async") || operands.size() < 3) return void(fail(""));
  Op op, from;
  set_address(op, operands[0]);
  set_address(from, operands[1]);
  if (operands[2].kind != ptx::Operand::Kind::kImmediate) return void(fail(""));
  const uint64_t bytes = operands[2].bits;
  if (bytes != 4 && bytes != 8 && bytes != 16) return void(fail("a copy of this size"));
  if (from.immediate != static_cast<int32_t>(from.immediate)) return void(fail("an offset of this size"));
  op.size = static_cast<uint8_t>(bytes);
  op.s[1] = from.s[0];
  op.list = static_cast<uint32_t>(static_cast<int32_t>(from.immediate));
  if (from.flags & kAddress32) return void(fail("a 32-bit global address"));
  op.run = copy_async;
  op.site = add_sites(true, false, 1);
  add_sites(false, true, 1);
  // The optional operand is the bytes to read (the rest is zero), or a predicate that reads none.
  if (operands.size() > 3 && operands[3].kind == ptx::Operand::Kind::kRegister &&
      register_class(operands[3].reg) == ptx::RegisterClass::kPred) {
    op.s[3] = source(operands[3], RowKind::kPredicate);
  } else if (operands.size() > 3 && !instruction_->has("L2::cache_hint")) {
    op.s[2] = source(operands[3], RowKind::k32);
  }
  push(op);
}

}  // namespace warpwright::sim
