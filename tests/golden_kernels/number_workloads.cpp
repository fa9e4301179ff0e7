// Conversions and arithmetic of every number format, against their definitions in double precision.
#include <bit>
#include <functional>

#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/numbers.h"
#include "tests/golden_kernels/rounding.h"

namespace warpwright::golden {
namespace {

// Magnitudes over many powers of two, some exact ties, zeros, some beyond every small format.
std::vector<float> wide_range(std::size_t count, uint64_t seed, int low, int high) {
  Random random(seed);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const int exponent = low + static_cast<int>(random.below(static_cast<uint32_t>(high - low)));
    const float mantissa =
        i % 3 == 0 ? 1.0f + static_cast<float>(random.below(64)) / 64 : random.uniform(1, 2);
    values[i] = std::ldexp(i % 2 == 0 ? mantissa : -mantissa, exponent);
  }
  values[0] = 0.0f;
  values[1] = -0.0f;
  return values;
}

// The values of one row of results against a function of the inputs.
template <class T>
using RowFunctions = std::vector<std::function<T(std::size_t)>>;

template <class T>
std::string rows_within(std::span<const T> got, std::size_t n, const RowFunctions<double>& rows,
                        double tolerance) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t i = 0; i < n; ++i) {
      const double expected = rows[row](i),
                   distance = std::fabs(static_cast<double>(got[row * n + i]) - expected);
      if (!(distance <= tolerance * (std::fabs(expected) + 0.01)))
        return "row " + std::to_string(row) + "[" + std::to_string(i) + "] is " +
               std::to_string(got[row * n + i]) + ", not " + std::to_string(expected);
    }
  }
  return "";
}
template <class T>
std::string rows_equal(std::span<const T> got, std::size_t n, const RowFunctions<T>& rows) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::vector<T> expected;
    for (std::size_t i = 0; i < n; ++i) expected.push_back(rows[row](i));
    if (std::string wrong = equal(got.subspan(row * n, n), expected, "row " + std::to_string(row));
        !wrong.empty())
      return wrong;
  }
  return "";
}

int signed_code(const SmallFloat& format, int sign_bit, float x) {
  return format.code(format.round(x)) + (std::signbit(x) ? sign_bit : 0);
}

// E8M0 holds powers of two only, code = exponent + 127; rounded upwards.
int power_of_two_code(float magnitude) {
  int exponent = 0;
  const float fraction = std::frexp(magnitude, &exponent);
  return magnitude == 0 ? 0 : fraction == 0.5f ? exponent + 126 : exponent + 127;
}

Workload narrow_formats() {
  constexpr std::size_t kPairs = 128;
  const std::vector<float> values = wide_range(2 * kPairs, 81, -12, 10);
  Workload w{"narrow_formats", "conversions", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto e4m3 = w.output<uint16_t>("e4m3", kPairs), e5m2 = w.output<uint16_t>("e5m2", kPairs);
  const auto e2m1 = w.output<uint8_t>("e2m1", kPairs);
  const auto e2m3 = w.output<uint16_t>("e2m3", kPairs), e3m2 = w.output<uint16_t>("e3m2", kPairs),
             e8m0 = w.output<uint16_t>("e8m0", kPairs);
  const auto back = w.output<float>("back", 12 * kPairs);
  w.launch("narrow_formats", {2}, {64}) << x << e4m3 << e5m2 << e2m1 << e2m3 << e3m2 << e8m0 << back;
  w.check = [=](const Results& r) {
    for (std::size_t i = 0; i < kPairs; ++i) {
      const auto pair = [&](const SmallFloat& format, int sign_bit, int shift) {
        return signed_code(format, sign_bit, values[2 * i]) | signed_code(format, sign_bit, values[2 * i + 1])
                                                                  << shift;
      };
      const int codes[6] = {
          pair(kE4m3, 0x80, 8),
          pair(kE5m2, 0x80, 8),
          pair(kE2m1, 8, 4),
          pair(kE2m3, 0x20, 8),
          pair(kE3m2, 0x20, 8),
          power_of_two_code(std::fabs(values[2 * i])) | power_of_two_code(std::fabs(values[2 * i + 1])) << 8};
      const int got[6] = {r.of<uint16_t>(e4m3)[i], r.of<uint16_t>(e5m2)[i], r.of<uint8_t>(e2m1)[i],
                          r.of<uint16_t>(e2m3)[i], r.of<uint16_t>(e3m2)[i], r.of<uint16_t>(e8m0)[i]};
      const SmallFloat* formats[5] = {&kE4m3, &kE5m2, &kE2m1, &kE2m3, &kE3m2};
      for (std::size_t format = 0; format < 6; ++format) {
        const std::string where = "format " + std::to_string(format) + ", pair " + std::to_string(i);
        if (got[format] != codes[format])
          return where + " has code " + std::to_string(got[format]) + ", not " +
                 std::to_string(codes[format]);
        for (std::size_t half = 0; half < 2; ++half) {
          const int exponent_code = codes[5] >> 8 * half & 255;
          const double expected = format < 5 ? formats[format]->round(values[2 * i + half])
                                             : std::ldexp(1.0, exponent_code - 127);
          if (r.of<float>(back)[(i * 6 + format) * 2 + half] != expected)
            return where + " comes back as another value";
        }
      }
    }
    return std::string();
  };
  return w;
}

constexpr Rounding kModes[4] = {Rounding::kNearest, Rounding::kTowardZero, Rounding::kDown, Rounding::kUp};

Workload half_formats() {
  constexpr std::size_t kCount = 128;
  const std::vector<float> values = wide_range(kCount, 82, -26, 15);
  Workload w{"half_formats", "conversions", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto bf16 = w.output<uint16_t>("bf16", 4 * kCount), half = w.output<uint16_t>("half", 4 * kCount);
  const auto back = w.output<float>("back", 2 * kCount);
  w.launch("half_formats", {2}, {64}) << x << bf16 << half << back;
  w.check = [=](const Results& r) {
    std::vector<float> bf16_values, half_values, both, bf16_got, half_got;
    for (float value : values) {
      for (Rounding mode : kModes) {
        bf16_values.push_back(static_cast<float>(round_to_bf16(value, mode)));
        half_values.push_back(static_cast<float>(round_to_half(value, mode)));
      }
      both.push_back(static_cast<float>(round_to_bf16(value)));
      both.push_back(static_cast<float>(round_to_half(value)));
    }
    for (uint16_t code : r.of<uint16_t>(bf16)) bf16_got.push_back(from_bf16(code));
    for (uint16_t code : r.of<uint16_t>(half)) half_got.push_back(from_half(code));
    std::string wrong = equal(std::span<const float>(bf16_got), bf16_values, "bf16");
    if (wrong.empty()) wrong = equal(std::span<const float>(half_got), half_values, "half");
    return wrong.empty() ? equal(r.of<float>(back), both, "back") : wrong;
  };
  return w;
}

Workload integers_of_floats() {
  constexpr std::size_t kCount = 128;
  std::vector<float> values = wide_range(kCount, 83, -3, 40);
  for (std::size_t i = 2; i < 12; ++i) values[i] = static_cast<float>(i) - 6.5f;  // ties
  values[12] = 1e30f;
  values[13] = -1e30f;
  Workload w{"integers_of_floats", "conversions", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto nearest = w.output<int>("nearest", kCount);
  const auto toward_zero = w.output<uint32_t>("toward_zero", kCount);
  const auto floors = w.output<int64_t>("floors", kCount);
  const auto ceilings = w.output<uint64_t>("ceilings", kCount);
  const auto shorts = w.output<int16_t>("shorts", kCount);
  const auto back = w.output<float>("back", 4 * kCount);
  w.launch("integers_of_floats", {2}, {64})
      << x << nearest << toward_zero << floors << ceilings << shorts << back;
  w.check = [=](const Results& r) -> std::string {
    std::vector<float> expected_back;
    for (std::size_t i = 0; i < kCount; ++i) {
      const double value = values[i];
      const int rounded = saturate<int>(std::nearbyint(value));
      const auto whole = saturate<uint32_t>(std::trunc(value));
      const auto floor = saturate<int64_t>(std::floor(value));
      const double half = std::fabs(value) < 65520 ? round_to_half(value) : std::copysign(1e9, value);
      if (r.of<int>(nearest)[i] != rounded || r.of<uint32_t>(toward_zero)[i] != whole ||
          r.of<int64_t>(floors)[i] != floor ||
          r.of<uint64_t>(ceilings)[i] != saturate<uint64_t>(std::ceil(value)) ||
          r.of<int16_t>(shorts)[i] != saturate<int16_t>(std::nearbyint(half)))
        return "an integer of " + std::to_string(value) + " is wrong";
      expected_back.push_back(static_cast<float>(rounded));
      expected_back.push_back(static_cast<float>(round_to_float(whole, Rounding::kTowardZero)));
      expected_back.push_back(static_cast<float>(round_to_float(static_cast<double>(floor), Rounding::kUp)));
      expected_back.push_back(static_cast<float>(static_cast<int8_t>(rounded)));
    }
    return equal(r.of<float>(back), expected_back, "back");
  };
  return w;
}

Workload doubles() {
  constexpr std::size_t kCount = 64;
  std::vector<double> values;
  for (float x : wide_range(kCount, 84, -3, 25)) values.push_back(double{x} * 1.0000000371);
  Workload w{"doubles", "conversions", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto floats = w.output<float>("floats", 4 * kCount);
  const auto whole = w.output<int64_t>("whole", 2 * kCount);
  const auto back = w.output<double>("back", 2 * kCount);
  w.launch("doubles", {1}, {64}) << x << floats << whole << back;
  w.check = [=](const Results& r) {
    std::vector<float> rounded;
    std::vector<int64_t> integers;
    std::vector<double> returned;
    for (double value : values) {
      for (Rounding mode : kModes) rounded.push_back(static_cast<float>(round_to_float(value, mode)));
      integers.push_back(std::llrint(value));
      integers.push_back(static_cast<int64_t>(std::floor(value)));
      returned.push_back(static_cast<double>(3 * std::llrint(value)));
      returned.push_back(round_to_float(value) + std::floor(value));
    }
    std::string wrong = equal(r.of<float>(floats), rounded, "floats");
    if (wrong.empty()) wrong = equal(r.of<int64_t>(whole), integers, "whole");
    return wrong.empty() ? equal(r.of<double>(back), returned, "back") : wrong;
  };
  return w;
}

// Both packed formats: `round` and the codes differ, and the last two rows.
Workload packed_pairs(const std::string& kernel, uint16_t (*encode)(float), float (*decode)(uint16_t),
                      double (*round)(double)) {
  constexpr std::size_t kPairs = 64, kAll = 2 * kPairs;
  Random random(85);
  const auto numbers = [&] {
    std::vector<uint16_t> codes(kAll);
    for (uint16_t& code : codes)
      code = encode(std::ldexp(random.normal(), static_cast<int>(random.below(5)) - 2));
    return codes;
  };
  const std::vector<uint16_t> xs = numbers(), ys = numbers(), zs = numbers();
  Workload w{kernel, "packed_math", {}, {}, {}};
  const auto x = w.input("x", xs), y = w.input("y", ys), z = w.input("z", zs);
  const auto out = w.output<uint16_t>("out", 12 * kAll);
  w.launch(kernel, {1}, {kPairs}) << x << y << z << out << int{kPairs};
  const bool is_half = kernel == "half_pairs";
  w.check = [=](const Results& r) {
    const auto a = [&](std::size_t i) { return double{decode(xs[i])}; };
    const auto b = [&](std::size_t i) { return double{decode(ys[i])}; };
    const auto fused = [&](std::size_t i) { return round(a(i) * b(i) + decode(zs[i])); };
    const RowFunctions<double> rows = {
        [&](std::size_t i) { return round(a(i) + b(i)); },
        [&](std::size_t i) { return round(a(i) - b(i)); },
        [&](std::size_t i) { return round(a(i) * b(i)); },
        fused,
        [&](std::size_t i) { return std::max(a(i), b(i)); },
        [&](std::size_t i) { return std::min(a(i), b(i)); },
        [&](std::size_t i) { return std::fabs(a(i)); },
        [&](std::size_t i) { return -a(i); },
        [&](std::size_t i) { return a(i) > b(i) ? 1.0 : 0.0; },
        [&](std::size_t i) { return std::max(fused(i), 0.0); },
        [&](std::size_t i) {
          return is_half ? std::clamp(round(a(i) + b(i)), 0.0, 1.0) : i % 2 == 0 ? a(i) : b(i - 1);
        },
        [&](std::size_t i) { return is_half      ? a(i ^ 1)
                                    : i % 2 == 0 ? a(i + 1)
                                                 : b(i); }};
    std::vector<float> got;
    for (uint16_t code : r.of<uint16_t>(out)) got.push_back(decode(code));
    return rows_within(std::span<const float>(got), kAll, rows, 0);
  };
  return w;
}

Workload half_functions() {
  constexpr std::size_t kCount = 64;
  Random random(86);
  std::vector<uint16_t> xs, ys;
  for (float value : random.uniforms(kCount, 0.1f, 4)) xs.push_back(to_half(value));
  for (float value : random.uniforms(kCount, 0.1f, 4)) ys.push_back(to_bf16(value));
  Workload w{"half_functions", "packed_math", {}, {}, {}};
  const auto x = w.input("x", xs), y = w.input("y", ys);
  const auto out = w.output<float>("out", 12 * kCount);
  w.launch("half_functions", {1}, {kCount}) << x << y << out << int{kCount};
  w.check = [=](const Results& r) {
    const auto h = [&](std::size_t i) { return double{from_half(xs[i])}; };
    const auto b = [&](std::size_t i) { return double{from_bf16(ys[i])}; };
    const RowFunctions<double> rows = {
        [&](std::size_t i) { return std::sqrt(h(i)); },
        [&](std::size_t i) { return std::exp(h(i)); },
        [&](std::size_t i) { return std::log(h(i)); },
        [&](std::size_t i) { return 1 / h(i); },
        [&](std::size_t i) { return std::tanh(h(i)); },
        [&](std::size_t i) { return std::sqrt(b(i)); },
        [&](std::size_t i) { return std::exp(b(i)); },
        [&](std::size_t i) { return std::log2(b(i)); },
        [&](std::size_t i) { return 1 / std::sqrt(b(i)); },
        [&](std::size_t i) { return b(i) / (b(i) + 1); },
        [&](std::size_t i) { return h(i) > 1 ? 1.0 : 3.0; },
        [&](std::size_t i) { return std::floor(b(i)) + std::nearbyint(h(i)); }};
    return rows_within(r.of<float>(out), kCount, rows,
                       0.8e-2);  // bf16 has 8 bits; two roundings in a quotient
  };
  return w;
}

RowFunctions<double> float_rows(const std::vector<float>& values) {
  std::vector<double (*)(double)> functions = {
      [](double a) { return std::exp(a); },
      [](double a) { return std::log(a); },
      [](double a) { return std::sin(a); },
      [](double a) { return std::cos(a); },
      [](double a) { return std::tanh(a); },
      [](double a) { return std::pow(a, double{1.7f}); },
      [](double a) { return std::sqrt(a); },
      [](double a) { return 1 / std::sqrt(a); },
      [](double a) { return a / double{3.3f}; },
      [](double a) { return 1 / a; },
      [](double a) { return std::erf(a); },
      [](double a) { return std::log1p(a); },
      [](double a) { return std::expm1(a); },
      [](double a) { return std::exp2(a); },
      [](double a) { return std::log2(a); },
      [](double a) { return std::fmod(a, double{0.3f}); },
      [](double a) { return std::cbrt(a); },
      [](double a) { return std::atan2(a, 2.0); },
      [](double a) { return std::hypot(a, 1.0); },
      [](double a) { return 0.5 * std::erfc(-a / std::sqrt(2.0)); },
      [](double a) { return std::lgamma(a); },
      [](double a) {
        return std::round(a) + std::nearbyint(a) + std::floor(a) + std::ceil(a) + std::trunc(a);
      },
      [](double a) { return -std::min(a, 1.0) + std::max(a, 2.0) + a; },
      [](double a) { return 8 * a + (a * a + a) + std::min(a, 1.0); },
      [](double a) { return 1 / a + std::sqrt(a) + (a + 1); },
      [](double a) { return std::exp(a); },
      [](double a) { return std::log(a); },
      [](double a) { return a / 2.5; },
      [](double a) { return std::sin(a) + std::cos(a); },
  };
  RowFunctions<double> rows;
  for (const auto& f : functions) rows.push_back([f, values](std::size_t i) { return f(values[i]); });
  return rows;
}

Workload float_functions() {
  constexpr std::size_t kCount = 64;
  const std::vector<float> values = Random(87).uniforms(kCount, 0.1f, 4);
  Workload w{"float_functions", "math", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<float>("out", 29 * kCount);
  w.launch("float_functions", {1}, {kCount}) << x << out << int{kCount};
  // Rounding in f32 and the approximate functions' own error.
  w.check = [=](const Results& r) { return rows_within(r.of<float>(out), kCount, float_rows(values), 2e-5); };
  return w;
}

Workload double_functions() {
  constexpr std::size_t kCount = 32;
  std::vector<double> values;
  for (float value : Random(88).uniforms(kCount, 0.1f, 4)) values.push_back(double{value} * 1.0000000123);
  Workload w{"double_functions", "math", {}, {}, {}};
  const auto x = w.input("x", values);
  const auto out = w.output<double>("out", 12 * kCount);
  w.launch("double_functions", {1}, {kCount}) << x << out << int{kCount};
  w.check = [=](const Results& r) {
    const std::vector<double (*)(double)> functions = {
        [](double a) { return std::exp(a); },
        [](double a) { return std::log(a); },
        [](double a) { return std::sin(a); },
        [](double a) { return std::sqrt(a); },
        [](double a) { return a / 3; },
        [](double a) { return 1 / a; },
        [](double a) { return std::pow(a, 1.5); },
        [](double a) { return a * a + a; },
        [](double a) { return std::min(a, 1.0) + std::max(a, 2.0); },
        [](double a) { return std::floor(a) + std::nearbyint(a) + a; },
        [](double a) { return 1 / std::sqrt(a); },
        [](double a) { return std::tanh(a); }};
    RowFunctions<double> rows;
    for (const auto& f : functions) rows.push_back([f, &values](std::size_t i) { return f(values[i]); });
    return rows_within(r.of<double>(out), kCount, rows, 1e-14);
  };
  return w;
}

// For each byte (or 16-bit half) of two words.
template <class Part>
int by_parts(int a, int b, int (*f)(Part, Part)) {
  constexpr int kBits = 8 * sizeof(Part);
  uint32_t result = 0;
  for (int shift = 0; shift < 32; shift += kBits) {
    const auto part = static_cast<uint32_t>(f(static_cast<Part>(a >> shift), static_cast<Part>(b >> shift)));
    result |= (part & ((kBits == 8 ? 0xffu : 0xffffu))) << shift;
  }
  return static_cast<int>(result);
}
template <class T>
T reversed_bits(T x) {
  T result = 0;
  for (std::size_t bit = 0; bit < 8 * sizeof(T); ++bit) result = static_cast<T>(result << 1 | (x >> bit & 1));
  return result;
}
int low_24(int x) {
  return static_cast<int>(static_cast<uint32_t>(x) << 8) >> 8;
}
int byte_of_pair(int a, int b, int which) {  // __byte_perm numbers the bytes of b after those of a
  const uint64_t both = static_cast<uint64_t>(static_cast<uint32_t>(b)) << 32 | static_cast<uint32_t>(a);
  return static_cast<int>(both >> 8 * which & 255);
}

RowFunctions<int> word_rows(const std::vector<int>& x, const std::vector<int>& y) {
  using F = int (*)(int64_t, int64_t, int);  // 64-bit operands: sums and products are exact
  const std::vector<F> functions = {
      [](int64_t a, int64_t b, int) {
        return std::popcount(uint32_t(a)) + 100 * std::countl_zero(uint32_t(b)) +
               10000 * (a == 0 ? 0 : std::countr_zero(uint32_t(a)) + 1);
      },
      [](int64_t, int64_t b, int) { return int(reversed_bits(uint32_t(b))); },
      [](int64_t a, int64_t b, int) { return int(a * b >> 32); },
      [](int64_t a, int64_t b, int) { return int(uint64_t{uint32_t(a)} * uint32_t(b) >> 32); },
      [](int64_t a, int64_t b, int) { return int(int64_t{low_24(int(a))} * low_24(int(b))); },
      [](int64_t a, int64_t b, int) {
        const auto pick = [&](int which) { return uint32_t(byte_of_pair(int(a), int(b), which)); };
        return int(pick(5) | pick(1) << 8 | pick(7) << 16 | pick(3) << 24);
      },
      [](int64_t a, int64_t b, int i) {
        return int((uint64_t{uint32_t(b)} << 32 | uint32_t(a)) << (i & 31) >> 32);
      },
      [](int64_t a, int64_t b, int i) {
        return int((uint64_t{uint32_t(b)} << 32 | uint32_t(a)) >> (i & 31));
      },
      [](int64_t a, int64_t b, int i) {
        int sum = i;
        for (int shift = 0; shift < 32; shift += 8) sum += int8_t(a >> shift) * int8_t(b >> shift);
        return sum;
      },
      [](int64_t a, int64_t b, int i) {
        return int16_t(a) * int8_t(b) + int16_t(a >> 16) * int8_t(b >> 8) + i;
      },
      [](int64_t a, int64_t b, int) {
        return by_parts<uint8_t>(int(a), int(b), [](uint8_t p, uint8_t q) { return p + q; });
      },
      [](int64_t a, int64_t b, int) {
        return by_parts<uint8_t>(int(a), int(b), [](uint8_t p, uint8_t q) { return p > q ? p - q : q - p; });
      },
      [](int64_t a, int64_t b, int) {
        return by_parts<uint8_t>(int(a), int(b), [](uint8_t p, uint8_t q) { return p > q ? 255 : 0; });
      },
      [](int64_t a, int64_t b, int) {
        return by_parts<int16_t>(int(a), int(b), [](int16_t p, int16_t q) { return int(std::max(p, q)); });
      },
      [](int64_t a, int64_t b, int) {
        const uint32_t p = uint32_t(a), q = uint32_t(b);
        return int((p > q ? p - q : q - p) + 1);
      },
      [](int64_t a, int64_t b, int) { return int((a > b ? a - b : b - a) + 2); },
      [](int64_t a, int64_t b, int) { return int(a / b); },
      [](int64_t a, int64_t b, int) { return int(a % b); },
      [](int64_t a, int64_t b, int) { return int(uint32_t(a) / uint32_t(b)); },
      [](int64_t a, int64_t b, int) { return int(uint32_t(a) % uint32_t(b)); },
      [](int64_t a, int64_t b, int) { return int((a < 0 ? -a : a) + std::min(a, b) - std::max(a, b)); },
      [](int64_t a, int64_t, int i) { return int(a << (i & 31)); },
      [](int64_t a, int64_t, int i) { return int(a >> (i & 31)); },
      [](int64_t a, int64_t, int i) { return int(uint32_t(a) >> (i & 31)); },
      [](int64_t a, int64_t b, int) { return int((a & b) | ~a); },
      [](int64_t a, int64_t, int) { return int(a >> 5 & 31); },
      [](int64_t a, int64_t b, int) { return int((a + b) >> 1); },
      [](int64_t a, int64_t b, int) { return std::max(int(a + b), 3); },
      [](int64_t a, int64_t b, int) {
        return int(std::max({a, b, int64_t{4}}));
      },
      [](int64_t a, int64_t b, int) { return int16_t(a) * int16_t(b) + int8_t(a) - uint8_t(b); }};
  RowFunctions<int> rows;
  for (F f : functions)
    rows.push_back([f, &x, &y](std::size_t i) { return f(x[i], y[i], static_cast<int>(i)); });
  return rows;
}

Workload words() {
  constexpr std::size_t kCount = 64;
  Random random(89);
  std::vector<int> xs(kCount), ys(kCount);
  for (int& value : xs) value = static_cast<int>(random.bits() >> random.below(40));
  for (int& value : ys) value = static_cast<int>(random.bits() >> random.below(40)) | 1;  // divided by
  xs[0] = 0;
  Workload w{"words", "math", {}, {}, {}};
  const auto x = w.input("x", xs), y = w.input("y", ys);
  const auto out = w.output<int>("out", 30 * kCount);
  w.launch("words", {1}, {kCount}) << x << y << out << int{kCount};
  w.check = [=](const Results& r) { return rows_equal(r.of<int>(out), kCount, word_rows(xs, ys)); };
  return w;
}

__extension__ using Int128 = __int128;

RowFunctions<int64_t> long_word_rows(const std::vector<int64_t>& x, const std::vector<int64_t>& y) {
  using F = int64_t (*)(Int128, Int128, std::size_t);
  const std::vector<F> functions = {
      [](Int128 a, Int128 b, std::size_t) { return int64_t(a * b); },
      [](Int128 a, Int128 b, std::size_t) { return int64_t(a / b); },
      [](Int128 a, Int128 b, std::size_t) { return int64_t(a % b); },
      [](Int128 a, Int128 b, std::size_t) { return int64_t(uint64_t(a) / uint64_t(b)); },
      [](Int128 a, Int128 b, std::size_t) { return int64_t(a * b >> 64); },
      [](Int128 a, Int128 b, std::size_t) {
        return int64_t(Int128(uint64_t(a)) * Int128(uint64_t(b)) >> 64);
      },
      [](Int128 a, Int128 b, std::size_t) {
        return int64_t(std::countl_zero(uint64_t(a)) + 100 * std::popcount(uint64_t(b)) +
                       10000 * (a == 0 ? 0 : std::countr_zero(uint64_t(a)) + 1));
      },
      [](Int128 a, Int128, std::size_t) { return int64_t(reversed_bits(uint64_t(a))); },
      [](Int128 a, Int128, std::size_t i) { return int64_t(uint64_t(a) << i % 64); },
      [](Int128 a, Int128, std::size_t i) { return int64_t(a >> i % 64); },
      [](Int128 a, Int128, std::size_t i) { return int64_t(uint64_t(a) >> i % 64); },
      [](Int128 a, Int128 b, std::size_t) { return int64_t(a * b >> 40); },
      [](Int128 a, Int128 b, std::size_t) { return int64_t(a < b ? a : b); },
      [](Int128 a, Int128 b, std::size_t) { return int64_t((a ^ b) - (a & ~b)); }};
  RowFunctions<int64_t> rows;
  for (F f : functions) rows.push_back([f, &x, &y](std::size_t i) { return f(x[i], y[i], i); });
  return rows;
}

Workload long_words() {
  constexpr std::size_t kCount = 64;
  Random random(90);
  std::vector<int64_t> xs(kCount), ys(kCount);
  for (int64_t& value : xs) value = static_cast<int64_t>(random.bits()) >> random.below(60);
  for (int64_t& value : ys) value = (static_cast<int64_t>(random.bits()) >> random.below(60)) | 1;
  xs[0] = 0;
  Workload w{"long_words", "math", {}, {}, {}};
  const auto x = w.input("x", xs), y = w.input("y", ys);
  const auto out = w.output<int64_t>("out", 14 * kCount);
  w.launch("long_words", {1}, {kCount}) << x << y << out << int{kCount};
  w.check = [=](const Results& r) { return rows_equal(r.of<int64_t>(out), kCount, long_word_rows(xs, ys)); };
  return w;
}

}  // namespace

std::vector<GoldenCase> number_cases() {
  return {{"narrow_formats", narrow_formats},
          {"half_formats", half_formats},
          {"integers_of_floats", integers_of_floats},
          {"doubles", doubles},
          {"bf16_pairs",
           [] {
             return packed_pairs("bf16_pairs", to_bf16, from_bf16, [](double x) { return round_to_bf16(x); });
           }},
          {"half_pairs",
           [] {
             return packed_pairs("half_pairs", to_half, from_half, [](double x) { return round_to_half(x); });
           }},
          {"half_functions", half_functions},
          {"float_functions", float_functions},
          {"double_functions", double_functions},
          {"words", words},
          {"long_words", long_words}};
}

}  // namespace warpwright::golden
