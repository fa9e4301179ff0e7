#include "evaluator/reference/inputs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "src/base/rng.h"

namespace warpwright::reference {
namespace {

using rules::Distribution;
using rules::Generator;

std::vector<float> draw(const Generator& generator, size_t count, int64_t first = 0, uint64_t seed = 7,
                        std::string_view tensor = "x", int64_t row = 100) {
  std::vector<float> values(count);
  generate(generator, seed, tensor, row, first, values);
  return values;
}

double mean_of(const std::vector<float>& values, int power = 1) {
  double sum = 0;
  for (float value : values) sum += std::pow(static_cast<double>(value), power);
  return sum / static_cast<double>(values.size());
}

// The rule in the header, spelled out: a GPU generator must reproduce it.
TEST(Inputs, AreTheDocumentedFunctionOfSeedNameAndIndex) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (char c : std::string("x\0value", 7)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  const uint64_t seed = 0x123456789abcdefull;
  const int64_t index = 4 * ((int64_t{1} << 33) + 5) + 2;  // beyond 32 bits of the block number
  const auto words = philox4x32({5, 2, static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)},
                                {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const auto value = draw({Distribution::kUniform, {}}, 1, index, seed);
  EXPECT_EQ(value[0], static_cast<float>(words[2] >> 8) * 0x1p-24f);
}

TEST(Inputs, AnyPartCanBeMadeAlone) {
  for (const rules::DistributionFacts& facts : rules::distributions()) {
    if (facts.distribution == Distribution::kAbsent || facts.structured) continue;
    const Generator generator{facts.distribution, {}};
    const auto whole = draw(generator, 1000);
    for (const auto& [first, count] :
         std::vector<std::pair<size_t, size_t>>{{0, 1}, {1, 2}, {99, 2}, {257, 700}}) {
      const auto part = draw(generator, count, static_cast<int64_t>(first));
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)))
          << facts.name << " from " << first;
    }
  }
}

TEST(Inputs, DifferWithSeedAndName) {
  const Generator normal{Distribution::kNormal, {}};
  const auto values = draw(normal, 64);
  EXPECT_EQ(values, draw(normal, 64));
  EXPECT_NE(values, draw(normal, 64, 0, 8));
  EXPECT_NE(values, draw(normal, 64, 0, 7, "y"));
  EXPECT_NE(values, draw(normal, 64, 64));
}

TEST(Inputs, NormalValuesHaveTheMomentsAndTheTailOfTheNormalDistribution) {
  const auto values = draw({Distribution::kNormal, {}}, 1 << 20);
  EXPECT_NEAR(mean_of(values), 0, 4e-3);
  EXPECT_NEAR(mean_of(values, 2), 1, 6e-3);
  EXPECT_NEAR(mean_of(values, 3), 0, 2e-2);
  EXPECT_NEAR(mean_of(values, 4), 3, 5e-2);
  const auto beyond = std::count_if(values.begin(), values.end(), [](float x) { return std::abs(x) > 3; });
  EXPECT_NEAR(static_cast<double>(beyond) / static_cast<double>(values.size()), 0.0027, 3e-4);
  double product = 0;  // the two of a pair are independent
  for (size_t i = 0; i < values.size(); i += 2) product += static_cast<double>(values[i]) * values[i + 1];
  EXPECT_NEAR(product / static_cast<double>(values.size() / 2), 0, 7e-3);
  EXPECT_GT(std::set<float>(values.begin(), values.begin() + 10000).size(), 9900u);
}

TEST(Inputs, NormalValuesAgreeWithTheTransformInDoublePrecision) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (char c : std::string("x\0value", 7)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  const auto values = draw({Distribution::kNormal, {}}, 4000);
  double worst = 0;
  for (uint32_t block = 0; block < 1000; ++block) {
    const auto w =
        philox4x32({block, 0, static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)}, {7, 0});
    for (size_t pair = 0; pair < 2; ++pair) {
      const double radius = std::sqrt(-2 * std::log((static_cast<double>(w[2 * pair] >> 8) + 0.5) * 0x1p-24));
      const double angle = static_cast<double>(w[2 * pair + 1] >> 8) * 0x1p-24 * std::acos(-1.0) / 2;
      const double x = radius * std::cos(angle) * ((w[2 * pair + 1] & 1) != 0 ? -1 : 1);
      const double y = radius * std::sin(angle) * ((w[2 * pair + 1] & 2) != 0 ? -1 : 1);
      worst = std::max({worst, std::abs(x - values[4 * block + 2 * pair]),
                        std::abs(y - values[4 * block + 2 * pair + 1])});
    }
  }
  EXPECT_LT(worst, 3e-6);
}

TEST(Inputs, RowsHaveTheirLengthTheirOneElementOrTheirOneValue) {
  const auto unit = draw({Distribution::kUnitRows, {{"norm", 3}}}, 1000);
  const auto hot = draw({Distribution::kOneHot, {{"value", 2}}}, 1000);
  const auto constant = draw({Distribution::kConstantRows, {}}, 1000);
  std::set<std::ptrdiff_t> places;
  for (size_t row = 0; row < 1000; row += 100) {
    double squares = 0;
    for (size_t i = row; i < row + 100; ++i) squares += static_cast<double>(unit[i]) * unit[i];
    EXPECT_NEAR(std::sqrt(squares), 3, 1e-5);
    const auto begin = hot.begin() + static_cast<std::ptrdiff_t>(row);
    EXPECT_EQ(std::accumulate(begin, begin + 100, 0.0f), 2.0f);
    places.insert(std::max_element(begin, begin + 100) - begin);
    for (size_t i = row; i < row + 100; ++i) EXPECT_EQ(constant[i], constant[row]);
  }
  EXPECT_GT(places.size(), 5u);
  EXPECT_NE(constant[0], constant[100]);
}

TEST(Inputs, OtherDistributionsKeepTheirParameters) {
  const auto sparse = draw({Distribution::kSparse, {{"density", 0.1}}}, 100000);
  EXPECT_NEAR(static_cast<double>(std::count(sparse.begin(), sparse.end(), 0.0f)), 90000, 500);
  const auto two =
      draw({Distribution::kTwoValues, {{"low", -1}, {"high", 5}, {"probability", 0.25}}}, 100000);
  EXPECT_NEAR(mean_of(two), 0.5, 0.05);
  const auto heavy = draw({Distribution::kHeavyTails, {{"std", 2}, {"limit", 50}}}, 100000);
  EXPECT_LE(*std::max_element(heavy.begin(), heavy.end()), 100.0f);
  EXPECT_GT(*std::max_element(heavy.begin(), heavy.end()), 60.0f);
  const auto whole = draw({Distribution::kIntegers, {{"low", -2}, {"high", 3}}}, 10000);
  EXPECT_EQ(std::set<float>(whole.begin(), whole.end()), (std::set<float>{-2, -1, 0, 1, 2, 3}));
  const auto uniform = draw({Distribution::kUniform, {{"low", 0.5}, {"high", 1.5}}}, 100000);
  EXPECT_NEAR(mean_of(uniform), 1, 5e-3);
  EXPECT_GE(*std::min_element(uniform.begin(), uniform.end()), 0.5f);
}

}  // namespace
}  // namespace warpwright::reference
