// A mixture of experts in FP8 with one scale per block (128 values of an activation, 128 x 128 of a weight),
// routed as DeepSeek-V3 does (moe_routing.h). Of the experts a token chose, those that are local here add
//   weight * (silu(gate) * up) W2^T,  with up | gate = x W13^T
// Nothing is quantised on the way. Scales of hidden_states are transposed: [blocks, tokens].
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "evaluator/reference/block_scaled_gemm.h"
#include "evaluator/reference/families.h"
#include "evaluator/reference/family.h"
#include "evaluator/reference/moe_routing.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/parallel.h"

namespace warpwright::reference {
namespace {

struct Moe {
  MoeRouting routing;
  int64_t tokens = 0, local = 0, first_local = 0, hidden = 0, inter = 0, block = 0;
  std::vector<double> logits, bias, hidden_scale;
  const HostTensor *states = nullptr, *w13 = nullptr, *w13_scale = nullptr, *w2 = nullptr,
                   *w2_scale = nullptr;
};

// The number after `key` in the definition's name: constants that are no axes, e.g. "..._topk8_ng8_kg4_...".
int64_t number_in_name(const std::string& name, std::string_view key, int64_t fallback) {
  const size_t at = name.find(key);
  if (at == std::string::npos) return fallback;
  int64_t value = fallback;
  std::from_chars(name.data() + at + key.size(), name.data() + name.size(), value);
  return value;
}

Result<MoeRouting> read_routing(const Operands& operands) {
  const std::string& name = operands.definition().name;
  MoeRouting r;
  TRY_ASSIGN(r.experts, operands.axis("num_experts"));
  r.topk = operands.axis_or("top_k", number_in_name(name, "_topk", 8));
  r.groups = operands.axis_or("n_group", number_in_name(name, "_ng", 8));
  r.kept_groups = operands.axis_or("topk_group", number_in_name(name, "_kg", 4));
  r.scaling = operands.scalar("routed_scaling_factor");
  const bool possible = r.groups > 0 && r.experts % r.groups == 0 && r.kept_groups > 0 &&
                        r.kept_groups <= r.groups && r.topk > 0 &&
                        r.topk <= r.kept_groups * (r.experts / r.groups);
  if (!possible)
    return operands.error(fmt::format("cannot choose {} experts of {} in {} of {} groups", r.topk, r.experts,
                                      r.kept_groups, r.groups));
  return r;
}

Result<Moe> read_moe(const Operands& operands) {
  Moe m;
  TRY_ASSIGN(m.routing, read_routing(operands));
  TRY_ASSIGN(m.tokens, operands.axis("seq_len"));
  TRY_ASSIGN(m.local, operands.axis("num_local_experts"));
  TRY_ASSIGN(m.hidden, operands.axis("hidden_size"));
  TRY_ASSIGN(m.inter, operands.axis("intermediate_size"));
  TRY_ASSIGN(const int64_t gemm1_out, operands.axis("gemm1_out_size"));
  TRY_ASSIGN(const int64_t hidden_blocks, operands.axis("num_hidden_blocks"));
  TRY_ASSIGN(const int64_t inter_blocks, operands.axis("num_intermediate_blocks"));
  TRY_ASSIGN(const int64_t gemm1_blocks, operands.axis("num_gemm1_out_blocks"));
  m.block = m.hidden / hidden_blocks;
  if (m.block % 8 != 0 || m.block == 0 || m.hidden != m.block * hidden_blocks ||
      m.inter != m.block * inter_blocks || gemm1_out != m.block * gemm1_blocks || gemm1_out != 2 * m.inter)
    return operands.error(
        "covers sizes of whole blocks (a multiple of 8) and gemm1_out_size = 2 intermediate_size");
  m.first_local = static_cast<int64_t>(operands.scalar("local_expert_offset"));
  if (m.first_local < 0 || m.first_local + m.local > m.routing.experts)
    return operands.error(fmt::format("cannot take local_expert_offset {}", m.first_local));
  TRY_ASSIGN(m.logits, operands.doubles("routing_logits", m.tokens * m.routing.experts));
  TRY_ASSIGN(m.bias, operands.doubles("routing_bias", m.routing.experts));
  TRY_ASSIGN(m.hidden_scale, operands.doubles("hidden_states_scale", hidden_blocks * m.tokens));
  TRY_ASSIGN(m.states, operands.tensor("hidden_states", m.tokens * m.hidden));
  TRY_ASSIGN(m.w13, operands.tensor("gemm1_weights", m.local * gemm1_out * m.hidden));
  TRY_ASSIGN(m.w13_scale, operands.tensor("gemm1_weights_scale", m.local * gemm1_blocks * hidden_blocks));
  TRY_ASSIGN(m.w2, operands.tensor("gemm2_weights", m.local * m.hidden * m.inter));
  TRY_ASSIGN(m.w2_scale, operands.tensor("gemm2_weights_scale", m.local * hidden_blocks * inter_blocks));
  for (const HostTensor* values : {m.states, m.w13, m.w2})
    if (values->dtype != trace::DType::kFloat8E4m3fn) return operands.error("covers e4m3 states and weights");
  for (const HostTensor* scales : {m.w13_scale, m.w2_scale})
    if (scales->dtype != trace::DType::kFloat32) return operands.error("covers float32 scales");
  return m;
}

struct Assignment {
  int64_t token;
  double weight;
};
struct Routed {
  std::vector<std::vector<Assignment>> of_expert;  // by local expert
  std::vector<int64_t> undecided;
};

Routed route(const Moe& m) {
  Routed routed;
  routed.of_expert.resize(static_cast<size_t>(m.local));
  for (int64_t t = 0; t < m.tokens; ++t) {
    const RoutedToken token = route_token(m.routing, m.logits.data() + t * m.routing.experts, m.bias.data());
    if (token.undecided) routed.undecided.push_back(t);
    for (size_t i = 0; i < token.experts.size(); ++i) {
      const int64_t expert = token.experts[i] - m.first_local;
      if (expert >= 0 && expert < m.local)
        routed.of_expert[static_cast<size_t>(expert)].push_back({t, token.weights[i]});
    }
  }
  return routed;
}

ScaledWeights weights_of(const Moe& m, const HostTensor& values, const HostTensor& scales, int64_t expert,
                         int64_t rows, int64_t depth) {
  return {depth, m.block, reinterpret_cast<const uint8_t*>(values.data.data()) + expert * rows * depth,
          reinterpret_cast<const float*>(scales.data.data()) + expert * (rows / m.block) * (depth / m.block)};
}

ScaledRows gather(const Moe& m, const std::vector<Assignment>& tokens) {
  ScaledRows x{m.hidden, m.block, {}, {}};
  const auto* states = reinterpret_cast<const uint8_t*>(m.states->data.data());
  for (const Assignment& a : tokens) {
    for (int64_t i = 0; i < m.hidden; ++i)
      x.values.push_back(float_from_e4m3(states[a.token * m.hidden + i]));
    for (int64_t b = 0; b < m.hidden / m.block; ++b)
      x.scales.push_back(m.hidden_scale[static_cast<size_t>(b * m.tokens + a.token)]);
  }
  return x;
}

// silu(gate) * up, [tokens, intermediate_size].
ScaledRows activate(const Moe& m, int64_t expert, const ScaledRows& x) {
  const ScaledWeights w = weights_of(m, *m.w13, *m.w13_scale, expert, 2 * m.inter, m.hidden);
  ScaledRows c{m.inter, m.block, std::vector<float>(static_cast<size_t>(x.rows() * m.inter)), {}};
  constexpr int64_t kColumns = kGemmTile / 2;  // of c at a time: up and gate
  for_each_row(m.inter / kColumns, [&](int64_t part) {
    std::array<int64_t, kGemmTile> rows{};
    for (int64_t j = 0; j < kColumns; ++j) {
      rows[static_cast<size_t>(j)] = part * kColumns + j;
      rows[static_cast<size_t>(kColumns + j)] = m.inter + part * kColumns + j;
    }
    std::vector<double> products;
    multiply_tile(x, w, rows, products);
    for (int64_t t = 0; t < x.rows(); ++t) {
      for (int64_t j = 0; j < kColumns; ++j) {
        const double up = products[static_cast<size_t>(t * kGemmTile + j)];
        const double gate = products[static_cast<size_t>(t * kGemmTile + kColumns + j)];
        c.values[static_cast<size_t>(t * m.inter + part * kColumns + j)] =
            static_cast<float>(gate * sigmoid(gate) * up);
      }
    }
  });
  return c;
}

void add_expert(const Moe& m, int64_t expert, const std::vector<Assignment>& tokens,
                std::vector<double>& output) {
  if (tokens.empty()) return;
  const ScaledRows c = activate(m, expert, gather(m, tokens));
  const ScaledWeights w = weights_of(m, *m.w2, *m.w2_scale, expert, m.hidden, m.inter);
  for_each_row((m.hidden + kGemmTile - 1) / kGemmTile, [&](int64_t part) {
    std::vector<int64_t> rows;
    for (int64_t r = part * kGemmTile; r < std::min(m.hidden, (part + 1) * kGemmTile); ++r) rows.push_back(r);
    std::vector<double> products;
    multiply_tile(c, w, rows, products);
    for (size_t t = 0; t < tokens.size(); ++t)
      for (size_t j = 0; j < rows.size(); ++j)
        output[static_cast<size_t>(tokens[t].token * m.hidden + rows[j])] +=
            tokens[t].weight * products[t * kGemmTile + j];
  });
}

class MoeFp8BlockScale final : public Oracle {
 public:
  std::string_view family() const override { return "moe_fp8_block_scale"; }

  Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                            const Inputs& inputs) const override {
    TRY_ASSIGN(const Moe m, read_moe(Operands(family(), definition, axes, inputs)));
    Routed routed = route(m);
    std::vector<double> output(static_cast<size_t>(m.tokens * m.hidden));
    // One expert after the other: each output's sum has one order, whatever the threads do.
    for (int64_t e = 0; e < m.local; ++e) add_expert(m, e, routed.of_expert[static_cast<size_t>(e)], output);
    OracleOutputs outputs;
    outputs.values["output"] = std::move(output);
    outputs.undecided_rows = std::move(routed.undecided);
    return outputs;
  }
};

}  // namespace

const Oracle& moe_fp8_block_scale_oracle() {
  static const MoeFp8BlockScale oracle;
  return oracle;
}

}  // namespace warpwright::reference
