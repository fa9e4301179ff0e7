#include "evaluator/reference/structured_inputs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <set>

#include "evaluator/reference/numeric.h"
#include "src/base/files.h"
#include "src/trace/dataset.h"

namespace warpwright::reference {
namespace {

constexpr std::string_view kPrefill = "gdn_prefill_qk4_v8_d128_k_last";
constexpr std::string_view kAttention = "dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64";
constexpr std::string_view kIndexer = "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64";
constexpr std::string_view kMoe = "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048";

// A definition with its rules, of which single inputs are drawn.
class Drawn {
 public:
  explicit Drawn(std::string_view name)
      : loaded(trace::DatasetPath::open({}).value().load(name).value()),
        rules(rules::load_rules(loaded, find_home().value()).value()) {}

  std::vector<int64_t> integers(std::string_view tensor, const trace::Workload& workload,
                                std::string_view profile = "", uint64_t seed = 1) const {
    const HostTensor made = tensor_of(tensor, workload, profile, seed);
    std::vector<int64_t> values;
    for (size_t i = 0; i < static_cast<size_t>(made.elements()); ++i)
      values.push_back(static_cast<int64_t>(load_element(made.dtype, made.data, i)));
    return values;
  }
  // Only this input and those it is drawn from: the definition is cut down to them.
  HostTensor tensor_of(std::string_view tensor, const trace::Workload& workload,
                       std::string_view profile = "", uint64_t seed = 1) const {
    trace::Workload only = workload;
    std::erase_if(only.inputs, [&](const auto& input) {
      return input.first != tensor && !loaded.definition.find_input(input.first)->is_scalar;
    });
    auto inputs = make_inputs(loaded.definition, only, rules, profile, seed);
    EXPECT_TRUE(inputs) << inputs.error().message;
    return std::move(inputs->tensors.at(std::string(tensor)));
  }
  trace::Workload workload_of(const trace::Axes& axes) const {
    trace::Workload workload = loaded.workloads.front();
    workload.axes = axes;
    return workload;
  }

  trace::LoadedDefinition loaded;
  rules::Rules rules;
};

int64_t percentile(std::vector<int64_t> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}
double share_below(const std::vector<int64_t>& values, int64_t limit) {
  const auto count = std::count_if(values.begin(), values.end(), [&](int64_t x) { return x < limit; });
  return static_cast<double>(count) / static_cast<double>(values.size());
}

TEST(StructuredInputs, IndexerLengthsHaveThePublishedPercentiles) {
  const Drawn indexer(kIndexer);
  std::vector<int64_t> all;
  for (const trace::Workload& workload : indexer.loaded.workloads) {
    const auto lengths = indexer.integers("seq_lens", workload);
    all.insert(all.end(), lengths.begin(), lengths.end());
  }
  ASSERT_EQ(all.size(), 1879u);
  EXPECT_NEAR(static_cast<double>(percentile(all, 0.1)), 5, 3);
  EXPECT_NEAR(static_cast<double>(percentile(all, 0.5)), 94, 15);
  EXPECT_NEAR(static_cast<double>(percentile(all, 0.9)), 819, 120);
  EXPECT_NEAR(share_below(all, 64), 0.406, 0.03);
  EXPECT_NEAR(share_below(all, 256), 0.806, 0.03);
  EXPECT_EQ(1879 - static_cast<int64_t>(std::lround(share_below(all, 2048) * 1879)), 59);
  EXPECT_GE(*std::min_element(all.begin(), all.end()), 1);
}

TEST(StructuredInputs, OneRowFillsTheBlockTableAndIsTheOnlyLongOne) {
  const Drawn indexer(kIndexer);
  for (const trace::Workload& workload : indexer.loaded.workloads) {
    const int64_t columns = workload.axes.at("max_num_pages");
    const auto lengths = indexer.integers("seq_lens", workload);
    const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
    EXPECT_EQ((longest + 63) / 64, columns);
    EXPECT_EQ(std::count_if(lengths.begin(), lengths.end(), [](int64_t x) { return x >= 2048; }),
              columns > 32 ? 1 : 0);
  }
}

TEST(StructuredInputs, BlockTablesNameDistinctPagesAndValidOnesBehindThem) {
  const Drawn indexer(kIndexer);
  int rows = 0, one_run = 0, zero_tails = 0;
  for (const trace::Workload& workload : indexer.loaded.workloads) {
    const auto lengths = indexer.integers("seq_lens", workload);
    const auto table = indexer.integers("block_table", workload);
    const auto columns = static_cast<size_t>(workload.axes.at("max_num_pages"));
    std::set<int64_t> used;
    size_t pages_used = 0;
    bool zeros = true;
    for (size_t row = 0; row < lengths.size(); ++row, ++rows) {
      const auto pages = static_cast<size_t>((lengths[row] + 63) / 64);
      bool neighbours = true;
      for (size_t i = 0; i < columns; ++i) {
        const int64_t page = table[row * columns + i];
        ASSERT_TRUE(page >= 0 && page < 11923);
        if (i < pages) used.insert(page);
        if (i >= pages) zeros &= page == 0;
        if (i > 0 && i < pages) neighbours &= page == table[row * columns + i - 1] + 1;
      }
      pages_used += pages;
      one_run += neighbours ? 1 : 0;
    }
    EXPECT_EQ(used.size(), pages_used);
    zero_tails += zeros ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(one_run) / rows, 0.54, 0.04);
  EXPECT_NEAR(zero_tails, 103, 14);
}

TEST(StructuredInputs, EdgeLengthsStandEitherSideOfPageAndTopk) {
  const Drawn indexer(kIndexer);
  const auto wide = indexer.workload_of({{"batch_size", 9}, {"max_num_pages", 40}, {"num_pages", 512}});
  EXPECT_EQ(indexer.integers("seq_lens", wide, "edges"),
            (std::vector<int64_t>{0, 2048, 1, 2047, 2049, 2560, 63, 65, 64}));
  const auto narrow = indexer.workload_of({{"batch_size", 3}, {"max_num_pages", 2}, {"num_pages", 512}});
  EXPECT_EQ(indexer.integers("seq_lens", narrow, "edges"), (std::vector<int64_t>{0, 128, 1}));
}

TEST(StructuredInputs, LongRowsAreAsManyAsAskedFor) {
  const Drawn indexer(kIndexer);
  const auto wide = indexer.workload_of({{"batch_size", 8}, {"max_num_pages", 91}, {"num_pages", 11923}});
  for (const auto& [profile, expected] :
       std::vector<std::pair<std::string, int64_t>>{{"several_long", 3}, {"all_long", 8}, {"all_short", 0}}) {
    const auto lengths = indexer.integers("seq_lens", wide, profile);
    EXPECT_EQ(std::count_if(lengths.begin(), lengths.end(), [](int64_t x) { return x >= 2048; }), expected);
  }
}

TEST(StructuredInputs, ATableThatTheCacheCannotHoldIsAnError) {
  const Drawn indexer(kIndexer);
  const auto tight = indexer.workload_of({{"batch_size", 2}, {"max_num_pages", 40}, {"num_pages", 39}});
  const auto inputs = make_inputs(indexer.loaded.definition, tight, indexer.rules, "", 1);
  ASSERT_FALSE(inputs);
  EXPECT_NE(inputs.error().message.find("needs 40 distinct pages, num_pages is 39"), std::string::npos);
}

TEST(StructuredInputs, KeyPagesHoldKeysThenScalesThatReproduceBfloat16) {
  const Drawn indexer(kIndexer);
  const auto workload = indexer.workload_of({{"batch_size", 1}, {"max_num_pages", 1}, {"num_pages", 3}});
  const HostTensor cache = indexer.tensor_of("k_index_cache_fp8", workload);
  ASSERT_EQ(cache.data.size(), 3u * 64 * 132);
  double squares = 0;
  for (size_t token = 0; token < 3 * 64; ++token) {
    const size_t page = token / 64 * 64 * 132;
    float scale = 0;
    std::memcpy(&scale, cache.data.data() + page + 64 * 128 + token % 64 * 4, sizeof scale);
    float largest = 0;
    for (size_t i = 0; i < 128; ++i) {
      const auto bits = static_cast<uint8_t>(cache.data[page + token % 64 * 128 + i]);
      const float key = float_from_e4m3(bits);
      largest = std::max(largest, std::abs(key));
      squares += std::pow(static_cast<double>(key) * scale, 2);
    }
    EXPECT_EQ(largest, 448);
    EXPECT_EQ(bf16_from_float(scale * 448), bf16_from_float(float_from_bf16(bf16_from_float(scale * 448))));
    EXPECT_NEAR(scale * 448, 3.5, 2.0);  // the largest of 128 normal values
  }
  EXPECT_NEAR(squares / (3 * 64 * 128), 1, 0.03);
}

TEST(StructuredInputs, DistinctKeysAreCopiedOverAllPages) {
  const Drawn indexer(kIndexer);
  const auto workload = indexer.workload_of({{"batch_size", 1}, {"max_num_pages", 1}, {"num_pages", 8}});
  const HostTensor cache = indexer.tensor_of("k_index_cache_fp8", workload, "ties");
  std::set<std::vector<std::byte>> keys;
  for (size_t token = 0; token < 8 * 64; ++token) {
    const auto begin =
        cache.data.begin() + static_cast<std::ptrdiff_t>(token / 64 * 64 * 132 + token % 64 * 128);
    keys.emplace(begin, begin + 128);
  }
  EXPECT_EQ(keys.size(), 37u);
}

TEST(StructuredInputs, IndexListsAreAPrefixOfDistinctEntriesInFewPages) {
  const Drawn attention(kAttention);
  for (const trace::Workload& workload : attention.loaded.workloads) {
    const auto tokens = static_cast<size_t>(workload.axes.at("num_tokens"));
    const auto& profile = attention.rules.profile_of(workload).name;
    const auto list = attention.integers("sparse_indices", workload, profile);
    for (size_t row = 0; row < tokens; ++row) {
      const auto begin = list.begin() + static_cast<std::ptrdiff_t>(row * 2048);
      const auto end = std::find(begin, begin + 2048, -1);
      EXPECT_EQ(std::count(end, begin + 2048, -1), begin + 2048 - end);
      std::set<int64_t> entries(begin, end), pages;
      for (int64_t entry : entries) pages.insert(entry / 64);
      EXPECT_EQ(std::ssize(entries), end - begin);
      EXPECT_TRUE(entries.empty() || (*entries.begin() >= 0 && *entries.rbegin() < 8462 * 64));
      EXPECT_LE(std::ssize(pages), (end - begin) == 2048 ? 43 : (end - begin + 63) / 64);
    }
  }
}

std::vector<int64_t> valid_counts(const Drawn& attention, const trace::Workload& workload,
                                  std::string_view profile, uint64_t seed = 1) {
  const auto list = attention.integers("sparse_indices", workload, profile, seed);
  std::vector<int64_t> counts;
  for (size_t row = 0; row < list.size(); row += 2048)
    counts.push_back(2048 - std::count(list.begin() + static_cast<std::ptrdiff_t>(row),
                                       list.begin() + static_cast<std::ptrdiff_t>(row + 2048), -1));
  std::sort(counts.begin(), counts.end());
  return counts;
}

TEST(StructuredInputs, IndexListsHaveTheirWorkloadsPublishedCounts) {
  const Drawn attention(kAttention);
  int known = 0;
  for (const rules::InputProfile& profile : attention.rules.profiles) {
    for (const std::string& uuid : profile.workloads) {
      const auto& all = attention.loaded.workloads;
      const auto workload =
          std::find_if(all.begin(), all.end(), [&](const auto& w) { return w.uuid == uuid; });
      ASSERT_NE(workload, all.end()) << uuid;
      const auto counts = valid_counts(attention, *workload, profile.name);
      const int64_t median = (counts[(counts.size() - 1) / 2] + counts[counts.size() / 2]) / 2;
      EXPECT_EQ(profile.name.substr(0, 8), "entries_");
      EXPECT_EQ(profile.name, "entries_" + std::to_string(counts.front()) + "_" + std::to_string(median) +
                                  "_" + std::to_string(counts.back()));
      ++known;
    }
  }
  EXPECT_EQ(known, 12);
}

TEST(StructuredInputs, IndexListsOfOtherWorkloadsHaveThePublishedPercentiles) {
  const Drawn attention(kAttention);
  const auto workload = attention.workload_of({{"num_tokens", 8}, {"num_pages", 8462}});
  std::vector<int64_t> all;
  for (uint64_t seed = 0; seed < 100; ++seed)
    for (int64_t count : valid_counts(attention, workload, "contest", seed)) all.push_back(count);
  EXPECT_NEAR(static_cast<double>(percentile(all, 0.1)), 8, 3);
  EXPECT_NEAR(static_cast<double>(percentile(all, 0.5)), 33, 25);
  EXPECT_NEAR(static_cast<double>(percentile(all, 0.9)), 1089, 200);
  EXPECT_NEAR(1 - share_below(all, 2048), 0.033, 0.02);
}

TEST(StructuredInputs, ScatteredListsHavePaddingBeforeAndBetweenEntries) {
  const Drawn attention(kAttention);
  const auto workload = attention.workload_of({{"num_tokens", 4}, {"num_pages", 64}});
  const auto list = attention.integers("sparse_indices", workload, "scattered");
  const auto first = std::find_if(list.begin(), list.begin() + 2048, [](int64_t x) { return x >= 0; });
  const auto counts = valid_counts(attention, workload, "scattered");
  EXPECT_EQ(counts.front(), 0);
  EXPECT_EQ(counts.back(), 1500);
  EXPECT_TRUE(first != list.begin() || list[1] < 0 || list[2] < 0);
  const auto padded = attention.workload_of({{"num_tokens", 5}, {"num_pages", 128}});
  EXPECT_EQ(valid_counts(attention, padded, "padded_and_full").front(), 0);
  EXPECT_EQ(valid_counts(attention, padded, "padded_and_full").back(), 2048);
}

TEST(StructuredInputs, SequenceBoundsPartitionTheTokens) {
  const Drawn prefill(kPrefill);
  for (const trace::Workload& workload : prefill.loaded.workloads) {
    const auto bounds = prefill.integers("cu_seqlens", workload);
    ASSERT_EQ(std::ssize(bounds), workload.axes.at("len_cu_seqlens"));
    EXPECT_EQ(bounds.front(), 0);
    EXPECT_EQ(bounds.back(), workload.axes.at("total_seq_len"));
    for (size_t i = 1; i < bounds.size(); ++i) EXPECT_GT(bounds[i], bounds[i - 1]);
  }
}

std::vector<int64_t> lengths_of(const Drawn& prefill, int64_t tokens, int64_t sequences,
                                std::string_view profile) {
  const auto workload = prefill.workload_of(
      {{"total_seq_len", tokens}, {"num_seqs", sequences}, {"len_cu_seqlens", sequences + 1}});
  auto bounds = prefill.integers("cu_seqlens", workload, profile);
  EXPECT_EQ(bounds.back(), tokens);
  std::adjacent_difference(bounds.begin(), bounds.end(), bounds.begin());
  bounds.erase(bounds.begin());
  return bounds;
}

TEST(StructuredInputs, SequencesMayBeEmptyShortOrVeryLong) {
  const Drawn prefill(kPrefill);
  const auto mixed = lengths_of(prefill, 400, 40, "empty_sequences");
  EXPECT_NEAR(static_cast<double>(std::count(mixed.begin(), mixed.end(), 0)), 16, 8);
  EXPECT_NEAR(static_cast<double>(std::count(mixed.begin(), mixed.end(), 1)), 12, 8);
  const auto one = lengths_of(prefill, 210, 4, "one_long");
  EXPECT_GE(*std::max_element(one.begin(), one.end()), 199);
  const auto few = lengths_of(prefill, 3, 6, "");  // fewer tokens than sequences
  EXPECT_EQ(std::count(few.begin(), few.end(), 0), 3);
  EXPECT_EQ(lengths_of(prefill, 9, 9, ""), std::vector<int64_t>(9, 1));
  const auto wrong = prefill.workload_of({{"total_seq_len", 5}, {"num_seqs", 3}, {"len_cu_seqlens", 3}});
  EXPECT_FALSE(make_inputs(prefill.loaded.definition, wrong, prefill.rules, "", 1));
}

// The routing of the definition, in its plainest form: the chosen experts of each token.
std::vector<std::set<size_t>> chosen_experts(const Drawn& moe, const trace::Workload& workload,
                                             std::string_view profile, uint64_t seed = 1) {
  const HostTensor logits = moe.tensor_of("routing_logits", workload, profile, seed);
  const HostTensor bias = moe.tensor_of("routing_bias", workload, profile, seed);
  std::vector<std::set<size_t>> tokens;
  for (size_t row = 0; row < static_cast<size_t>(logits.shape[0]); ++row) {
    std::vector<std::pair<double, size_t>> scores;
    for (size_t e = 0; e < 256; ++e)
      scores.emplace_back(1 / (1 + std::exp(-load_element(logits.dtype, logits.data, row * 256 + e))) +
                              load_element(bias.dtype, bias.data, e),
                          e);
    std::vector<std::pair<double, size_t>> groups;
    for (size_t g = 0; g < 8; ++g) {
      auto group = std::vector(scores.begin() + static_cast<std::ptrdiff_t>(32 * g),
                               scores.begin() + static_cast<std::ptrdiff_t>(32 * g + 32));
      std::sort(group.rbegin(), group.rend());
      groups.emplace_back(group[0].first + group[1].first, g);
    }
    std::sort(groups.rbegin(), groups.rend());
    std::set<size_t> kept;
    for (size_t g = 0; g < 4; ++g) kept.insert(groups[g].second);
    std::erase_if(scores, [&](const auto& score) { return !kept.contains(score.second / 32); });
    std::sort(scores.rbegin(), scores.rend());
    std::set<size_t> chosen;
    for (size_t i = 0; i < 8; ++i) chosen.insert(scores[i].second);
    tokens.push_back(std::move(chosen));
  }
  return tokens;
}
int64_t local_rows(const std::set<size_t>& chosen, size_t first) {
  return std::count_if(chosen.begin(), chosen.end(), [&](size_t e) { return e >= first && e < first + 32; });
}

TEST(StructuredInputs, RoutingHitsTheLocalExpertsOncePerTokenOnAverageAndUnevenly) {
  const Drawn moe(kMoe);
  double rows = 0, tokens = 0;
  std::vector<double> load(256, 0);
  for (const trace::Workload& workload : moe.loaded.workloads) {
    if (workload.axes.at("seq_len") > 1000) continue;
    const auto first = static_cast<size_t>(workload.inputs.at("local_expert_offset").scalar);
    const auto chosen = chosen_experts(moe, workload, "");
    EXPECT_GT(local_rows(chosen.front(), first), 0) << "a workload without work";
    for (const auto& token : chosen) {
      rows += static_cast<double>(local_rows(token, first));
      for (size_t e : token) load[e] += 1;
    }
    tokens += static_cast<double>(chosen.size());
  }
  EXPECT_NEAR(rows / tokens, 1, 0.35);
  EXPECT_GT(*std::max_element(load.begin(), load.end()), 3 * 8 * tokens / 256);
  EXPECT_LT(*std::min_element(load.begin(), load.end()), 8 * tokens / 256 / 3);
}

TEST(StructuredInputs, RoutingCanGoToOneExpertToAllLocalOnesOrToNone) {
  const Drawn moe(kMoe);
  trace::Workload workload = moe.workload_of({{"seq_len", 40}});
  workload.inputs["local_expert_offset"].scalar = 64;
  for (const auto& token : chosen_experts(moe, workload, "one_expert")) {
    EXPECT_TRUE(token.contains(69));
    EXPECT_EQ(local_rows(token, 64), 1);
  }
  for (const auto& token : chosen_experts(moe, workload, "all_local")) EXPECT_EQ(local_rows(token, 64), 8);
  for (const auto& token : chosen_experts(moe, workload, "none_local")) EXPECT_EQ(local_rows(token, 64), 0);
}

TEST(StructuredInputs, ArePureFunctionsOfSeedAndAxes) {
  const Drawn indexer(kIndexer);
  const trace::Workload& workload = indexer.loaded.workloads[100];
  EXPECT_EQ(indexer.integers("block_table", workload), indexer.integers("block_table", workload));
  EXPECT_NE(indexer.integers("block_table", workload), indexer.integers("block_table", workload, "", 2));
  trace::Workload other = workload;
  other.axes["num_pages"] += 1;
  EXPECT_NE(indexer.integers("seq_lens", workload), indexer.integers("seq_lens", other));
}

TEST(StructuredInputs, EveryCaseOfEveryDefinitionCanBeDrawn) {
  for (std::string_view name : {kPrefill, kAttention, kIndexer, kMoe}) {
    const Drawn drawn(name);
    for (const auto& [selection, unused] : drawn.rules.selections) {
      if (selection == "all") continue;
      trace::LoadedDefinition scaled = drawn.loaded;
      scaled.definition = drawn.rules.definition_for(selection, scaled.definition).value();
      const auto selected = drawn.rules.select(selection, scaled);
      ASSERT_TRUE(selected) << selected.error().message;
      for (const rules::SelectedWorkload& one : *selected) {
        trace::Workload structured = one.group.workload;
        std::erase_if(structured.inputs, [&](const auto& input) {
          const trace::Tensor* tensor = scaled.definition.find_input(input.first);
          const auto generator = drawn.rules.generator_of(*tensor, one.profile);
          return !tensor->is_scalar && !rules::facts_of(generator.distribution).structured;
        });
        const auto inputs = make_inputs(scaled.definition, structured, drawn.rules, one.profile, 3);
        EXPECT_TRUE(inputs) << name << " " << selection << ": " << inputs.error().message;
      }
    }
  }
}

}  // namespace
}  // namespace warpwright::reference
