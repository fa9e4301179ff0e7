#include "src/rules/generator.h"

#include <algorithm>
#include <array>

#include "src/base/check.h"

namespace warpwright::rules {
namespace {

constexpr std::array<Parameter, 2> kNormal = {{{"mean", 0}, {"std", 1}}};
constexpr std::array<Parameter, 2> kUniform = {{{"low", 0}, {"high", 1}}};
constexpr std::array<Parameter, 1> kConstant = {{{"value", 0}}};
constexpr std::array<Parameter, 2> kUnitRows = {{{"norm", 1}, {"mean", 0}}};
constexpr std::array<Parameter, 2> kConstantRows = {{{"mean", 0}, {"std", 1}}};
constexpr std::array<Parameter, 1> kOneHot = {{{"value", 1}}};
constexpr std::array<Parameter, 2> kSparse = {{{"density", 0.05}, {"std", 1}}};
constexpr std::array<Parameter, 2> kHeavyTails = {{{"std", 1}, {"limit", 64}}};
constexpr std::array<Parameter, 3> kTwoValues = {{{"low", 0}, {"high", 1}, {"probability", 0.5}}};
constexpr std::array<Parameter, 2> kIntegers = {{{"low", 0}, {"high", 1}}};

constexpr std::array<Parameter, 6> kRoutingLogits = {{{"std", 1},
                                                      {"skew", 0},
                                                      {"local_offset", 0},
                                                      {"favourite", -1},
                                                      {"favourite_offset", 0},
                                                      {"ensure_local", 0}}};
constexpr std::array<Parameter, 4> kCuSeqlens = {{{"skew", 8}, {"empty", 0}, {"ones", 0}, {"longest", 0}}};
constexpr std::array<Parameter, 1> kSeqLens = {{{"long_rows", 1}}};
constexpr std::array<Parameter, 2> kBlockTable = {{{"one_run", 0.22}, {"live_tail", 0.2}}};
constexpr std::array<Parameter, 4> kSparseIndices = {
    {{"least", -1}, {"median", -1}, {"most", -1}, {"scattered", 0}}};
constexpr std::array<Parameter, 2> kFp8KeyPages = {{{"std", 1}, {"distinct", 0}}};

constexpr std::array<std::string_view, 1> kExpertAxes = {"num_local_experts"};
constexpr std::array<std::string_view, 2> kTokenAxes = {"total_seq_len", "num_seqs"};
constexpr std::array<std::string_view, 3> kLengthAxes = {"max_num_pages", "page_size", "topk"};
constexpr std::array<std::string_view, 3> kTableAxes = {"max_num_pages", "page_size", "num_pages"};
constexpr std::array<std::string_view, 3> kIndexAxes = {"num_pages", "page_size", "topk"};
constexpr std::array<std::string_view, 2> kPageAxes = {"num_pages", "page_size"};

constexpr std::array<DistributionFacts, 18> kDistributions = {{
    {Distribution::kNormal, "normal", kNormal},
    {Distribution::kUniform, "uniform", kUniform},
    {Distribution::kConstant, "constant", kConstant},
    {Distribution::kUnitRows, "unit_rows", kUnitRows},
    {Distribution::kConstantRows, "constant_rows", kConstantRows},
    {Distribution::kOneHot, "one_hot", kOneHot},
    {Distribution::kSparse, "sparse", kSparse},
    {Distribution::kHeavyTails, "heavy_tails", kHeavyTails},
    {Distribution::kTwoValues, "two_values", kTwoValues},
    {Distribution::kIntegers, "integers", kIntegers},
    {Distribution::kAbsent, "absent", {}},
    {Distribution::kRoutingLogits, "routing_logits", kRoutingLogits, kExpertAxes, true},
    {Distribution::kCuSeqlens, "cu_seqlens", kCuSeqlens, kTokenAxes, true},
    {Distribution::kSeqLens, "seq_lens", kSeqLens, kLengthAxes, true},
    {Distribution::kEdgeLengths, "edge_lengths", {}, kLengthAxes, true},
    {Distribution::kBlockTable, "block_table", kBlockTable, kTableAxes, true},
    {Distribution::kSparseIndices, "sparse_indices", kSparseIndices, kIndexAxes, true},
    {Distribution::kFp8KeyPages, "fp8_key_pages", kFp8KeyPages, kPageAxes, true},
}};

}  // namespace

std::span<const DistributionFacts> distributions() {
  return kDistributions;
}

const DistributionFacts& facts_of(Distribution distribution) {
  const auto it = std::find_if(kDistributions.begin(), kDistributions.end(),
                               [&](const auto& facts) { return facts.distribution == distribution; });
  CHECK(it != kDistributions.end());
  return *it;
}

std::string_view to_string(Distribution distribution) {
  return facts_of(distribution).name;
}

std::optional<Distribution> distribution_from_string(std::string_view text) {
  for (const DistributionFacts& facts : kDistributions) {
    if (facts.name == text) return facts.distribution;
  }
  return std::nullopt;
}

double Generator::parameter(std::string_view name) const {
  const auto given = parameters.find(std::string(name));
  if (given != parameters.end()) return given->second;
  const auto known = facts_of(distribution).parameters;
  const auto it =
      std::find_if(known.begin(), known.end(), [&](const Parameter& p) { return p.name == name; });
  CHECK(it != known.end());
  return it->fallback;
}

}  // namespace warpwright::rules
