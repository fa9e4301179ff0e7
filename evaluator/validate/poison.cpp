#include "evaluator/validate/poison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/reference/numeric.h"
#include "evaluator/validate/region.h"
#include "src/base/check.h"

namespace warpwright::validate {
namespace {

// Bytes of one element; a packed pair of fp4 is judged as one.
size_t unit_bytes(trace::DType dtype) {
  return static_cast<size_t>(std::max(8, trace::size_bits(dtype))) / 8;
}

bool is_poison(std::span<const std::byte> element, std::byte pattern) {
  return std::all_of(element.begin(), element.end(), [&](std::byte b) { return b == pattern; });
}

// Calls visit(index, bytes of the element).
template <class Visit>
void for_units(const TensorView& tensor, Visit visit) {
  const size_t size = unit_bytes(tensor.dtype);
  for (size_t i = 0; (i + 1) * size <= tensor.data.size(); ++i) visit(i, tensor.data.subspan(i * size, size));
}

Verdict unwritten_verdict(const TensorView& output, const Region& region) {
  if (region.count() == 0) return {};
  Verdict verdict;
  verdict.status = Status::kIncorrectNumerical;
  verdict.message =
      fmt::format("{} {} never written ({} of {} elements): every element of an output must be stored",
                  region.is_box() ? region.describe(output.name) : "parts of " + region.describe(output.name),
                  region.is_box() && region.count() == 1 ? "was" : "were", region.count(), output.elements());
  return verdict;
}

std::string value_text(const TensorView& tensor, size_t index) {
  if (tensor.dtype == trace::DType::kFloat4E2m1) return "?";
  return fmt::format("{:.6g}", reference::load_element(tensor.dtype, tensor.data, index));
}

}  // namespace

std::byte poison_byte(Poison poison) {
  return poison == Poison::kNan ? std::byte{0xff} : std::byte{0x4b};
}

void fill(std::span<std::byte> bytes, Poison poison) {
  std::fill(bytes.begin(), bytes.end(), poison_byte(poison));
}

Poison telling_poison(const trace::Definition& definition) {
  const bool any_floating = std::any_of(definition.outputs.begin(), definition.outputs.end(),
                                        [](const trace::Tensor& t) { return trace::is_floating(t.dtype); });
  return any_floating ? Poison::kNan : Poison::kFinite;
}

Verdict find_unwritten(const TensorView& first, const TensorView& second) {
  CHECK(first.data.size() == second.data.size());
  Region region(first.shape);
  const size_t size = unit_bytes(first.dtype);
  for_units(first, [&](size_t index, std::span<const std::byte> element) {
    const auto other = second.data.subspan(index * size, size);
    const auto both = [&](Poison a, Poison b) {
      return is_poison(element, poison_byte(a)) && is_poison(other, poison_byte(b));
    };
    if (both(Poison::kNan, Poison::kFinite) || both(Poison::kFinite, Poison::kNan))
      region.add(static_cast<int64_t>(index));
  });
  return unwritten_verdict(first, region);
}

Verdict find_unwritten(const TensorView& output, Poison poison) {
  Region region(output.shape);
  if (poison == Poison::kNan && !trace::is_floating(output.dtype)) return {};
  for_units(output, [&](size_t index, std::span<const std::byte> element) {
    if (is_poison(element, poison_byte(poison))) region.add(static_cast<int64_t>(index));
  });
  return unwritten_verdict(output, region);
}

Verdict check_equal_calls(const TensorView& first, const TensorView& second, std::string_view rule) {
  CHECK(first.data.size() == second.data.size());
  if (first.data.empty() || std::memcmp(first.data.data(), second.data.data(), first.data.size()) == 0)
    return {};
  Region region(first.shape);
  std::vector<std::string> evidence;
  const size_t size = unit_bytes(first.dtype);
  const auto unwritten = [](std::span<const std::byte> element) {
    return is_poison(element, poison_byte(Poison::kNan)) || is_poison(element, poison_byte(Poison::kFinite));
  };
  for_units(first, [&](size_t index, std::span<const std::byte> element) {
    const auto other = second.data.subspan(index * size, size);
    if (std::memcmp(element.data(), other.data(), size) == 0 || (unwritten(element) && unwritten(other)))
      return;
    region.add(static_cast<int64_t>(index));
    if (evidence.size() < 8)
      evidence.push_back(fmt::format("{}: {}, then {}", place(first, static_cast<int64_t>(index)),
                                     value_text(first, index), value_text(second, index)));
  });
  if (region.count() == 0) return {};
  const bool poison = rule == "depends-on-poison";
  return {Status::kRejected, std::string(rule),
          fmt::format("{} differs between two calls on the same inputs ({} elements): {}",
                      region.describe(first.name), region.count(),
                      poison ? "it depends on what workspaces or outputs held before the call"
                             : "a race, or sums in an order that varies"),
          std::move(evidence)};
}

}  // namespace warpwright::validate
