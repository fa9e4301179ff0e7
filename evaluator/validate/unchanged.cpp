#include "evaluator/validate/unchanged.h"

#include <fmt/format.h>

#include <cstring>

#include "evaluator/reference/numeric.h"
#include "evaluator/validate/region.h"

namespace warpwright::validate {

Verdict check_unchanged(const std::string& name, const reference::HostTensor& original,
                        std::span<const std::byte> now) {
  if (now.size() == original.data.size() &&
      (now.empty() || std::memcmp(now.data(), original.data.data(), now.size()) == 0))
    return {};
  Verdict verdict{Status::kRejected, "input-modified", "", {}};
  const TensorView view{name, original.dtype, original.shape, now};
  const size_t size = static_cast<size_t>(trace::size_bits(original.dtype)) / 8;
  Region region(original.shape);
  for (size_t i = 0; size > 0 && (i + 1) * size <= std::min(now.size(), original.data.size()); ++i) {
    if (std::memcmp(now.data() + i * size, original.data.data() + i * size, size) == 0) continue;
    region.add(static_cast<int64_t>(i));
    if (verdict.evidence.size() < 4)
      verdict.evidence.push_back(fmt::format("{}: was {:.6g}, is {:.6g}",
                                             place(view, static_cast<int64_t>(i)),
                                             reference::load_element(original.dtype, original.data, i),
                                             reference::load_element(original.dtype, now, i)));
  }
  verdict.message =
      fmt::format("input {} was modified ({} elements): inputs are read-only, write to a workspace",
                  region.count() > 0 ? region.describe(name) : name, region.count());
  return verdict;
}

}  // namespace warpwright::validate
