// The lightning indexer of DeepSeek sparse attention: the best tokens of each row's paged FP8 cache, by
//   score = sum over heads of weight * relu((q . key) * scale)
// A page of the cache is page_size keys of index_head_dim e4m3 bytes, then page_size float32 scales: the
// declared shape [page, token, 1, dim + 4] hides that. Tokens at or beyond seq_len are not there, although
// block_table names pages for them.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/reference/families.h"
#include "evaluator/reference/family.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/parallel.h"

namespace warpwright::reference {
namespace {

struct Indexer {
  int64_t batch = 0, heads = 0, dim = 0, page_size = 0, topk = 0, table_width = 0, pages = 0;
  std::vector<double> q, weights;
  std::vector<int64_t> seq_lens, block_table;
  const HostTensor* cache = nullptr;
};

Result<void> check_tables(const Operands& operands, const Indexer& x) {
  for (int64_t row = 0; row < x.batch; ++row) {
    const int64_t length = x.seq_lens[static_cast<size_t>(row)];
    if (length < 0 || length > x.table_width * x.page_size)
      return operands.error(
          fmt::format("needs seq_lens from 0 to {}: [{}] is {}", x.table_width * x.page_size, row, length));
    for (int64_t i = 0; i * x.page_size < length; ++i) {
      const int64_t page = x.block_table[static_cast<size_t>(row * x.table_width + i)];
      if (page < 0 || page >= x.pages)
        return operands.error(
            fmt::format("needs pages below {}: block_table[{}, {}] is {}", x.pages, row, i, page));
    }
  }
  return {};
}

Result<Indexer> read_indexer(const Operands& operands) {
  Indexer x;
  TRY_ASSIGN(x.batch, operands.axis("batch_size"));
  TRY_ASSIGN(x.heads, operands.axis("num_index_heads"));
  TRY_ASSIGN(x.dim, operands.axis("index_head_dim"));
  x.page_size = operands.axis_or("page_size", 1);
  TRY_ASSIGN(x.topk, operands.axis("topk"));
  TRY_ASSIGN(x.table_width, operands.axis("max_num_pages"));
  TRY_ASSIGN(x.pages, operands.axis("num_pages"));
  if (operands.axis_or("kv_cache_num_heads", 1) != 1) return operands.error("covers one head in the cache");
  if (operands.axis_or("head_dim_with_scale", x.dim + 4) != x.dim + 4)
    return operands.error("covers keys with one float32 scale each");
  TRY_ASSIGN(x.q, operands.doubles("q_index_fp8", x.batch * x.heads * x.dim));
  TRY_ASSIGN(x.weights, operands.doubles("weights", x.batch * x.heads));
  TRY_ASSIGN(x.seq_lens, operands.integers("seq_lens", x.batch));
  TRY_ASSIGN(x.block_table, operands.integers("block_table", x.batch * x.table_width));
  TRY_ASSIGN(x.cache, operands.tensor("k_index_cache_fp8", x.pages * x.page_size * (x.dim + 4)));
  TRY(check_tables(operands, x));
  return x;
}

Candidate score_token(const Indexer& x, int64_t row, int64_t token) {
  const int64_t page = x.block_table[static_cast<size_t>(row * x.table_width + token / x.page_size)];
  const int64_t offset = token % x.page_size;
  const std::byte* begin = x.cache->data.data() + page * x.page_size * (x.dim + 4);
  std::vector<double> key(static_cast<size_t>(x.dim));
  load_doubles(trace::DType::kFloat8E4m3fn, {begin + offset * x.dim, static_cast<size_t>(x.dim)}, 0, key);
  float scale = 0;
  std::memcpy(&scale, begin + x.page_size * x.dim + offset * 4, sizeof scale);
  Candidate candidate;
  candidate.index = page * x.page_size + offset;
  double terms = 0;
  for (int64_t h = row * x.heads; h < (row + 1) * x.heads; ++h) {
    const double* q = x.q.data() + h * x.dim;
    const double weight = x.weights[static_cast<size_t>(h)];
    candidate.score += weight * std::max(0.0, static_cast<double>(scale) * dot(q, key.data(), x.dim));
    double squares = 0;
    for (int64_t d = 0; d < x.dim; ++d)
      squares += q[d] * q[d] * key[static_cast<size_t>(d)] * key[static_cast<size_t>(d)];
    terms += weight * weight * squares;
  }
  candidate.term_size = std::abs(static_cast<double>(scale)) * std::sqrt(terms);
  return candidate;
}

std::vector<Candidate> rank_row(const Indexer& x, int64_t row) {
  std::vector<Candidate> candidates;
  for (int64_t token = 0; token < x.seq_lens[static_cast<size_t>(row)]; ++token)
    candidates.push_back(score_token(x, row, token));
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
  });
  return candidates;
}

class DsaTopkIndexer final : public Oracle {
 public:
  std::string_view family() const override { return "dsa_topk_indexer"; }

  Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                            const Inputs& inputs) const override {
    TRY_ASSIGN(const Indexer x, read_indexer(Operands(family(), definition, axes, inputs)));
    Ranking ranking;
    ranking.slots = x.topk;
    ranking.rows.resize(static_cast<size_t>(x.batch));
    for_each_row(x.batch, [&](int64_t row) { ranking.rows[static_cast<size_t>(row)] = rank_row(x, row); });
    OracleOutputs outputs;
    outputs.values["topk_indices"] = best_of(ranking);
    outputs.rankings["topk_indices"] = std::move(ranking);
    return outputs;
  }
};

}  // namespace

const Oracle& dsa_topk_indexer_oracle() {
  static const DsaTopkIndexer oracle;
  return oracle;
}

}  // namespace warpwright::reference
