#include <cstdlib>
#include <string_view>

#include "evaluator/sim/ops/scalar.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {

namespace level_baseline {
const IsaLevel& level();
}
namespace level_v3 {
const IsaLevel& level();
}
namespace level_v4 {
const IsaLevel& level();
}

namespace {

// $WARPWRIGHT_SIM_LEVEL (baseline | v3) asks for less than the machine has: for tests of what other machines
// run.
const IsaLevel& choose() {
  const char* wanted = std::getenv("WARPWRIGHT_SIM_LEVEL");
  if (wanted != nullptr && std::string_view(wanted) == "baseline") return level_baseline::level();
  __builtin_cpu_init();
  if (wanted != nullptr && std::string_view(wanted) == "v3" && __builtin_cpu_supports("x86-64-v3"))
    return level_v3::level();
  if (__builtin_cpu_supports("x86-64-v4")) return level_v4::level();
  if (__builtin_cpu_supports("x86-64-v3")) return level_v3::level();
  return level_baseline::level();
}

}  // namespace

const IsaLevel& best_level() {
  static const IsaLevel& level = choose();
  return level;
}

const std::unordered_map<std::string_view, OpEntry>& op_entries() {
  static const auto kEntries = [] {
    std::unordered_map<std::string_view, OpEntry> entries;
    for (const auto& table : {best_level().arithmetic, best_level().floating, rare_integer_ops(),
                              rare_packed_ops(), rare_float_ops(), rare_half_ops()}) {
      for (const OpEntry& entry : table) entries.try_emplace(entry.name, entry);
    }
    return entries;
  }();
  return kEntries;
}

}  // namespace warpwright::sim
