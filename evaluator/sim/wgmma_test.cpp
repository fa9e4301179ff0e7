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

// --- what is reported

bool has(const LaunchReport& report, Finding::Kind kind, const std::string& part = "") {
  for (const Finding& finding : report.findings) {
    if (finding.kind == kind && finding.message.find(part) != std::string::npos) return true;
  }
  return false;
}

bool is_right(const Case& c, const Data& data, const Outcome& outcome) {
  const Outcome good = run(c, data, kernel(c, plain_body(c)));
  return outcome.report.completed && outcome.out == good.out;
}

struct Mutant {
  Outcome outcome;
  bool is_right = false;
};
Mutant run_mutant(const Case& c, const std::string& body, const std::string& proxy_fence = kProxyFence) {
  const Data data = random_data(c, 9);
  Mutant m{run(c, data, kernel(c, body, proxy_fence)), false};
  m.is_right = is_right(c, data, m.outcome);
  return m;
}

TEST(WgmmaMistakes, AMissingFenceIsReported) {
  const Case c = bf16(16);
  EXPECT_TRUE(has(run_mutant(c, product(c) + kCommit + kWait).outcome.report, Finding::Kind::kMissingFence,
                  "before any wgmma.fence"));
  const std::string write = "add.u32 %d3, %d3, 0;\n";
  const std::string again = kFence + product(c) + kCommit + kWait + write;
  EXPECT_TRUE(has(run_mutant(c, again + product(c) + kCommit + kWait).outcome.report,
                  Finding::Kind::kMissingFence, "since the last wgmma.fence"));
  EXPECT_TRUE(run_mutant(c, again + kFence + product(c) + kCommit + kWait).outcome.report.findings.empty());
}

TEST(WgmmaMistakes, AFenceOnOneWayOnlyIsNone) {
  const Case c = bf16(16);
  const std::string branch = "setp.eq.u32 %p3, %r5, 7;\n@!%p3 bra.uni SKIP;\n" + kFence + "SKIP:\n";
  EXPECT_TRUE(
      has(run_mutant(c, branch + product(c) + kCommit + kWait).outcome.report, Finding::Kind::kMissingFence));
}

TEST(WgmmaMistakes, RegistersOfAWrittenBehindTheFenceAreReported) {
  Case c = bf16(16);
  c.form.a_in_registers = true;
  EXPECT_TRUE(
      has(run_mutant(c, kFence + "add.u32 %a1, %a1, 0;\n" + product(c) + kCommit + kWait).outcome.report,
          Finding::Kind::kMissingFence, "PTX line"));
}

TEST(WgmmaMistakes, ProductsOfAnotherShapeOnTheSameRegistersNeedAFence) {
  const Case wide = bf16(16);
  Case half = bf16(32);  // as many registers, but packed
  half.form.d = half.form.a = half.form.b = T::kF16;
  half.types = "f16.f16.f16";
  const std::string both = kFence + product(wide) + kCommit + kWait + product(half) + kCommit + kWait;
  EXPECT_TRUE(has(run_mutant(wide, both).outcome.report, Finding::Kind::kMissingFence));
}

TEST(WgmmaMistakes, WithoutCommitOrWaitTheAccumulatorsArePoison) {
  const Case c = bf16(16);
  for (const std::string& end :
       {kCommit, kWait, std::string(), kCommit + "wgmma.wait_group.sync.aligned 1;\n"}) {
    const Mutant m = run_mutant(c, kFence + product(c) + end);
    EXPECT_FALSE(m.is_right) << end;
    EXPECT_TRUE(has(m.outcome.report, Finding::Kind::kAsyncRead, "accumulator of a wgmma under way")) << end;
    EXPECT_EQ(m.outcome.out[0], kWgmmaPoison);
  }
}

TEST(WgmmaMistakes, WritingAnAccumulatorInFlightIsReported) {
  const Case c = bf16(16);
  const Mutant m = run_mutant(c, kFence + product(c) + kCommit + "add.u32 %d2, %r0, 1;\n" + kWait);
  EXPECT_TRUE(has(m.outcome.report, Finding::Kind::kAsyncOverwrite, "writes an accumulator"));
}

TEST(WgmmaMistakes, WritingARegisterOfAInFlightIsReported) {
  Case c = bf16(16);
  c.form.a_in_registers = true;
  const Mutant m = run_mutant(c, kFence + product(c) + kCommit + "add.u32 %a2, %r0, 1;\n" + kWait);
  EXPECT_TRUE(has(m.outcome.report, Finding::Kind::kAsyncOverwrite, "register of A"));
  const Mutant later = run_mutant(c, kFence + product(c) + kCommit + kWait + "add.u32 %a2, %r0, 1;\n");
  EXPECT_TRUE(later.outcome.report.findings.empty()) << messages(later.outcome.report);
}

// A ring of two groups in flight, as pipelined kernels have it, in a loop: nothing to report.
TEST(Wgmma, MayBePipelinedInALoop) {
  Case c = bf16(64);
  c.chained = 6;
  const Data data = random_data(c, 21);
  const std::string body = "mov.u32 %r10, 0;\nLOOP:\n" + kFence + product(c) + product(c) + kCommit +
                           "wgmma.wait_group.sync.aligned 1;\nadd.u32 %r10, %r10, 1;\n"
                           "setp.lt.u32 %p3, %r10, 3;\n@%p3 bra LOOP;\n" +
                           kWait;
  expect_right(c, data, run(c, data, kernel(c, body)));
}

// Compilers copy accumulators between registers while they are in flight.
TEST(Wgmma, FollowsCopiesOfAccumulatorsInFlight) {
  Case c = bf16(16);
  c.chained = 2;
  const Data data = random_data(c, 22);
  std::string there, back;
  for (int i = 0; i < c.form.result_registers(); ++i) {
    const std::string k = std::to_string(i);
    there += "mov.b32 %e" + k + ", %d" + k + ";\n";
    back += "mov.b32 %d" + k + ", %e" + k + ";\n";
  }
  const std::string in_flight = kFence + product(c) + there + product(c, "%e") + kCommit;
  expect_right(c, data, run(c, data, kernel(c, in_flight + kWait + back)));
  expect_right(c, data, run(c, data, kernel(c, in_flight + back + kWait)));
}

TEST(WgmmaMistakes, OperandsOverwrittenBeforeTheWaitAreReported) {
  const Case c = bf16(16);
  // Thread 0 changes a word of B, of A: offsets in shared memory that both tiles read.
  for (const uint32_t offset : {0u, kBOffset + 16}) {
    const std::string overwrite = "setp.ne.u32 %p3, %r0, 0;\n@%p3 bra DONE;\nst.shared.u32 [%r1+" +
                                  std::to_string(offset) + "], 1088438496;\nDONE:\nbar.sync 0;\n";
    const Mutant m = run_mutant(c, kFence + product(c) + kCommit + overwrite + kWait);
    EXPECT_TRUE(has(m.outcome.report, Finding::Kind::kAsyncOverwrite, "overwritten before this wgmma"))
        << messages(m.outcome.report);
    EXPECT_FALSE(m.is_right);
    EXPECT_TRUE(run_mutant(c, plain_body(c) + "bar.sync 0;\n" + overwrite).is_right);
  }
}

TEST(WgmmaMistakes, AMissingProxyFenceIsReported) {
  const Case c = bf16(16);
  EXPECT_TRUE(has(run_mutant(c, plain_body(c), "").outcome.report, Finding::Kind::kMissingFence,
                  "fence.proxy.async"));
}

TEST(WgmmaMistakes, AWrongDescriptorGivesAWrongResultOrIsRefused) {
  Case c = bf16(64);
  c.swizzle_a = c.swizzle_b = TileSwizzle::k128;
  const auto with = [&](const std::string& change) { return run_mutant(c, change + plain_body(c)); };
  // Swizzles, the stride, the start of B.
  for (const std::string bits : {"4611686018427387904", "-9223372036854775808"})
    EXPECT_FALSE(with("xor.b64 %rdb, %rdb, " + bits + ";\n").is_right) << bits;
  EXPECT_FALSE(with("add.s64 %rda, %rda, 34359738368;\n").is_right);
  EXPECT_FALSE(with("add.s64 %rdb, %rdb, 2;\n").is_right);
  // Beyond the block's memory: by the start, by the stride.
  for (const std::string add : {"add.s64 %rdb, %rdb, 12000;\n", "add.s64 %rdb, %rdb, 35184372088832;\n"}) {
    const Mutant m = with(add);
    EXPECT_FALSE(m.outcome.report.completed);
    EXPECT_TRUE(has(m.outcome.report, Finding::Kind::kOutOfBoundsRead, "descriptor of matrix B"))
        << messages(m.outcome.report);
  }
}

TEST(WgmmaMistakes, DescriptorsThatDifferAreRefused) {
  const Case c = bf16(16);
  const auto with = [&](const std::string& change) {
    return run_mutant(c, change + plain_body(c)).outcome.report;
  };
  EXPECT_TRUE(has(with("cvt.u64.u32 %rd10, %r0;\nadd.s64 %rdb, %rdb, %rd10;\n"),
                  Finding::Kind::kBadDescriptor, "the same in all lanes"));
  EXPECT_TRUE(has(with("shr.u32 %r8, %r0, 5;\ncvt.u64.u32 %rd10, %r8;\nadd.s64 %rda, %rda, %rd10;\n"),
                  Finding::Kind::kBadDescriptor, "with different operands"));
}

TEST(WgmmaMistakes, WarpsThatStayAwayAreReported) {
  const Case c = bf16(16);
  const std::string away = "setp.gt.u32 %p3, %r0, 95;\n@%p3 bra AWAY;\n" + plain_body(c) + "AWAY:\n";
  EXPECT_TRUE(has(run_mutant(c, away).outcome.report, Finding::Kind::kDivergentSync, "all four"));
  const std::string part = "setp.gt.u32 %p3, %r0, 15;\n@%p3 bra AWAY;\n" + plain_body(c) + "AWAY:\n";
  EXPECT_FALSE(run_mutant(c, part).outcome.report.findings.empty());
  const Data data = random_data(c, 9);
  const Outcome small = run(c, data, kernel(c, plain_body(c)), 96);
  EXPECT_TRUE(has(small.report, Finding::Kind::kDivergentSync, "96 threads"));
}

TEST(WgmmaMistakes, FormsThatAreNoneAreRefusedByName) {
  const Case c = bf16(16);
  const auto refused = [&](std::string from, const std::string& to) {
    std::string text = product(c);
    text.replace(text.find(from), from.size(), to);
    return has(run_mutant(c, kFence + text + kCommit + kWait).outcome.report, Finding::Kind::kUnsupported,
               "wgmma");
  };
  EXPECT_TRUE(refused("m64n16k16", "m64n20k16"));
  EXPECT_TRUE(refused("m64n16k16", "m64n16k8"));
  EXPECT_TRUE(refused("mma_async.sync", "mma_async.sp.sync"));
  EXPECT_TRUE(refused("bf16.bf16", "bf16.f16"));
  EXPECT_TRUE(refused("%p1, 1, 1, 0, 0", "%p1, 1, 1"));
  EXPECT_TRUE(refused("%p1, 1, 1", "%p1, 2, 1"));
}

TEST(Wgmma, CountsItsWork) {
  Case c = bf16(128);
  c.chained = 4;
  const Data data = random_data(c, 1);
  const LaunchReport four = run(c, data, kernel(c, plain_body(c))).report;
  EXPECT_EQ(four.counters.tensor_flops_by_type[static_cast<std::size_t>(TensorType::kBf16)],
            4 * 2.0 * 64 * 128 * 16);
  EXPECT_EQ(four.counters.tensor_pipe_cycles, 4 * 64);
  c.chained = 1;
  const LaunchReport one = run(c, data, kernel(c, plain_body(c))).report;
  // Three products more, 64 cycles each.
  EXPECT_NEAR(four.counters.critical_path_cycles - one.counters.critical_path_cycles, 3 * 64, 20);
}

TEST(WgmmaMistakes, ALoopThatNeverWaitsIsStopped) {
  const Case c = bf16(8);
  const Mutant m = run_mutant(c, kFence + "LOOP:\n" + product(c) + kCommit + "bra.uni LOOP;\n");
  ASSERT_NE(m.outcome.report.fatal(), nullptr);
  EXPECT_EQ(m.outcome.report.fatal()->kind, Finding::Kind::kBudget);
  EXPECT_NE(m.outcome.report.fatal()->message.find("wgmma.wait_group belongs into the loop"),
            std::string::npos);
}

TEST(WgmmaMistakes, AnyDescriptorIsJudged) {
  const Case c = bf16(256);
  const Data data = random_data(c, 3);
  std::mt19937_64 random(4);
  for (int i = 0; i < 24; ++i) {
    const std::string any = "mov.b64 %rda, " + std::to_string(static_cast<int64_t>(random())) +
                            ";\nmov.b64 %rdb, " + std::to_string(static_cast<int64_t>(random())) + ";\n";
    const Outcome outcome = run(c, data, kernel(c, any + plain_body(c)));
    EXPECT_TRUE(outcome.report.completed || has(outcome.report, Finding::Kind::kOutOfBoundsRead) ||
                has(outcome.report, Finding::Kind::kBadDescriptor))
        << messages(outcome.report);
  }
}

}  // namespace
}  // namespace warpwright::sim
