#include "src/exporter/host_support_parts.h"

namespace warpwright::exporter {

const std::string_view kHostSupportNumbers =
    R"host(// Host code shared by every solution that warpwright exports: checked numbers, tensor checks, workspaces,
// launches. Everything has internal linkage, so that two solutions in one process never share state.
#pragma once

#include <cuda_runtime.h>
#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/error.h>
#include <tvm/ffi/extra/c_env_api.h>
#include <tvm/ffi/function.h>
#include <tvm/ffi/optional.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace ww {
namespace {

[[noreturn]] inline void fail(const std::string& message) {
  TVM_FFI_THROW(RuntimeError) << message;
  __builtin_unreachable();
}

// --- numbers of the launch plan: 64-bit integers and doubles; overflow and non-finite results are errors ---

struct Int {
  int64_t value = 0;
  constexpr Int() = default;
  constexpr Int(int64_t v) : value(v) {}
};

struct Float {
  double value = 0;
  constexpr Float() = default;
  constexpr explicit Float(double v) : value(v) {}
  constexpr explicit Float(Int v) : value(static_cast<double>(v.value)) {}
};

// Not the overflow builtins: nvcc does not take them in constant expressions.
constexpr Int exact(__int128 value) {
  if (value < INT64_MIN || value > INT64_MAX) fail("integer overflow in the launch plan");
  return static_cast<int64_t>(value);
}
constexpr Int operator+(Int a, Int b) { return exact(static_cast<__int128>(a.value) + b.value); }
constexpr Int operator-(Int a, Int b) { return exact(static_cast<__int128>(a.value) - b.value); }
constexpr Int operator*(Int a, Int b) { return exact(static_cast<__int128>(a.value) * b.value); }
constexpr Int operator-(Int a) {
  return Int(0) - a;
}
constexpr Int operator+(Int a) {
  return a;
}
constexpr Int operator/(Int a, Int b) {
  if (b.value == 0) fail("division by zero in the launch plan");
  return b.value == -1 ? -a : Int(a.value / b.value);
}
constexpr Int operator%(Int a, Int b) {
  if (b.value == 0) fail("division by zero in the launch plan");
  return b.value == -1 ? Int(0) : Int(a.value % b.value);
}
constexpr void require_shift(Int b) {
  if (b.value < 0 || b.value > 62) fail("shift outside 0..62 in the launch plan");
}
constexpr Int operator<<(Int a, Int b) {
  require_shift(b);
  return a * Int(int64_t{1} << b.value);
}
constexpr Int operator>>(Int a, Int b) {
  require_shift(b);
  return Int(a.value >> b.value);
}
constexpr bool operator<(Int a, Int b) {
  return a.value < b.value;
}
constexpr bool operator<=(Int a, Int b) {
  return a.value <= b.value;
}
constexpr bool operator>(Int a, Int b) {
  return a.value > b.value;
}
constexpr bool operator>=(Int a, Int b) {
  return a.value >= b.value;
}
constexpr bool operator==(Int a, Int b) {
  return a.value == b.value;
}
constexpr bool operator!=(Int a, Int b) {
  return a.value != b.value;
}

constexpr Float finite(double value) {
  if (value - value != 0) fail("a result in the launch plan is not finite");
  return Float(value);
}
constexpr Float operator+(Float a, Float b) {
  return finite(a.value + b.value);
}
constexpr Float operator-(Float a, Float b) {
  return finite(a.value - b.value);
}
constexpr Float operator*(Float a, Float b) {
  return finite(a.value * b.value);
}
constexpr Float operator/(Float a, Float b) {
  if (b.value == 0) fail("division by zero in the launch plan");
  return finite(a.value / b.value);
}
constexpr Float operator-(Float a) {
  return Float(-a.value);
}
constexpr Float operator+(Float a) {
  return a;
}
constexpr bool operator<(Float a, Float b) {
  return a.value < b.value;
}
constexpr bool operator<=(Float a, Float b) {
  return a.value <= b.value;
}
constexpr bool operator>(Float a, Float b) {
  return a.value > b.value;
}
constexpr bool operator>=(Float a, Float b) {
  return a.value >= b.value;
}
constexpr bool operator==(Float a, Float b) {
  return a.value == b.value;
}
constexpr bool operator!=(Float a, Float b) {
  return a.value != b.value;
}

template <class T>
constexpr T least(std::initializer_list<T> values) {
  T result = *values.begin();
  for (T value : values) result = value < result ? value : result;
  return result;
}
template <class T>
constexpr T greatest(std::initializer_list<T> values) {
  T result = *values.begin();
  for (T value : values) result = result < value ? value : result;
  return result;
}
constexpr Int min(std::initializer_list<Int> values) {
  return least(values);
}
constexpr Int max(std::initializer_list<Int> values) {
  return greatest(values);
}
constexpr Float min(std::initializer_list<Float> values) {
  return least(values);
}
constexpr Float max(std::initializer_list<Float> values) {
  return greatest(values);
}

constexpr Int ceil_div(Int a, Int b) {
  if (a < 0 || b <= 0) fail("ceil_div(a, b) in the launch plan needs a >= 0 and b > 0");
  return a / b + (a % b != 0 ? 1 : 0);
}
constexpr Int round_up(Int a, Int b) {
  return ceil_div(a, b) * b;
}

// What a kernel receives.
constexpr int64_t i64(Int a) {
  return a.value;
}
constexpr int64_t i64(Float a) {
  if (!(a.value > -9223372036854775808.0 && a.value < 9223372036854775808.0))
    fail("i64() in the launch plan is out of range");
  return static_cast<int64_t>(a.value);
}
constexpr int32_t i32(Int a) {
  if (a.value < INT32_MIN || a.value > INT32_MAX)
    fail("an argument of type int in the launch plan is out of range");
  return static_cast<int32_t>(a.value);
}
constexpr int32_t i32(Float a) {
  return i32(Int(i64(a)));
}
constexpr double f64(Float a) {
  return a.value;
}
constexpr double f64(Int a) {
  return static_cast<double>(a.value);
}
constexpr float f32(Float a) {
  const float rounded = static_cast<float>(a.value);
  if (a.value - a.value == 0 && rounded - rounded != 0) fail("f32() in the launch plan does not fit in a float");
  return rounded;
}
constexpr float f32(Int a) { return f32(Float(a)); }
)host";

}  // namespace warpwright::exporter
