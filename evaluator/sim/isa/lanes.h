// Turns a function of scalars into a handler for 32 lanes. The loops are written for the compiler's
// vectoriser, and the files that use this are compiled once per instruction-set level (x86-64 baseline, v3,
// v4): WW_ISA names the level's namespace. Nothing here may use inline functions of the library: the linker
// would keep one copy of them, of any level.
#pragma once

#include <type_traits>
#include <utility>

#include "evaluator/sim/machine.h"
#include "evaluator/sim/op_table.h"

namespace warpwright::sim::WW_ISA {

#define WW_INLINE [[gnu::always_inline]] inline

// A handler's last statement: go on with another operation. With WW_TAIL_CALLS (the optimised builds)
// handlers jump to each other, so that the processor predicts every jump from its own place; else they return
// to the loop in isa/level.h. Only where the caller has no locals whose address was taken: they would keep
// the stack.
#if defined(WW_TAIL_CALLS)
#define WW_GO(w, op)                   \
  do {                                 \
    const Op* const ww_next = (op);    \
    return ww_next->run((w), ww_next); \
  } while (false)
#else
#define WW_GO(w, op) return (op)
#endif
#define WW_NEXT(w, op) WW_GO(w, (op) + 1)

// Before code of another level: its narrow vector instructions are slow while upper halves are in use.
#if defined(__AVX__)
#define WW_LEAVE_LEVEL() __builtin_ia32_vzeroupper()
#else
#define WW_LEAVE_LEVEL() (void)0
#endif

// Registers are read as several types; these views may alias.
using Word [[gnu::may_alias]] = uint32_t;
using Wide [[gnu::may_alias]] = uint64_t;

WW_INLINE Word& predicate(const Warp& w, uint32_t row) {
  return *reinterpret_cast<Word*>(w.rows + row);
}
WW_INLINE Word* words(const Warp& w, uint32_t row) {
  return reinterpret_cast<Word*>(w.rows + row);
}
WW_INLINE Wide* wides(const Warp& w, uint32_t row) {
  return reinterpret_cast<Wide*>(w.rows + row);
}

template <class T>
WW_INLINE T read_lane(const std::byte* row, int lane) {
  if constexpr (sizeof(T) == 8) {
    return __builtin_bit_cast(T, reinterpret_cast<const Wide*>(row)[lane]);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bit_cast(T, reinterpret_cast<const Word*>(row)[lane]);
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bit_cast(T, static_cast<uint16_t>(reinterpret_cast<const Word*>(row)[lane]));
  } else {
    return __builtin_bit_cast(T, static_cast<uint8_t>(reinterpret_cast<const Word*>(row)[lane]));
  }
}

template <class T>
WW_INLINE void write_lane(std::byte* row, int lane, T value) {
  if constexpr (sizeof(T) == 8) {
    reinterpret_cast<Wide*>(row)[lane] = __builtin_bit_cast(uint64_t, value);
  } else if constexpr (sizeof(T) == 4) {
    reinterpret_cast<Word*>(row)[lane] = __builtin_bit_cast(uint32_t, value);
  } else if constexpr (sizeof(T) == 2) {
    reinterpret_cast<Word*>(row)[lane] = __builtin_bit_cast(uint16_t, value);
  } else {
    reinterpret_cast<Word*>(row)[lane] = __builtin_bit_cast(uint8_t, value);
  }
}

WW_INLINE void write_predicate(Warp& w, uint32_t row, uint32_t bits) {
  Word& p = predicate(w, row);
  p = (p & ~w.mask) | (bits & w.mask);
}

// Copies the active lanes of a row computed beside its place.
template <class View>
[[gnu::noinline]] static void blend(std::byte* row, const std::byte* from, uint32_t mask) {
  auto* to = reinterpret_cast<View*>(row);
  const auto* source = reinterpret_cast<const View*>(from);
#pragma GCC ivdep
  for (int lane = 0; lane < kLanes; ++lane) {
    const View chosen = View{0} - static_cast<View>(mask >> lane & 1);
    to[lane] = (source[lane] & chosen) | (to[lane] & ~chosen);
  }
}

// Where to compute a new row: in place, or beside it when inactive lanes must keep their values.
WW_INLINE std::byte* output(Warp& w, const Op* op) {
  return w.full || op->whole ? w.rows + op->d : w.scratch.data();
}
template <class T>
WW_INLINE void finish(Warp& w, const Op* op, const std::byte* out) {
  if (out != w.scratch.data()) return;
  if constexpr (sizeof(T) == 8) {
    blend<Wide>(w.rows + op->d, out, w.mask);
  } else {
    blend<Word>(w.rows + op->d, out, w.mask);
  }
}

// What a loop reads an operand from: its row, or the bits of a predicate, read once.
template <class T>
WW_INLINE auto lane_source(const std::byte* row) {
  if constexpr (std::is_same_v<T, bool>) {
    return *reinterpret_cast<const Word*>(row);
  } else {
    return row;
  }
}
template <class T>
WW_INLINE bool read_lane(uint32_t bits, int lane) {
  return bits >> lane & 1;
}

// The loops proper. Rows may be one another, lane for lane; pointers are taken beforehand because stores may
// alias everything they are read from.
template <auto F, class... A, class... Source>
WW_INLINE uint32_t compute_bits(Source... rows) {
  uint32_t bits = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    bits |= static_cast<uint32_t>(F(read_lane<A>(rows, lane)...)) << lane;
  }
  return bits;
}
template <auto F, class R, class... A, class... Source>
WW_INLINE void compute_row(std::byte* out, Source... rows) {
#pragma GCC ivdep
  for (int lane = 0; lane < kLanes; ++lane) write_lane<R>(out, lane, F(read_lane<A>(rows, lane)...));
}

template <auto F, class R, class... A, int... K>
WW_INLINE void apply(Warp& w, const Op* op, std::integer_sequence<int, K...>) {
  const std::byte* const rows = w.rows;
  if constexpr (std::is_same_v<R, bool>) {
    write_predicate(w, op->d, compute_bits<F, A...>(lane_source<A>(rows + op->s[K])...));
  } else {
    std::byte* out = output(w, op);
    compute_row<F, R, A...>(out, lane_source<A>(rows + op->s[K])...);
    finish<R>(w, op, out);
  }
}

template <class T>
consteval RowKind row_kind() {
  if (std::is_same_v<T, bool>) return RowKind::kPredicate;
  return sizeof(T) == 8   ? RowKind::k64
         : sizeof(T) == 4 ? RowKind::k32
         : sizeof(T) == 2 ? RowKind::k16
                          : RowKind::k8;
}

template <auto F, class Call>
struct Lanes;
template <auto F, class L, class R, class... A>
struct Lanes<F, R (L::*)(A...) const> {
  static const Op* run(Warp& w, const Op* op) {
    apply<F, R, A...>(w, op, std::make_integer_sequence<int, sizeof...(A)>());
    WW_NEXT(w, op);
  }
  static constexpr OpEntry entry(std::string_view name) {
    return {name, run, row_kind<R>(), {row_kind<A>()...}};
  }
};

// A table line: entry<[](uint32_t a, uint32_t b) { return a + b; }>("add.u32").
template <auto F>
constexpr OpEntry entry(std::string_view name) {
  return Lanes<F, decltype(&decltype(F)::operator())>::entry(name);
}

}  // namespace warpwright::sim::WW_ISA
