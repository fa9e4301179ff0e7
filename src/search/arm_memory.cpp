#include "src/search/arm_memory.h"

#include <fmt/format.h>

namespace warpwright::search {
namespace {

void add(ArmTotals& to, const ArmTotals& totals) {
  to.pulls += totals.pulls;
  to.gain += totals.gain;
  to.microdollars += totals.microdollars;
}

}  // namespace

void ArmMemory::record(const std::string& role, const std::string& op, const std::string& model, double gain,
                       int64_t microdollars, double memory) {
  for (auto& [arm, entry] : arms_) {
    if (entry.role != role || memory >= 1) continue;
    entry.totals.pulls *= memory;
    entry.totals.gain *= memory;
    entry.totals.microdollars *= memory;
  }
  Entry& entry = arms_[{op, model}];
  entry.role = role;
  add(entry.totals, {1, gain, static_cast<double>(microdollars)});
}

ArmTotals ArmMemory::of(const std::string& op, const std::string& model) const {
  const auto found = arms_.find({op, model});
  return found == arms_.end() ? ArmTotals{} : found->second.totals;
}

ArmTotals ArmMemory::of_operator(const std::string& op) const {
  ArmTotals all;
  for (auto it = arms_.lower_bound({op, ""}); it != arms_.end() && it->first.first == op; ++it)
    add(all, it->second.totals);
  return all;
}

std::string ArmMemory::text() const {
  std::string text;
  for (const auto& [arm, entry] : arms_)
    text += fmt::format("{} {} {} {:a} {:a} {:a};", arm.first, arm.second, entry.role, entry.totals.pulls,
                        entry.totals.gain, entry.totals.microdollars);
  return text;
}

}  // namespace warpwright::search
