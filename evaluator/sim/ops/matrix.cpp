// Matrix products of every form, element by element.
#include "evaluator/sim/ops/matrix.h"

#include <fmt/format.h>

#include <cfenv>
#include <cmath>
#include <cstring>
#include <memory>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

using T = ElementType;

constexpr int kMostK = 128;  // of numbers; single bits are taken 32 at a time

// The operands, row by row. With quad_pairs there are four blocks of 8 rows of A and C, of 8 columns of B.
struct Factors {
  double a[32][kMostK];
  double b[kMostK][32];
  double c[32][8];
};

int group_of(int lane) {
  return lane / 4;
}

// f16 m8n8k4: lanes 4q .. 4q+3 and 4q+16 .. 4q+19 hold product q.
struct QuadLane {
  int block, upper, in_quad;
  explicit QuadLane(int lane) : block(lane % 16 / 4), upper(lane / 16), in_quad(lane % 4) {}
};

class Fragments {
 public:
  Fragments(const Warp& w, const Op* op, const MatrixProduct& p) : w_(w), p_(p) {
    d_ = w.lists + op->list;
    a_ = d_ + p.result_registers();
    b_ = a_ + p.registers(MatrixOperand::kA);
    c_ = b_ + p.registers(MatrixOperand::kB);
    extra_ = c_ + p.registers(MatrixOperand::kC);
  }
  const uint32_t* results() const { return d_; }
  const uint32_t* extra() const { return extra_; }

  uint64_t register_value(uint32_t row, int lane, T type) const {
    return lane_value(w_, row, lane, bits_of(type) == 64 ? 8 : 4);
  }
  // Calls visit(row, column, bits of the element) for the elements of A, packed ones if sparse.
  template <class Visit>
  void visit_a(Visit visit) const {
    const int width = element_width(p_.a), per = per_register(p_.a);
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int r = 0; r < p_.registers(MatrixOperand::kA); ++r) {
        const uint64_t value = register_value(a_[r], lane, p_.a);
        for (int e = 0; e < per; ++e) {
          const auto [row, column] = place_of_a(lane, r, e, per);
          visit(row, column, element(value, e, width));
        }
      }
    }
  }
  template <class Visit>
  void visit_b(Visit visit) const {
    const int width = element_width(p_.b), per = per_register(p_.b);
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int r = 0; r < p_.registers(MatrixOperand::kB); ++r) {
        const uint64_t value = register_value(b_[r], lane, p_.b);
        for (int e = 0; e < per; ++e) {
          const auto [row, column] = place_of_b(lane, r, e, per);
          visit(row, column, element(value, e, width));
        }
      }
    }
  }
  // C and D: visit(row, column, lane, register, half of the register).
  template <class Visit>
  void visit_accumulators(T type, Visit visit) const {
    const int per = type == T::kF16 ? 2 : 1;
    const int count = p_.quad_pairs ? 8 : p_.m / 4;
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int i = 0; i < count; ++i) {
        const auto [row, column] = place_of_c(lane, i, type);
        visit(row, column, lane, i / per, i % per);
      }
    }
  }
  double c_element(int lane, int r, int half) const {
    const uint64_t value = register_value(c_[r], lane, p_.c);
    return decode_element(p_.c, p_.c == T::kF16 ? value >> (16 * half) & 0xffff : value);
  }
  uint32_t c_word(int lane, int r) const { return lane_word(w_, c_[r], lane); }

 private:
  struct Place {
    int row, column;
  };
  static uint64_t element(uint64_t value, int e, int width) {
    return width >= 32 ? value : value >> (e * width) & ((uint64_t{1} << width) - 1);
  }
  // A word of single bits counts as one element.
  static int element_width(T type) { return type == T::kB1 ? 32 : bits_of(type); }
  static int per_register(T type) { return element_width(type) == 64 ? 1 : 32 / element_width(type); }
  Place place_of_a(int lane, int r, int e, int per) const {
    if (!p_.quad_pairs) {
      const int row = p_.m == 8 ? 0 : 8 * (r % 2), step = p_.m == 8 ? r : r / 2;
      return {group_of(lane) + row, per * (lane % 4) + e + 4 * per * step};
    }
    const QuadLane q(lane);
    const int i = 2 * r + e, row = p_.a_is_column ? i : q.in_quad, column = p_.a_is_column ? q.in_quad : i;
    return {8 * q.block + 4 * q.upper + row, column};
  }
  Place place_of_b(int lane, int r, int e, int per) const {
    if (!p_.quad_pairs) return {per * (lane % 4) + e + 4 * per * r, group_of(lane)};
    const QuadLane q(lane);
    const int i = 2 * r + e, row = p_.b_is_row ? q.in_quad : i, column = p_.b_is_row ? i : q.in_quad;
    return {row, 8 * q.block + 4 * q.upper + column};
  }
  Place place_of_c(int lane, int i, T type) const {
    if (!p_.quad_pairs) return {group_of(lane) + 8 * (i / 2), 2 * (lane % 4) + i % 2};
    const QuadLane q(lane);
    const int base = 8 * q.block + 4 * q.upper;
    if (type == T::kF16) return {base + q.in_quad, i};
    return {base + (lane & 1) + (i & 2), (i & 4) + (lane & 2) + (i & 1)};
  }

  const Warp& w_;
  const MatrixProduct& p_;
  const uint32_t *d_, *a_, *b_, *c_, *extra_;
};

// Sparse A: each chunk of 4 columns holds 2 elements (4-bit types: of 8 columns 2 pairs; tf32: of 2 columns
// 1), and 4 bits of metadata say where. Which lane has which metadata: manual, "Matrix fragments for
// multiply-accumulate operation with sparse matrix A".
class Metadata {
 public:
  Metadata(const Warp& w, const MatrixProduct& p, const uint32_t* extra)
      : w_(w), p_(p), row_(extra[0]), selector_(static_cast<int>(lane_word(w, extra[1], 0) & 3)) {}

  // The column of the whole matrix that packed column `packed` of a row stands for.
  int column(int row, int packed) const {
    const int width = bits_of(p_.a);
    if (p_.a == T::kTf32) return 2 * packed + (code(row, packed) >> 1 & 1);
    if (width == 4) {
      const int chunk = packed / 4, pair = packed % 4 / 2;
      return 8 * chunk + 2 * (code(row, chunk) >> (2 * pair) & 3) + packed % 2;
    }
    const int chunk = packed / 2;
    return 4 * chunk + (code(row, chunk) >> (2 * (packed % 2)) & 3);
  }

 private:
  int code(int row, int chunk) const {
    const int g = row % 8, half = row / 8;
    int lane = 0, bit = 0;
    if (bits_of(p_.a) >= 16) {  // 16 bits for each row of two
      const int lanes = p_.k * bits_of(p_.a) / 256;
      lane = 4 * g + (lanes == 2 ? 2 * (selector_ & 1) + chunk / 4 : selector_);
      bit = 16 * half + 4 * (chunk % 4);
    } else {  // 32 bits of one row
      const bool all_lanes = p_.k * bits_of(p_.a) == 512;
      lane = 4 * g + half + (all_lanes ? 2 * (chunk / 8) : 2 * (selector_ & 1));
      bit = 4 * (chunk % 8);
    }
    return static_cast<int>(lane_word(w_, row_, lane) >> bit & 15);
  }

  const Warp& w_;
  const MatrixProduct& p_;
  uint32_t row_;
  int selector_;
};

// Block scales. Rows of A: lanes 4g + 2 thread and the next hold rows g and g + 8; columns of B: lane 4g +
// thread. Byte `byte` is the scale of the first part of k, the next ones follow.
class Scales {
 public:
  Scales(const Warp& w, const MatrixProduct& p, const uint32_t* extra) : w_(w), p_(p) {
    if (p.sparse) extra += 2;
    for (int i = 0; i < 6; ++i) rows_[static_cast<std::size_t>(i)] = extra[i];
  }
  double of_a(int row, int k) const {
    const int thread = static_cast<int>(lane_word(w_, rows_[2], 0) & 1);
    return value(rows_[0], 4 * (row % 8) + 2 * thread + row / 8, rows_[1], k);
  }
  double of_b(int column, int k) const {
    const int thread = static_cast<int>(lane_word(w_, rows_[5], 0) & 3);
    return value(rows_[3], 4 * column + thread, rows_[4], k);
  }

 private:
  double value(uint32_t data, int lane, uint32_t byte_row, int k) const {
    const uint32_t byte = (lane_word(w_, byte_row, 0) + static_cast<uint32_t>(k * p_.scales / p_.k)) & 3;
    return decode_element(p_.scale, lane_word(w_, data, lane) >> (8 * byte) & 0xff);
  }
  const Warp& w_;
  const MatrixProduct& p_;
  std::array<uint32_t, 6> rows_ = {};
};

void read_factors(const Warp& w, const MatrixProduct& p, const Fragments& fragments, Factors& f) {
  const Metadata* metadata = nullptr;
  std::optional<Metadata> sparse;
  if (p.sparse) {
    metadata = &sparse.emplace(w, p, fragments.extra());
    for (auto& row : f.a) std::fill(std::begin(row), std::end(row), 0.0);
  }
  fragments.visit_a([&](int row, int column, uint64_t bits) {
    f.a[row][metadata != nullptr ? metadata->column(row, column) : column] = decode_element(p.a, bits);
  });
  fragments.visit_b(
      [&](int row, int column, uint64_t bits) { f.b[row][column] = decode_element(p.b, bits); });
  if (p.scales == 0) return;
  const Scales scales(w, p, fragments.extra());
  for (int k = 0; k < p.k; ++k) {
    for (int row = 0; row < p.m; ++row) f.a[row][k] *= scales.of_a(row, k);
    for (int column = 0; column < p.n; ++column) f.b[k][column] *= scales.of_b(column, k);
  }
}

int rounding_mode(MatrixProduct::Rounding rounding) {
  switch (rounding) {
    case MatrixProduct::Rounding::kNearest:
      return FE_TONEAREST;
    case MatrixProduct::Rounding::kZero:
      return FE_TOWARDZERO;
    case MatrixProduct::Rounding::kDown:
      return FE_DOWNWARD;
    case MatrixProduct::Rounding::kUp:
      return FE_UPWARD;
  }
  return FE_TONEAREST;
}

// The library's function obeys the rounding mode; an inlined or folded one would not have to.
double fused(double a, double b, double c) {
  double (*volatile function)(double, double, double) = std::fma;
  return function(a, b, c);
}

uint64_t result_bits(const MatrixProduct& p, double value) {
  if (p.d == T::kF64) {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    return std::isnan(value) ? 0x7fffffffffffffffu : bits;
  }
  if (p.d == T::kF16) return encode_f16(value);
  const auto single = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &single, 4);
  return std::isnan(single) ? 0x7fffffffu : bits;
}

uint32_t integer_result(const MatrixProduct& p, int64_t sum) {
  if (p.satfinite) sum = std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
  return static_cast<uint32_t>(sum);
}

double dot(const MatrixProduct& p, const Factors& f, int row, int column) {
  const int b_column = p.quad_pairs ? column + row / 8 * 8 : column;
  double sum = f.c[row][column];
  for (int k = 0; k < p.k; ++k) {
    const double a = f.a[row][k], b = f.b[k][b_column];
    if (p.a == T::kF64) {
      sum = fused(a, b, sum);
    } else {  // in f32; double holds the product, and its sum closely enough to be rounded once more
      sum = p.c == T::kS32 ? sum + a * b : static_cast<double>(static_cast<float>(sum + a * b));
    }
  }
  return sum;
}

void multiply_numbers(Warp& w, const MatrixProduct& p, const Fragments& fragments) {
  thread_local Factors f;
  read_factors(w, p, fragments, f);
  fragments.visit_accumulators(p.c, [&](int row, int column, int lane, int r, int half) {
    f.c[row][column] = fragments.c_element(lane, r, half);
  });
  const int before = std::fegetround();
  const bool directed = p.rounding != MatrixProduct::Rounding::kNearest;
  if (directed) std::fesetround(rounding_mode(p.rounding));
  double d[32][8];
  for (int row = 0; row < (p.quad_pairs ? 32 : p.m); ++row) {
    for (int column = 0; column < p.n; ++column) d[row][column] = dot(p, f, row, column);
  }
  if (directed) std::fesetround(before);
  const int bytes = p.d == T::kF64 ? 8 : 4;
  fragments.visit_accumulators(p.d, [&](int row, int column, int lane, int r, int half) {
    const double value = d[row][column];
    uint64_t bits = p.d == T::kS32 ? integer_result(p, static_cast<int64_t>(value)) : result_bits(p, value);
    const uint32_t result = fragments.results()[r];
    if (p.d == T::kF16 && half == 1) bits = (lane_word(w, result, lane) & 0xffff) | bits << 16;
    set_lane(w, result, lane, bits, bytes);
  });
}

void multiply_bits(Warp& w, const MatrixProduct& p, const Fragments& fragments) {
  uint32_t a[16][8], b[8][8];
  fragments.visit_a([&](int row, int word, uint64_t bits) { a[row][word] = static_cast<uint32_t>(bits); });
  fragments.visit_b(
      [&](int word, int column, uint64_t bits) { b[word][column] = static_cast<uint32_t>(bits); });
  fragments.visit_accumulators(T::kS32, [&](int row, int column, int lane, int r, int) {
    uint32_t sum = fragments.c_word(lane, r);
    for (int word = 0; word < p.k / 32; ++word) {
      const uint32_t x = a[row][word], y = b[word][column];
      sum += static_cast<uint32_t>(__builtin_popcount(p.bits_and ? x & y : x ^ y));
    }
    set_lane(w, fragments.results()[r], lane, sum, 4);
  });
}

}  // namespace

bool whole_warp(Warp& w, const Op* op, const Op** next) {
  if (w.mask != w.live && !gather_lanes(w, op, w.live, next)) return false;
  if (w.mask == kFullMask) return true;
  const uint32_t missing = ~w.mask;
  const bool exited = (missing & w.live) == 0;
  *next =
      fault(w, op, __builtin_ctz(w.mask), Finding::Kind::kDivergentSync,
            fmt::format("a matrix instruction takes all 32 lanes of the warp, and {} of them {} (the first "
                        "is lane {}): the result is undefined",
                        __builtin_popcount(missing),
                        exited ? "have exited or never existed" : "are elsewhere", __builtin_ctz(missing)));
  return false;
}

const Op* multiply_matrices(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  const MatrixProduct& p = w.kernel->matrix_products[static_cast<std::size_t>(op->immediate)];
  const Fragments fragments(w, op, p);
  if (p.a == T::kB1) {
    multiply_bits(w, p, fragments);
  } else {
    multiply_numbers(w, p, fragments);
  }
  return op + 1;
}

}  // namespace warpwright::sim
