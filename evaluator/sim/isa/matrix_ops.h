// Dense m16n8 matrix products of up to 64 columns of A. Sums: see ops/matrix.h.
//
// The accumulators stay in the order of their fragments: lane l of register j adds A[row of l][k] times
// B[k][column of l]. A row of A's lanes becomes the left factor by repeating one lane of each quad, four
// values of B repeated in every quad become the right factor. Integers of up to 8 bits are exact in f32:
// 64 products of 255 * 255 are less than 2^24.
#pragma once

#include "evaluator/sim/isa/memory_ops.h"
#include "evaluator/sim/isa/numbers.h"
#include "evaluator/sim/ops/matrix.h"

namespace warpwright::sim::WW_ISA {
namespace tile {

#if defined(__AVX512F__)
inline constexpr int kWidth = 16;
#elif defined(__AVX2__)
inline constexpr int kWidth = 8;
#else
inline constexpr int kWidth = 4;
#endif
inline constexpr int kParts = kLanes / kWidth;  // vectors to a row

using Vector [[gnu::vector_size(4 * kWidth), gnu::may_alias]] = float;
using Index [[gnu::vector_size(4 * kWidth)]] = int32_t;
using Quad [[gnu::vector_size(16), gnu::may_alias]] = float;
using QuadIndex [[gnu::vector_size(16)]] = int32_t;
using Row = float[kLanes];

template <int... K>
WW_INLINE Index quad_indices(int which, std::integer_sequence<int, K...>) {
  return Index{(K / 4 * 4 + which)...};
}
// Lane `Which` of each quad, four times.
template <int Which>
WW_INLINE Vector spread(const float* row) {
  const Index index = quad_indices(Which, std::make_integer_sequence<int, kWidth>());
  return __builtin_shuffle(*reinterpret_cast<const Vector*>(row), index);
}
#if defined(__AVX512F__)
template <int... K>
WW_INLINE Index column_indices(int which, int odd, std::integer_sequence<int, K...>) {
  return Index{(8 * (K % 4) + 4 * odd + which)...};
}
#endif
// A row of B holds column lane / 4 at the k of lane % 4. The even (odd) columns at k of lane % 4 = Which,
// four values, over and over. `row` is what order_columns() made of it.
template <int Which, int Odd>
WW_INLINE Vector columns(const float* row) {
#if defined(__AVX512F__)
  const auto* halves = reinterpret_cast<const Vector*>(row);
  return __builtin_shuffle(halves[0], halves[1],
                           column_indices(Which, Odd, std::make_integer_sequence<int, kWidth>()));
#else
  const Quad four = *reinterpret_cast<const Quad*>(row + 8 * Which + 4 * Odd);
#if defined(__AVX2__)
  return __builtin_shufflevector(four, four, 0, 1, 2, 3, 0, 1, 2, 3);
#else
  return four;
#endif
#endif
}

// a * b + c, rounded once. Products of f16 and narrower are floats, so that two operations do; those of bf16
// and tf32 may leave f32's range of exponents. In double both are exact enough (ops/matrix.h).
template <bool FloatProducts>
WW_INLINE Vector multiply_add(Vector a, Vector b, Vector c) {
#if defined(__AVX512F__)
  return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4);  // 4: the current rounding
#elif defined(__FMA__)
  return __builtin_ia32_vfmaddps256(a, b, c);
#else
  if constexpr (FloatProducts) {
    return a * b + c;
  } else {
    Vector r{};
    for (int i = 0; i < kWidth; ++i) {
      r[i] = static_cast<float>(static_cast<double>(a[i]) * static_cast<double>(b[i]) +
                                static_cast<double>(c[i]));
    }
    return r;
  }
#endif
}

template <ElementType Type>
WW_INLINE float element(uint32_t word, int e) {
  using T = ElementType;
  if constexpr (Type == T::kF16) {
    return to_float(Half{static_cast<uint16_t>(word >> (16 * e))});
  } else if constexpr (Type == T::kBf16) {
    return float_of(e == 0 ? word << 16 : word & 0xffff0000u);
  } else if constexpr (Type == T::kTf32) {
    return float_of(word & 0xffffe000u);
  } else if constexpr (Type == T::kE5m2) {
    return to_float(Half{static_cast<uint16_t>((word >> (8 * e) & 0xffu) << 8)});
  } else if constexpr (Type == T::kS8) {
    return static_cast<float>(static_cast<int32_t>(word << (24 - 8 * e)) >> 24);
  } else if constexpr (Type == T::kU8) {
    return static_cast<float>(static_cast<int32_t>(word >> (8 * e) & 0xffu));
  } else if constexpr (Type == T::kS4) {
    return static_cast<float>(static_cast<int32_t>(word << (28 - 4 * e)) >> 28);
  } else if constexpr (Type == T::kU4) {
    return static_cast<float>(static_cast<int32_t>(word >> (4 * e) & 0xfu));
  } else {
    // Small floats: the bits below the sign, moved to f32's place, are the value but for the exponents' bias.
    const uint32_t bits = Type == T::kE2m1 ? word >> (8 * e + 2) : word >> (8 * e);
    constexpr int kMagnitude = Type == T::kE4m3 ? 7 : Type == T::kE2m1 ? 3 : 5;
    constexpr int kMantissa = Type == T::kE2m1 ? 1 : Type == T::kE3m2 ? 2 : 3;
    constexpr float kScale = Type == T::kE4m3 ? 0x1p120f : Type == T::kE3m2 ? 0x1p124f : 0x1p126f;
    const uint32_t magnitude = bits & ((1u << kMagnitude) - 1);
    uint32_t value = bits_of(float_of(magnitude << (23 - kMantissa)) * kScale);
    if constexpr (Type == T::kE4m3) value = magnitude == 0x7fu ? kNan32 : value;
    return float_of(value | (bits >> kMagnitude & 1u) << 31);
  }
}

// The P elements of each lane of a register, as rows of floats.
template <ElementType Type, int P>
WW_INLINE void decode_as(const Word* row, Row* out) {
  for (int e = 0; e < P; ++e) {
#pragma GCC ivdep
    for (int lane = 0; lane < kLanes; ++lane) out[e][lane] = element<Type>(row[lane], e);
  }
}
template <int P>
WW_INLINE void decode(ElementType type, const Word* row, Row* out) {
  using T = ElementType;
  if constexpr (P == 1) {
    decode_as<T::kTf32, P>(row, out);
  } else if constexpr (P == 2) {
    type == T::kF16 ? decode_as<T::kF16, P>(row, out) : decode_as<T::kBf16, P>(row, out);
  } else if constexpr (P == 8) {
    type == T::kS4 ? decode_as<T::kS4, P>(row, out) : decode_as<T::kU4, P>(row, out);
  } else {
    switch (static_cast<int>(type)) {
      case static_cast<int>(T::kE4m3):
        return decode_as<T::kE4m3, P>(row, out);
      case static_cast<int>(T::kE5m2):
        return decode_as<T::kE5m2, P>(row, out);
      case static_cast<int>(T::kE3m2):
        return decode_as<T::kE3m2, P>(row, out);
      case static_cast<int>(T::kE2m3):
        return decode_as<T::kE2m3, P>(row, out);
      case static_cast<int>(T::kE2m1):
        return decode_as<T::kE2m1, P>(row, out);
      case static_cast<int>(T::kS8):
        return decode_as<T::kS8, P>(row, out);
      default:
        return decode_as<T::kU8, P>(row, out);
    }
  }
}

WW_INLINE void transpose_quads(const float* from, float* to) {  // 4 quads, 8 floats apart, both
  Quad rows[4], mixed[4];
  for (int i = 0; i < 4; ++i) __builtin_memcpy(&rows[i], from + 8 * i, 16);
  mixed[0] = __builtin_shuffle(rows[0], rows[1], QuadIndex{0, 4, 1, 5});
  mixed[1] = __builtin_shuffle(rows[2], rows[3], QuadIndex{0, 4, 1, 5});
  mixed[2] = __builtin_shuffle(rows[0], rows[1], QuadIndex{2, 6, 3, 7});
  mixed[3] = __builtin_shuffle(rows[2], rows[3], QuadIndex{2, 6, 3, 7});
  for (int i = 0; i < 2; ++i) {
    rows[2 * i] = __builtin_shuffle(mixed[2 * i], mixed[2 * i + 1], QuadIndex{0, 1, 4, 5});
    rows[2 * i + 1] = __builtin_shuffle(mixed[2 * i], mixed[2 * i + 1], QuadIndex{2, 3, 6, 7});
  }
  for (int i = 0; i < 4; ++i) __builtin_memcpy(to + 8 * i, &rows[i], 16);
}
// For columns(): for each lane % 4 the even columns, then the odd ones.
WW_INLINE void order_columns(Row& row) {
#if !defined(__AVX512F__)
  Row ordered;
  transpose_quads(row, ordered);
  transpose_quads(row + 4, ordered + 4);
  __builtin_memcpy(row, ordered, sizeof ordered);
#else
  (void)row;
#endif
}

// One lane of the quads of A (lane % 4 = Which), P elements of it: P steps of k.
template <int Which, int P, bool FloatProducts>
WW_INLINE void add_products(const Row (*a)[P], const Row* b, int part, Vector (&sum)[4][kParts > 1 ? 2 : 1]) {
  constexpr int kTogether = kParts > 1 ? 2 : 1;
  for (int e = 0; e < P; ++e) {
    const Vector even = columns<Which, 0>(b[e]), odd = columns<Which, 1>(b[e]);
#pragma GCC unroll 2
    for (int h = 0; h < kTogether; ++h) {
      const Vector upper = spread<Which>(a[0][e] + kWidth * (part + h));
      const Vector lower = spread<Which>(a[1][e] + kWidth * (part + h));
      sum[0][h] = multiply_add<FloatProducts>(upper, even, sum[0][h]);
      sum[1][h] = multiply_add<FloatProducts>(upper, odd, sum[1][h]);
      sum[2][h] = multiply_add<FloatProducts>(lower, even, sum[2][h]);
      sum[3][h] = multiply_add<FloatProducts>(lower, odd, sum[3][h]);
    }
  }
}

// sum += A B; `registers` of A, half as many of B.
template <int P, bool FloatProducts>
WW_INLINE void multiply(const Warp& w, const Op* op, const uint32_t* a_rows, const uint32_t* b_rows,
                        Row* sums) {
  constexpr int kTogether = kParts > 1 ? 2 : 1;
  alignas(64) Row a[2][2][P];  // [k half][row half]
  alignas(64) Row b[2][P];     // [k half]
  const int halves = op->count / 2;
  for (int half = 0; half < halves; ++half) {
    decode<P>(static_cast<ElementType>(op->flags), words(w, a_rows[2 * half]), a[half][0]);
    decode<P>(static_cast<ElementType>(op->flags), words(w, a_rows[2 * half + 1]), a[half][1]);
    decode<P>(static_cast<ElementType>(op->size), words(w, b_rows[half]), b[half]);
    for (int e = 0; e < P; ++e) order_columns(b[half][e]);
  }
  for (int part = 0; part < kParts; part += kTogether) {
    Vector sum[4][kTogether];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 2
      for (int h = 0; h < kTogether; ++h)
        sum[j][h] = *reinterpret_cast<const Vector*>(sums[j] + kWidth * (part + h));
    }
    for (int half = 0; half < halves; ++half) {
      add_products<0, P, FloatProducts>(a[half], b[half], part, sum);
      add_products<1, P, FloatProducts>(a[half], b[half], part, sum);
      add_products<2, P, FloatProducts>(a[half], b[half], part, sum);
      add_products<3, P, FloatProducts>(a[half], b[half], part, sum);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 2
      for (int h = 0; h < kTogether; ++h)
        *reinterpret_cast<Vector*>(sums[j] + kWidth * (part + h)) = sum[j][h];
    }
  }
}

WW_INLINE void read_accumulators(const Warp& w, const uint32_t* rows, bool half, Row* sums) {
  for (int j = 0; j < 4; ++j) {
    const Word* row = words(w, rows[half ? j / 2 : j]);
    const int shift = half ? 16 * (j % 2) : 0;
    if (half) {
      for (int lane = 0; lane < kLanes; ++lane)
        sums[j][lane] = to_float(Half{static_cast<uint16_t>(row[lane] >> shift)});
    } else {
      for (int lane = 0; lane < kLanes; ++lane) sums[j][lane] = float_of(row[lane]);
    }
  }
}
WW_INLINE void write_accumulators(const Warp& w, const uint32_t* rows, bool half, const Row* sums) {
  if (half) {
    for (int j = 0; j < 2; ++j) {
      Word* row = words(w, rows[j]);
      for (int lane = 0; lane < kLanes; ++lane) {
        row[lane] = to_half(sums[2 * j][lane]).bits |
                    static_cast<uint32_t>(to_half(sums[2 * j + 1][lane]).bits) << 16;
      }
    }
    return;
  }
  for (int j = 0; j < 4; ++j) {
    Word* row = words(w, rows[j]);
    for (int lane = 0; lane < kLanes; ++lane) {
      const float x = sums[j][lane];
      row[lane] = x != x ? kNan32 : bits_of(x);
    }
  }
}
WW_INLINE void add_integers(const Warp& w, const uint32_t* d, const uint32_t* c, const Row* sums,
                            bool saturate) {
  for (int j = 0; j < 4; ++j) {
    const Word* from = words(w, c[j]);
    Word* to = words(w, d[j]);
    for (int lane = 0; lane < kLanes; ++lane) {
      const auto product = static_cast<uint32_t>(static_cast<int32_t>(sums[j][lane]));
      const uint32_t before = from[lane], wrapped = before + product;
      const bool overflowed = ((before ^ wrapped) & (product ^ wrapped)) >> 31 != 0;
      const uint32_t limit = 0x7fffffffu + (before >> 31);
      to[lane] = saturate && overflowed ? limit : wrapped;
    }
  }
}

}  // namespace tile

template <int P, bool FloatProducts>
[[gnu::noinline]] static void do_multiply_tile(const Warp& w, const Op* op) {
  const uint32_t* d = w.lists + op->list;
  const uint32_t* a = d + (op->immediate & kHalfD ? 2 : 4);
  const uint32_t* b = a + op->count;
  const uint32_t* c = b + op->count / 2;
  alignas(64) tile::Row sums[4];
  const bool integer = op->immediate & kIntegerTile;
  if (integer) {
    __builtin_memset(sums, 0, sizeof sums);
  } else {
    tile::read_accumulators(w, c, op->immediate & kHalfC, sums);
  }
  tile::multiply<P, FloatProducts>(w, op, a, b, sums);
  if (integer) {
    tile::add_integers(w, d, c, sums, op->immediate & kSatfinite);
  } else {
    tile::write_accumulators(w, d, op->immediate & kHalfD, sums);
  }
}

[[gnu::noinline]] static const Op* multiply_tile_diverged(Warp& w, const Op* op,
                                                          void (*run)(const Warp&, const Op*)) {
  const Op* next = nullptr;
  if (!whole_warp(w, op, &next)) return next;
  run(w, op);
  return op + 1;
}

template <int P, bool FloatProducts>
static const Op* multiply_tile(Warp& w, const Op* op) {
  if (w.mask != kFullMask) return multiply_tile_diverged(w, op, do_multiply_tile<P, FloatProducts>);
  do_multiply_tile<P, FloatProducts>(w, op);
  WW_NEXT(w, op);
}

// Checks and counts the rows that the first lanes name, 16 bytes each; then the bytes move.
template <bool Load>
[[gnu::noinline]] static bool do_matrix_rows(Warp& w, const Op* op) {
  constexpr uint32_t kBytes = 16;
  Addresses rows;
  read_addresses(w, op, rows, w.shared_begin);  // generic ones stay in the window
  for (int lane = 0; lane < kLanes; ++lane)
    rows.at[lane] -= rows.at[lane] / kSharedWindow == 1 ? kSharedWindow : 0;
  const int count = matrix_rows(op);
  const uint32_t mask = count == kLanes ? kFullMask : (1u << count) - 1;
  AccessSite& site = w.sites[op->site];
  if (!repeats(site, rows, rows.at[0], mask)) [[unlikely]] {
    WW_LEAVE_LEVEL();
    learn_shared(site, rows.at, mask, kBytes);
  }
  const uint64_t low = rows.at[0] + static_cast<uint64_t>(site.low),
                 span = static_cast<uint64_t>(site.high - site.low);
  const bool inside =
      low <= w.shared_bytes && span <= w.shared_bytes - low && site.aligned && rows.at[0] % kBytes == 0;
  if (!inside && access_fault(w, op, rows.at, mask, kBytes, Load, MemorySpace::kShared)) return false;
  site.count();
  if (w.shadow != nullptr) check_races<kBytes, Load>(w, op, site, rows, mask);
  WW_LEAVE_LEVEL();
  if constexpr (Load) {
    load_matrices(w, op, rows.at);
  } else {
    store_matrices(w, op, rows.at);
  }
  return true;
}

[[gnu::noinline]] static const Op* matrix_rows_diverged(Warp& w, const Op* op,
                                                        bool (*run)(Warp&, const Op*)) {
  const Op* next = nullptr;
  if (!whole_warp(w, op, &next)) return next;
  return run(w, op) ? op + 1 : nullptr;
}

template <bool Load>
static const Op* move_matrices(Warp& w, const Op* op) {
  if (w.mask != kFullMask) return matrix_rows_diverged(w, op, do_matrix_rows<Load>);
  if (!do_matrix_rows<Load>(w, op)) return nullptr;
  WW_NEXT(w, op);
}

constexpr void fill_matrix_row(MemoryHandlers& h) {
  h.load_matrix = move_matrices<true>;
  h.store_matrix = move_matrices<false>;
  h.multiply_tile[0] = multiply_tile<1, false>;  // tf32
  h.multiply_tile[1] = multiply_tile<2, true>;   // f16
  h.multiply_tile[2] = multiply_tile<2, false>;  // bf16
  h.multiply_tile[3] = multiply_tile<4, true>;   // 8 bits
  h.multiply_tile[4] = multiply_tile<8, true>;   // 4-bit integers
}

}  // namespace warpwright::sim::WW_ISA
