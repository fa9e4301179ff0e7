// Integer, logic, comparison and move operations that inner loops use; the rarer ones are in ops/.
#pragma once

#include "evaluator/sim/isa/lanes.h"

namespace warpwright::sim::WW_ISA {
namespace integer {

template <class T>
constexpr auto add = [](T a, T b) { return static_cast<T>(a + b); };
template <class T>
constexpr auto sub = [](T a, T b) { return static_cast<T>(a - b); };
template <class T>
constexpr auto mul = [](T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) * b); };
template <class T>
constexpr auto mad = [](T a, T b, T c) { return static_cast<T>(static_cast<uint64_t>(a) * b + c); };
template <class T, class W>
constexpr auto mul_wide = [](T a, T b) { return static_cast<W>(static_cast<W>(a) * static_cast<W>(b)); };
template <class T, class W>
constexpr auto mad_wide = [](T a, T b, W c) {
  using U = std::make_unsigned_t<W>;
  return static_cast<U>(static_cast<U>(static_cast<W>(a) * static_cast<W>(b)) + static_cast<U>(c));
};
template <class T, class W>
constexpr auto mul_hi =
    [](T a, T b) { return static_cast<T>((static_cast<W>(a) * static_cast<W>(b)) >> (8 * sizeof(T))); };
template <class T>
constexpr auto min = [](T a, T b) { return a < b ? a : b; };
template <class T>
constexpr auto max = [](T a, T b) { return a > b ? a : b; };
template <class T>
constexpr auto neg = [](T a) { return static_cast<T>(T{0} - a); };
template <class T>
constexpr auto bit_and = [](T a, T b) { return static_cast<T>(a & b); };
template <class T>
constexpr auto bit_or = [](T a, T b) { return static_cast<T>(a | b); };
template <class T>
constexpr auto bit_xor = [](T a, T b) { return static_cast<T>(a ^ b); };
template <class T>
constexpr auto bit_not = [](T a) { return static_cast<T>(~a); };
template <class T>
constexpr auto move = [](T a) { return a; };
template <class T>
constexpr auto select = [](T a, T b, bool p) {  // by bits: a branch would keep the loop scalar
  const auto chosen = static_cast<T>(T{0} - static_cast<T>(p));
  return static_cast<T>((a & chosen) | (b & static_cast<T>(~chosen)));
};

// Shift counts are unsigned 32-bit and clamp at the width.
template <class T>
constexpr auto shl = [](T a, uint32_t n) {
  constexpr uint32_t width = 8 * sizeof(T);
  return static_cast<T>(n < width ? static_cast<uint64_t>(a) << (n & 63) : 0);
};
template <class T>
constexpr auto shr = [](T a, uint32_t n) {
  constexpr uint32_t width = 8 * sizeof(T);
  if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(a >> (n < width ? n : width - 1));
  } else {
    return static_cast<T>(n < width ? a >> (n & (width - 1)) : 0);
  }
};
constexpr auto shl32 = [](uint32_t a, uint32_t n) { return n < 32 ? a << (n & 31) : 0u; };

constexpr auto bfe_u32 = [](uint32_t a, uint32_t start, uint32_t length) {
  const uint32_t p = start & 255, n = length & 255;
  const uint32_t shifted = p < 32 ? a >> (p & 31) : 0u;
  const uint32_t mask = n < 32 ? (1u << (n & 31)) - 1 : ~0u;
  return shifted & mask;
};

constexpr auto lop3 = [](uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t result = 0;
  for (uint32_t k = 0; k < 8; ++k) {
    const uint32_t chosen = 0u - (table >> k & 1u);
    const uint32_t x = k & 4 ? a : ~a, y = k & 2 ? b : ~b, z = k & 1 ? c : ~c;
    result |= chosen & x & y & z;
  }
  return result;
};

template <class To, class From>
constexpr auto extend = [](From a) { return static_cast<To>(a); };

template <class T>
constexpr auto equal = [](T a, T b) { return a == b; };
template <class T>
constexpr auto not_equal = [](T a, T b) { return a != b; };
template <class T>
constexpr auto less = [](T a, T b) { return a < b; };
template <class T>
constexpr auto less_equal = [](T a, T b) { return a <= b; };
template <class T>
constexpr auto greater = [](T a, T b) { return a > b; };
template <class T>
constexpr auto greater_equal = [](T a, T b) { return a >= b; };

}  // namespace integer

// Predicates are masks: one word operation for all lanes.
template <auto F>
static const Op* predicate_op(Warp& w, const Op* op) {
  write_predicate(w, op->d, F(predicate(w, op->s[0]), predicate(w, op->s[1])));
  WW_NEXT(w, op);
}
template <auto F>
constexpr OpEntry binary_predicate(std::string_view name) {
  return {name, predicate_op<F>, RowKind::kPredicate, {RowKind::kPredicate, RowKind::kPredicate}};
}
template <auto F>
static const Op* predicate_op1(Warp& w, const Op* op) {
  write_predicate(w, op->d, F(predicate(w, op->s[0])));
  WW_NEXT(w, op);
}
template <auto F>
constexpr OpEntry unary_predicate(std::string_view name) {
  return {name, predicate_op1<F>, RowKind::kPredicate, {RowKind::kPredicate}};
}

// cvt between integers: the source type decides the extension, the destination only its width.
#define WW_EXTENSIONS(bits, T)                                 \
  entry<integer::extend<T, uint8_t>>("ext." bits ".u8"),       \
      entry<integer::extend<T, int8_t>>("ext." bits ".s8"),    \
      entry<integer::extend<T, uint16_t>>("ext." bits ".u16"), \
      entry<integer::extend<T, int16_t>>("ext." bits ".s16"),  \
      entry<integer::extend<T, uint32_t>>("ext." bits ".u32"), \
      entry<integer::extend<T, int32_t>>("ext." bits ".s32"),  \
      entry<integer::extend<T, uint64_t>>("ext." bits ".u64"), \
      entry<integer::extend<T, int64_t>>("ext." bits ".s64")
#define WW_COMPARISONS(type, T)                                                                 \
  entry<integer::equal<T>>("setp.eq." type), entry<integer::not_equal<T>>("setp.ne." type),     \
      entry<integer::less<T>>("setp.lt." type), entry<integer::less_equal<T>>("setp.le." type), \
      entry<integer::greater<T>>("setp.gt." type), entry<integer::greater_equal<T>>("setp.ge." type)
#define WW_INTEGERS(U, S, u, s, b)                                                                          \
  entry<integer::add<U>>("add." u), entry<integer::add<U>>("add." s), entry<integer::sub<U>>("sub." u),     \
      entry<integer::sub<U>>("sub." s), entry<integer::mul<U>>("mul.lo." u),                                \
      entry<integer::mul<U>>("mul.lo." s), entry<integer::mad<U>>("mad.lo." u),                             \
      entry<integer::mad<U>>("mad.lo." s), entry<integer::min<U>>("min." u),                                \
      entry<integer::min<S>>("min." s), entry<integer::max<U>>("max." u), entry<integer::max<S>>("max." s), \
      entry<integer::neg<U>>("neg." s), entry<integer::bit_and<U>>("and." b),                               \
      entry<integer::bit_or<U>>("or." b), entry<integer::bit_xor<U>>("xor." b),                             \
      entry<integer::bit_not<U>>("not." b), entry<integer::shr<U>>("shr." u),                               \
      entry<integer::shr<U>>("shr." b), entry<integer::shr<S>>("shr." s)

inline constexpr OpEntry kIntegerOps[] = {
    WW_INTEGERS(uint16_t, int16_t, "u16", "s16", "b16"),
    WW_INTEGERS(uint32_t, int32_t, "u32", "s32", "b32"),
    WW_INTEGERS(uint64_t, int64_t, "u64", "s64", "b64"),
    WW_EXTENSIONS("16", uint16_t),
    WW_EXTENSIONS("32", uint32_t),
    WW_EXTENSIONS("64", uint64_t),
    entry<integer::shl<uint16_t>>("shl.b16"),
    entry<integer::shl32>("shl.b32"),
    entry<integer::shl<uint64_t>>("shl.b64"),
    WW_COMPARISONS("u16", uint16_t),
    WW_COMPARISONS("s16", int16_t),
    WW_COMPARISONS("u32", uint32_t),
    WW_COMPARISONS("s32", int32_t),
    WW_COMPARISONS("u64", uint64_t),
    WW_COMPARISONS("s64", int64_t),
    entry<integer::mul_wide<uint16_t, uint32_t>>("mul.wide.u16"),
    entry<integer::mul_wide<int16_t, int32_t>>("mul.wide.s16"),
    entry<integer::mul_wide<uint32_t, uint64_t>>("mul.wide.u32"),
    entry<integer::mul_wide<int32_t, int64_t>>("mul.wide.s32"),
    entry<integer::mad_wide<uint16_t, uint32_t>>("mad.wide.u16"),
    entry<integer::mad_wide<int16_t, int32_t>>("mad.wide.s16"),
    entry<integer::mad_wide<uint32_t, uint64_t>>("mad.wide.u32"),
    entry<integer::mad_wide<int32_t, int64_t>>("mad.wide.s32"),
    entry<integer::mul_hi<uint16_t, uint32_t>>("mul.hi.u16"),
    entry<integer::mul_hi<int16_t, int32_t>>("mul.hi.s16"),
    entry<integer::mul_hi<uint32_t, uint64_t>>("mul.hi.u32"),
    entry<integer::mul_hi<int32_t, int64_t>>("mul.hi.s32"),
    entry<integer::move<uint16_t>>("mov.16"),
    entry<integer::move<uint32_t>>("mov.32"),
    entry<integer::move<uint64_t>>("mov.64"),
    entry<integer::select<uint16_t>>("selp.16"),
    entry<integer::select<uint32_t>>("selp.32"),
    entry<integer::select<uint64_t>>("selp.64"),
    entry<integer::bfe_u32>("bfe.u32"),
    entry<integer::lop3>("lop3.b32"),
    // Pieces of wider registers: mov.b32 {a, b}, mov.b64 {a, b} and their inverses.
    entry<[](uint32_t a) { return static_cast<uint16_t>(a); }>("unpack.low.16"),
    entry<[](uint32_t a) { return static_cast<uint16_t>(a >> 16); }>("unpack.high.16"),
    entry<[](uint16_t a, uint16_t b) { return static_cast<uint32_t>(a) | static_cast<uint32_t>(b) << 16; }>(
        "pack.16"),
    entry<[](uint64_t a) { return static_cast<uint32_t>(a); }>("unpack.low.32"),
    entry<[](uint64_t a) { return static_cast<uint32_t>(a >> 32); }>("unpack.high.32"),
    entry<[](uint32_t a, uint32_t b) { return static_cast<uint64_t>(a) | static_cast<uint64_t>(b) << 32; }>(
        "pack.32"),
    entry<[](uint32_t a) { return static_cast<int64_t>(static_cast<int32_t>(a)); }>("widen.signed"),
    unary_predicate<[](uint32_t a) { return a; }>("mov.pred"),
    unary_predicate<[](uint32_t a) { return ~a; }>("not.pred"),
    binary_predicate<[](uint32_t a, uint32_t b) { return a & b; }>("and.pred"),
    binary_predicate<[](uint32_t a, uint32_t b) { return a | b; }>("or.pred"),
    binary_predicate<[](uint32_t a, uint32_t b) { return a ^ b; }>("xor.pred"),
    binary_predicate<[](uint32_t a, uint32_t b) { return ~(a ^ b); }>("setp.eq.pred"),
};

}  // namespace warpwright::sim::WW_ISA
