// Attention over chosen tokens of a paged, compressed cache (DeepSeek sparse attention, DeepSeek-AI, V3.2).
// An index is page * page_size + offset; -1, anywhere, is padding. Over the valid indices of a token:
//   logit = (q_nope . ckv + q_pe . kpe) * sm_scale,  lse = log2(sum exp(logit)),  output = softmax(logit) ckv
// A token without a valid index: output 0, lse -infinity.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "evaluator/reference/families.h"
#include "evaluator/reference/family.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/parallel.h"

namespace warpwright::reference {
namespace {

struct Attention {
  int64_t tokens = 0, heads = 0, ckv = 0, kpe = 0, cache_rows = 0, topk = 0;
  std::vector<double> q_nope, q_pe;
  std::vector<int64_t> indices;
  const HostTensor *ckv_cache = nullptr, *kpe_cache = nullptr;  // large: read where an index points
  double sm_scale = 0;
};

Result<void> check_indices(const Operands& operands, const Attention& a) {
  for (size_t i = 0; i < a.indices.size(); ++i)
    if (a.indices[i] < -1 || a.indices[i] >= a.cache_rows)
      return operands.error(
          fmt::format("needs sparse_indices of -1 or below {}: [{}] is {}", a.cache_rows, i, a.indices[i]));
  return {};
}

Result<Attention> read_attention(const Operands& operands) {
  Attention a;
  TRY_ASSIGN(a.tokens, operands.axis("num_tokens"));
  TRY_ASSIGN(a.heads, operands.axis("num_qo_heads"));
  TRY_ASSIGN(a.ckv, operands.axis("head_dim_ckv"));
  TRY_ASSIGN(a.kpe, operands.axis("head_dim_kpe"));
  TRY_ASSIGN(const int64_t pages, operands.axis("num_pages"));
  TRY_ASSIGN(a.topk, operands.axis("topk"));
  a.cache_rows = pages * operands.axis_or("page_size", 1);
  TRY_ASSIGN(a.q_nope, operands.doubles("q_nope", a.tokens * a.heads * a.ckv));
  TRY_ASSIGN(a.q_pe, operands.doubles("q_pe", a.tokens * a.heads * a.kpe));
  TRY_ASSIGN(a.indices, operands.integers("sparse_indices", a.tokens * a.topk));
  TRY_ASSIGN(a.ckv_cache, operands.tensor("ckv_cache", a.cache_rows * a.ckv));
  TRY_ASSIGN(a.kpe_cache, operands.tensor("kpe_cache", a.cache_rows * a.kpe));
  a.sm_scale = operands.scalar("sm_scale");
  TRY(check_indices(operands, a));
  return a;
}

// The cache rows of one token's valid indices.
struct Keys {
  std::vector<double> ckv, kpe;
  int64_t count = 0;
};

Keys gather(const Attention& a, int64_t token) {
  Keys keys;
  std::vector<int64_t> valid;
  std::copy_if(a.indices.begin() + token * a.topk, a.indices.begin() + (token + 1) * a.topk,
               std::back_inserter(valid), [](int64_t index) { return index >= 0; });
  keys.count = static_cast<int64_t>(valid.size());
  keys.ckv.resize(valid.size() * static_cast<size_t>(a.ckv));
  keys.kpe.resize(valid.size() * static_cast<size_t>(a.kpe));
  const auto load = [&](const HostTensor& cache, int64_t width, std::vector<double>& rows) {
    for (size_t i = 0; i < valid.size(); ++i)
      load_doubles(cache.dtype, cache.data, static_cast<size_t>(valid[i] * width),
                   {rows.data() + i * static_cast<size_t>(width), static_cast<size_t>(width)});
  };
  load(*a.ckv_cache, a.ckv, keys.ckv);
  load(*a.kpe_cache, a.kpe, keys.kpe);
  return keys;
}

// One head of one token; returns lse.
double attend(const Attention& a, const Keys& keys, int64_t row, double* output) {
  if (keys.count == 0) return -std::numeric_limits<double>::infinity();
  std::vector<double> weights(static_cast<size_t>(keys.count));
  for (int64_t i = 0; i < keys.count; ++i)
    weights[static_cast<size_t>(i)] =
        a.sm_scale * (dot(a.q_nope.data() + row * a.ckv, keys.ckv.data() + i * a.ckv, a.ckv) +
                      dot(a.q_pe.data() + row * a.kpe, keys.kpe.data() + i * a.kpe, a.kpe));
  const double highest = *std::max_element(weights.begin(), weights.end());
  double total = 0;
  for (double& weight : weights) {
    weight = std::exp(weight - highest);
    total += weight;
  }
  for (int64_t i = 0; i < keys.count; ++i) {
    const double* value = keys.ckv.data() + i * a.ckv;
    const double weight = weights[static_cast<size_t>(i)] / total;
    for (int64_t d = 0; d < a.ckv; ++d) output[d] += weight * value[d];
  }
  return (highest + std::log(total)) / std::log(2.0);
}

class DsaSparseAttention final : public Oracle {
 public:
  std::string_view family() const override { return "dsa_sparse_attention"; }
  bool may_be_minus_infinity(std::string_view output) const override { return output == "lse"; }

  Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                            const Inputs& inputs) const override {
    TRY_ASSIGN(const Attention a, read_attention(Operands(family(), definition, axes, inputs)));
    std::vector<double> output(static_cast<size_t>(a.tokens * a.heads * a.ckv));
    std::vector<double> lse(static_cast<size_t>(a.tokens * a.heads));
    for_each_row(a.tokens, [&](int64_t token) {
      const Keys keys = gather(a, token);
      for (int64_t row = token * a.heads; row < (token + 1) * a.heads; ++row)
        lse[static_cast<size_t>(row)] = attend(a, keys, row, output.data() + row * a.ckv);
    });
    OracleOutputs outputs;
    outputs.values["output"] = std::move(output);
    outputs.values["lse"] = std::move(lse);
    return outputs;
  }
};

}  // namespace

const Oracle& dsa_sparse_attention_oracle() {
  static const DsaSparseAttention oracle;
  return oracle;
}

}  // namespace warpwright::reference
