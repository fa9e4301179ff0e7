#define WW_ISA scalar
#include "evaluator/sim/ops/atomics.h"

#include <fmt/format.h>

#include <map>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/cluster.h"
#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/isa/numbers.h"
#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {
namespace {

using scalar::Bfloat;
using scalar::Half;

template <class T>
T integer_result(AtomicOperation operation, T old, T value, T other) {
  switch (operation) {
    case AtomicOperation::kAdd:
      return static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(value));
    case AtomicOperation::kExchange:
      return value;
    case AtomicOperation::kMin:
      return old < value ? old : value;
    case AtomicOperation::kMax:
      return old > value ? old : value;
    case AtomicOperation::kAnd:
      return old & value;
    case AtomicOperation::kOr:
      return old | value;
    case AtomicOperation::kXor:
      return old ^ value;
    case AtomicOperation::kCas:
      return old == value ? other : old;
    case AtomicOperation::kInc:
      return old >= value ? T{0} : static_cast<T>(old + 1);
    case AtomicOperation::kDec:
      return old == 0 || old > value ? value : static_cast<T>(old - 1);
  }
  return old;
}

float float_result(AtomicOperation operation, float old, float value) {
  switch (operation) {
    case AtomicOperation::kAdd:
      return old + value;
    case AtomicOperation::kMin:
      return scalar::minimum(old, value);
    case AtomicOperation::kMax:
      return scalar::maximum(old, value);
    case AtomicOperation::kExchange:
    case AtomicOperation::kAnd:
    case AtomicOperation::kOr:
    case AtomicOperation::kXor:
    case AtomicOperation::kCas:
    case AtomicOperation::kInc:
    case AtomicOperation::kDec:
      return value;
  }
  return old;
}

uint16_t half_result(AtomicOperation operation, uint32_t old, uint32_t value) {
  return scalar::to_half(float_result(operation, scalar::to_float(Half{static_cast<uint16_t>(old)}),
                                      scalar::to_float(Half{static_cast<uint16_t>(value)})))
      .bits;
}
uint16_t bfloat_result(AtomicOperation operation, uint32_t old, uint32_t value) {
  return scalar::to_bfloat(float_result(operation, scalar::to_float(Bfloat{static_cast<uint16_t>(old)}),
                                        scalar::to_float(Bfloat{static_cast<uint16_t>(value)})))
      .bits;
}

uint64_t double_sum(uint64_t old, uint64_t value) {
  return __builtin_bit_cast(uint64_t, __builtin_bit_cast(double, old) + __builtin_bit_cast(double, value));
}

uint64_t new_value(const AtomicKind& kind, uint64_t old, uint64_t value, uint64_t other) {
  const AtomicOperation operation = kind.operation;
  const auto o = static_cast<uint32_t>(old), v = static_cast<uint32_t>(value);
  switch (kind.type) {
    case AtomicType::kUnsigned:
      return kind.bytes == 8 ? integer_result<uint64_t>(operation, old, value, other)
                             : integer_result<uint32_t>(operation, o, v, static_cast<uint32_t>(other));
    case AtomicType::kSigned:
      if (kind.bytes == 8) {
        return static_cast<uint64_t>(
            integer_result<int64_t>(operation, static_cast<int64_t>(old), static_cast<int64_t>(value), 0));
      }
      return static_cast<uint32_t>(
          integer_result<int32_t>(operation, static_cast<int32_t>(o), static_cast<int32_t>(v), 0));
    case AtomicType::kFloat:
      if (kind.bytes == 8) return double_sum(old, value);
      return scalar::bits_of(float_result(operation, scalar::float_of(o), scalar::float_of(v)));
    case AtomicType::kHalf:
      return half_result(operation, o, v);
    case AtomicType::kBfloat:
      return bfloat_result(operation, o, v);
    case AtomicType::kHalfPair:
      return half_result(operation, o, v) | static_cast<uint32_t>(half_result(operation, o >> 16, v >> 16))
                                                << 16;
    case AtomicType::kBfloatPair:
      return bfloat_result(operation, o, v) |
             static_cast<uint32_t>(bfloat_result(operation, o >> 16, v >> 16)) << 16;
  }
  return old;
}

// The lanes' accesses checked, the pattern counted; false if the launch has ended.
bool check(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, bool shared) {
  const auto bytes = static_cast<uint32_t>(op->size);
  const bool fine = shared && window_holds(addresses, mask, bytes, w.shared_bytes);
  if (!fine && access_fault(w, op, addresses, mask, bytes, false,
                            shared ? MemorySpace::kShared : MemorySpace::kGlobal)) {
    return false;
  }
  (shared ? w.counters->atomics_shared : w.counters->atomics_global) += 1;
  w.counters->atomic_lanes += static_cast<uint64_t>(__builtin_popcount(mask));
  if (shared && w.shadow != nullptr) check_shared(w, op, addresses, mask, bytes, SharedUse::kAtomic);
  return true;
}

// Where an element's result and operands are.
struct ElementRows {
  uint32_t d, value, other;
};
ElementRows rows_of(const Warp& w, const Op* op, const AtomicKind& kind, int element) {
  if (kind.elements == 1) return {op->d, op->s[1], op->s[2]};
  const uint32_t* rows = w.lists + op->s[3] + 3 * element;
  return {rows[0], rows[1], rows[2]};
}

// add.f32 on global memory takes denormals for zeros; on shared memory it does not.
uint64_t flush_word(uint64_t bits) {
  return scalar::bits_of(scalar::flush(scalar::float_of(static_cast<uint32_t>(bits))));
}

// Counters and histograms: 32-bit integer sums, without the general case's care.
bool is_plain_sum(const AtomicKind& kind) {
  return kind.operation == AtomicOperation::kAdd && kind.bytes == 4 && kind.elements == 1 &&
         (kind.type == AtomicType::kUnsigned || kind.type == AtomicType::kSigned);
}
void add_lane(Warp& w, const Op* op, int lane, std::byte* memory) {
  uint32_t old = 0;
  std::memcpy(&old, memory, sizeof old);
  const uint32_t value = lane_word(w, op->s[1], lane), sum = old + value;
  std::memcpy(memory, &sum, sizeof sum);
  w.block->launch->changes += value != 0;
  if (op->d != kNoRow) set_lane(w, op->d, lane, old, 4);
}

void run_lane(Warp& w, const Op* op, const AtomicKind& kind, int lane, std::byte* memory, bool global) {
  if (is_plain_sum(kind)) return add_lane(w, op, lane, memory);
  const auto bytes = static_cast<std::size_t>(kind.bytes);
  uint64_t old[8] = {}, results[8] = {};
  bool all_equal = true;
  const bool flushes = global && kind.type == AtomicType::kFloat && kind.bytes == 4;
  for (int k = 0; k < kind.elements; ++k) {
    const ElementRows rows = rows_of(w, op, kind, k);
    std::memcpy(&old[k], memory + static_cast<std::size_t>(k) * bytes, bytes);
    uint64_t value = lane_value(w, rows.value, lane, kind.bytes), before = old[k];
    if (kind.bytes < 8) value &= (uint64_t{1} << (8 * kind.bytes)) - 1;
    const uint64_t other = rows.other == kNoRow ? 0 : lane_value(w, rows.other, lane, kind.bytes);
    if (flushes && kind.operation == AtomicOperation::kAdd) {
      value = flush_word(value);
      before = flush_word(before);
    }
    all_equal &= old[k] == value;
    results[k] = new_value(kind, before, value, other);
    if (flushes && kind.operation == AtomicOperation::kAdd) results[k] = flush_word(results[k]);
  }
  for (int k = 0; k < kind.elements; ++k) {
    // All of a b128 is compared before any of it is exchanged.
    if (kind.operation == AtomicOperation::kCas && !all_equal) results[k] = old[k];
    std::byte* place = memory + static_cast<std::size_t>(k) * bytes;
    if (std::memcmp(place, &results[k], bytes) != 0) ++w.block->launch->changes;
    std::memcpy(place, &results[k], bytes);
    const uint32_t d = rows_of(w, op, kind, k).d;
    if (d != kNoRow) set_lane(w, d, lane, old[k], kind.bytes);
  }
}

bool run_global(Warp& w, const Op* op, const AtomicKind& kind, const uint64_t* addresses, uint32_t mask) {
  if (!check(w, op, addresses, mask, false)) return false;
  if (w.races != nullptr) check_global_atomic(w, op, addresses, mask);
  Buffer* buffer = nullptr;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t address = addresses[lane];
    const auto bytes = static_cast<uint32_t>(op->size);
    if (buffer == nullptr || !buffer->contains(address, bytes)) buffer = find_buffer(w, address, bytes);
    if (!buffer->initialised && !buffer->is_written(address, bytes) &&
        kind.operation != AtomicOperation::kExchange) {
      report_uninitialised(w, op, addresses, 1u << lane, bytes);
    }
    buffer->mark_written(address, bytes);
    buffer->touch(buffer->sectors_written, address, bytes);
    run_lane(w, op, kind, lane, buffer->host(address), true);
  }
  return true;
}

// Lanes of other blocks' shared memory.
bool run_in_cluster(Warp& w, const Op* op, const AtomicKind& kind, const uint64_t* addresses, uint32_t mask) {
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const SharedPlace place = locate_shared(*w.block, addresses[lane], op->size);
    if (place.block == nullptr || place.block->ended || place.offset % op->size != 0) {
      fault(w, op, lane, Finding::Kind::kOutOfBoundsWrite,
            fmt::format(
                "an atomic operation at address {:#x}, which is in no running block's shared memory of this "
                "cluster, or not a multiple of {}",
                addresses[lane], op->size));
      return false;
    }
    check_abroad(w, op, lane, place, static_cast<uint32_t>(op->size), SharedUse::kAtomic);
    run_lane(w, op, kind, lane, place.host(), false);
  }
  w.counters->atomics_shared += mask != 0;
  return true;
}

}  // namespace

std::optional<AtomicKind> parse_atomic(const std::vector<std::string>& parts) {
  static const std::map<std::string, AtomicOperation> kOperations = {
      {"add", AtomicOperation::kAdd}, {"exch", AtomicOperation::kExchange}, {"min", AtomicOperation::kMin},
      {"max", AtomicOperation::kMax}, {"and", AtomicOperation::kAnd},       {"or", AtomicOperation::kOr},
      {"xor", AtomicOperation::kXor}, {"cas", AtomicOperation::kCas},       {"inc", AtomicOperation::kInc},
      {"dec", AtomicOperation::kDec}};
  static const std::map<std::string, std::pair<AtomicType, int>> kTypes = {
      {"u32", {AtomicType::kUnsigned, 4}},   {"b32", {AtomicType::kUnsigned, 4}},
      {"u64", {AtomicType::kUnsigned, 8}},   {"b64", {AtomicType::kUnsigned, 8}},
      {"s32", {AtomicType::kSigned, 4}},     {"s64", {AtomicType::kSigned, 8}},
      {"f32", {AtomicType::kFloat, 4}},      {"f64", {AtomicType::kFloat, 8}},
      {"f16", {AtomicType::kHalf, 2}},       {"bf16", {AtomicType::kBfloat, 2}},
      {"f16x2", {AtomicType::kHalfPair, 4}}, {"bf16x2", {AtomicType::kBfloatPair, 4}},
      {"b16", {AtomicType::kUnsigned, 2}},   {"b128", {AtomicType::kUnsigned, 8}}};
  const auto type = kTypes.find(parts.back());
  if (type == kTypes.end()) return std::nullopt;
  AtomicKind kind;
  kind.type = type->second.first;
  kind.bytes = type->second.second;
  bool found = false;
  for (std::size_t k = 1; k < parts.size(); ++k) {
    const std::string& part = parts[k];
    if (const auto operation = kOperations.find(part); operation != kOperations.end()) {
      kind.operation = operation->second;
      found = true;
    }
    if (part == "v2" || part == "v4" || part == "v8") kind.elements = part[1] - '0';
  }
  if (!found) return std::nullopt;
  if (parts.back() == "b128") {
    const bool fits = kind.operation == AtomicOperation::kCas || kind.operation == AtomicOperation::kExchange;
    kind.elements = fits && kind.elements == 1 ? 2 : 100;
  }
  if (kind.bytes * kind.elements > 16) return std::nullopt;
  if (kind.bytes == 2 && kind.type == AtomicType::kUnsigned && kind.operation != AtomicOperation::kCas &&
      kind.operation != AtomicOperation::kExchange) {
    return std::nullopt;
  }
  return kind;
}

uint64_t atomic_result(const AtomicKind& kind, uint64_t old, uint64_t value, bool flushes) {
  const bool sums = kind.operation == AtomicOperation::kAdd && kind.type == AtomicType::kFloat;
  if (!flushes || !sums || kind.bytes != 4) return new_value(kind, old, value, 0);
  return flush_word(new_value(kind, flush_word(old), flush_word(value), 0));
}

const Op* atomic_op(Warp& w, const Op* op) {
  const int elements = op->target / 256;
  const AtomicKind kind{static_cast<AtomicOperation>(op->count), static_cast<AtomicType>(op->target % 256),
                        op->size / elements, elements};
  uint64_t addresses[kLanes];
  const auto space = static_cast<AtomicSpace>(op->list);
  uint32_t shared = space == AtomicSpace::kShared || space == AtomicSpace::kCluster ? w.mask : 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    addresses[lane] = lane_address(w, op, lane);
    if (space != AtomicSpace::kGeneric || addresses[lane] / kSharedWindow != 1) continue;
    addresses[lane] -= kSharedWindow;
    shared |= 1u << lane;
  }
  shared &= w.mask;
  const uint32_t global = w.mask & ~shared;
  if (w.in_cluster && space != AtomicSpace::kShared) {
    const uint32_t others = foreign_lanes(w, addresses, shared);
    if (!run_in_cluster(w, op, kind, addresses, others)) return nullptr;
    shared &= ~others;
  }
  if (w.shared_begin != 0) {
    for (uint32_t left = shared; left != 0; left &= left - 1)
      addresses[__builtin_ctz(left)] -= w.shared_begin;
  }
  if (global != 0 && !run_global(w, op, kind, addresses, global)) return nullptr;
  if (shared == 0) return op + 1;
  if (!check(w, op, addresses, shared, true)) return nullptr;
  const bool sums = is_plain_sum(kind);
  for (uint32_t left = shared; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    if (sums) {
      add_lane(w, op, lane, w.shared + addresses[lane]);
    } else {
      run_lane(w, op, kind, lane, w.shared + addresses[lane], false);
    }
  }
  return op + 1;
}

}  // namespace warpwright::sim
