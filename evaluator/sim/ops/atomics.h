// atom and red, lane by lane in lane order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

enum class AtomicOperation : uint8_t { kAdd, kExchange, kMin, kMax, kAnd, kOr, kXor, kCas, kInc, kDec };
enum class AtomicType : uint8_t { kUnsigned, kSigned, kFloat, kHalf, kBfloat, kHalfPair, kBfloatPair };
enum class AtomicSpace : uint8_t { kGlobal, kShared, kGeneric, kCluster };

struct AtomicKind {
  AtomicOperation operation = AtomicOperation::kAdd;
  AtomicType type = AtomicType::kUnsigned;
  int bytes = 4;     // of an element
  int elements = 1;  // b128 is two of 8 bytes
};
std::optional<AtomicKind> parse_atomic(const std::vector<std::string>& parts);

// What an element becomes. `flushes`: sums of f32 take denormals for zeros, as in global memory.
uint64_t atomic_result(const AtomicKind& kind, uint64_t old, uint64_t value, bool flushes);

// Op: s[0] address, s[1] and s[2] values, d (kNoRow for red), size = bytes of all elements, count =
// operation, target = type + 256 * elements, list = space. With more than one element s[3] is the index in
// Kernel::lists of the rows of {result, value, other value} of each.
const Op* atomic_op(Warp& w, const Op* op);

}  // namespace warpwright::sim
