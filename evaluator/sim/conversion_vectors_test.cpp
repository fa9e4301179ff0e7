// cvt against conversions that ml_dtypes made (tools/conversion-vectors.py); $WARPWRIGHT_CONVERSION_VECTORS
// names another file of them.
#include <cstdlib>
#include <map>

#include "evaluator/sim/float_reference.h"
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

struct Vectors {
  std::string direction, format;
  std::map<uint64_t, uint64_t> pairs;  // from -> to
};

std::vector<Vectors> read_vectors() {
  const char* other = std::getenv("WARPWRIGHT_CONVERSION_VECTORS");
  std::ifstream file(other != nullptr ? other : "evaluator/sim/testdata/conversion_vectors.txt");
  std::vector<Vectors> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    Vectors& vectors = all.emplace_back();
    words >> vectors.direction >> vectors.format;
    for (std::string pair; words >> pair;) {
      const std::size_t equals = pair.find('=');
      vectors.pairs[std::stoull(pair, nullptr, 16)] = std::stoull(pair.substr(equals + 1), nullptr, 16);
    }
  }
  return all;
}

// Two elements of a pair get the same value.
void check_encoding(const Vectors& v, const std::vector<Sources>& inputs) {
  const bool half = v.format == "f16" || v.format == "bf16";
  const int spacing = v.format == "e2m1" ? 4 : half ? 16 : 8;
  const auto pair = [&](const Sources& s) { return v.pairs.at(s[0]) << spacing | v.pairs.at(s[0]); };
  if (half) {
    check_over(inputs, "cvt.rn." + v.format + ".f32 $0, $1;\n", "hw",
               [&](const Sources& s) { return v.pairs.at(s[0]); });
    check_over(inputs, "cvt.rn." + v.format + "x2.f32 $0, $1, $1;\n", "ww", pair);
  } else if (v.format == "ue8m0") {
    check_over(inputs, "cvt.rz.ue8m0x2.f32 $0, $1, $1;\n", "hw", pair);
    check_over(inputs, "cvt.rp.satfinite.ue8m0x2.f32 $0, $1, $1;\n", "hw", pair);
  } else {
    check_over(inputs, "cvt.rn.satfinite." + v.format + "x2.f32 $0, $1, $1;\n", "hw", pair);
  }
}

// The code, once low and once high, with zero beside it.
void check_decoding(const Vectors& v, const std::vector<Sources>& inputs) {
  const bool scale = v.format == "ue8m0";
  const int spacing = v.format == "e2m1" ? 4 : 8;
  const std::string opcode = scale ? "cvt.rn.bf16x2.ue8m0x2" : "cvt.rn.f16x2." + v.format + "x2";
  const auto narrow = [&](uint64_t f32_bits) {
    return scale ? f32_bits >> 16 : round(kF16, unpack(kF32, f32_bits), Round::kNearest);
  };
  check_over(inputs, opcode + " $0, $1;\nand.b32 $0, $0, 0xffff;\n", "wh",
             [&](const Sources& s) { return narrow(v.pairs.at(s[0])); });
  check_over(
      inputs,
      "shl.b16 $1, $1, " + std::to_string(spacing) + ";\n" + opcode + " $0, $1;\nshr.u32 $0, $0, 16;\n", "wh",
      [&](const Sources& s) { return narrow(v.pairs.at(s[0])); });
}

TEST(ConversionVectors, AgreeWithMlDtypes) {
  const std::vector<Vectors> all = read_vectors();
  ASSERT_FALSE(all.empty());
  for (const Vectors& vectors : all) {
    std::vector<Sources> inputs;
    for (const auto& [from, to] : vectors.pairs) inputs.push_back({from});
    ASSERT_FALSE(inputs.empty()) << vectors.format;
    vectors.direction == "encode" ? check_encoding(vectors, inputs) : check_decoding(vectors, inputs);
  }
}

}  // namespace
}  // namespace warpwright::sim::testing
