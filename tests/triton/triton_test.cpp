// Kernels that another compiler made: what Triton emits for a softmax, a layer norm, a bf16 matrix product
// and a top-k (testdata/, written by generate.py), against the same in plain C++.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "src/base/files.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/numbers.h"
#include "tests/golden_kernels/workload.h"

namespace warpwright::golden {
namespace {

// A PTX file with what its first lines say of a launch.
struct TritonKernel {
  std::shared_ptr<const sim::Program> program;
  uint32_t threads = 0, shared_bytes = 0;
};

TritonKernel load(const std::string& name) {
  const auto text = read_file(find_home().value() / "tests/triton/testdata" / (name + ".ptx"));
  EXPECT_TRUE(text) << name;
  TritonKernel kernel;
  std::smatch match;
  if (std::regex_search(*text, match, std::regex(R"(// threads (\d+) shared (\d+))"))) {
    kernel.threads = static_cast<uint32_t>(std::stoul(match[1]));
    kernel.shared_bytes = static_cast<uint32_t>(std::stoul(match[2]));
  }
  const auto program = load_ptx(*text);
  EXPECT_TRUE(program) << program.error().message;
  if (program) kernel.program = *program;
  return kernel;
}

// Triton's kernels end with two pointers for its own scratch memory, unused here.
void check(Workload& workload, const TritonKernel& kernel) {
  workload.steps.back() << uint64_t{0} << uint64_t{0};
  for (const bool reverse : {false, true}) {
    sim::Options options;
    options.reverse_order = reverse;
    EXPECT_EQ(run(workload, *kernel.program, options).text(), "");
  }
}

class Triton : public testing::TestWithParam<const char*> {
 protected:
  static TritonKernel kernel(const std::string& name) { return load(name + "_" + GetParam()); }
};

TEST_P(Triton, SoftmaxIsRight) {
  constexpr std::size_t kRows = 3, kColumns = 397;
  const TritonKernel k = kernel("softmax");
  ASSERT_NE(k.program, nullptr);
  Workload w{"softmax", "", {}, {}, {}};
  const auto x = w.input("x", Random(101).normals(kRows * kColumns));
  const auto out = w.output<float>("out", kRows * kColumns);
  w.launch("softmax", {kRows}, {k.threads}, k.shared_bytes) << x << out << static_cast<int>(kColumns);
  w.check = [=](const Results& r) {
    Deviation deviation;
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto values = r.of<float>(x).subspan(row * kColumns, kColumns);
      double sum = 0;
      for (float value : values) sum += std::exp(double{value});
      for (std::size_t i = 0; i < kColumns; ++i)
        deviation.add(r.of<float>(out)[row * kColumns + i], std::exp(double{values[i]}) / sum);
    }
    return deviation.over(1e-6);
  };
  check(w, k);
}

TEST_P(Triton, LayerNormIsRight) {
  constexpr std::size_t kRows = 3, kColumns = 600;
  constexpr float kEpsilon = 1e-5f;
  const TritonKernel k = kernel("layer_norm");
  ASSERT_NE(k.program, nullptr);
  Random random(102);
  Workload w{"layer_norm", "", {}, {}, {}};
  const auto x = w.input("x", random.bf16_normals(kRows * kColumns, 2));
  const auto weight = w.input("weight", random.normals(kColumns)),
             bias = w.input("bias", random.normals(kColumns));
  const auto out = w.output<uint16_t>("out", kRows * kColumns);
  const auto means = w.output<float>("mean", kRows);
  w.launch("layer_norm", {kRows}, {k.threads}, k.shared_bytes)
      << x << weight << bias << out << means << static_cast<int>(kColumns) << kEpsilon;
  w.check = [=](const Results& r) {
    Deviation deviation, of_means;
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto value = [&](std::size_t i) {
        return double{from_bf16(r.of<uint16_t>(x)[row * kColumns + i])};
      };
      double mean = 0, variance = 0;
      for (std::size_t i = 0; i < kColumns; ++i) mean += value(i) / kColumns;
      for (std::size_t i = 0; i < kColumns; ++i) variance += (value(i) - mean) * (value(i) - mean) / kColumns;
      of_means.add(r.of<float>(means)[row], mean);
      for (std::size_t i = 0; i < kColumns; ++i)
        deviation.add(from_bf16(r.of<uint16_t>(out)[row * kColumns + i]),
                      (value(i) - mean) / std::sqrt(variance + double{kEpsilon}) * r.of<float>(weight)[i] +
                          r.of<float>(bias)[i]);
    }
    const std::string wrong = deviation.over(4e-3);
    return wrong.empty() ? of_means.over(1e-5) : wrong;
  };
  check(w, k);
}

TEST_P(Triton, MatmulIsRight) {
  constexpr std::size_t kM = 50, kN = 144, kK = 112;  // no multiples of the 32 x 64 x 32 tile
  const TritonKernel k = kernel("matmul");
  ASSERT_NE(k.program, nullptr);
  Random random(103);
  Workload w{"matmul", "", {}, {}, {}};
  const auto a = w.input("a", random.bf16_normals(kM * kK, 1)),
             b = w.input("b", random.bf16_normals(kK * kN, 1));
  const auto c = w.output<float>("c", kM * kN);
  w.launch("matmul", {(kM + 31) / 32, (kN + 63) / 64}, {k.threads}, k.shared_bytes)
      << a << b << c << static_cast<int>(kM) << static_cast<int>(kN) << static_cast<int>(kK);
  w.check = [=](const Results& r) {
    Deviation deviation;
    for (std::size_t i = 0; i < kM * kN; ++i) {
      double sum = 0;
      for (std::size_t p = 0; p < kK; ++p)
        sum += double{from_bf16(r.of<uint16_t>(a)[i / kN * kK + p])} *
               from_bf16(r.of<uint16_t>(b)[p * kN + i % kN]);
      deviation.add(r.of<float>(c)[i], sum);
    }
    return deviation.over(1e-6);
  };
  check(w, k);
}

TEST_P(Triton, TopKIsRight) {
  constexpr std::size_t kRows = 3, kColumns = 480, kWanted = 16;
  const TritonKernel k = kernel("topk");
  ASSERT_NE(k.program, nullptr);
  Workload w{"topk", "", {}, {}, {}};
  const std::vector<float> values = Random(104).normals(kRows * kColumns);
  const auto x = w.input("x", values);
  const auto out = w.output<float>("out", kRows * kWanted);
  w.launch("topk", {kRows}, {k.threads}, k.shared_bytes) << x << out << static_cast<int>(kColumns);
  w.check = [=](const Results& r) {
    std::vector<float> expected;
    for (std::size_t row = 0; row < kRows; ++row) {
      std::vector<float> sorted(&values[row * kColumns], &values[row * kColumns] + kColumns);
      std::sort(sorted.begin(), sorted.end(), std::greater<>());
      expected.insert(expected.end(), sorted.begin(), sorted.begin() + kWanted);
    }
    return equal(r.of<float>(out), expected, "out");
  };
  check(w, k);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Triton, testing::Values("sm90", "sm100"),
                         [](const auto& target) { return std::string(target.param); });

}  // namespace
}  // namespace warpwright::golden
