#include "evaluator/reference/gdn.h"

namespace warpwright::reference {

Result<GdnOperands> read_gdn(const Operands& operands, int64_t tokens) {
  GdnOperands o;
  GdnSizes& s = o.sizes;
  s.tokens = tokens;
  TRY_ASSIGN(s.q_heads, operands.axis("num_q_heads"));
  TRY_ASSIGN(s.k_heads, operands.axis("num_k_heads"));
  TRY_ASSIGN(s.v_heads, operands.axis("num_v_heads"));
  TRY_ASSIGN(s.head, operands.axis("head_size"));
  if (s.v_heads % s.q_heads != 0 || s.v_heads % s.k_heads != 0)
    return operands.error("covers value heads that are a multiple of query and key heads");
  TRY_ASSIGN(o.q, operands.doubles("q", tokens * s.q_heads * s.head));
  TRY_ASSIGN(o.k, operands.doubles("k", tokens * s.k_heads * s.head));
  TRY_ASSIGN(o.v, operands.doubles("v", tokens * s.v_heads * s.head));
  TRY_ASSIGN(o.a_log, operands.doubles("A_log", s.v_heads));
  TRY_ASSIGN(o.a, operands.doubles("a", tokens * s.v_heads));
  TRY_ASSIGN(o.dt_bias, operands.doubles("dt_bias", s.v_heads));
  TRY_ASSIGN(o.b, operands.doubles("b", tokens * s.v_heads));
  o.scale = operands.scalar("scale");
  if (o.scale == 0) o.scale = 1 / std::sqrt(static_cast<double>(s.head));
  return o;
}

void gdn_step(const GdnOperands& o, int64_t token, int64_t v_head, double* state, double* output) {
  const GdnSizes& s = o.sizes;
  const int64_t at = token * s.v_heads + v_head;
  const double* q = o.q.data() + (token * s.q_heads + v_head * s.q_heads / s.v_heads) * s.head;
  const double* k = o.k.data() + (token * s.k_heads + v_head * s.k_heads / s.v_heads) * s.head;
  const double* v = o.v.data() + at * s.head;
  const auto h = static_cast<size_t>(v_head);
  const double gate = o.a[static_cast<size_t>(at)] + o.dt_bias[h];
  const double decay = std::exp(-std::exp(o.a_log[h]) * softplus(gate));
  const double beta = sigmoid(o.b[static_cast<size_t>(at)]);
  for (int64_t i = 0; i < s.head; ++i) {
    double* row = state + i * s.head;
    const double correction = beta * (v[i] - decay * dot(row, k, s.head));
    for (int64_t j = 0; j < s.head; ++j) row[j] = decay * row[j] + correction * k[j];
    output[i] = o.scale * dot(row, q, s.head);
  }
}

}  // namespace warpwright::reference
