#define WW_ISA scalar
#include "evaluator/sim/isa/lanes.h"
#include "evaluator/sim/ops/scalar.h"

namespace warpwright::sim {
namespace scalar {
namespace {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

// Division by zero and the overflow of the most negative number do not trap on a GPU: all ones, and the
// wrapped quotient.
template <class T>
constexpr auto div = [](T a, T b) {
  if (b == 0) return static_cast<T>(~T{0});
  if (std::is_signed_v<T> && b == static_cast<T>(-1)) return static_cast<T>(0 - static_cast<uint64_t>(a));
  return static_cast<T>(a / b);
};
template <class T>
constexpr auto rem = [](T a, T b) {
  if (b == 0) return a;
  if (std::is_signed_v<T> && b == static_cast<T>(-1)) return T{0};
  return static_cast<T>(a % b);
};
template <class T, class W>
constexpr auto mad_hi = [](T a, T b, T c) {
  const auto high = static_cast<uint64_t>((static_cast<W>(a) * static_cast<W>(b)) >> (8 * sizeof(T)));
  return static_cast<T>(high + static_cast<uint64_t>(c));
};
template <class T, class W>
constexpr auto mul_hi =
    [](T a, T b) { return static_cast<T>((static_cast<W>(a) * static_cast<W>(b)) >> (8 * sizeof(T))); };
template <class T>
constexpr auto sad = [](T a, T b, T c) {
  using U = std::make_unsigned_t<T>;
  const U difference = a > b ? static_cast<U>(static_cast<U>(a) - static_cast<U>(b))
                             : static_cast<U>(static_cast<U>(b) - static_cast<U>(a));
  return static_cast<U>(static_cast<U>(c) + difference);
};
template <class T>
constexpr auto abs_of =
    [](T a) { return static_cast<T>(a < 0 ? 0 - static_cast<uint64_t>(a) : static_cast<uint64_t>(a)); };

template <class T>
constexpr auto add_sat = [](T a, T b) {
  const Int128 sum = Int128{a} + b;
  return static_cast<T>(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
};
constexpr auto sub_sat = [](int32_t a, int32_t b) {
  const int64_t difference = int64_t{a} - b;
  return static_cast<int32_t>(difference > INT32_MAX   ? INT32_MAX
                              : difference < INT32_MIN ? INT32_MIN
                                                       : difference);
};

// Field operations; ISA manual, "Integer Arithmetic Instructions": bfe fills with the sign above the
// operand's end.
template <class T>
constexpr auto bfe = [](T a, uint32_t start, uint32_t length) {
  constexpr uint32_t width = 8 * sizeof(T);
  const uint32_t position = start & 255, count = length & 255;
  if (count == 0) return T{0};
  const uint32_t top = position + count - 1 < width - 1 ? position + count - 1 : width - 1;
  const bool sign = std::is_signed_v<T> && (static_cast<uint64_t>(a) >> top & 1);
  uint64_t result = 0;
  for (uint32_t i = 0; i < width; ++i) {
    const bool bit =
        i < count && position + i < width ? static_cast<uint64_t>(a) >> (position + i) & 1 : sign;
    result |= static_cast<uint64_t>(bit) << i;
  }
  return static_cast<T>(result);
};
template <class T>
constexpr auto bfi = [](T a, T b, uint32_t start, uint32_t length) {
  constexpr uint32_t width = 8 * sizeof(T);
  const uint32_t position = start & 255, count = length & 255;
  T result = b;
  for (uint32_t i = 0; i < count && position + i < width; ++i) {
    const T bit = T{1} << (position + i);
    result = static_cast<T>((result & ~bit) | ((a >> i & 1) << (position + i)));
  }
  return result;
};
WW_INLINE int leading_zeros(uint64_t x) {
  return x == 0 ? 64 : __builtin_clzll(x);
}
template <class T>
constexpr auto bfind = [](T a) {
  const uint64_t extended = std::is_signed_v<T> ? static_cast<uint64_t>(static_cast<int64_t>(a < 0 ? ~a : a))
                                                : static_cast<uint64_t>(a);
  return extended == 0 ? ~0u : static_cast<uint32_t>(63 - leading_zeros(extended));
};
template <class T>
constexpr auto bfind_shift = [](T a) {
  const uint32_t position = bfind<T>(a);
  return position == ~0u ? ~0u : static_cast<uint32_t>(8 * sizeof(T) - 1) - position;
};
constexpr auto bmsk_clamp = [](uint32_t start, uint32_t length) {
  if (start >= 32 || length == 0) return 0u;
  const uint32_t ones = length >= 32 ? ~0u : (1u << length) - 1;
  return ones << start;
};
constexpr auto bmsk_wrap = [](uint32_t start, uint32_t length) {
  const uint32_t count = length & 31;
  return ((1u << count) - 1) << (start & 31);
};
template <class T>
constexpr auto reverse = [](T a) {
  T result = 0;
  for (uint32_t i = 0; i < 8 * sizeof(T); ++i) result = static_cast<T>(result << 1 | (a >> i & 1));
  return result;
};

WW_INLINE uint32_t pick_byte(uint64_t bytes, uint32_t selector) {
  const auto byte = static_cast<uint32_t>(bytes >> (8 * (selector & 7))) & 255u;
  return selector & 8 ? (byte & 128u ? 255u : 0u) : byte;
}
WW_INLINE uint32_t permute(uint32_t a, uint32_t b, uint32_t selectors) {
  const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
  uint32_t result = 0;
  for (uint32_t i = 0; i < 4; ++i) result |= pick_byte(bytes, selectors >> (4 * i)) << (8 * i);
  return result;
}
// The special modes as selector words, by c & 3.
template <uint32_t S0, uint32_t S1, uint32_t S2, uint32_t S3>
constexpr auto prmt_mode = [](uint32_t a, uint32_t b, uint32_t c) {
  constexpr uint32_t selectors[] = {S0, S1, S2, S3};
  return permute(a, b, selectors[c & 3]);
};

WW_INLINE uint64_t concatenate(uint32_t low, uint32_t high) {
  return static_cast<uint64_t>(high) << 32 | low;
}

template <bool ASigned, bool BSigned>
constexpr auto dp4a = [](uint32_t a, uint32_t b, uint32_t c) {
  uint32_t sum = c;
  for (uint32_t i = 0; i < 4; ++i) {
    const int32_t x = ASigned ? static_cast<int8_t>(a >> (8 * i)) : static_cast<int32_t>(a >> (8 * i) & 255u);
    const int32_t y = BSigned ? static_cast<int8_t>(b >> (8 * i)) : static_cast<int32_t>(b >> (8 * i) & 255u);
    sum += static_cast<uint32_t>(x * y);
  }
  return sum;
};
template <bool ASigned, bool BSigned, int Half>
constexpr auto dp2a = [](uint32_t a, uint32_t b, uint32_t c) {
  uint32_t sum = c;
  for (uint32_t i = 0; i < 2; ++i) {
    const uint32_t byte = b >> (8 * (i + 2 * Half));
    const int32_t x =
        ASigned ? static_cast<int16_t>(a >> (16 * i)) : static_cast<int32_t>(a >> (16 * i) & 0xffffu);
    const int32_t y = BSigned ? static_cast<int8_t>(byte) : static_cast<int32_t>(byte & 255u);
    sum += static_cast<uint32_t>(x) * static_cast<uint32_t>(y);
  }
  return sum;
};

template <class T>
constexpr auto slct_s32 = [](T a, T b, int32_t c) { return c >= 0 ? a : b; };
template <class T>
constexpr auto slct_f32 = [](T a, T b, float c) { return c >= 0.0f ? a : b; };
// Sums and products with the carry flag: Op::list is its row. Mode: 1 reads it, 2 writes it.
template <class T, bool Subtract, int Mode>
const Op* add_carry(Warp& w, const Op* op) {
  const uint32_t carry = Mode & 1 ? predicate(w, op->list) : 0;
  uint32_t carry_out = 0;
  std::byte* out = output(w, op);
  for (int lane = 0; lane < kLanes; ++lane) {
    const Uint128 a = read_lane<T>(w.rows + op->s[0], lane), b = read_lane<T>(w.rows + op->s[1], lane);
    const Uint128 in = carry >> lane & 1;
    const Uint128 result = Subtract ? a - b - in : a + b + in;
    carry_out |= static_cast<uint32_t>(result >> (8 * sizeof(T)) & 1) << lane;
    write_lane<T>(out, lane, static_cast<T>(result));
  }
  finish<T>(w, op, out);
  if (Mode & 2) write_predicate(w, op->list, carry_out);
  return op + 1;
}
template <class T, class W, bool High, int Mode>
const Op* mad_carry(Warp& w, const Op* op) {
  using U = std::make_unsigned_t<T>;
  const uint32_t carry = Mode & 1 ? predicate(w, op->list) : 0;
  uint32_t carry_out = 0;
  std::byte* out = output(w, op);
  for (int lane = 0; lane < kLanes; ++lane) {
    const W product = static_cast<W>(read_lane<T>(w.rows + op->s[0], lane)) *
                      static_cast<W>(read_lane<T>(w.rows + op->s[1], lane));
    const auto part = static_cast<U>(High ? product >> (8 * sizeof(T)) : product);
    const Uint128 result = Uint128{part} + read_lane<U>(w.rows + op->s[2], lane) + (carry >> lane & 1);
    carry_out |= static_cast<uint32_t>(result >> (8 * sizeof(T)) & 1) << lane;
    write_lane<U>(out, lane, static_cast<U>(result));
  }
  finish<T>(w, op, out);
  if (Mode & 2) write_predicate(w, op->list, carry_out);
  return op + 1;
}
template <class T>
constexpr OpEntry carry2(std::string_view name, const Op* (*run)(Warp&, const Op*)) {
  return {name, run, row_kind<T>(), {row_kind<T>(), row_kind<T>()}};
}
template <class T>
constexpr OpEntry carry3(std::string_view name, const Op* (*run)(Warp&, const Op*)) {
  return {name, run, row_kind<T>(), {row_kind<T>(), row_kind<T>(), row_kind<T>()}};
}

#define WW_DIVISIONS(U, S, u, s)                                                                      \
  entry<div<U>>("div." u), entry<div<S>>("div." s), entry<rem<U>>("rem." u), entry<rem<S>>("rem." s), \
      entry<abs_of<S>>("abs." s), entry<sad<U>>("sad." u), entry<sad<S>>("sad." s)
#define WW_CARRY(U, type)                                                                                   \
  carry2<U>("add.cc." type, add_carry<U, false, 2>), carry2<U>("addc." type, add_carry<U, false, 1>),       \
      carry2<U>("addc.cc." type, add_carry<U, false, 3>), carry2<U>("sub.cc." type, add_carry<U, true, 2>), \
      carry2<U>("subc." type, add_carry<U, true, 1>), carry2<U>("subc.cc." type, add_carry<U, true, 3>)
#define WW_MAD_CARRY(T, W, type)                                \
  carry3<T>("mad.lo.cc." type, mad_carry<T, W, false, 2>),      \
      carry3<T>("madc.lo." type, mad_carry<T, W, false, 1>),    \
      carry3<T>("madc.lo.cc." type, mad_carry<T, W, false, 3>), \
      carry3<T>("mad.hi.cc." type, mad_carry<T, W, true, 2>),   \
      carry3<T>("madc.hi." type, mad_carry<T, W, true, 1>),     \
      carry3<T>("madc.hi.cc." type, mad_carry<T, W, true, 3>)

constexpr OpEntry kOps[] = {
    WW_DIVISIONS(uint16_t, int16_t, "u16", "s16"),
    WW_DIVISIONS(uint32_t, int32_t, "u32", "s32"),
    WW_DIVISIONS(uint64_t, int64_t, "u64", "s64"),
    WW_CARRY(uint32_t, "u32"),
    WW_CARRY(uint32_t, "s32"),
    WW_CARRY(uint32_t, "b32"),
    WW_CARRY(uint64_t, "u64"),
    WW_CARRY(uint64_t, "s64"),
    WW_CARRY(uint64_t, "b64"),
    WW_MAD_CARRY(uint32_t, uint64_t, "u32"),
    WW_MAD_CARRY(int32_t, int64_t, "s32"),
    WW_MAD_CARRY(uint64_t, Uint128, "u64"),
    WW_MAD_CARRY(int64_t, Int128, "s64"),
    entry<mul_hi<uint64_t, Uint128>>("mul.hi.u64"),
    entry<mul_hi<int64_t, Int128>>("mul.hi.s64"),
    entry<mad_hi<uint16_t, uint64_t>>("mad.hi.u16"),
    entry<mad_hi<int16_t, int64_t>>("mad.hi.s16"),
    entry<mad_hi<uint32_t, uint64_t>>("mad.hi.u32"),
    entry<mad_hi<int32_t, int64_t>>("mad.hi.s32"),
    entry<mad_hi<uint64_t, Uint128>>("mad.hi.u64"),
    entry<mad_hi<int64_t, Int128>>("mad.hi.s64"),
    entry<add_sat<int32_t>>("add.sat.s32"),
    entry<sub_sat>("sub.sat.s32"),
    entry<bfe<int32_t>>("bfe.s32"),
    entry<bfe<uint64_t>>("bfe.u64"),
    entry<bfe<int64_t>>("bfe.s64"),
    entry<bfi<uint32_t>>("bfi.b32"),
    entry<bfi<uint64_t>>("bfi.b64"),
    entry<bfind<uint32_t>>("bfind.u32"),
    entry<bfind<int32_t>>("bfind.s32"),
    entry<bfind<uint64_t>>("bfind.u64"),
    entry<bfind<int64_t>>("bfind.s64"),
    entry<bfind_shift<uint32_t>>("bfind.shiftamt.u32"),
    entry<bfind_shift<int32_t>>("bfind.shiftamt.s32"),
    entry<bfind_shift<uint64_t>>("bfind.shiftamt.u64"),
    entry<bfind_shift<int64_t>>("bfind.shiftamt.s64"),
    entry<bmsk_clamp>("bmsk.clamp.b32"),
    entry<bmsk_wrap>("bmsk.wrap.b32"),
    entry<reverse<uint32_t>>("brev.b32"),
    entry<reverse<uint64_t>>("brev.b64"),
    entry<[](uint32_t a) { return static_cast<uint32_t>(__builtin_popcount(a)); }>("popc.b32"),
    entry<[](uint64_t a) { return static_cast<uint32_t>(__builtin_popcountll(a)); }>("popc.b64"),
    entry<[](uint32_t a) { return a == 0 ? 32u : static_cast<uint32_t>(__builtin_clz(a)); }>("clz.b32"),
    entry<[](uint64_t a) { return static_cast<uint32_t>(leading_zeros(a)); }>("clz.b64"),
    entry<[](uint32_t a) { return a == 0 ? 1u : 0u; }>("cnot.b32"),
    entry<[](uint16_t a) { return static_cast<uint16_t>(a == 0); }>("cnot.b16"),
    entry<[](uint64_t a) { return uint64_t{a == 0}; }>("cnot.b64"),
    entry<[](uint32_t a, uint32_t b, uint32_t c) { return permute(a, b, c); }>("prmt.b32"),
    entry<prmt_mode<0x3210, 0x4321, 0x5432, 0x6543>>("prmt.b32.f4e"),
    entry<prmt_mode<0x5670, 0x6701, 0x7012, 0x0123>>("prmt.b32.b4e"),
    entry<prmt_mode<0x0000, 0x1111, 0x2222, 0x3333>>("prmt.b32.rc8"),
    entry<prmt_mode<0x3210, 0x3211, 0x3222, 0x3333>>("prmt.b32.ecl"),
    entry<prmt_mode<0x0000, 0x1110, 0x2210, 0x3210>>("prmt.b32.ecr"),
    entry<prmt_mode<0x1010, 0x3232, 0x1010, 0x3232>>("prmt.b32.rc16"),
    entry<[](uint32_t a, uint32_t b, uint32_t n) {
      return static_cast<uint32_t>(concatenate(a, b) << (n & 31) >> 32);
    }>("shf.l.wrap.b32"),
    entry<[](uint32_t a, uint32_t b, uint32_t n) {
      return static_cast<uint32_t>(concatenate(a, b) << (n < 32 ? n : 32) >> 32);
    }>("shf.l.clamp.b32"),
    entry<[](uint32_t a, uint32_t b, uint32_t n) {
      return static_cast<uint32_t>(concatenate(a, b) >> (n & 31));
    }>("shf.r.wrap.b32"),
    entry<[](uint32_t a, uint32_t b, uint32_t n) {
      return static_cast<uint32_t>(concatenate(a, b) >> (n < 32 ? n : 32));
    }>("shf.r.clamp.b32"),
    entry<dp4a<false, false>>("dp4a.u32.u32"),
    entry<dp4a<false, true>>("dp4a.u32.s32"),
    entry<dp4a<true, false>>("dp4a.s32.u32"),
    entry<dp4a<true, true>>("dp4a.s32.s32"),
    entry<dp2a<false, false, 0>>("dp2a.lo.u32.u32"),
    entry<dp2a<false, true, 0>>("dp2a.lo.u32.s32"),
    entry<dp2a<true, false, 0>>("dp2a.lo.s32.u32"),
    entry<dp2a<true, true, 0>>("dp2a.lo.s32.s32"),
    entry<dp2a<false, false, 1>>("dp2a.hi.u32.u32"),
    entry<dp2a<false, true, 1>>("dp2a.hi.u32.s32"),
    entry<dp2a<true, false, 1>>("dp2a.hi.s32.u32"),
    entry<dp2a<true, true, 1>>("dp2a.hi.s32.s32"),
    entry<slct_s32<uint16_t>>("slct.16.s32"),
    entry<slct_s32<uint32_t>>("slct.32.s32"),
    entry<slct_s32<uint64_t>>("slct.64.s32"),
    entry<slct_f32<uint16_t>>("slct.16.f32"),
    entry<slct_f32<uint32_t>>("slct.32.f32"),
    entry<slct_f32<uint64_t>>("slct.64.f32"),
};

}  // namespace
}  // namespace scalar

std::span<const OpEntry> rare_integer_ops() {
  return scalar::kOps;
}

}  // namespace warpwright::sim
