// Static costs of straight code: issue slots, execution units, and the latency of one warp alone. PTX is not
// SASS: moves, address conversions and parameters mostly vanish in ptxas, 64-bit integers become pairs. Nor
// is PTX's order ptxas's: it moves loads up to where their addresses are known, so a stretch is timed by its
// data flow and its issue slots, not by the order of its text.
#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "evaluator/ptx/operands.h"
#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {
namespace {

constexpr double kSlowCycles =
    20;  // results that later blocks may have to wait for: loads, shuffles, special functions

enum class Unit { kNone, kFma, kAlu, kWide, kXu, kFp64, kTensor, kLsu };

struct OpCost {
  Unit unit = Unit::kAlu;
  double slots = 1;
  double latency_cycles = 4.5;
};

bool is_64_bit(std::string_view type) {
  return type == "s64" || type == "u64" || type == "b64";
}

bool is_one_of(std::string_view base, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), base) != names.end();
}

OpCost memory_cost(const ptx::Instruction& i) {
  if (i.has("param")) return {Unit::kNone, 0, 0};
  if (i.has("const")) return {Unit::kLsu, 1, 8};
  if (i.has("shared") || i.has("shared::cta")) return {Unit::kLsu, 1, 29};
  if (i.has("local")) return {Unit::kLsu, 1, 40};
  return {Unit::kLsu, 1, 600};
}

OpCost cost_of(const ptx::Instruction& i) {
  const std::string& base = i.base();
  const std::string& type = i.type();
  if (base == "ld" || base == "st" || base == "ldu") return memory_cost(i);
  if (base == "atom" || base == "red") return {Unit::kLsu, 1, i.has("shared") ? 60.0 : 700.0};
  if (is_one_of(base, {"shfl", "match", "redux"})) return {Unit::kLsu, 1, 24};
  if (base == "ldmatrix" || base == "stmatrix") return {Unit::kLsu, 1, 33};
  if (base == "cp") return {Unit::kLsu, 1, 4.5};
  if (base == "mma" || (base == "wmma" && i.has("mma"))) return {Unit::kTensor, 1, 33};
  if (base == "wgmma") return {i.has("mma_async") ? Unit::kTensor : Unit::kNone, 1, 4.5};  // asynchronous
  if (base == "wmma") return memory_cost(i);
  if (base == "tcgen05") return {Unit::kLsu, 1, i.has("ld") ? 20.0 : 4.5};
  if (base == "movmatrix") return {Unit::kLsu, 1, 24};
  if (is_one_of(base, {"ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin", "cos", "tanh"}) && type != "f64")
    return {Unit::kXu, 2, 20};
  if (type == "f64") return {Unit::kFp64, 2, 16};
  if (base == "div" || base == "rem") return {type.starts_with("f") ? Unit::kFma : Unit::kAlu, 16, 60};
  if (base == "cvt") return is_64_bit(type) ? OpCost{Unit::kAlu, 0.5, 4.5} : OpCost{Unit::kXu, 1, 8};
  if (base == "mov") return {Unit::kAlu, 0.2, 4.5};
  if (base == "cvta") return {Unit::kNone, 0, 0};
  if (is_one_of(base, {"bra", "ret", "exit", "bar", "barrier", "membar", "fence"}))
    return {Unit::kNone, 1, 4.5};
  if (is_64_bit(type) && is_one_of(base, {"mul", "mad"})) return {Unit::kWide, 4, 12};
  if (is_64_bit(type)) return {Unit::kWide, 2, 6};
  const bool is_float = type.starts_with("f") || type.starts_with("bf");
  if (is_float && is_one_of(base, {"add", "sub", "mul", "fma", "mad"})) return {Unit::kFma, 1, 4.5};
  if (is_one_of(base, {"mul", "mad"})) return {Unit::kFma, 1, 4.5};  // 32-bit integer products share the pipe
  return {};
}

double flops_of_mma(const ptx::Instruction& i) {
  for (const std::string& part : i.parts) {
    int m = 0, n = 0, k = 0;
    if (std::sscanf(part.c_str(), "m%dn%dk%d", &m, &n, &k) != 3) continue;
    return 2.0 * m * n * k / (i.base() == "wgmma" ? 4 : 1);  // a warp's part
  }
  return 0;
}

std::optional<TensorType> tensor_type(std::string_view part) {
  if (part == "f16") return TensorType::kF16;
  if (part == "bf16") return TensorType::kBf16;
  if (part == "tf32") return TensorType::kTf32;
  if (part == "f64") return TensorType::kF64;
  if (is_one_of(part, {"e4m3", "e5m2"})) return TensorType::kF8;
  if (is_one_of(part, {"e3m2", "e2m3"})) return TensorType::kF6;
  if (part == "e2m1") return TensorType::kF4;
  if (is_one_of(part, {"s8", "u8", "s4", "u4", "b1"})) return TensorType::kInt;
  return std::nullopt;
}

// Types are written d, a, b, c; a wmma that names only d and c multiplies f16.
TensorType type_of_mma(const ptx::Instruction& i) {
  std::vector<std::string_view> types;
  for (const std::string& part : i.parts) {
    if (tensor_type(part) || is_one_of(part, {"f32", "s32"})) types.push_back(part);
  }
  if (types.size() < 4 && i.base() != "wgmma") return TensorType::kF16;
  if (types.size() < 2) return TensorType::kF16;
  return tensor_type(types[1]).value_or(TensorType::kF16);
}

void count_unit(StretchCost& cost, Unit unit) {
  switch (unit) {
    case Unit::kNone:
      break;
    case Unit::kFma:
      ++cost.fma;
      break;
    case Unit::kAlu:
      ++cost.alu;
      break;
    case Unit::kWide:
      ++cost.wide;
      break;
    case Unit::kXu:
      ++cost.xu;
      break;
    case Unit::kFp64:
      ++cost.fp64;
      break;
    case Unit::kTensor:
      ++cost.tensor;
      break;
    case Unit::kLsu:
      ++cost.lsu;
      break;
  }
}

void count(StretchCost& cost, const ptx::Instruction& instruction, const OpCost& op) {
  ++cost.instructions;
  cost.issue_slots += op.slots;
  count_unit(cost, op.unit);
  const std::string& base = instruction.base();
  if (base == "shfl") ++cost.shuffles;
  if (base == "bra" || base == "brx") ++cost.branches;
  if ((base == "bar" && !instruction.has("warp")) || base == "barrier") ++cost.barriers;
  if (op.unit == Unit::kTensor)
    cost.tensor_flops[static_cast<std::size_t>(type_of_mma(instruction))] += flops_of_mma(instruction);
}

}  // namespace

double tensor_flops_per_cycle(std::string_view target) {
  constexpr std::string_view kPrefix = "sm_";
  int architecture = 0;
  if (target.starts_with(kPrefix))
    std::from_chars(target.data() + kPrefix.size(), target.data() + target.size(), architecture);
  return architecture >= 100 ? 8192 : 4096;
}

std::string_view name_of(TensorType type) {
  constexpr std::array<std::string_view, kTensorTypes> kNames = {"f16", "bf16", "tf32", "f64",
                                                                 "f8",  "f6",   "f4",   "int"};
  return kNames[static_cast<std::size_t>(type)];
}

std::vector<bool> find_slow_registers(const ptx::Function& function) {
  std::vector<bool> slow(function.registers.size());
  for (const ptx::Instruction& instruction : function.code) {
    if (cost_of(instruction).latency_cycles < kSlowCycles) continue;
    ptx::visit_registers(instruction, [&](int reg, ptx::Access access) {
      if (access != ptx::Access::kRead) slow[static_cast<std::size_t>(reg)] = true;
    });
  }
  return slow;
}

StretchCost cost_of_block(const ptx::Function& function, const ptx::Block& block,
                          const std::vector<bool>& slow) {
  StretchCost cost;
  std::unordered_map<int, double> ready;  // register -> cycle; those written here
  double last_start = 0, last_ready = 0;
  for (int index = block.begin; index < block.end; ++index) {
    const ptx::Instruction& instruction = function.code[static_cast<std::size_t>(index)];
    const OpCost op = cost_of(instruction);
    double start = 0;
    bool reads_earlier_result = false;
    ptx::visit_registers(instruction, [&](int reg, ptx::Access access) {
      if (access == ptx::Access::kWrite) return;
      const auto found = ready.find(reg);
      if (found != ready.end())
        start = std::max(start, found->second);
      else
        reads_earlier_result |= slow[static_cast<std::size_t>(reg)];
    });
    if (reads_earlier_result && (cost.path.first_slow_use < 0 || start < cost.path.first_slow_use))
      cost.path.first_slow_use = start;
    last_start = std::max(last_start, start);
    ptx::visit_registers(instruction, [&](int reg, ptx::Access access) {
      if (access == ptx::Access::kRead) return;
      ready[reg] = start + op.latency_cycles;
      last_ready = std::max(last_ready, start + op.latency_cycles);
    });
    count(cost, instruction, op);
  }
  cost.path.cycles = std::max(last_start, cost.issue_slots);
  cost.path.pending = std::max(0.0, last_ready - cost.path.cycles);
  return cost;
}

std::vector<InstructionCost> costs_of_instructions(const ptx::Function& function, const ptx::Block& block) {
  std::vector<InstructionCost> costs;
  std::unordered_map<int, double> ready;
  double now = 0;
  for (int index = block.begin; index < block.end; ++index) {
    const ptx::Instruction& instruction = function.code[static_cast<std::size_t>(index)];
    const OpCost op = cost_of(instruction);
    double start = now;
    ptx::visit_registers(instruction, [&](int reg, ptx::Access access) {
      const auto found = access == ptx::Access::kWrite ? ready.end() : ready.find(reg);
      if (found != ready.end()) start = std::max(start, found->second);
    });
    costs.push_back({op.slots, start - now});
    now = start + op.slots;
    ptx::visit_registers(instruction, [&](int reg, ptx::Access access) {
      if (access != ptx::Access::kRead) ready[reg] = start + op.latency_cycles;
    });
  }
  return costs;
}

}  // namespace warpwright::sim
