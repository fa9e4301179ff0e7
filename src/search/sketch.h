// How alike two programs are: MinHash sketches of their instruction sequences (contract/evaluation.h,
// EvaluationReport::sketch). The share of equal values estimates the Jaccard similarity of the sequences'
// sets (Broder, "On the resemblance and containment of documents", 1997).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace warpwright::search {

using Sketch = std::array<uint16_t, 32>;

// From 128 hexadecimal digits. None: it is empty or something else.
std::optional<Sketch> parse_sketch(std::string_view hex);

// Share of equal values: 1 equal, 0 unlike.
double likeness(const Sketch& a, const Sketch& b);

}  // namespace warpwright::search
