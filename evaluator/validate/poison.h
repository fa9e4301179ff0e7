// Outputs and workspaces are filled with a pattern before a call; two calls with two patterns tell what was
// never written, and an output that differs between them depends on what it must not read.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "evaluator/validate/tensor_view.h"
#include "evaluator/validate/verdict.h"

namespace warpwright::validate {

enum class Poison {
  kNan,     // all bits one: a NaN in every floating type, -1 in every integer
  kFinite,  // bytes 0x4b: a large finite value in every floating type, a large positive integer
};
std::byte poison_byte(Poison poison);
void fill(std::span<std::byte> bytes, Poison poison);

// The pattern that tells most in one call: where all outputs are integers, -1 may be an answer.
Poison telling_poison(const trace::Definition& definition);

// The same output after a call on each pattern, in either order. Passed, or INCORRECT_NUMERICAL
// ("output[:, 0, 5, 120..127] was never written: ...").
Verdict find_unwritten(const TensorView& first, const TensorView& second);
// As above with one call only. Of an integer under kNan nothing is said; a float under kFinite may be hit by
// chance.
Verdict find_unwritten(const TensorView& output, Poison poison);

// The two calls gave different bits: REJECTED, rule "depends-on-poison" (or "not-repeatable" when both calls
// had the same pattern). Elements never written do not count.
Verdict check_equal_calls(const TensorView& first, const TensorView& second, std::string_view rule);

}  // namespace warpwright::validate
