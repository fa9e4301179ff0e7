// The recurrence of Gated DeltaNet (Yang et al., arXiv 2412.06464), state stored k-last. Per token and value
// head, with S the stored [V, K] matrix:
//   g = exp(-exp(A_log) * softplus(a + dt_bias)),  beta = sigmoid(b)
//   S' = g S + beta (v - g S k) k^T,  output = scale * S' q
// Query and key heads serve equal, consecutive groups of value heads. Private to reference.
#pragma once

#include "evaluator/reference/family.h"

namespace warpwright::reference {

struct GdnSizes {
  int64_t tokens, q_heads, k_heads, v_heads, head;
};

// All operands that are counted by token, and the gates.
struct GdnOperands {
  GdnSizes sizes{};
  std::vector<double> q, k, v, a_log, a, dt_bias, b;
  double scale = 0;
};

// Error: value heads that are no multiple of query and key heads, an input that is missing.
Result<GdnOperands> read_gdn(const Operands& operands, int64_t tokens);

// One token of one value head: updates the [head, head] state, writes the token's output.
void gdn_step(const GdnOperands& o, int64_t token, int64_t v_head, double* state, double* output);

}  // namespace warpwright::reference
