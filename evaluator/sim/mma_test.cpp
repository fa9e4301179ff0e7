// mma.sync and mma.sp against a reference written from the manual's tables: where element i of a lane's
// fragment lies in the matrix, and number formats decoded digit by digit.
#include "evaluator/sim/matrix_test_support.h"

namespace warpwright::sim {
namespace {

struct Format {
  std::string name;
  int bits;          // in a register
  int exponent = 0;  // bits of fields; 0: not a float
  int mantissa = 0;
  int bias = 0;
  int shift = 0;  // position of the lowest bit in its container
  enum class Special { kIeee, kTopIsNan, kNone } special = Special::kNone;
  bool is_signed = true;
};
const std::map<std::string, Format>& formats() {
  using S = Format::Special;
  static const std::map<std::string, Format> kFormats = {
      {"f16", {"f16", 16, 5, 10, 15, 0, S::kIeee}},
      {"bf16", {"bf16", 16, 8, 7, 127, 0, S::kIeee}},
      {"tf32", {"tf32", 32, 8, 10, 127, 13, S::kIeee}},
      {"f32", {"f32", 32, 8, 23, 127, 0, S::kIeee}},
      {"f64", {"f64", 64, 11, 52, 1023, 0, S::kIeee}},
      {"e4m3", {"e4m3", 8, 4, 3, 7, 0, S::kTopIsNan}},
      {"e5m2", {"e5m2", 8, 5, 2, 15, 0, S::kIeee}},
      {"e3m2", {"e3m2", 8, 3, 2, 3}},
      {"e2m3", {"e2m3", 8, 2, 3, 1}},
      {"e2m1", {"e2m1", 8, 2, 1, 1, 2}},
      {"e2m1p", {"e2m1", 4, 2, 1, 1}},
      {"ue4m3", {"ue4m3", 8, 4, 3, 7, 0, S::kTopIsNan, false}},
      {"s8", {"s8", 8}},
      {"u8", {"u8", 8, 0, 0, 0, 0, S::kNone, false}},
      {"s4", {"s4", 4}},
      {"u4", {"u4", 4, 0, 0, 0, 0, S::kNone, false}},
      {"s32", {"s32", 32}},
      {"b1", {"b1", 1}}};
  return kFormats;
}

double value_of(const Format& f, uint64_t bits) {
  if (f.exponent == 0) {
    const auto value = static_cast<int64_t>(bits);
    return static_cast<double>(f.is_signed && (bits >> (f.bits - 1) & 1) ? value - (int64_t{1} << f.bits)
                                                                         : value);
  }
  bits >>= f.shift;
  const uint64_t mantissa = bits & ((uint64_t{1} << f.mantissa) - 1);
  const auto exponent = static_cast<int>(bits >> f.mantissa & ((uint64_t{1} << f.exponent) - 1));
  const bool negative = f.is_signed && (bits >> (f.mantissa + f.exponent) & 1);
  const bool top = exponent == (1 << f.exponent) - 1;
  double magnitude = 0;
  if (top && f.special == Format::Special::kIeee) {
    magnitude = mantissa == 0 ? HUGE_VAL : std::nan("");
  } else if (top && f.special == Format::Special::kTopIsNan && mantissa == (uint64_t{1} << f.mantissa) - 1) {
    magnitude = std::nan("");
  } else {
    const double significand = static_cast<double>(mantissa) / std::pow(2.0, f.mantissa) + (exponent != 0);
    magnitude = significand * std::pow(2.0, std::max(exponent, 1) - f.bias);
  }
  return negative ? -magnitude : magnitude;
}

struct Place {
  int row, column;
};
// Element i of A in a lane; manual, "Matrix Fragments for mma.m16n8k16 ..." and its neighbours.
Place place_in_a(int m, int k, int bits, int lane, int i) {
  const int g = lane >> 2, t = lane % 4;
  const auto upper = [&](bool is_upper) { return is_upper ? g : g + 8; };
  if (m == 8) return {g, bits == 1 ? t * 32 + i : bits == 4 ? t * 8 + i : bits == 8 ? t * 4 + i : t};
  switch (bits) {
    case 1:
      return k == 128 ? Place{upper(i < 32), t * 32 + (i & 31)}
                      : Place{upper(i < 32 || (i >= 64 && i < 96)), t * 32 + (i & 31) + (i < 64 ? 0 : 128)};
    case 4:
      return k == 32 ? Place{upper(i < 8), t * 8 + (i & 7)}
                     : Place{upper(i < 8 || (i >= 16 && i < 24)), t * 8 + (i & 7) + (i < 16 ? 0 : 32)};
    case 8:
      return k == 16 ? Place{upper(i < 4), t * 4 + (i & 3)}
                     : Place{upper(i < 4 || (i >= 8 && i < 12)), t * 4 + (i & 3) + (i < 8 ? 0 : 16)};
    case 16:
      return k == 8 ? Place{upper(i < 2), t * 2 + (i & 1)}
                    : Place{upper(i < 2 || (i >= 4 && i < 6)), t * 2 + (i & 1) + (i < 4 ? 0 : 8)};
    default:
      if (k == 4) return {upper(i == 0), t};
      if (k == 8) return {upper(i == 0 || i == 2), i < 2 ? t : t + 4};
      return {upper(i % 2 == 0), i % 2 == 0 ? i * 2 + t : i * 2 - 2 + t};
  }
}
Place place_in_b(int bits, int lane, int i) {
  const int g = lane >> 2, t = lane % 4;
  switch (bits) {
    case 1:
      return {t * 32 + (i & 31) + (i / 32) * 128, g};
    case 4:
      return {t * 8 + (i & 7) + (i / 8) * 32, g};
    case 8:
      return {t * 4 + (i & 3) + (i / 4) * 16, g};
    case 16:
      return {t * 2 + (i & 1) + (i / 2) * 8, g};
    default:
      return {t + i * 4, g};
  }
}
Place place_in_c(int m, int lane, int i) {
  const int g = lane >> 2, t = lane % 4;
  return {m == 8 || i < 2 ? g : g + 8, t * 2 + (i & 1)};
}

uint64_t element(const Fragment& fragment, int bits, int lane, int i) {
  const int per = bits == 64 ? 1 : 32 / bits;
  const uint64_t word = fragment[static_cast<std::size_t>(i / per)][static_cast<std::size_t>(lane)];
  return bits >= 32 ? word : word >> (i % per * bits) & ((uint64_t{1} << bits) - 1);
}

struct Shape {
  int m, k;
};
struct Case {
  std::string opcode;
  Shape shape;
  std::string d, a, b, c;
};

enum class Fill { kRandom, kTame, kEdges };

uint64_t random_element(const Format& f, std::mt19937_64& random, Fill fill) {
  const uint64_t any = random() & (f.bits == 64 ? ~uint64_t{0} : (uint64_t{1} << f.bits) - 1);
  if (f.exponent == 0 || fill == Fill::kRandom) return any;
  const uint64_t sign = f.is_signed ? (random() & 1) << (f.exponent + f.mantissa) : 0;
  const uint64_t mantissa = random() & ((uint64_t{1} << f.mantissa) - 1);
  if (fill == Fill::kTame) {  // magnitudes about one
    const auto exponent =
        static_cast<uint64_t>(f.bias + static_cast<int>(random() % 3) - (f.bias > 1 ? 1 : 0));
    return (sign | exponent << f.mantissa | mantissa) << f.shift;
  }
  const uint64_t top = (uint64_t{1} << f.exponent) - 1;
  const uint64_t exponents[] = {0, 0, 1, top, top - 1, static_cast<uint64_t>(f.bias)};
  const uint64_t mantissas[] = {0, 0, 1, mantissa, (uint64_t{1} << f.mantissa) - 1};
  // Specials are rare: one of them decides a whole row of results.
  const uint64_t exponent = random() % 16 == 0 ? exponents[random() % 6] : exponents[random() % 3];
  return (sign | exponent << f.mantissa | mantissas[random() % 5]) << f.shift;
}

Fragment random_fragment(const Format& f, int registers, std::mt19937_64& random, Fill fill) {
  Fragment fragment(static_cast<std::size_t>(registers));
  const int per = f.bits == 64 ? 1 : 32 / f.bits;
  for (LaneValues& values : fragment) {
    for (uint64_t& value : values) {
      value = 0;
      for (int e = 0; e < per; ++e)
        value |= random_element(f, random, fill) << (f.bits == 64 ? 0 : e * f.bits);
    }
  }
  return fragment;
}

uint64_t rounded_f16(double exact_float) {  // nearest, ties to even
  if (std::isnan(exact_float)) return 0x7fff;
  const double magnitude = std::fabs(exact_float);
  const uint64_t sign = std::signbit(exact_float) ? 0x8000 : 0;
  if (magnitude >= 65520) return sign | 0x7c00;
  const int exponent = magnitude < std::ldexp(1, -14) ? -14 : std::ilogb(magnitude);
  const double units = std::nearbyint(std::ldexp(magnitude, 10 - exponent));
  return sign | (static_cast<uint64_t>(units) + (static_cast<uint64_t>(exponent + 14) << 10));
}

using Matrix = std::vector<std::vector<double>>;
Matrix zeros(int rows, int columns) {
  return Matrix(static_cast<std::size_t>(rows), std::vector<double>(static_cast<std::size_t>(columns)));
}
double& at(Matrix& m, int row, int column) {
  return m[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
}

// One result, as bits: sums in the order that ops/matrix.h documents.
uint64_t reference(const Case& test, bool saturate, Matrix& a, Matrix& b, double c, int row, int column) {
  if (test.c == "s32") {
    double sum = c;
    for (int k = 0; k < test.shape.k; ++k) sum += at(a, row, k) * at(b, k, column);
    auto whole = static_cast<int64_t>(sum);
    if (saturate) whole = std::min<int64_t>(std::max<int64_t>(whole, INT32_MIN), INT32_MAX);
    return static_cast<uint64_t>(whole) & 0xffffffffu;
  }
  if (test.c == "f64") {
    double sum = c;
    for (int k = 0; k < test.shape.k; ++k) sum = std::fma(at(a, row, k), at(b, k, column), sum);
    uint64_t bits;
    std::memcpy(&bits, &sum, 8);
    return std::isnan(sum) ? 0x7fffffffffffffff : bits;
  }
  auto sum = static_cast<float>(c);
  for (int k = 0; k < test.shape.k; ++k) {
    sum = std::fma(static_cast<float>(at(a, row, k)), static_cast<float>(at(b, k, column)), sum);
  }
  if (test.d == "f16") return rounded_f16(sum);
  uint32_t bits;
  std::memcpy(&bits, &sum, 4);
  return std::isnan(sum) ? 0x7fffffffu : bits;
}

int registers_of(const Format& f, int elements) {
  return elements * f.bits / (f.bits == 64 ? 64 : 32) / 32;
}

void check_dense(const Case& test, Fill fill) {
  const auto& [m, k] = test.shape;
  const Format &fa = formats().at(test.a), &fb = formats().at(test.b), &fc = formats().at(test.c),
               &fd = formats().at(test.d);
  std::mt19937_64 random(static_cast<unsigned>(test.opcode.size() * 7 + static_cast<std::size_t>(k) +
                                               test.a[1] + test.b[0] + static_cast<unsigned>(fill)));
  const Fragment a = random_fragment(fa, registers_of(fa, m * k), random, fill);
  const Fragment b = random_fragment(fb, registers_of(fb, 8 * k), random, fill);
  const Fragment c = random_fragment(fc, registers_of(fc, m * 8), random, fill);
  const Fragment d =
      run_matrix(test.opcode, registers_of(fd, m * 8), fd.bits == 64 ? 8 : 4,
                 {{a, fa.bits == 64 ? 8 : 4}, {b, fb.bits == 64 ? 8 : 4}, {c, fc.bits == 64 ? 8 : 4}});
  Matrix av = zeros(m, k), bv = zeros(k, 8);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < m * k / 32; ++i) {
      const Place p = place_in_a(m, k, fa.bits, lane, i);
      at(av, p.row, p.column) = value_of(fa, element(a, fa.bits, lane, i));
    }
    for (int i = 0; i < 8 * k / 32; ++i) {
      const Place p = place_in_b(fb.bits, lane, i);
      at(bv, p.row, p.column) = value_of(fb, element(b, fb.bits, lane, i));
    }
  }
  const bool saturate = test.opcode.find("satfinite") != std::string::npos;
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < m / 4; ++i) {
      const Place p = place_in_c(m, lane, i);
      const double before = value_of(fc, element(c, fc.bits, lane, i));
      ASSERT_EQ(element(d, fd.bits, lane, i), reference(test, saturate, av, bv, before, p.row, p.column))
          << test.opcode << " lane " << lane << " element " << i << " row " << p.row << " column "
          << p.column;
    }
  }
}

Case dense(Shape shape, const std::string& d, const std::string& a, const std::string& b,
           const std::string& c, const std::string& extra = "") {
  return {"mma.sync.aligned.m" + std::to_string(shape.m) + "n8k" + std::to_string(shape.k) + ".row.col" +
              extra + "." + d + "." + a + "." + b + "." + c,
          shape,
          d,
          a,
          b,
          c};
}

void check_all(const Case& test) {
  for (const Fill fill : {Fill::kTame, Fill::kRandom, Fill::kEdges}) check_dense(test, fill);
}

TEST(Mma, MultipliesHalvesWithEveryAccumulator) {
  for (const int k : {8, 16}) {
    for (const char* accumulator : {"f16", "f32"})
      check_all(dense({16, k}, accumulator, "f16", "f16", accumulator));
    check_all(dense({16, k}, "f32", "bf16", "bf16", "f32"));
  }
}

TEST(Mma, CutsTf32InputsTo19Bits) {
  for (const int k : {4, 8}) check_all(dense({16, k}, "f32", "tf32", "tf32", "f32"));
}

TEST(Mma, MultipliesDoublesInEveryShape) {
  check_all(dense({8, 4}, "f64", "f64", "f64", "f64"));
  for (const int k : {4, 8, 16}) check_all(dense({16, k}, "f64", "f64", "f64", "f64"));
}

TEST(Mma, WrapsOrClampsIntegers) {
  for (const char* extra : {"", ".satfinite"}) {
    for (const char* a : {"s8", "u8"}) {
      for (const char* b : {"s8", "u8"}) {
        check_all(dense({8, 16}, "s32", a, b, "s32", extra));
        for (const int k : {16, 32}) check_all(dense({16, k}, "s32", a, b, "s32", extra));
      }
    }
    for (const char* a : {"s4", "u4"}) {
      for (const char* b : {"s4", "u4"}) {
        check_all(dense({8, 32}, "s32", a, b, "s32", extra));
        for (const int k : {32, 64}) check_all(dense({16, k}, "s32", a, b, "s32", extra));
      }
    }
  }
}

TEST(Mma, SaturatesAtBothEndsOfTheRange) {
  const auto all = [](uint64_t word, int registers) {
    LaneValues values;
    values.fill(word);
    return Fragment(static_cast<std::size_t>(registers), values);
  };
  const std::string form = "mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32";
  EXPECT_EQ(run_matrix(form, 4, 4, {{all(0x7f7f7f7f, 4)}, {all(0x7f7f7f7f, 2)}, {all(0x7ffffff0, 4)}})[0][0],
            0x7fffffffu);
  EXPECT_EQ(run_matrix(form, 4, 4, {{all(0x80808080, 4)}, {all(0x7f7f7f7f, 2)}, {all(0x80000001, 4)}})[3][31],
            0x80000000u);
}

TEST(Mma, MultipliesFloatsOf8And6And4Bits) {
  for (const char* accumulator : {"f16", "f32"}) {
    for (const char* a : {"e4m3", "e5m2"}) {
      for (const char* b : {"e4m3", "e5m2"}) {
        for (const int k : {16, 32}) check_all(dense({16, k}, accumulator, a, b, accumulator));
      }
    }
    const char* types[] = {"e4m3", "e5m2", "e3m2", "e2m3", "e2m1"};
    for (const char* a : types) {
      for (const char* b : types) check_all(dense({16, 32}, accumulator, a, b, accumulator, ".kind::f8f6f4"));
    }
  }
}

TEST(Mma, CountsBits) {
  std::mt19937_64 random(5);
  for (const Shape shape : {Shape{8, 128}, Shape{16, 128}, Shape{16, 256}}) {
    for (const char* operation : {"xor", "and"}) {
      const Format& bit = formats().at("b1");
      const auto [m, k] = shape;
      const Fragment a = random_fragment(bit, m * k / 1024, random, Fill::kRandom);
      const Fragment b = random_fragment(bit, 8 * k / 1024, random, Fill::kRandom);
      const Fragment c = random_fragment(formats().at("s32"), m / 4, random, Fill::kRandom);
      const std::string opcode = "mma.sync.aligned.m" + std::to_string(m) + "n8k" + std::to_string(k) +
                                 ".row.col.s32.b1.b1.s32." + operation + ".popc";
      const Fragment d = run_matrix(opcode, m / 4, 4, {{a}, {b}, {c}});
      Matrix av = zeros(m, k), bv = zeros(k, 8);
      for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < m * k / 32; ++i) {
          const Place p = place_in_a(m, k, 1, lane, i);
          at(av, p.row, p.column) = static_cast<double>(element(a, 1, lane, i));
        }
        for (int i = 0; i < 8 * k / 32; ++i) {
          const Place p = place_in_b(1, lane, i);
          at(bv, p.row, p.column) = static_cast<double>(element(b, 1, lane, i));
        }
      }
      for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < m / 4; ++i) {
          const Place p = place_in_c(m, lane, i);
          auto sum = static_cast<uint32_t>(element(c, 32, lane, i));
          for (int bit_at = 0; bit_at < k; ++bit_at) {
            const bool x = at(av, p.row, bit_at) != 0, y = at(bv, bit_at, p.column) != 0;
            sum += operation[0] == 'x' ? x != y : x && y;
          }
          ASSERT_EQ(element(d, 32, lane, i), sum) << opcode << " lane " << lane << " element " << i;
        }
      }
    }
  }
}

// m8n8k4: four products, each of a pair of quads. Manual, "Matrix Fragments for mma.m8n8k4 with .f16".
TEST(Mma, ComputesFourProductsInM8n8k4) {
  const Format &half = formats().at("f16"), &single = formats().at("f32");
  std::mt19937_64 random(8);
  for (const std::string layouts : {"row.col", "row.row", "col.col", "col.row"}) {
    const bool a_column = layouts.starts_with("col"), b_row = layouts.ends_with("row");
    for (const std::string type : {"f16", "f32"}) {
      const Format& f = type == "f16" ? half : single;
      const Fragment a = random_fragment(half, 2, random, Fill::kTame),
                     b = random_fragment(half, 2, random, Fill::kTame);
      const Fragment c = random_fragment(f, type == "f16" ? 4 : 8, random, Fill::kTame);
      const std::string opcode = "mma.sync.aligned.m8n8k4." + layouts + "." + type + ".f16.f16." + type;
      const Fragment d = run_matrix(opcode, type == "f16" ? 4 : 8, 4, {{a}, {b}, {c}});
      const Case test{opcode, {8, 4}, type, "f16", "f16", type};
      for (int quad = 0; quad < 4; ++quad) {
        Matrix av = zeros(8, 4), bv = zeros(4, 8);
        const auto each_lane = [&](auto visit) {
          for (int lane = 0; lane < 32; ++lane) {
            if (lane % 16 / 4 == quad) visit(lane);
          }
        };
        each_lane([&](int lane) {
          for (int i = 0; i < 4; ++i) {
            const double x = value_of(half, element(a, 16, lane, i)),
                         y = value_of(half, element(b, 16, lane, i));
            const int upper = lane < 16 ? 0 : 4;
            (a_column ? at(av, i % 4 + upper, lane % 4) : at(av, lane % 4 + upper, i)) = x;
            (b_row ? at(bv, lane % 4, i + upper) : at(bv, i, lane % 4 + upper)) = y;
          }
        });
        each_lane([&](int lane) {
          for (int i = 0; i < 8; ++i) {
            const int upper = lane < 16 ? 0 : 4;
            const Place p = type == "f16"
                                ? Place{lane % 4 + upper, i}
                                : Place{(lane & 1) + (i & 2) + upper, (i & 4) + (lane & 2) + (i & 1)};
            ASSERT_EQ(
                element(d, f.bits, lane, i),
                reference(test, false, av, bv, value_of(f, element(c, f.bits, lane, i)), p.row, p.column))
                << opcode << " lane " << lane << " element " << i;
          }
        });
      }
    }
  }
}

struct Sparse {
  std::string opcode, d, a, b, c;
  int k;
};

// Where the metadata of a chunk of a row is: manual, figures "Sparse MMA ... metadata layout".
uint32_t metadata_code(const Fragment& metadata, const Format& a, int k, int selector, int row, int chunk) {
  int lane, bit;
  if (a.bits >= 16) {
    const bool one_lane = k * a.bits == 256;
    lane = 4 * (row % 8) + (one_lane ? selector : 2 * selector + chunk / 4);
    bit = (row >= 8 ? 16 : 0) + 4 * (chunk % 4);
  } else {
    lane = 4 * (row % 8) + row / 8 + (k * a.bits == 512 ? 2 * (chunk / 8) : 2 * selector);
    bit = 4 * (chunk % 8);
  }
  return static_cast<uint32_t>(metadata[0][static_cast<std::size_t>(lane)] >> bit & 15);
}

Fragment random_metadata(bool pairs_of_words, std::mt19937_64& random) {
  static constexpr uint64_t kPairs[] = {0b0100, 0b1000, 0b1100, 0b1001, 0b1101, 0b1110};
  static constexpr uint64_t kSingles[] = {0b0100, 0b1110};
  Fragment metadata(1);
  for (uint64_t& word : metadata[0]) {
    word = 0;
    for (int nibble = 0; nibble < 8; ++nibble)
      word |= (pairs_of_words ? kSingles[random() % 2] : kPairs[random() % 6]) << (4 * nibble);
  }
  return metadata;
}

Matrix expand(const Fragment& a, const Format& fa, const Fragment& metadata, int k, int selector) {
  Matrix packed = zeros(16, k / 2), whole = zeros(16, k);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 16 * k / 64; ++i) {
      const Place p = place_in_a(16, k / 2, fa.bits, lane, i);
      at(packed, p.row, p.column) = value_of(fa, element(a, fa.bits, lane, i));
    }
  }
  const int chunk_size = fa.bits == 32 ? 2 : fa.bits == 4 ? 8 : 4;
  for (int row = 0; row < 16; ++row) {
    for (int chunk = 0; chunk < k / chunk_size; ++chunk) {
      const uint32_t code = metadata_code(metadata, fa, k, selector, row, chunk);
      const auto low = static_cast<int>(code & 3), high = static_cast<int>(code >> 2);
      const int first = chunk * chunk_size, source = first / 2;
      if (fa.bits == 32) {
        at(whole, row, first + (code == 0b1110 ? 1 : 0)) = at(packed, row, source);
      } else if (fa.bits == 4) {
        for (int e = 0; e < 2; ++e) {
          at(whole, row, first + 2 * low + e) = at(packed, row, source + e);
          at(whole, row, first + 2 * high + e) = at(packed, row, source + 2 + e);
        }
      } else {
        at(whole, row, first + low) = at(packed, row, source);
        at(whole, row, first + high) = at(packed, row, source + 1);
      }
    }
  }
  return whole;
}

void check_sparse(const Sparse& test, int selector) {
  const Format &fa = formats().at(test.a), &fb = formats().at(test.b), &fc = formats().at(test.c);
  std::mt19937_64 random(static_cast<unsigned>(test.opcode.size()) + static_cast<unsigned>(selector));
  const Fragment a = random_fragment(fa, registers_of(fa, 8 * test.k), random, Fill::kTame);
  const Fragment b = random_fragment(fb, registers_of(fb, 8 * test.k), random, Fill::kTame);
  const Fragment c = random_fragment(fc, registers_of(fc, 128), random, Fill::kTame);
  const Fragment metadata = random_metadata(fa.bits == 32, random);
  FragmentOperand meta{metadata, 4, "", true}, select;
  select.text = std::to_string(selector);
  const Fragment d = run_matrix(test.opcode, registers_of(fc, 128), 4, {{a}, {b}, {c}, meta, select});
  Matrix av = expand(a, fa, metadata, test.k, selector), bv = zeros(test.k, 8);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < test.k / 4; ++i) {
      const Place p = place_in_b(fb.bits, lane, i);
      at(bv, p.row, p.column) = value_of(fb, element(b, fb.bits, lane, i));
    }
  }
  const Case dense_case{test.opcode, {16, test.k}, test.d, test.a, test.b, test.c};
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const Place p = place_in_c(16, lane, i);
      ASSERT_EQ(
          element(d, fc.bits, lane, i),
          reference(dense_case, false, av, bv, value_of(fc, element(c, fc.bits, lane, i)), p.row, p.column))
          << test.opcode << " selector " << selector << " lane " << lane << " element " << i;
    }
  }
}

TEST(MmaSparse, PutsElementsWhereTheMetadataSays) {
  struct Form {
    const char* types;  // a and b
    int k;
    int selectors;
    const char* accumulator;
  };
  const Form forms[] = {{"f16", 16, 4, "f32"},  {"f16", 32, 2, "f32"},  {"f16", 16, 4, "f16"},
                        {"f16", 32, 2, "f16"},  {"bf16", 16, 4, "f32"}, {"bf16", 32, 2, "f32"},
                        {"tf32", 8, 4, "f32"},  {"tf32", 16, 2, "f32"}, {"s8", 32, 2, "s32"},
                        {"u8", 64, 1, "s32"},   {"s4", 64, 2, "s32"},   {"u4", 128, 1, "s32"},
                        {"e4m3", 64, 1, "f32"}, {"e5m2", 64, 1, "f32"}};
  for (const Form& form : forms) {
    for (const char* variant : {"sp", "sp::ordered_metadata"}) {
      const std::string types = form.types, accumulator = form.accumulator;
      const std::string opcode = "mma." + std::string(variant) + ".sync.aligned.m16n8k" +
                                 std::to_string(form.k) + ".row.col." + accumulator + "." + types + "." +
                                 types + "." + accumulator;
      for (int selector = 0; selector < form.selectors; ++selector)
        check_sparse({opcode, accumulator, types, types, accumulator, form.k}, selector);
    }
  }
  for (const char* a : {"e3m2", "e2m3", "e2m1"}) {
    const std::string opcode = "mma.sp::ordered_metadata.sync.aligned.m16n8k64.row.col.kind::f8f6f4.f32." +
                               std::string(a) + ".e4m3.f32";
    check_sparse({opcode, "f32", a, "e4m3", "f32", 64}, 0);
  }
}

// Scales: with thread selector x, lanes 4g + 2x and 4g + 2x + 1 hold those of rows g and g + 8 of A; lane 4g
// + x those of column g of B.
void check_scaled(const std::string& kind, const std::string& vector, const std::string& a,
                  const std::string& b, const std::string& scale, int k, int scales, int byte, int thread_a,
                  int thread_b) {
  const Format &fa = formats().at(a), &fb = formats().at(b), &single = formats().at("f32");
  std::mt19937_64 random(static_cast<unsigned>(k + byte + thread_b));
  const Fragment af = random_fragment(fa, registers_of(fa, 16 * k), random, Fill::kTame);
  const Fragment bf = random_fragment(fb, registers_of(fb, 8 * k), random, Fill::kTame);
  const Fragment c = random_fragment(single, 4, random, Fill::kTame);
  Fragment sa(1), sb(1);
  for (Fragment* fragment : {&sa, &sb}) {
    for (uint64_t& word : (*fragment)[0]) {
      word = 0;
      for (int i = 0; i < 4; ++i)
        word |= (scale == "ue8m0" ? 120 + random() % 14 : random() % 0x7f) << (8 * i);
    }
  }
  const auto selector = [&](int thread) {
    FragmentOperand operand;
    operand.text = "{" + std::to_string(byte) + ", " + std::to_string(thread) + "}";
    return operand;
  };
  const std::string opcode = "mma.sync.aligned.m16n8k" + std::to_string(k) + ".row.col.kind::" + kind +
                             ".block_scale" + vector + ".f32." + fa.name + "." + fb.name + ".f32." + scale;
  const FragmentOperand sa_operand{sa, 4, "", false}, sb_operand{sb, 4, "", true};
  const Fragment d = run_matrix(
      opcode, 4, 4, {{af}, {bf}, {c}, sa_operand, selector(thread_a), sb_operand, selector(thread_b)});
  const auto scale_of = [&](const Fragment& fragment, int lane, int kk) {
    const uint64_t bits =
        fragment[0][static_cast<std::size_t>(lane)] >> (8 * (byte + kk / (k / scales))) & 0xff;
    return scale == "ue8m0" ? std::pow(2.0, static_cast<double>(bits) - 127)
                            : value_of(formats().at("ue4m3"), bits);
  };
  Matrix av = zeros(16, k), bv = zeros(k, 8);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < k / 2; ++i) {
      const Place p = place_in_a(16, k, fa.bits, lane, i);
      at(av, p.row, p.column) = value_of(fa, element(af, fa.bits, lane, i));
    }
    for (int i = 0; i < k / 4; ++i) {
      const Place p = place_in_b(fb.bits, lane, i);
      at(bv, p.row, p.column) = value_of(fb, element(bf, fb.bits, lane, i));
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const Place p = place_in_c(16, lane, i);
      auto sum = static_cast<float>(value_of(single, element(c, 32, lane, i)));
      for (int kk = 0; kk < k; ++kk) {
        const double product = at(av, p.row, kk) *
                               scale_of(sa, 4 * (p.row % 8) + 2 * thread_a + p.row / 8, kk) *
                               at(bv, kk, p.column) * scale_of(sb, 4 * p.column + thread_b, kk);
        sum = static_cast<float>(static_cast<long double>(product) + static_cast<long double>(sum));
      }
      uint32_t bits;
      std::memcpy(&bits, &sum, 4);
      ASSERT_EQ(element(d, 32, lane, i), bits) << opcode << " lane " << lane << " element " << i;
    }
  }
}

TEST(MmaBlockScaled, TakesScalesFromTheSelectedThreadAndByte) {
  const char* types[] = {"e4m3", "e5m2", "e3m2", "e2m3", "e2m1"};
  for (const char* a : types) {
    for (const char* b : types) check_scaled("mxf8f6f4", ".scale_vec::1X", a, b, "ue8m0", 32, 1, 3, 1, 2);
  }
  for (int byte = 0; byte < 4; ++byte) {
    for (int thread = 0; thread < 4; ++thread)
      check_scaled("mxf8f6f4", "", "e4m3", "e5m2", "ue8m0", 32, 1, byte, thread % 2, thread);
  }
  for (const int byte : {0, 2}) {
    check_scaled("mxf4", "", "e2m1p", "e2m1p", "ue8m0", 64, 2, byte, 1, 3);
    check_scaled("mxf4nvf4", ".scale_vec::2X", "e2m1p", "e2m1p", "ue8m0", 64, 2, byte, 0, 1);
  }
  check_scaled("mxf4nvf4", ".scale_vec::4X", "e2m1p", "e2m1p", "ue4m3", 64, 4, 0, 0, 0);
  check_scaled("mxf4nvf4", ".scale_vec::4X", "e2m1p", "e2m1p", "ue8m0", 64, 4, 0, 1, 2);
}

}  // namespace
}  // namespace warpwright::sim
