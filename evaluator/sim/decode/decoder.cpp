#include "evaluator/sim/decode/decoder.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "evaluator/sim/global_races.h"
#include "evaluator/sim/instructions.h"
#include "evaluator/sim/ops/calls.h"
#include "evaluator/sim/ops/warp_ops.h"
#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/register_pool.h"
#include "evaluator/sim/spin_watch.h"
#include "src/base/check.h"

namespace warpwright::sim {
namespace {

constexpr int kCallDepth = 24;
// Sizes beyond this are refused at launch; up to it nothing overflows.
constexpr uint64_t kLayoutLimit = uint64_t{1} << 30;

uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

std::string demangle(const std::string& name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  if (const std::size_t arguments = result.find('('); arguments != std::string::npos)
    result.resize(arguments);
  return result;
}

bool is_fence(const ptx::Instruction& instruction) {
  return instruction.base() == "membar" || (instruction.base() == "fence" && !instruction.has("proxy"));
}

// Instructions that only concern caches and scheduling.
bool has_no_effect(const ptx::Instruction& instruction) {
  static constexpr std::string_view kBases[] = {"fence",   "prefetch",       "prefetchu", "nanosleep",
                                                "pmevent", "griddepcontrol", "discard",   "applypriority"};
  return std::find(std::begin(kBases), std::end(kBases), instruction.base()) != std::end(kBases);
}

bool orders_memory(const ptx::Instruction& instruction) {
  const std::string& base = instruction.base();
  if (base == "mbarrier" || instruction.has("cluster")) return false;  // they have an order of their own
  return base == "membar" || base == "fence" || instruction.has("acquire") || instruction.has("release") ||
         instruction.has("acq_rel");
}

// The same between the blocks of a cluster.
bool orders_cluster(const ptx::Instruction& instruction) {
  const std::string& base = instruction.base();
  if (base == "fence") return !instruction.has("mbarrier_init") && !instruction.has("proxy");
  return (base == "ld" || base == "st" || base == "atom" || base == "red") &&
         (instruction.has("acquire") || instruction.has("release") || instruction.has("acq_rel"));
}

bool uses_async_proxy(const ptx::Instruction& instruction) {
  const std::string& base = instruction.base();
  return base == "mbarrier" || base == "wgmma" || base == "tcgen05" || instruction.has("bulk") ||
         (instruction.has("async") && (base == "st" || base == "red"));
}

// Whether it has the operands and the opcode's components that decoding takes for granted.
bool is_complete(const ptx::Instruction& instruction) {
  struct Least {
    std::string_view base;
    std::size_t operands, parts;
  };
  static constexpr Least kLeast[] = {{"mov", 2, 2},  {"cvta", 2, 3}, {"isspacep", 2, 2},   {"setp", 3, 3},
                                     {"set", 3, 3},  {"cvt", 2, 3},  {"activemask", 1, 1}, {"selp", 4, 2},
                                     {"slct", 4, 3}, {"brx", 2, 2}};
  for (const Least& least : kLeast) {
    if (instruction.base() != least.base) continue;
    return instruction.operands.size() >= least.operands && instruction.parts.size() >= least.parts;
  }
  return true;
}

}  // namespace

bool waits_for_lanes(const ptx::Instruction& instruction) {
  const std::string& base = instruction.base();
  if (base == "mbarrier" && (instruction.has("try_wait") || instruction.has("test_wait"))) return true;
  if (base == "tcgen05" && instruction.has("alloc")) return true;
  if (base == "setmaxnreg") return true;
  return base == "bar" || base == "barrier" || base == "call" || base == "shfl" || base == "vote" ||
         base == "match" || base == "redux" || base == "elect" || base == "brx" ||
         (is_matrix_instruction(instruction) && instruction.predicate >= 0);
}

Decoder::Decoder(const ptx::Module& module, const ptx::Function& entry)
    : module_(module), entry_(entry), kernel_(std::make_unique<Kernel>()) {
  for (std::size_t k = 0; k < module.functions.size(); ++k)
    functions_[module.functions[k].name] = static_cast<int>(k);
  for (const ptx::Variable& variable : module.variables) variables_.insert(variable.name);
}

int Decoder::find_plan(std::string_view name) const {
  const auto found = plan_index_.find(name);
  return found == plan_index_.end() ? -1 : found->second;
}

// The kernel and, depth first, what it calls. A function that is only declared has no plan: calling it is
// reported.
void Decoder::collect(const ptx::Function& function, int depth) {
  if (depth > kCallDepth || plan_index_.contains(function.name)) return;
  plan_index_[function.name] = static_cast<int>(plans_.size());
  FunctionPlan plan;
  plan.function = &function;
  for (const ptx::Parameter& parameter : function.parameters) plan.parameters[parameter.name] = &parameter;
  for (const ptx::Variable& variable : function.variables) plan.variables.insert(variable.name);
  plan.flow = ptx::build_flow(function, waits_for_lanes, is_matrix_instruction);
  plan.block_local = ptx::find_block_local(function, plan.flow);
  plan.rows = ptx::assign_rows(function, plan.flow, plan.block_local);
  plans_.push_back(std::move(plan));
  for (const ptx::Instruction& instruction : function.code) {
    if (orders_memory(instruction)) kernel_->has_fences = true;
    if (orders_cluster(instruction)) kernel_->has_cluster_fences = true;
    if (uses_async_proxy(instruction)) kernel_->has_async_proxy = true;
    if (instruction.base() != "call") continue;
    for (const ptx::Operand& operand : instruction.operands) {
      const int number = operand.name.empty() ? -1 : function_number(operand.name);
      if (number < 0) continue;
      const ptx::Function& callee = module_.functions[static_cast<std::size_t>(number)];
      if (callee.is_declaration || callee.is_entry || callee.code.empty()) continue;
      collect(callee, depth + 1);
    }
  }
}

void Decoder::lay_out_shared() {
  uint64_t next = 0, dynamic_alignment = 16;
  std::vector<std::pair<FunctionPlan*, const ptx::Variable*>> dynamic;
  const auto place = [&](const ptx::Variable& variable,
                         std::map<std::string, uint64_t, std::less<>>& offsets) {
    if (variable.space != ptx::Space::kShared || variable.size == 0) return;
    next = align_up(next, static_cast<uint64_t>(std::max(variable.alignment, 1)));
    offsets[variable.name] = next;
    next += variable.size;
  };
  // A module's shared variables cost only the kernels that name them.
  std::set<std::string_view> named;
  const auto note = [&](const auto& self, const ptx::Operand& operand) -> void {
    if (operand.kind == ptx::Operand::Kind::kSymbol) named.insert(operand.name);
    for (const ptx::Operand& element : operand.elements) self(self, element);
  };
  for (const FunctionPlan& plan : plans_) {
    for (const ptx::Instruction& instruction : plan.function->code) {
      for (const ptx::Operand& operand : instruction.operands) note(note, operand);
    }
  }
  for (const ptx::Variable& variable : module_.variables) {
    if (variable.space == ptx::Space::kShared && variable.size > 0 && named.contains(variable.name))
      place(variable, module_shared_);
  }
  for (FunctionPlan& plan : plans_) {
    for (const ptx::Variable& variable : plan.function->variables) place(variable, plan.shared);
  }
  next = std::min(next, kLayoutLimit);
  kernel_->static_shared_bytes = static_cast<uint32_t>(next);
  const auto is_dynamic = [](const ptx::Variable& v) {
    return v.space == ptx::Space::kShared && v.size == 0;
  };
  for (const ptx::Variable& variable : module_.variables) {
    if (is_dynamic(variable))
      dynamic_alignment = std::max(dynamic_alignment, static_cast<uint64_t>(variable.alignment));
  }
  const uint64_t start = align_up(next, dynamic_alignment);
  kernel_->dynamic_shared_offset = static_cast<uint32_t>(start);
  for (const ptx::Variable& variable : module_.variables) {
    if (is_dynamic(variable)) module_shared_[variable.name] = start;
  }
  for (FunctionPlan& plan : plans_) {
    for (const ptx::Variable& variable : plan.function->variables) {
      if (is_dynamic(variable)) plan.shared[variable.name] = start;
    }
  }
}

void Decoder::lay_out_frame(FunctionPlan& plan) {
  uint64_t next = kernel_->local_bytes;
  const auto place = [&](const std::string& name, uint64_t size, int alignment) {
    next = align_up(next, static_cast<uint64_t>(std::max(alignment, 1)));
    plan.frame[name] = next;
    plan.frame_sizes[name] = size;
    next += size;
  };
  for (const ptx::Variable& variable : plan.function->variables) {
    if (variable.space == ptx::Space::kLocal || variable.space == ptx::Space::kParam) {
      place(variable.name, variable.size, variable.alignment);
    }
  }
  if (!plan.function->is_entry) {
    for (const auto& parameter : plan.function->parameters)
      place(parameter.name, parameter.size, parameter.alignment);
    for (const auto& result : plan.function->results) place(result.name, result.size, result.alignment);
  }
  kernel_->local_bytes = static_cast<uint32_t>(align_up(std::min(next, kLayoutLimit), 16));
}

void Decoder::lay_out_rows(FunctionPlan& plan) {
  using Rows = ptx::RowAssignment;
  const uint32_t strides[Rows::kPools] = {4, kRow32, kRow64, 2 * kRow64};
  // Widest first keeps every row aligned to its size; predicates are last.
  for (const int pool : {static_cast<int>(Rows::k128Bit), static_cast<int>(Rows::k64Bit),
                         static_cast<int>(Rows::k32Bit), static_cast<int>(Rows::kPredicates)}) {
    plan.base[pool] = kernel_->register_bytes;
    kernel_->register_bytes += static_cast<uint32_t>(plan.rows.rows[pool]) * strides[pool];
  }
  kernel_->register_bytes = static_cast<uint32_t>(align_up(kernel_->register_bytes + 4, kRow32));
  if (!plan.function->is_entry) plan.return_row = new_row(RowKind::k32);
}

Op& Decoder::push(Op op) {
  op.instruction = static_cast<int32_t>(kernel_->instructions.size()) - 1;
  ops_.push_back(op);
  return ops_.back();
}

void Decoder::note_instruction(const ptx::Instruction& instruction) {
  InstructionInfo info;
  constexpr std::size_t kLongestOpcode = 100;
  info.text = instruction.opcode.substr(0, kLongestOpcode);
  info.ptx_line = instruction.line;
  const auto file = module_.files.find(instruction.source.file);
  if (instruction.source.line > 0 && file != module_.files.end()) {
    const std::size_t slash = file->second.rfind('/');
    info.source =
        fmt::format("{}:{}", slash == std::string::npos ? file->second : file->second.substr(slash + 1),
                    instruction.source.line);
  }
  kernel_->instructions.push_back(std::move(info));
}

// Predicated plain operations run between a guard and its end.
void Decoder::emit_guarded(std::vector<Op> ops) {
  const bool guarded = instruction_->predicate >= 0 && !falls_around_ && !ops.empty();
  if (guarded) {
    CHECK(ops.size() <= UINT8_MAX);
    Op guard;
    guard.run = best_level().handlers.guard;
    guard.s[0] = register_row(instruction_->predicate);
    guard.flags = instruction_->predicate_negated ? 1 : 0;
    guard.count = static_cast<uint8_t>(ops.size());
    guard.instruction = ops.front().instruction;
    kernel_->code.push_back(guard);
  }
  for (Op& op : ops) {
    if (guarded) op.whole = 0;
    kernel_->code.push_back(op);
  }
  if (guarded) {
    Op end;
    end.run = best_level().handlers.unguard;
    end.instruction = ops.front().instruction;
    kernel_->code.push_back(end);
  }
}

void Decoder::decode_instruction(int index) {
  instruction_ = &plans_[function_].function->code[static_cast<std::size_t>(index)];
  note_instruction(*instruction_);
  ops_.clear();
  op_targets_.clear();
  call_targets_.clear();
  falls_around_ = failed_ = false;
  failure_.clear();
  const std::string& base = instruction_->base();
  if (!is_supported_form(instruction_->opcode)) {
    fail("");
  } else if (!is_complete(*instruction_)) {
    fail("operands are missing");
  } else if (const auto method = methods().find(base); method != methods().end()) {
    (this->*method->second)();
  } else if (base == "ld" || base == "ldu") {
    decode_load_store(true);
  } else if ((base == "st" || base == "red") && instruction_->has("async")) {
    decode_store_async();
  } else if (base == "st") {
    decode_load_store(false);
  } else if (base == "atom" || base == "red") {
    decode_atomic(base == "atom");
  } else if (base == "bar" && instruction_->has("warp")) {
    decode_bar_warp();
  } else if (base == "bar" || base == "barrier") {
    decode_barrier();
  } else if (base == "activemask") {
    Op op;
    op.run = active_mask;
    op.d = destination(instruction_->operands[0], RowKind::k32).row;
    push(op);
  } else if (base == "trap" || base == "brkpt") {
    decode_simple(trap);
  } else if (base == "fence" && ((instruction_->has("proxy") && instruction_->has("async")) ||
                                 instruction_->has("mbarrier_init"))) {
    decode_proxy_fence();
  } else if (is_fence(*instruction_)) {
    decode_simple(fence_op);
    if (instruction_->has("cta")) ops_.back().flags = kOnlyInBlock;
  } else if (base == "setmaxnreg") {
    decode_set_registers();
  } else if (base == "griddepcontrol" && instruction_->has("wait")) {
    decode_simple(grid_wait_op);
  } else if (has_no_effect(*instruction_)) {
    return;
  } else {
    decode_plain();
  }
  if (failed_) {
    kernel_->instructions.back().note = failure_;
    ops_.clear();
    op_targets_.clear();
    call_targets_.clear();
    falls_around_ = false;
    decode_simple(unsupported);
  }
  const std::size_t begin = kernel_->code.size();
  for (const auto& [op, block] : op_targets_)
    fixups_.push_back({begin + op, static_cast<int>(function_), block});
  for (const auto& [op, callee] : call_targets_) fixups_.push_back({begin + op, callee, 0});
  emit_guarded(std::move(ops_));
}

void Decoder::decode_block(const ptx::Block& block, int number) {
  block_ = number;
  const ptx::Function& function = *plans_[function_].function;
  plans_[function_].block_code.push_back(static_cast<int32_t>(kernel_->code.size()));
  const StretchCost cost = cost_of_block(function, block, slow_registers_);
  Op leader;
  leader.run =
      polling_heads_[static_cast<std::size_t>(number)] ? polling_leader : best_level().handlers.leader;
  leader.list = static_cast<uint32_t>(kernel_->stretches.size());
  leader.immediate = std::max<int64_t>(1, cost.instructions);
  for (int index = block.begin; index < block.end && leader.flags == 0; ++index) {
    if (!may_store(function.code[static_cast<std::size_t>(index)])) continue;
    leader.flags = kStores;
    kernel_->storing_stretches.push_back(leader.list);
  }
  kernel_->stretches.push_back(cost);
  const std::size_t begin = kernel_->code.size();
  leader.instruction = static_cast<int32_t>(kernel_->instructions.size());
  kernel_->code.push_back(leader);
  const std::vector<InstructionCost> costs = costs_of_instructions(function, block);
  for (int index = block.begin; index < block.end; ++index) {
    emit_wgmma_checks(index);
    decode_instruction(index);
    const InstructionCost& own = costs[static_cast<std::size_t>(index - block.begin)];
    kernel_->instructions.back().issue_slots = own.issue_slots;
    kernel_->instructions.back().wait_cycles = own.wait_cycles;
    kernel_->instructions.back().stretch = kernel_->stretches.size() - 1;
  }
  for (std::size_t k = begin; k < kernel_->code.size(); ++k) {  // where lanes that wait for others are parked
    if (kernel_->code[k].target < 0) kernel_->code[k].target = static_cast<int32_t>(begin);
  }
}

void Decoder::decode_function(std::size_t index) {
  function_ = index;
  slow_registers_ = find_slow_registers(*plans_[index].function);
  polling_heads_ = find_polling_heads(*plans_[index].function, plans_[index].flow);
  start_wgmma_hazards();
  const auto blocks = plans_[index].flow.blocks;
  for (std::size_t k = 0; k < blocks.size(); ++k) decode_block(blocks[k], static_cast<int>(k));
  // Behind the last instruction: the end.
  plans_[index].block_code.push_back(static_cast<int32_t>(kernel_->code.size()));
  Op leader;
  leader.run = best_level().handlers.leader;
  leader.list = static_cast<uint32_t>(kernel_->stretches.size());
  leader.immediate = 1;
  leader.instruction = static_cast<int32_t>(kernel_->instructions.size()) - 1;
  kernel_->stretches.emplace_back();
  kernel_->code.push_back(leader);
  Op end;
  end.run = plans_[index].function->is_entry ? exit_lanes : return_lanes;
  end.s[0] = plans_[index].return_row;
  end.instruction = leader.instruction;
  kernel_->code.push_back(end);
}

void Decoder::resolve_targets() {
  for (const Fixup& fixup : fixups_) {
    const FunctionPlan& plan = plans_[static_cast<std::size_t>(fixup.function)];
    const auto block = std::min(static_cast<std::size_t>(fixup.block), plan.block_code.size() - 1);
    kernel_->code[fixup.op].target = plan.block_code[block];
  }
  for (std::size_t k = 0; k < table_functions_.size(); ++k) {
    const FunctionPlan& plan = plans_[table_functions_[k]];
    for (int32_t& entry : kernel_->branch_tables[k]) entry = plan.block_code[static_cast<std::size_t>(entry)];
  }
}

std::unique_ptr<Kernel> Decoder::run() {
  kernel_->name = entry_.name;
  kernel_->display_name = demangle(entry_.name);
  kernel_->launch_registers = launch_registers(entry_);
  collect(entry_, 0);
  collect_indirect();
  for (FunctionPlan& plan : plans_) {
    lay_out_frame(plan);
    lay_out_rows(plan);
  }
  lay_out_stack();
  lay_out_shared();
  carry_row_ = new_row(RowKind::kPredicate);
  for (std::size_t k = 0; k < plans_.size(); ++k) decode_function(k);
  resolve_targets();
  find_callees();
  return std::move(kernel_);
}

}  // namespace warpwright::sim
