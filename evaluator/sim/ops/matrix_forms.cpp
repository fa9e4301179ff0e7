// Which matrix instructions there are. PTX ISA manual: "Matrix multiply-accumulate operation using mma
// instruction", "... mma.sp", "... using wmma instructions".
#include <algorithm>
#include <cstdio>

#include "evaluator/sim/ops/matrix.h"

namespace warpwright::sim {
namespace {

using Parts = std::vector<std::string>;
using T = ElementType;

bool has(const Parts& parts, std::string_view name) {
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}
bool is_one_of(T type, std::initializer_list<T> types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}
bool is_small_float(T type) {
  return is_one_of(type, {T::kE4m3, T::kE5m2, T::kE3m2, T::kE2m3, T::kE2m1});
}
bool is_fp8(T type) {
  return is_one_of(type, {T::kE4m3, T::kE5m2});
}

bool parse_shape(const Parts& parts, int& m, int& n, int& k) {
  for (const std::string& part : parts) {
    int used = 0;
    if (std::sscanf(part.c_str(), "m%dn%dk%d%n", &m, &n, &k, &used) == 3 &&
        static_cast<std::size_t>(used) == part.size())
      return true;
  }
  return false;
}

std::vector<T> parse_types(const Parts& parts) {
  std::vector<T> types;
  for (const std::string& part : parts) {
    if (const auto type = parse_element_type(part)) types.push_back(*type);
  }
  return types;
}

// Values of k by the types of the factors; empty: no such form.
std::vector<int> dense_k(const MatrixProduct& p) {
  const bool small_m = p.m == 8;
  switch (p.a) {
    case T::kF16:
      return small_m ? std::vector<int>{4} : std::vector<int>{8, 16};
    case T::kBf16:
      return small_m ? std::vector<int>{} : std::vector<int>{8, 16};
    case T::kTf32:
      return small_m ? std::vector<int>{} : std::vector<int>{4, 8};
    case T::kF64:
      return small_m ? std::vector<int>{4} : std::vector<int>{4, 8, 16};
    case T::kS8:
    case T::kU8:
      return small_m ? std::vector<int>{16} : std::vector<int>{16, 32};
    case T::kS4:
    case T::kU4:
      return small_m ? std::vector<int>{32} : std::vector<int>{32, 64};
    case T::kB1:
      return small_m ? std::vector<int>{128} : std::vector<int>{128, 256};
    case T::kE4m3:
    case T::kE5m2:
    case T::kE3m2:
    case T::kE2m3:
    case T::kE2m1:
      return small_m ? std::vector<int>{} : std::vector<int>{16, 32};
    case T::kE2m1Packed:
      return small_m ? std::vector<int>{} : std::vector<int>{64};
    case T::kF32:
    case T::kS32:
    case T::kUe8m0:
    case T::kUe4m3:
      break;
  }
  return {};
}

// A sparse product spans twice the k of the dense one with the same fragment of A.
std::vector<int> sparse_k(const MatrixProduct& p) {
  if (p.m != 16 || is_one_of(p.a, {T::kF64, T::kB1})) return {};
  if (is_small_float(p.a)) return {64};
  std::vector<int> k = dense_k(p);
  for (int& value : k) value *= 2;
  return k;
}

bool factors_agree(const MatrixProduct& p, bool narrow_kind) {
  if (is_one_of(p.a, {T::kS8, T::kU8})) return is_one_of(p.b, {T::kS8, T::kU8});
  if (is_one_of(p.a, {T::kS4, T::kU4})) return is_one_of(p.b, {T::kS4, T::kU4});
  if (is_small_float(p.a)) return narrow_kind ? is_small_float(p.b) : is_fp8(p.a) && is_fp8(p.b);
  return p.a == p.b;
}

bool accumulators_agree(const MatrixProduct& p) {
  const auto both = [&](T type) { return p.c == type && p.d == type; };
  if (p.a == T::kF64) return both(T::kF64);
  if (is_one_of(p.a, {T::kS8, T::kU8, T::kS4, T::kU4, T::kB1})) return both(T::kS32);
  const bool halves_allowed = (p.a == T::kF16 || is_small_float(p.a)) && p.scales == 0;
  if (!halves_allowed) return both(T::kF32);
  return is_one_of(p.c, {T::kF16, T::kF32}) && is_one_of(p.d, {T::kF16, T::kF32});
}

// .block_scale: kind, element types, number and type of the scales must fit.
bool parse_scales(const Parts& parts, const std::vector<T>& types, MatrixProduct& p) {
  const bool wide = has(parts, "kind::mxf8f6f4"), four = has(parts, "kind::mxf4"),
             either = has(parts, "kind::mxf4nvf4");
  if (types.size() != 5 || !(wide || four || either)) return false;
  p.scale = types[4];
  p.scales = has(parts, "scale_vec::4X")   ? 4
             : has(parts, "scale_vec::2X") ? 2
             : has(parts, "scale_vec::1X") ? 1
             : wide                        ? 1
             : four                        ? 2
                                           : 0;
  if (wide) return p.scales == 1 && p.scale == T::kUe8m0;
  if (p.a != T::kE2m1 || p.b != T::kE2m1) return false;
  p.a = p.b = T::kE2m1Packed;
  if (four) return p.scales == 2 && p.scale == T::kUe8m0;
  return (p.scales == 4 && is_one_of(p.scale, {T::kUe8m0, T::kUe4m3})) ||
         (p.scales == 2 && p.scale == T::kUe8m0);
}

bool is_known_part(const std::string& part) {
  static constexpr std::string_view kParts[] = {"mma",
                                                "sync",
                                                "aligned",
                                                "row",
                                                "col",
                                                "satfinite",
                                                "sp",
                                                "sp::ordered_metadata",
                                                "kind::f8f6f4",
                                                "kind::mxf8f6f4",
                                                "kind::mxf4",
                                                "kind::mxf4nvf4",
                                                "block_scale",
                                                "scale_vec::1X",
                                                "scale_vec::2X",
                                                "scale_vec::4X",
                                                "xor",
                                                "and",
                                                "popc"};
  int m = 0, n = 0, k = 0;
  return std::find(std::begin(kParts), std::end(kParts), part) != std::end(kParts) ||
         parse_element_type(part).has_value() || parse_shape({part}, m, n, k);
}

// The layouts of A and B, in this order.
bool parse_layouts(const Parts& parts, bool& a_is_column, bool& b_is_row) {
  std::vector<bool> columns;
  for (const std::string& part : parts) {
    if (part == "row" || part == "col") columns.push_back(part == "col");
  }
  if (columns.size() != 2) return false;
  a_is_column = columns[0];
  b_is_row = !columns[1];
  return true;
}

// mma alone: f16 and f32 accumulators do not mix but in m8n8k4, and the kinds of narrow floats have one way
// of metadata.
bool is_legal_mix(const Parts& parts, const MatrixProduct& p) {
  const bool narrow_kind = has(parts, "kind::f8f6f4") || p.scales != 0;
  if (p.c != p.d && !(p.quad_pairs && p.c == T::kF16)) return false;
  if (p.sparse && narrow_kind) return has(parts, "sp::ordered_metadata");
  return !(has(parts, "sp") && is_small_float(p.a) && p.c == T::kF16);
}

}  // namespace

int MatrixProduct::registers(MatrixOperand operand) const {
  const auto count = [&](ElementType type, int elements) {
    const int width = bits_of(type) == 64 ? 64 : 32;
    return elements * bits_of(type) / (width * kLanes);
  };
  const int blocks = quad_pairs ? 4 : 1;
  switch (operand) {
    case MatrixOperand::kA:
      return count(a, blocks * m * k / (sparse ? 2 : 1));
    case MatrixOperand::kB:
      return count(b, blocks * n * k);
    case MatrixOperand::kC:
      return count(c, blocks * m * n);
  }
  return 0;
}
int MatrixProduct::result_registers() const {
  MatrixProduct as_c = *this;
  as_c.c = d;
  return as_c.registers(MatrixOperand::kC);
}

std::optional<MatrixProduct> parse_mma(const Parts& parts) {
  MatrixProduct p;
  const std::vector<T> types = parse_types(parts);
  if (!std::all_of(parts.begin(), parts.end(), is_known_part) || !has(parts, "sync") ||
      !parse_shape(parts, p.m, p.n, p.k) || types.size() < 4 || p.n != 8 || (p.m != 8 && p.m != 16) ||
      !parse_layouts(parts, p.a_is_column, p.b_is_row))
    return std::nullopt;
  p.d = types[0];
  p.a = types[1];
  p.b = types[2];
  p.c = types[3];
  p.sparse = has(parts, "sp") || has(parts, "sp::ordered_metadata");
  p.satfinite = has(parts, "satfinite");
  p.bits_and = has(parts, "and");
  p.quad_pairs = p.m == 8 && p.a == T::kF16;
  const bool scaled = has(parts, "block_scale");
  if (scaled ? !parse_scales(parts, types, p) : types.size() != 4) return std::nullopt;
  const std::vector<int> ks = p.sparse ? sparse_k(p) : dense_k(p);
  const bool narrow_kind = has(parts, "kind::f8f6f4") || has(parts, "kind::mxf8f6f4");
  const bool k_fits =
      std::find(ks.begin(), ks.end(), p.k) != ks.end() && !(p.scales == 1 && p.k != (p.sparse ? 64 : 32));
  const bool integer = p.c == T::kS32 && p.a != T::kB1;
  if (!k_fits || !is_legal_mix(parts, p) || !factors_agree(p, narrow_kind) || !accumulators_agree(p) ||
      (p.satfinite && !integer) || (p.a == T::kB1) != has(parts, "popc") ||
      (!p.quad_pairs && (p.a_is_column || p.b_is_row)))
    return std::nullopt;
  return p;
}

namespace {

bool is_wmma_part(const std::string& part) {
  static constexpr std::string_view kParts[] = {"wmma",   "load",   "store",       "a",  "b",  "c",  "d",
                                                "global", "shared", "shared::cta", "rn", "rz", "rm", "rp"};
  return std::find(std::begin(kParts), std::end(kParts), part) != std::end(kParts) || is_known_part(part);
}

// The tile of the whole product: 16 x 8, or the whole where that is 8 x 8.
bool choose_tiles(WmmaForm& form) {
  MatrixProduct& p = form.product;
  p.k = form.k;
  if (form.m == 8 && form.n == 8) {
    p.m = 8;
    return form.k == 4 || form.k == 32 || form.k == 128;
  }
  form.tiles = 2;
  form.transposed = form.n == 32;
  return form.m * form.n == 256 && (form.k == 16 || (form.k == 8 && form.m == 16)) && form.m >= 8 &&
         form.n >= 8;
}

MatrixProduct::Rounding parse_rounding(const Parts& parts) {
  using Rounding = MatrixProduct::Rounding;
  if (has(parts, "rz")) return Rounding::kZero;
  if (has(parts, "rm")) return Rounding::kDown;
  if (has(parts, "rp")) return Rounding::kUp;
  return Rounding::kNearest;
}

bool parse_wmma_product(const Parts& parts, const std::vector<T>& types, WmmaForm& form) {
  MatrixProduct& p = form.product;
  if (types.size() == 2) {  // f16: only the accumulators are named
    p.d = types[0];
    p.a = p.b = T::kF16;
    p.c = types[1];
  } else if (types.size() == 4) {
    p.d = types[0];
    p.a = types[1];
    p.b = types[2];
    p.c = types[3];
  } else {
    return false;
  }
  p.satfinite = has(parts, "satfinite");
  p.bits_and = has(parts, "and");
  p.rounding = parse_rounding(parts);
  const int whole_k = form.k;
  const std::vector<int> ks = dense_k(p);
  return std::find(ks.begin(), ks.end(), whole_k) != ks.end() && factors_agree(p, false) &&
         accumulators_agree(p) && (p.a == T::kB1) == has(parts, "popc");
}

// Loads and stores: the type of the fragment, and of a product that it may be part of.
bool parse_wmma_access(const Parts& parts, const std::vector<T>& types, WmmaForm& form) {
  if (types.size() != 1) return false;
  form.element = types[0];
  form.operand = has(parts, "a")   ? MatrixOperand::kA
                 : has(parts, "b") ? MatrixOperand::kB
                                   : MatrixOperand::kC;
  const bool row = has(parts, "row"), column = has(parts, "col");
  if (row == column) return false;
  form.column_major = column;
  MatrixProduct& p = form.product;
  if (form.operand == MatrixOperand::kC) {
    p.c = p.d = form.element;
    return is_one_of(form.element, {T::kF16, T::kF32, T::kS32, T::kF64});
  }
  p.a = p.b = form.element;
  const std::vector<int> ks = dense_k(p);
  const bool narrow = bits_of(form.element) < 8;
  const bool natural = form.column_major == (form.operand == MatrixOperand::kB);
  return std::find(ks.begin(), ks.end(), form.k) != ks.end() && !is_small_float(form.element) &&
         (!narrow || natural);
}

}  // namespace

std::optional<WmmaForm> parse_wmma(const Parts& parts) {
  WmmaForm form;
  if (parts.size() < 2 || !std::all_of(parts.begin(), parts.end(), is_wmma_part) ||
      !parse_shape(parts, form.m, form.n, form.k) || !choose_tiles(form))
    return std::nullopt;
  const std::vector<T> types = parse_types(parts);
  if (parts[1] == "mma") {
    if (!parse_wmma_product(parts, types, form)) return std::nullopt;
    return form;
  }
  form.action = parts[1] == "load" ? WmmaForm::Action::kLoad : WmmaForm::Action::kStore;
  if ((parts[1] != "load" && parts[1] != "store") || !parse_wmma_access(parts, types, form))
    return std::nullopt;
  return form;
}

bool is_tile(const MatrixProduct& p) {
  const bool known = is_one_of(p.a, {T::kF16, T::kBf16, T::kTf32, T::kE4m3, T::kE5m2, T::kE3m2, T::kE2m3,
                                     T::kE2m1, T::kS8, T::kU8, T::kS4, T::kU4});
  return known && p.m == 16 && !p.sparse && p.scales == 0;
}
int64_t tile_flags(const MatrixProduct& p) {
  return (p.c == T::kF16 ? kHalfC : 0) | (p.d == T::kF16 ? kHalfD : 0) | (p.c == T::kS32 ? kIntegerTile : 0) |
         (p.satfinite ? kSatfinite : 0);
}

}  // namespace warpwright::sim
