#include "evaluator/sim/instruction_descriptor.h"

#include <fmt/format.h>

#include <optional>

namespace warpwright::sim {
namespace {

using T = ElementType;

uint32_t field(uint32_t bits, int first, int count) {
  return bits >> first & ((1u << count) - 1);
}

bool is_scaled(TensorKind kind) {
  return kind == TensorKind::kMxf8f6f4 || kind == TensorKind::kMxf4 || kind == TensorKind::kMxf4nvf4;
}

std::optional<T> small_float(uint32_t code) {
  switch (code) {
    case 0:
      return T::kE4m3;
    case 1:
      return T::kE5m2;
    case 3:
      return T::kE2m3;
    case 4:
      return T::kE3m2;
    case 5:
      return T::kE2m1;
    default:
      return std::nullopt;
  }
}

std::optional<T> operand_type(TensorKind kind, uint32_t code) {
  switch (kind) {
    case TensorKind::kF16:
      return code == 0 ? std::optional(T::kF16) : code == 1 ? std::optional(T::kBf16) : std::nullopt;
    case TensorKind::kTf32:
      return code == 2 ? std::optional(T::kTf32) : std::nullopt;
    case TensorKind::kI8:
      return code == 0 ? std::optional(T::kU8) : code == 1 ? std::optional(T::kS8) : std::nullopt;
    case TensorKind::kF8f6f4:
    case TensorKind::kMxf8f6f4:
      return small_float(code);
    case TensorKind::kMxf4:
    case TensorKind::kMxf4nvf4:
      return code == 1 ? std::optional(T::kE2m1Packed) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<T> result_type(TensorKind kind, uint32_t code) {
  if (kind == TensorKind::kI8) return code == 2 ? std::optional(T::kS32) : std::nullopt;
  if (code == 1) return T::kF32;
  return code == 0 && (kind == TensorKind::kF16 || kind == TensorKind::kF8f6f4) ? std::optional(T::kF16)
                                                                                : std::nullopt;
}

int depth(TensorKind kind) {
  switch (kind) {
    case TensorKind::kF16:
      return 16;
    case TensorKind::kTf32:
      return 8;
    case TensorKind::kF8f6f4:
    case TensorKind::kI8:
    case TensorKind::kMxf8f6f4:
      return 32;
    case TensorKind::kMxf4:
    case TensorKind::kMxf4nvf4:
      return 64;
  }
  return 16;
}

// "Matrix Shape": M by N for the kind and the group.
std::string check_shape(const TensorProduct& p, TensorKind kind, int group) {
  const bool small_m = group == 1 && p.m == 64 && !is_scaled(kind);
  if (!small_m && p.m != 128 && !(group == 2 && p.m == 256)) {
    return fmt::format("M is {}: {} with cta_group::{}", p.m,
                       group == 2        ? "128 or 256"
                       : is_scaled(kind) ? "128"
                                         : "64 or 128",
                       group);
  }
  const int step = kind == TensorKind::kI8 ? (group == 2 ? 32 : p.n > 32 ? 16 : 8) : group == 2 ? 16 : 8;
  if (p.n >= step && p.n <= 256 && p.n % step == 0) return {};
  return fmt::format("N is {}: a multiple of {} up to 256 with cta_group::{}", p.n, step, group);
}

std::string parse_scales(uint32_t bits, TensorKind kind, TensorProduct& p) {
  p.scale = field(bits, 23, 1) == 1 ? T::kUe8m0 : T::kUe4m3;
  p.b_scale_byte = field(bits, 4, 2);
  p.a_scale_byte = field(bits, 29, 2);
  p.d = T::kF32;
  if (field(bits, 0, 2) != 0 || field(bits, 3, 1) != 0 || field(bits, 6, 1) != 0)
    return "a reserved bit (0, 1, 3 or 6) is set";
  if (field(bits, 31, 1) != 0) return "bit 31 is set: K = 96 is not of this architecture";
  if (p.scale == T::kUe4m3 && !(kind == TensorKind::kMxf4nvf4 && p.scales == 4))
    return "the scales' type (bit 23) is 0, ue4m3, which only kind::mxf4nvf4 with scale_vec::4X takes: 1 is "
           "ue8m0";
  const uint32_t step = static_cast<uint32_t>(p.scales);  // bytes that one row's scales take in their column
  if (p.a_scale_byte % step != 0 || p.b_scale_byte % step != 0)
    return fmt::format("scale bytes {} (A) and {} (B): multiples of {} with {} scales along K",
                       p.a_scale_byte, p.b_scale_byte, step, p.scales);
  return {};
}

std::string parse_plain(uint32_t bits, TensorKind kind, TensorProduct& p) {
  if (field(bits, 0, 2) != 0) return "the sparsity selector (bits 0, 1) is set in a dense product";
  if (field(bits, 6, 1) != 0 || field(bits, 23, 1) != 0 || field(bits, 29, 1) != 0)
    return "a reserved bit (6, 23 or 29) is set";
  if (field(bits, 30, 2) != 0) return "the shift of B (bits 30, 31) is for .ws only";
  p.saturate = field(bits, 3, 1) != 0;
  if (p.saturate && kind != TensorKind::kI8) return "saturation (bit 3) is for kind::i8 only";
  const auto d = result_type(kind, field(bits, 4, 2));
  if (!d) return fmt::format("the type of D (bits 4, 5) is {}: not one of this kind's", field(bits, 4, 2));
  p.d = *d;
  if (kind == TensorKind::kI8 && (p.negate_a || p.negate_b)) return "kind::i8 cannot negate (bits 13, 14)";
  if (p.d == T::kF16 && (p.a == T::kBf16 || p.b == T::kBf16)) return "D in f16 takes no bf16 operands";
  return {};
}

bool may_be_transposed(T type) {
  return type != T::kE2m3 && type != T::kE3m2 && type != T::kE2m1 && type != T::kE2m1Packed;
}

}  // namespace

bool TensorProduct::is_padded(ElementType type) const {
  return type == T::kE2m3 || type == T::kE3m2 || type == T::kE2m1;
}

std::string parse_descriptor(uint32_t bits, TensorKind kind, int group, int scales, TensorProduct& p) {
  if (field(bits, 2, 1) != 0) return "the sparsity bit (2) is set in a dense product";
  p.m = static_cast<int>(field(bits, 24, 5)) * 16;
  p.n = static_cast<int>(field(bits, 17, 6)) * 8;
  p.k = depth(kind);
  p.scales = scales;
  const auto a = operand_type(kind, field(bits, 7, 3)), b = operand_type(kind, field(bits, 10, 3));
  if (!a || !b)
    return fmt::format("the type of {} is {}: not one of this kind's",
                       a ? "B (bits 10 to 12)" : "A (bits 7 to 9)",
                       a ? field(bits, 10, 3) : field(bits, 7, 3));
  p.a = *a;
  p.b = *b;
  p.negate_a = field(bits, 13, 1) != 0;
  p.negate_b = field(bits, 14, 1) != 0;
  p.a_k_major = field(bits, 15, 1) == 0;
  p.b_k_major = field(bits, 16, 1) == 0;
  if ((!p.a_k_major && !may_be_transposed(p.a)) || (!p.b_k_major && !may_be_transposed(p.b)))
    return "transposition (bits 15, 16) of a type of 4 or 6 bits";
  const std::string why = is_scaled(kind) ? parse_scales(bits, kind, p) : parse_plain(bits, kind, p);
  return why.empty() ? check_shape(p, kind, group) : why;
}

}  // namespace warpwright::sim
