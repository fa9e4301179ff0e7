// Kernels as nvcc compiles them (testdata/*.cu, *.ptx), against references in C++.
#include <algorithm>
#include <cmath>
#include <random>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

uint16_t to_bf16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  return static_cast<uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
float from_bf16(uint16_t x) {
  const uint32_t u = static_cast<uint32_t>(x) << 16;
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

struct GdnInputs {
  static constexpr int kHeads = 8, kKeyHeads = 4, kDim = 128;
  int batch;
  std::vector<uint16_t> q, k, v, a, b;
  std::vector<float> state, a_log, dt_bias;

  explicit GdnInputs(int n) : batch(n) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    const auto fill = [&](auto& values, std::size_t count, float scale) {
      for (std::size_t i = 0; i < count; ++i) values.push_back(to_bf16(scale * normal(random)));
    };
    const auto sequences = static_cast<std::size_t>(n);
    fill(q, sequences * kKeyHeads * kDim, 0.1f);
    fill(k, sequences * kKeyHeads * kDim, 0.1f);
    fill(v, sequences * kHeads * kDim, 1);
    fill(a, sequences * kHeads, 1);
    fill(b, sequences * kHeads, 1);
    for (std::size_t i = 0; i < sequences * kHeads * kDim * kDim; ++i) state.push_back(0.5f * normal(random));
    for (int i = 0; i < kHeads; ++i) {
      a_log.push_back(0.3f * normal(random));
      dt_bias.push_back(normal(random));
    }
  }

  void reference(int sequence, int head, int row, std::vector<double>& s, double& out) const {
    const auto pair = static_cast<std::size_t>(sequence * kHeads + head);
    const double x = from_bf16(a[pair]) + dt_bias[static_cast<std::size_t>(head)];
    const double decay = std::exp(-std::exp(static_cast<double>(a_log[static_cast<std::size_t>(head)])) *
                                  std::log1p(std::exp(x)));
    const double beta = 1 / (1 + std::exp(-static_cast<double>(from_bf16(b[pair]))));
    const auto at = (pair * kDim + static_cast<std::size_t>(row)) * kDim;
    const auto from = static_cast<std::size_t>((sequence * kKeyHeads + head / 2) * kDim);
    s.assign(kDim, 0);
    double old = 0;
    for (std::size_t i = 0; i < kDim; ++i) {
      s[i] = state[at + i] * decay;
      old += s[i] * from_bf16(k[from + i]);
    }
    const double delta = beta * (from_bf16(v[pair * kDim + static_cast<std::size_t>(row)]) - old);
    out = 0;
    for (std::size_t i = 0; i < kDim; ++i) {
      s[i] += from_bf16(k[from + i]) * delta;
      out += s[i] * from_bf16(q[from + i]);
    }
  }
};

void check_gdn_decode(const std::string& file) {
  const GdnInputs in(2);
  TestLaunch t(read_testdata(file));
  const float scale = 0.088f;
  t.input("q", in.q);
  t.input("k", in.k);
  t.input("v", in.v);
  t.input("state", in.state);
  t.input("a_log", in.a_log);
  t.input("a", in.a);
  t.input("dt_bias", in.dt_bias);
  t.input("b", in.b);
  t.argument(scale);
  const uint64_t output = t.output<uint16_t>("output", in.v.size());
  const uint64_t new_state = t.output<float>("new_state", in.state.size());
  const LaunchReport report = t.run({8, static_cast<uint32_t>(in.batch), 32}, {128, 1, 1});
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  EXPECT_EQ(report.counters.global_sectors_written >= in.state.size() * 4 / 32, true);
  const auto got = t.read<uint16_t>(output);
  const auto got_state = t.read<float>(new_state);
  std::vector<double> state;
  double expected = 0;
  for (int sequence = 0; sequence < in.batch; ++sequence) {
    for (int head = 0; head < 8; ++head) {
      for (int row = 0; row < 128; row += 13) {
        in.reference(sequence, head, row, state, expected);
        const auto at = static_cast<std::size_t>((sequence * 8 + head) * 128 + row);
        EXPECT_NEAR(from_bf16(got[at]), expected * static_cast<double>(scale), 1e-3);
        for (std::size_t i = 0; i < 128; i += 31) EXPECT_NEAR(got_state[at * 128 + i], state[i], 1e-5);
      }
    }
  }
}

TEST(RealKernels, GdnDecodeMatchesItsReference) {
  check_gdn_decode("gdn_decode.ptx");
}
TEST(RealKernels, GdnDecodeWithFastMathMatchesItsReference) {
  check_gdn_decode("gdn_decode_fast.ptx");
}

TEST(RealKernels, TiledMatmulMatchesItsReference) {
  constexpr int kM = 64, kN = 128, kK = 48;
  std::mt19937 random(3);
  std::vector<float> a(kM * kK), b(kK * kN);
  for (float& x : a) x = static_cast<float>(static_cast<int>(random() % 17) - 8);
  for (float& x : b) x = static_cast<float>(static_cast<int>(random() % 17) - 8);
  TestLaunch t(read_testdata("matmul.ptx"));
  t.input("a", a);
  t.input("b", b);
  const uint64_t c = t.output<float>("c", kM * kN);
  t.argument(kM);
  t.argument(kN);
  t.argument(kK);
  const LaunchReport report = t.run({kN / 64, kM / 64, 1}, {256, 1, 1});
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  const auto got = t.read<float>(c);
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j) {
      float sum = 0;
      for (int k = 0; k < kK; ++k)
        sum += a[static_cast<std::size_t>(i * kK + k)] * b[static_cast<std::size_t>(k * kN + j)];
      ASSERT_EQ(got[static_cast<std::size_t>(i * kN + j)], sum) << i << " " << j;
    }
  }
}

TEST(RealKernels, TopKFindsACandidateSetThatHoldsTheLargest) {
  constexpr int kCount = 100, kScores = 3000;
  std::mt19937 random(5);
  std::vector<float> scores(kScores);
  for (float& x : scores) x = std::exp2(static_cast<float>(random() % 4000) / 100.0f - 20.0f);
  TestLaunch t(read_testdata("histogram_topk.ptx"));
  t.input("scores", scores);
  t.argument(kScores);
  t.argument(kCount);
  const uint64_t indices = t.output<int>("indices", kScores);
  const uint64_t found = t.output<int>("found", 1);
  t.launch.dynamic_shared_bytes = 1024;
  const LaunchReport report = t.run({1, 1, 1}, {256, 1, 1});
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  const auto count = static_cast<std::size_t>(t.read<int>(found)[0]);
  auto chosen = t.read<int>(indices);
  ASSERT_GE(count, static_cast<std::size_t>(kCount));
  chosen.resize(count);
  std::sort(chosen.begin(), chosen.end());
  EXPECT_TRUE(std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end());
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  for (std::size_t i = 0; i < kScores; ++i) {
    if (scores[i] >= sorted[kCount - 1]) {
      EXPECT_TRUE(std::binary_search(chosen.begin(), chosen.end(), static_cast<int>(i)));
    }
  }
  EXPECT_GT(report.counters.atomics_shared, 0u);
}

TEST(RealKernels, TensorTileMatchesItsReference) {
  constexpr int kLive = 13;  // the copies of further rows read nothing and leave zeros
  std::mt19937 random(11);
  const auto small = [&] { return static_cast<float>(static_cast<int>(random() % 9) - 4); };
  std::vector<float> a(256), b(128);
  std::vector<uint16_t> a_bits, b_bits;
  for (float& x : a) a_bits.push_back(to_bf16(x = small()));
  for (float& x : b) b_bits.push_back(to_bf16(x = small()));
  a_bits.resize(16 * kLive);  // reading one of the other rows would be out of bounds
  TestLaunch t(read_testdata("tensor_tile.ptx"));
  t.input("a", a_bits);
  t.input("b", b_bits);
  const uint64_t c = t.output<float>("c", 128);
  t.argument(kLive);
  const LaunchReport report = t.run({1, 1, 1}, {32, 1, 1});
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  EXPECT_EQ(report.counters.tensor, 1u);
  EXPECT_EQ(report.counters.tensor_flops, 2.0 * 16 * 8 * 16);
  EXPECT_EQ(report.counters.tensor_pipe_cycles, 2.0 * 16 * 8 * 16 / 8192) << "of sm_100a";
  EXPECT_EQ(report.counters.mbarrier_wait_cycles, 0);
  EXPECT_EQ(report.counters.tensor_flops_by_type[static_cast<size_t>(TensorType::kBf16)], 2.0 * 16 * 8 * 16);
  const auto got = t.read<float>(c);
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      float sum = static_cast<float>(1 + 2 * (row / 8) + column % 2);
      for (std::size_t k = 0; k < 16 && row < kLive; ++k) sum += a[16 * row + k] * b[16 * column + k];
      EXPECT_EQ(got[8 * row + column], sum) << row << " " << column;
    }
  }
}

// A barrier taken out of a correct kernel: results may still be right, the race must be seen.
TEST(RealKernels, MatmulWithoutABarrierIsReported) {
  const std::string text = read_testdata("matmul.ptx");
  std::size_t at = 0;
  ASSERT_NE(text.find("bar.sync"), std::string::npos);
  for (int removed = 0; (at = text.find("bar.sync", at)) != std::string::npos; ++removed, ++at) {
    std::string mutant = text;
    mutant.erase(at, text.find(';', at) - at + 1);
    TestLaunch t(mutant);
    t.input("a", std::vector<float>(64 * 32, 1.0f));
    t.input("b", std::vector<float>(32 * 64, 1.0f));
    t.output<float>("c", 64 * 64);
    t.argument(64);
    t.argument(64);
    t.argument(32);
    const LaunchReport report = t.run({1, 1, 1}, {256, 1, 1});
    bool found = false;
    for (const Finding& finding : report.findings) found |= finding.kind == Finding::Kind::kSharedRace;
    EXPECT_TRUE(found) << "barrier " << removed;
  }
}

}  // namespace
}  // namespace warpwright::sim
