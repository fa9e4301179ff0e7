// wgmma: every form against plain loops over what the layouts say, and what is reported.
#include "evaluator/sim/ops/wgmma.h"

#include <cmath>
#include <random>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

using T = ElementType;

struct Case {
  WgmmaForm form;
  std::string types;  // "f32.bf16.bf16"
  TileSwizzle swizzle_a = TileSwizzle::kNone, swizzle_b = TileSwizzle::kNone;
  bool accumulates = true;
  int chained = 1;  // products on the same accumulators
};

// Bytes of shared memory: A, then B, then nothing else.
constexpr uint32_t kBOffset = 32 * 1024, kSharedBytes = 96 * 1024;

uint32_t width_of(TileSwizzle swizzle) {
  return swizzle == TileSwizzle::kNone ? 1
         : swizzle == TileSwizzle::k32 ? 2
         : swizzle == TileSwizzle::k64 ? 4
                                       : 8;
}

TileLayout layout_of(TileSwizzle swizzle, bool k_major, int rows, int k, T type, uint32_t start) {
  TileLayout l;
  l.start = start;
  l.swizzle = swizzle;
  l.k_major = k_major;
  const uint32_t w = width_of(swizzle);
  const auto elements = static_cast<uint32_t>(128 / bits_of(type));
  const auto r = static_cast<uint32_t>(rows), depth = static_cast<uint32_t>(k);
  if (k_major) {
    l.stride_bytes = 128 * w;
    l.leading_bytes = w == 1 ? (r + 7) / 8 * 128 : 16;
  } else if (w == 1) {
    l.stride_bytes = 128;
    l.leading_bytes = (r + elements - 1) / elements * 128;
  } else {
    l.stride_bytes = 128 * w;
    l.leading_bytes = (depth + 7) / 8 * l.stride_bytes;
  }
  return l;
}

uint64_t descriptor_of(const TileLayout& l) {
  const uint64_t swizzle = l.swizzle == TileSwizzle::k128  ? 1
                           : l.swizzle == TileSwizzle::k64 ? 2
                           : l.swizzle == TileSwizzle::k32 ? 3
                                                           : 0;
  return uint64_t{l.start >> 4} | uint64_t{l.leading_bytes >> 4} << 16 | uint64_t{l.stride_bytes >> 4} << 32 |
         swizzle << 62;
}

std::string name_of(const Case& c) {
  const bool is_and = c.form.a == T::kB1;
  return "wgmma.mma_async.sync.aligned.m64n" + std::to_string(c.form.n) + "k" + std::to_string(c.form.k) +
         (c.form.satfinite ? ".satfinite." : ".") + c.types + (is_and ? ".and.popc" : "");
}

std::string vector_of(const std::string& name, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + name + std::to_string(i);
  return text + "}";
}

// The instruction itself, with accumulators `d`.
std::string product(const Case& c, const std::string& d = "%d") {
  std::string text = name_of(c) + " " + vector_of(d, c.form.result_registers()) + ", " +
                     (c.form.a_in_registers ? vector_of("%a", 4) : "%rda") + ", %rdb, %p1";
  if (c.form.d != T::kS32) {
    text += c.form.negate_a ? ", -1" : ", 1";
    text += c.form.negate_b ? ", -1" : ", 1";
  }
  if (c.form.a == T::kF16 || c.form.a == T::kBf16) {
    if (!c.form.a_in_registers) text += c.form.a_is_transposed ? ", 1" : ", 0";
    text += c.form.b_is_transposed ? ", 1" : ", 0";
  }
  return text + ";\n";
}

const std::string kFence = "wgmma.fence.sync.aligned;\n";
const std::string kCommit = "wgmma.commit_group.sync.aligned;\n";
const std::string kWait = "wgmma.wait_group.sync.aligned 0;\n";
const std::string kProxyFence = "fence.proxy.async.shared::cta;\n";

struct Bodies {
  std::string before_fence, body;
};

// k(in, start, factors, out, descriptor of a, of b, of shared memory): copies 96 KB of `in` into shared
// memory, loads the accumulators from `start` and A's registers from `factors` (a lane's words side by side),
// runs `body`, and stores the accumulators.
std::string kernel(const Case& c, const std::string& body, const std::string& proxy_fence = kProxyFence) {
  const int words = c.form.result_registers();
  std::string text =
      ".version 8.6\n.target sm_90a\n.address_size 64\n.extern .shared .align 1024 .b8 memory[];\n"
      ".visible .entry k(.param .u64 k_0, .param .u64 k_1, .param .u64 k_2, .param .u64 k_3, .param .u64 "
      "k_4,\n"
      ".param .u64 k_5, .param .u32 k_6) {\n"
      ".reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b32 %d<" +
      std::to_string(words + 1) + ">;\n.reg .b32 %e<" + std::to_string(words + 1) +
      ">;\n.reg .b32 %a<4>;\n.reg .b64 %rd<20>;\n.reg .b64 %rda, %rdb;\n"
      "ld.param.u64 %rd0, [k_0];\nld.param.u64 %rd1, [k_1];\nld.param.u64 %rd2, [k_2];\n"
      "ld.param.u64 %rd3, [k_3];\nld.param.u64 %rda, [k_4];\nld.param.u64 %rdb, [k_5];\n"
      "ld.param.u32 %r5, [k_6];\nsetp.ne.u32 %p1, %r5, 0;\n"
      "mov.u32 %r0, %tid.x;\nmov.u32 %r1, memory;\nshl.b32 %r2, %r0, 2;\nadd.u32 %r3, %r1, %r2;\n"
      "cvt.u64.u32 %rd4, %r2;\nadd.s64 %rd5, %rd0, %rd4;\nmov.u32 %r4, 0;\n"
      "COPY:\nld.global.u32 %r6, [%rd5];\nst.shared.u32 [%r3], %r6;\nadd.u32 %r3, %r3, 512;\n"
      "add.s64 %rd5, %rd5, 512;\nadd.u32 %r4, %r4, 512;\nsetp.lt.u32 %p2, %r4, " +
      std::to_string(kSharedBytes) + ";\n@%p2 bra COPY;\n" + proxy_fence + "bar.sync 0;\n" +
      "mul.wide.u32 %rd6, %r0, " + std::to_string(4 * words) +
      ";\nadd.s64 %rd7, %rd1, %rd6;\nadd.s64 %rd8, %rd3, %rd6;\n"
      "mul.wide.u32 %rd9, %r0, 16;\nadd.s64 %rd9, %rd2, %rd9;\n";
  for (int i = 0; i < words; ++i)
    text += "ld.global.u32 %d" + std::to_string(i) + ", [%rd7+" + std::to_string(4 * i) + "];\n";
  for (int i = 0; i < 4; ++i)
    text += "ld.global.u32 %a" + std::to_string(i) + ", [%rd9+" + std::to_string(4 * i) + "];\n";
  text += body;
  for (int i = 0; i < words; ++i)
    text += "st.global.u32 [%rd8+" + std::to_string(4 * i) + "], %d" + std::to_string(i) + ";\n";
  return text + "ret;\n}\n";
}

std::string plain_body(const Case& c) {
  std::string body = kFence;
  for (int i = 0; i < c.chained; ++i) body += product(c);
  return body + kCommit + kWait;
}

struct Data {
  std::vector<uint32_t> memory, start, factors;
};

uint32_t small_number(std::mt19937& random, T type) {
  const int v = static_cast<int>(random() % 9) - 4;
  const float value = static_cast<float>(v) / 2;
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  switch (bits_of(type)) {
    case 32:
      return bits;
    case 16: {
      const uint32_t half = type == T::kF16 ? static_cast<uint32_t>(encode_f16(value)) : bits >> 16;
      return half | half << 16;
    }
    default:
      return static_cast<uint32_t>(random());
  }
}

// Numbers that f16 and f32 sums hold exactly, save those of 8 bits: all of their codes but the NaNs.
Data random_data(const Case& c, uint32_t seed) {
  std::mt19937 random(seed);
  Data data;
  data.memory.resize(kSharedBytes / 4);
  data.start.resize(static_cast<std::size_t>(128 * c.form.result_registers()));
  data.factors.resize(128 * 4);
  const auto word = [&](T type) {
    uint32_t value = small_number(random, type);
    if (type == T::kE4m3 || type == T::kE5m2) value &= 0xbcbcbcbc;  // small exponents apart from NaNs
    return value;
  };
  for (std::size_t i = 0; i < data.memory.size(); ++i)
    data.memory[i] = word(i * 4 < kBOffset ? c.form.a : c.form.b);
  for (uint32_t& x : data.start) x = c.form.d == T::kS32 ? static_cast<uint32_t>(random()) : word(c.form.d);
  for (uint32_t& x : data.factors) x = word(c.form.a);
  return data;
}

uint64_t params_of(const Case& c, bool of_a) {
  return of_a ? descriptor_of(layout_of(c.swizzle_a, !c.form.a_is_transposed, 64, c.form.k, c.form.a, 0))
              : descriptor_of(
                    layout_of(c.swizzle_b, !c.form.b_is_transposed, c.form.n, c.form.k, c.form.b, kBOffset));
}

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> out;
};
Outcome run(const Case& c, const Data& data, const std::string& text, uint32_t threads = 128) {
  TestLaunch t(text);
  t.input("in", data.memory);
  t.input("start", data.start);
  t.input("factors", data.factors);
  const uint64_t out = t.output<uint32_t>("out", data.start.size());
  t.argument(params_of(c, true));
  t.argument(params_of(c, false));
  t.argument(uint32_t{c.accumulates});
  t.launch.dynamic_shared_bytes = kSharedBytes;
  Outcome outcome{t.run({1, 1, 1}, {threads, 1, 1}), {}};
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}

// Row and column of the half `half` of a lane's register r, after the manual's figures.
std::pair<int, int> place(const Case& c, int thread, int r, int half) {
  const int warp = thread / 32, lane = thread % 32;
  if (c.form.d == T::kF16) return {16 * warp + lane / 4 + 8 * (r % 2), 8 * (r / 2) + 2 * (lane % 4) + half};
  return {16 * warp + lane / 4 + 8 * (r / 2 % 2), 8 * (r / 4) + 2 * (lane % 4) + r % 2};
}

double element(T type, uint32_t code) {
  return type == T::kB1 ? code & 1 : decode_element(type, code);
}

// The operands as matrices, A from registers by the rule of mma's fragments.
std::vector<double> matrix_a(const Case& c, const Data& data) {
  std::vector<double> a(static_cast<std::size_t>(64 * c.form.k));
  if (!c.form.a_in_registers) {
    const TileLayout layout = layout_of(c.swizzle_a, !c.form.a_is_transposed, 64, c.form.k, c.form.a, 0);
    const TileShape shape{c.form.a, false, 64, c.form.k};
    std::vector<float> tile(a.size());
    load_tile(reinterpret_cast<const std::byte*>(data.memory.data()), layout, shape,
              tile_chunks(layout, shape), tile.data());
    return {tile.begin(), tile.end()};
  }
  const int bits = bits_of(c.form.a), per = 32 / bits;
  for (int thread = 0; thread < 128; ++thread) {
    for (int r = 0; r < 4; ++r) {
      for (int e = 0; e < per; ++e) {
        const int row = 16 * (thread / 32) + thread % 32 / 4 + 8 * (r % 2);
        const int column = per * (thread % 4) + e + 4 * per * (r / 2);
        const uint32_t word = data.factors[static_cast<std::size_t>(4 * thread + r)];
        const uint32_t code = bits == 32 ? word : word >> (bits * e) & ((1u << bits) - 1);
        a[static_cast<std::size_t>(row * c.form.k + column)] = element(c.form.a, code);
      }
    }
  }
  return a;
}

std::vector<double> matrix_b(const Case& c, const Data& data) {
  const TileLayout layout =
      layout_of(c.swizzle_b, !c.form.b_is_transposed, c.form.n, c.form.k, c.form.b, kBOffset);
  const TileShape shape{c.form.b, false, c.form.n, c.form.k};
  std::vector<float> tile(static_cast<std::size_t>(c.form.n * c.form.k));
  load_tile(reinterpret_cast<const std::byte*>(data.memory.data()), layout, shape, tile_chunks(layout, shape),
            tile.data());
  return {tile.begin(), tile.end()};
}

double result_value(const Case& c, uint32_t word, int half) {
  if (c.form.d == T::kF16) return decode_element(T::kF16, word >> (16 * half) & 0xffff);
  return decode_element(c.form.d, word);
}

void expect_right(const Case& c, const Data& data, const Outcome& outcome) {
  ASSERT_TRUE(outcome.report.completed) << name_of(c) << messages(outcome.report);
  ASSERT_TRUE(outcome.report.findings.empty()) << name_of(c) << messages(outcome.report);
  const std::vector<double> a = matrix_a(c, data), b = matrix_b(c, data);
  const double sign = (c.form.negate_a != c.form.negate_b ? -1 : 1);
  const int words = c.form.result_registers();
  for (int thread = 0; thread < 128; ++thread) {
    for (int r = 0; r < words; ++r) {
      for (int half = 0; half < (c.form.d == T::kF16 ? 2 : 1); ++half) {
        const auto [row, column] = place(c, thread, r, half);
        const auto at = static_cast<std::size_t>(thread * words + r);
        double sum = c.accumulates ? result_value(c, data.start[at], half) : 0, magnitude = std::abs(sum);
        const int times = c.accumulates ? c.chained : 1;
        for (int i = 0; i < times * c.form.k; ++i) {
          const double term = a[static_cast<std::size_t>(row * c.form.k + i % c.form.k)] *
                              b[static_cast<std::size_t>(column * c.form.k + i % c.form.k)];
          sum += sign * term;
          magnitude += std::abs(term);
        }
        const double got = result_value(c, outcome.out[at], half);
        if (c.form.d == T::kS32) {
          const double wrapped = c.form.satfinite ? std::min(std::max(sum, -2147483648.0), 2147483647.0)
                                                  : static_cast<int32_t>(static_cast<int64_t>(sum));
          ASSERT_EQ(got, wrapped) << name_of(c) << " at " << row << ", " << column;
        } else {
          const double tolerance = magnitude * (c.form.d == T::kF16 ? 2e-3 : 1e-5);
          ASSERT_NEAR(got, sum, tolerance) << name_of(c) << " at " << row << ", " << column;
        }
      }
    }
  }
}

void expect_right(const Case& c) {
  const Data data = random_data(c, static_cast<uint32_t>(c.form.n + c.form.k));
  expect_right(c, data, run(c, data, kernel(c, plain_body(c))));
}

Case bf16(int n) {
  Case c;
  c.form.n = n;
  c.form.a = c.form.b = T::kBf16;
  c.types = "f32.bf16.bf16";
  return c;
}

TEST(Wgmma, MultipliesEveryWidth) {
  for (int n = 8; n <= 256; n += 8) expect_right(bf16(n));
}

TEST(Wgmma, TakesEveryLayoutOfItsOperands) {
  for (const TileSwizzle a : {TileSwizzle::kNone, TileSwizzle::k32, TileSwizzle::k64, TileSwizzle::k128}) {
    for (const TileSwizzle b : {TileSwizzle::kNone, TileSwizzle::k32, TileSwizzle::k64, TileSwizzle::k128}) {
      for (const int majors : {0, 1, 2, 3}) {
        Case c = bf16(96);
        c.swizzle_a = a;
        c.swizzle_b = b;
        c.form.a_is_transposed = (majors & 1) != 0;
        c.form.b_is_transposed = (majors & 2) != 0;
        expect_right(c);
      }
    }
  }
}

TEST(Wgmma, MultipliesEveryType) {
  struct Type {
    std::string name;
    T d, a, b;
  };
  std::vector<Type> types = {{"f16.f16.f16", T::kF16, T::kF16, T::kF16},
                             {"f32.f16.f16", T::kF32, T::kF16, T::kF16},
                             {"f32.bf16.bf16", T::kF32, T::kBf16, T::kBf16},
                             {"f32.tf32.tf32", T::kF32, T::kTf32, T::kTf32},
                             {"s32.b1.b1", T::kS32, T::kB1, T::kB1}};
  for (const auto& [a, ta] : {std::pair{std::string("e4m3"), T::kE4m3}, {"e5m2", T::kE5m2}}) {
    for (const auto& [b, tb] : {std::pair{std::string("e4m3"), T::kE4m3}, {"e5m2", T::kE5m2}}) {
      types.push_back({"f16." + a + "." + b, T::kF16, ta, tb});
      types.push_back({"f32." + a + "." + b, T::kF32, ta, tb});
    }
  }
  for (const auto& [a, ta] : {std::pair{std::string("s8"), T::kS8}, {"u8", T::kU8}}) {
    for (const auto& [b, tb] : {std::pair{std::string("s8"), T::kS8}, {"u8", T::kU8}})
      types.push_back({"s32." + a + "." + b, T::kS32, ta, tb});
  }
  for (const Type& type : types) {
    for (const bool in_registers : {false, true}) {
      for (const bool satfinite : {false, type.a == T::kS8 || type.a == T::kU8}) {
        Case c;
        c.types = type.name;
        c.form.n = 32;
        c.form.k = 256 / bits_of(type.a);
        c.form.d = type.d;
        c.form.a = type.a;
        c.form.b = type.b;
        c.form.satfinite = satfinite;
        c.form.a_in_registers = in_registers;
        c.swizzle_a = c.swizzle_b = TileSwizzle::k128;
        expect_right(c);
      }
    }
  }
}

TEST(Wgmma, NegatesAndScales) {
  for (int bits = 0; bits < 8; ++bits) {
    Case c = bf16(16);
    c.form.negate_a = (bits & 1) != 0;
    c.form.negate_b = (bits & 2) != 0;
    c.accumulates = (bits & 4) != 0;
    expect_right(c);
  }
}

TEST(Wgmma, LandsChainedProductsInOrder) {
  Case c = bf16(64);
  c.chained = 5;
  expect_right(c);
  const Data data = random_data(c, 5);
  // Two groups, of which the first wait covers one: the accumulators stay in flight until the second.
  std::string body = kFence;
  for (int i = 0; i < 5; ++i) body += product(c) + kCommit + "wgmma.wait_group.sync.aligned 1;\n";
  expect_right(c, data, run(c, data, kernel(c, body + kWait)));
}

}  // namespace
}  // namespace warpwright::sim
