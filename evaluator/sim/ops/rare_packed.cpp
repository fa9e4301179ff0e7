#define WW_ISA scalar
#include "evaluator/sim/isa/numbers.h"
#include "evaluator/sim/ops/scalar.h"

// Integer operations of few kernels: pairs of 16-bit integers, 24-bit products, bit searches, pieces of
// 16-bit registers, selections by sign.
namespace warpwright::sim {
namespace scalar {
namespace {

template <class T, auto F>
constexpr auto pairwise = [](uint32_t a, uint32_t b) {
  const auto low = static_cast<uint16_t>(F(static_cast<T>(a), static_cast<T>(b)));
  const auto high = static_cast<uint16_t>(F(static_cast<T>(a >> 16), static_cast<T>(b >> 16)));
  return low | static_cast<uint32_t>(high) << 16;
};
template <class T>
constexpr auto sum = [](T a, T b) { return a + b; };
template <class T>
constexpr auto least = [](T a, T b) { return a < b ? a : b; };
template <class T>
constexpr auto most = [](T a, T b) { return a > b ? a : b; };
template <class T, auto F>
constexpr auto relu_of = [](T a, T b) {
  const T result = F(a, b);
  return result < 0 ? T{0} : result;
};

// 24-bit operands; .hi takes bits 16 to 47 of the product.
template <bool Signed>
WW_INLINE int64_t operand24(uint32_t a) {
  return Signed ? static_cast<int32_t>(a << 8) >> 8 : static_cast<int64_t>(a & 0xffffffu);
}
template <bool Signed, bool High>
WW_INLINE uint32_t product24(uint32_t a, uint32_t b) {
  const int64_t product = operand24<Signed>(a) * operand24<Signed>(b);
  return static_cast<uint32_t>(High ? product >> 16 : product);
}
template <bool Signed, bool High>
constexpr auto mul24 = [](uint32_t a, uint32_t b) { return product24<Signed, High>(a, b); };
template <bool Signed, bool High>
constexpr auto mad24 = [](uint32_t a, uint32_t b, uint32_t c) { return product24<Signed, High>(a, b) + c; };
WW_INLINE int32_t saturating_sum(int64_t a, int64_t b) {
  const int64_t total = a + b;
  return static_cast<int32_t>(total > INT32_MAX ? INT32_MAX : total < INT32_MIN ? INT32_MIN : total);
}

// The n-th set bit from `base` on, upwards (offset > 0) or downwards.
constexpr auto find_nth_set = [](uint32_t mask, uint32_t base, int32_t offset) {
  if (offset == 0) return base < 32 && (mask >> base & 1) != 0 ? base : ~0u;
  int64_t count = offset < 0 ? -int64_t{offset} : offset;
  const int step = offset > 0 ? 1 : -1;
  for (int64_t at = base; at >= 0 && at < 32; at += step) {
    if ((mask >> at & 1) != 0 && --count == 0) return static_cast<uint32_t>(at);
  }
  return ~0u;
};

template <bool Signed, bool Clamp>
constexpr auto sign_extend_from = [](uint32_t a, uint32_t b) {
  const uint32_t width = b & 31;
  if (Clamp && b >= 32) return a;
  if (width == 0) return 0u;
  const uint32_t rest = ~0u << width;
  return Signed && (a >> (width - 1) & 1) != 0 ? a | rest : a & ~rest;
};

template <class T>
constexpr auto select_flushed = [](T a, T b, float c) { return flush(c) >= 0.0f ? a : b; };

constexpr OpEntry kOps[] = {
    entry<pairwise<uint16_t, sum<uint16_t>>>("add.u16x2"),
    entry<pairwise<int16_t, sum<int16_t>>>("add.s16x2"),
    entry<pairwise<uint16_t, least<uint16_t>>>("min.u16x2"),
    entry<pairwise<int16_t, least<int16_t>>>("min.s16x2"),
    entry<pairwise<int16_t, relu_of<int16_t, least<int16_t>>>>("min.relu.s16x2"),
    entry<pairwise<uint16_t, most<uint16_t>>>("max.u16x2"),
    entry<pairwise<int16_t, most<int16_t>>>("max.s16x2"),
    entry<pairwise<int16_t, relu_of<int16_t, most<int16_t>>>>("max.relu.s16x2"),
    entry<relu_of<int32_t, least<int32_t>>>("min.relu.s32"),
    entry<relu_of<int32_t, most<int32_t>>>("max.relu.s32"),
    entry<mul24<false, false>>("mul24.lo.u32"),
    entry<mul24<true, false>>("mul24.lo.s32"),
    entry<mul24<false, true>>("mul24.hi.u32"),
    entry<mul24<true, true>>("mul24.hi.s32"),
    entry<mad24<false, false>>("mad24.lo.u32"),
    entry<mad24<true, false>>("mad24.lo.s32"),
    entry<mad24<false, true>>("mad24.hi.u32"),
    entry<mad24<true, true>>("mad24.hi.s32"),
    entry<[](uint32_t a, uint32_t b, int32_t c) {
      return saturating_sum(static_cast<int32_t>(product24<true, true>(a, b)), c);
    }>("mad24.hi.sat.s32"),
    entry<[](int32_t a, int32_t b, int32_t c) { return saturating_sum(int64_t{a} * b >> 32, c); }>(
        "mad.hi.sat.s32"),
    entry<find_nth_set>("fns.b32"),
    entry<sign_extend_from<false, true>>("szext.clamp.u32"),
    entry<sign_extend_from<true, true>>("szext.clamp.s32"),
    entry<sign_extend_from<false, false>>("szext.wrap.u32"),
    entry<sign_extend_from<true, false>>("szext.wrap.s32"),
    entry<[](uint16_t a) { return static_cast<uint8_t>(a); }>("unpack.low.8"),
    entry<[](uint16_t a) { return static_cast<uint8_t>(a >> 8); }>("unpack.high.8"),
    entry<[](uint8_t a, uint8_t b) { return static_cast<uint16_t>(a | b << 8); }>("pack.8"),
    entry<select_flushed<uint16_t>>("slct.ftz.16.f32"),
    entry<select_flushed<uint32_t>>("slct.ftz.32.f32"),
    entry<select_flushed<uint64_t>>("slct.ftz.64.f32"),
};

}  // namespace
}  // namespace scalar

std::span<const OpEntry> rare_packed_ops() {
  return scalar::kOps;
}

}  // namespace warpwright::sim
