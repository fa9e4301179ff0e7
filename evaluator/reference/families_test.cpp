// What an oracle must say by hand-made cases, for every family: the formulas as a whole are held against
// NumPy transcriptions (tests/oracles).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>

#include "evaluator/reference/block_scaled_gemm.h"
#include "evaluator/reference/moe_routing.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/oracle.h"
#include "evaluator/reference/parallel.h"

namespace warpwright::reference {
namespace {

using trace::DType;

constexpr const char* kPrefill = "gdn_prefill_qk4_v8_d128_k_last";
constexpr const char* kDecode = "gdn_decode_qk4_v8_d128_k_last";
constexpr const char* kAttention = "dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64";
constexpr const char* kIndexer = "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64";
constexpr const char* kMoe = "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048";

// A definition with some constants changed, and inputs of reproducible values between -1 and 1.
struct Case {
  Case(const char* name, const trace::Axes& constants, trace::Axes variable, std::string new_name = "")
      : axes(std::move(variable)) {
    ::unsetenv("FIB_DATASET_PATH");
    definition = trace::DatasetPath::open({}).value().load(name).value().definition;
    if (!new_name.empty()) definition.name = new_name;
    for (trace::Axis& axis : definition.axes)
      if (constants.contains(axis.name)) axis.value = constants.at(axis.name);
    uint32_t state = 12345;
    for (const trace::Tensor& tensor : definition.inputs) {
      if (tensor.is_scalar) continue;
      HostTensor& made = inputs.tensors[tensor.name];
      made.dtype = tensor.dtype;
      made.shape = definition.shape_of(tensor, axes).value();
      made.data.resize(static_cast<size_t>(definition.bytes_of(tensor, axes).value()));
      for (int64_t i = 0; i < made.elements(); ++i) {
        state = state * 1664525u + 1013904223u;
        set(tensor.name, i, static_cast<double>(state >> 8) / (1 << 23) - 1);
      }
    }
  }
  void set(const std::string& name, int64_t index, double value) {
    HostTensor& tensor = inputs.tensors.at(name);
    store_element(tensor.dtype, tensor.data, static_cast<size_t>(index), value);
  }
  void set_all(const std::string& name, const std::vector<double>& values) {
    ASSERT_EQ(inputs.tensors.at(name).elements(), static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) set(name, static_cast<int64_t>(i), values[i]);
  }
  Result<OracleOutputs> run(const char* family) const {
    return find_oracle(family)->run(definition, axes, inputs);
  }
  trace::Definition definition;
  trace::Axes axes;
  Inputs inputs;
};

Case prefill(const std::vector<double>& boundaries) {
  const auto sequences = static_cast<int64_t>(boundaries.size()) - 1;
  Case c(kPrefill, {{"head_size", 16}},
         {{"total_seq_len", static_cast<int64_t>(boundaries.back())},
          {"num_seqs", sequences},
          {"len_cu_seqlens", sequences + 1}});
  c.set_all("cu_seqlens", boundaries);
  return c;
}
Case attention(const std::vector<double>& indices, int64_t tokens) {
  Case c(kAttention,
         {{"num_qo_heads", 2}, {"head_dim_ckv", 4}, {"head_dim_kpe", 2}, {"page_size", 2}, {"topk", 4}},
         {{"num_tokens", tokens}, {"num_pages", 3}});
  c.set_all("sparse_indices", indices);
  c.inputs.scalars["sm_scale"] = 0.5;
  return c;
}
// Two heads of dimension 4, two tokens a page, four pages; all keys and queries 1, scales 1.
Case indexer(const std::vector<double>& seq_lens, const std::vector<double>& block_table) {
  Case c(kIndexer,
         {{"num_index_heads", 2},
          {"index_head_dim", 4},
          {"page_size", 2},
          {"topk", 3},
          {"head_dim_with_scale", 8}},
         {{"batch_size", static_cast<int64_t>(seq_lens.size())}, {"max_num_pages", 3}, {"num_pages", 4}});
  c.set_all("seq_lens", seq_lens);
  c.set_all("block_table", block_table);
  c.set_all("q_index_fp8", std::vector<double>(seq_lens.size() * 8, 1));
  auto* bytes = c.inputs.tensors.at("k_index_cache_fp8").data.data();
  for (int page = 0; page < 4; ++page) {
    std::memset(bytes + page * 16, e4m3_from_float(1), 8);
    for (int token = 0; token < 2; ++token) {
      const float scale = 1;
      std::memcpy(bytes + page * 16 + 8 + token * 4, &scale, 4);
    }
  }
  return c;
}
Case moe(int64_t tokens) {
  const trace::Axes constants = {{"num_experts", 8},          {"num_local_experts", 4},
                                 {"hidden_size", 16},         {"intermediate_size", 8},
                                 {"gemm1_out_size", 16},      {"num_hidden_blocks", 2},
                                 {"num_gemm1_out_blocks", 2}, {"num_intermediate_blocks", 1}};
  Case c(kMoe, constants, {{"seq_len", tokens}}, "moe_fp8_block_scale_ds_routing_topk2_ng4_kg2_small");
  c.inputs.scalars = {{"local_expert_offset", 4}, {"routed_scaling_factor", 1}};
  return c;
}

TEST(GdnPrefill, SequencesOfOneTokenAreDecodeSteps) {
  const Case packed = prefill({0, 1, 2, 3});
  Case steps(kDecode, {{"head_size", 16}}, {{"batch_size", 3}});
  for (auto& [name, tensor] : steps.inputs.tensors) tensor.data = packed.inputs.tensors.at(name).data;
  EXPECT_EQ(packed.run("gdn_prefill").value().values, steps.run("gdn_decode").value().values);
}

TEST(GdnPrefill, AnEmptySequenceLeavesZerosWhateverItsState) {
  const OracleOutputs outputs = prefill({0, 0, 2, 2}).run("gdn_prefill").value();
  const auto& state = outputs.values.at("new_state");
  const size_t one = 8 * 16 * 16;
  const auto is_zero = [&](size_t n) {
    return std::all_of(state.begin() + n * one, state.begin() + (n + 1) * one,
                       [](double x) { return x == 0; });
  };
  EXPECT_TRUE(is_zero(0));
  EXPECT_FALSE(is_zero(1));
  EXPECT_TRUE(is_zero(2));
}

TEST(GdnPrefill, ImpossibleBoundariesAreRefused) {
  Case falling = prefill({0, 3, 3});
  falling.set_all("cu_seqlens", {0, 4, 3});
  EXPECT_NE(falling.run("gdn_prefill").error().message.find("needs rising cu_seqlens: 3 follows 4"),
            std::string::npos);
  Case short_of_the_end = prefill({0, 2, 3});
  short_of_the_end.set_all("cu_seqlens", {0, 1, 2});
  EXPECT_FALSE(short_of_the_end.run("gdn_prefill"));
}

TEST(SparseAttention, LogarithmsAreBaseTwoAndPaddingMayStandAnywhere) {
  Case c = attention({-1, 5, -1, 5, 0, 1, 2, 3, -1, -1, -1, -1}, 3);
  c.set_all("q_nope", std::vector<double>(24, 0));
  c.set_all("q_pe", std::vector<double>(12, 0));
  const OracleOutputs outputs = c.run("dsa_sparse_attention").value();
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(outputs.values.at("lse"), (std::vector<double>{1, 1, 2, 2, -infinity, -infinity}));
  const HostTensor& cache = c.inputs.tensors.at("ckv_cache");
  for (size_t d = 0; d < 4; ++d) {
    EXPECT_EQ(outputs.values.at("output")[d], load_element(cache.dtype, cache.data, 5 * 4 + d));
    EXPECT_EQ(outputs.values.at("output")[16 + d], 0);
  }
}

TEST(SparseAttention, LargeLogitsDoNotOverflow) {
  Case c = attention({0, 1, 2, 3}, 1);
  c.inputs.scalars["sm_scale"] = 1e6;
  for (double value : c.run("dsa_sparse_attention").value().values.at("lse"))
    EXPECT_TRUE(std::isfinite(value));
}

TEST(SparseAttention, AnIndexOutsideTheCacheIsRefused) {
  EXPECT_FALSE(attention({0, 1, 2, 6}, 1).run("dsa_sparse_attention"));
  EXPECT_FALSE(attention({0, 1, 2, -2}, 1).run("dsa_sparse_attention"));
}

TEST(TopkIndexer, ScalesStandBehindThePagesKeysAndTheTailOfTheTableMeansNothing) {
  Case c = indexer({5, 0}, {3, 1, 0, /* never read: */ 99, -7, 1000});
  c.set_all("weights", {1, -0.5, 1, 1});
  auto* bytes = c.inputs.tensors.at("k_index_cache_fp8").data.data();
  const float scales[4][2] = {{10, 20}, {0.25f, 0.5f}, {90, 91}, {3, 2}};
  for (int page = 0; page < 4; ++page) std::memcpy(bytes + page * 16 + 8, scales[page], 8);
  const OracleOutputs outputs = c.run("dsa_topk_indexer").value();
  // Each token scores (1 - 0.5) * 4 * scale; the second token of page 0 is beyond seq_len.
  const std::vector<Candidate>& row = outputs.rankings.at("topk_indices").rows[0];
  ASSERT_EQ(row.size(), 5u);
  EXPECT_EQ(row[0].index, 0);
  EXPECT_EQ(row[0].score, 20);
  EXPECT_EQ(row[0].term_size, 10 * std::sqrt(4 + 1));
  EXPECT_EQ(outputs.values.at("topk_indices"), (std::vector<double>{0, 6, 7, -1, -1, -1}));
}

TEST(TopkIndexer, NegativeScoresAreRankedAndNegativeProductsAreCut) {
  Case c = indexer({3, 1}, {0, 1, 0, 2, 0, 0});
  c.set_all("weights", {-1, -1, 1, 1});
  std::vector<double> q(16, 1);
  std::fill(q.begin() + 8, q.end(), -1);
  c.set_all("q_index_fp8", q);
  const OracleOutputs outputs = c.run("dsa_topk_indexer").value();
  const Ranking& ranking = outputs.rankings.at("topk_indices");
  for (const Candidate& candidate : ranking.rows[0]) EXPECT_EQ(candidate.score, -8);
  EXPECT_EQ(ranking.rows[1][0].score, 0);
}

TEST(TopkIndexer, LengthsAndPagesThatAreNotThereAreRefused) {
  EXPECT_FALSE(indexer({7}, {0, 1, 2}).run("dsa_topk_indexer"));
  EXPECT_FALSE(indexer({-1}, {0, 1, 2}).run("dsa_topk_indexer"));
  EXPECT_FALSE(indexer({5}, {0, 1, 4}).run("dsa_topk_indexer"));
  EXPECT_TRUE(indexer({4}, {0, 1, 4}).run("dsa_topk_indexer"));
}

TEST(MoeRouting, TheBiasChoosesAndTheScoreWeighs) {
  const MoeRouting routing{8, 4, 2, 2, 3.0};
  const std::vector<double> logits = {0, 0, 2, 2, 9, -9, 1, 0};
  std::vector<double> bias(8, 0);
  // Two best of each group: 1, 1.76, 1.0001, 1.23: groups 1 and 3, so expert 4, the best of all, is out.
  RoutedToken token = route_token(routing, logits.data(), bias.data());
  EXPECT_EQ(token.experts, (std::vector<int64_t>{2, 3}));
  EXPECT_FALSE(token.undecided);
  bias[5] = 2;                   // now group 2 is the best
  token = route_token(routing, logits.data(), bias.data());
  EXPECT_EQ(token.experts, (std::vector<int64_t>{5, 4}));
  const double s4 = 1 / (1 + std::exp(-9)), s5 = 1 / (1 + std::exp(9));
  EXPECT_NEAR(token.weights[0], 3 * s5 / (s4 + s5), 1e-15);
  EXPECT_NEAR(token.weights[1], 3 * s4 / (s4 + s5), 1e-15);
}

TEST(MoeRouting, OnlyTiesAtTheBorderLeaveATokenUndecided) {
  const MoeRouting routing{4, 1, 1, 2, 1.0};
  const std::vector<double> none(4, 0), inside = {2, 2, 1, 0}, border = {2, 1, 1 + 1e-7, 0},
                                        apart = {2, 1, 1.001, 0};
  EXPECT_FALSE(route_token(routing, inside.data(), none.data()).undecided);
  EXPECT_TRUE(route_token(routing, border.data(), none.data()).undecided);
  EXPECT_FALSE(route_token(routing, apart.data(), none.data()).undecided);
}

TEST(Moe, ExpertsOfOtherRanksAddNothing) {
  Case c = moe(2);
  c.set_all("routing_bias", {0, 0, 0, 0, 0, 0, 0, 0});
  c.set_all("routing_logits", {9, 8, 0, 1, 0, -1, -2, -3, 0, 1, -1, -2, 0, -3, 9, 8});
  const auto output = c.run("moe_fp8_block_scale").value().values.at("output");
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(output[i], 0);  // experts 0 and 1, not 4 to 7
  EXPECT_NE(output[16], 0);
  c.inputs.scalars["local_expert_offset"] = 0;
  const auto elsewhere = c.run("moe_fp8_block_scale").value().values.at("output");
  EXPECT_NE(elsewhere[0], 0);
  EXPECT_EQ(elsewhere[16], 0);
  c.inputs.scalars["local_expert_offset"] = 5;
  EXPECT_FALSE(c.run("moe_fp8_block_scale"));
}

// Sums over a block are float32: nothing that a tolerance would notice, at the contest's depth.
TEST(BlockScaledGemm, AgreesWithDoubleAtTheContestsDepth) {
  constexpr int64_t kDepth = 7168, kBlock = 128, kRows = 5, kWeights = 16;
  uint32_t state = 1;
  const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  ScaledRows x{kDepth, kBlock, {}, {}};
  for (int64_t i = 0; i < kRows * kDepth; ++i)
    x.values.push_back(float_from_e4m3(next() % 0x78 | (next() & 0x80)));
  for (int64_t i = 0; i < kRows * kDepth / kBlock; ++i) x.scales.push_back(1.0 + next() % 100);
  std::vector<uint8_t> bytes(kWeights * kDepth);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(next() % 0x78 | (next() & 0x80));
  std::vector<float> scales(kDepth / kBlock);
  for (float& scale : scales) scale = 0.01f * static_cast<float>(next() % 100);
  std::vector<int64_t> rows;
  for (int64_t r = 0; r < kWeights; ++r) rows.push_back(r);
  std::vector<double> products;
  multiply_tile(x, {kDepth, kBlock, bytes.data(), scales.data()}, rows, products);
  for (int64_t t = 0; t < kRows; ++t) {
    for (int64_t r = 0; r < kWeights; ++r) {
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < kDepth; ++i) {
        const double term =
            static_cast<double>(x.values[t * kDepth + i]) * float_from_e4m3(bytes[r * kDepth + i]) *
            x.scales[t * kDepth / kBlock + i / kBlock] * static_cast<double>(scales[i / kBlock]);
        sum += term;
        squares += term * term;
      }
      EXPECT_NEAR(products[t * kGemmTile + r], sum, 3e-7 * std::sqrt(squares));
    }
  }
}

TEST(Families, ResultsDoNotDependOnTheNumberOfThreads) {
  std::vector<std::pair<const char*, Case>> cases = {
      {"gdn_decode", Case(kDecode, {{"head_size", 16}}, {{"batch_size", 3}})},
      {"gdn_prefill", prefill({0, 3, 3, 9})},
      {"dsa_sparse_attention", attention({0, 1, 2, 3, 5, -1, 4, -1}, 2)},
      {"dsa_topk_indexer", indexer({5, 2, 6}, {3, 1, 0, 2, 0, 0, 1, 2, 3})},
      {"moe_fp8_block_scale", moe(9)}};
  for (const auto& [family, made] : cases) {
    limit_threads(1);
    const OracleOutputs alone = made.run(family).value();
    limit_threads(5);
    EXPECT_EQ(made.run(family).value(), alone) << family;
  }
  limit_threads(0);
}

TEST(Families, AMissingInputIsNamed) {
  Case c = prefill({0, 2});
  c.inputs.tensors.erase("b");
  EXPECT_NE(c.run("gdn_prefill").error().message.find("the gdn_prefill oracle needs the input 'b'"),
            std::string::npos);
}

}  // namespace
}  // namespace warpwright::reference
