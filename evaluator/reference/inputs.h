// Random values as a pure function of (seed, tensor name, element index), by Philox 4x32-10: a simulator, a
// GPU and an oracle see the same data, and any part of a tensor can be made alone.
//
// Element i takes word i % 4 of block i / 4; the counter is (block, hash of name and purpose), the key the
// seed. Normal values come by Box and Muller's transform (Ann. Math. Stat. 29, 1958) from pairs of words,
// with polynomials for logarithm, sine and cosine in plain float arithmetic: the same bits on every machine,
// moments within 1e-4 of normal(0, 1), |value| < 5.9.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "src/base/result.h"
#include "src/rules/generator.h"

namespace warpwright::reference {

// Elements [first, first + values.size()) of a tensor whose rows (last axis) have `row_length` elements.
// REQUIRES: the distribution is neither kAbsent nor structured; row_length > 0.
void generate(const rules::Generator& generator, uint64_t seed, std::string_view tensor, int64_t row_length,
              int64_t first, std::span<float> values);

}  // namespace warpwright::reference
