// atom and red, lane by lane in lane order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

enum class AtomicOperation : uint8_t { kAdd, kExchange, kMin, kMax, kAnd, kOr, kXor, kCas, kInc, kDec };
enum class AtomicType : uint8_t { kUnsigned, kSigned, kFloat, kHalf, kBfloat, kHalfPair, kBfloatPair };
enum class AtomicSpace : uint8_t { kGlobal, kShared, kGeneric };

struct AtomicKind {
  AtomicOperation operation = AtomicOperation::kAdd;
  AtomicType type = AtomicType::kUnsigned;
  int bytes = 4;
};
std::optional<AtomicKind> parse_atomic(const std::vector<std::string>& parts);

// Op: s[0] address, s[1] and s[2] values, d (kNoRow for red), size, count = operation, target = type, list =
// space.
const Op* atomic_op(Warp& w, const Op* op);

}  // namespace warpwright::sim
