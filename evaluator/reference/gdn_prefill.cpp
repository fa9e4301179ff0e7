// Gated DeltaNet over packed sequences: gdn.h's recurrence over the tokens of each sequence in order.
// Sequence n has tokens [cu_seqlens[n], cu_seqlens[n + 1]). The definition's reference skips a sequence of
// length 0: its new_state is zeros, whatever its state. Tokens before cu_seqlens[0] give zeros.
#include <fmt/format.h>

#include "evaluator/reference/families.h"
#include "evaluator/reference/gdn.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/parallel.h"

namespace warpwright::reference {
namespace {

Result<std::vector<int64_t>> read_boundaries(const Operands& operands, int64_t sequences, int64_t tokens) {
  TRY_ASSIGN(auto boundaries, operands.integers("cu_seqlens", sequences + 1));
  if (boundaries.front() < 0) return operands.error("cannot take a negative cu_seqlens");
  for (size_t n = 1; n < boundaries.size(); ++n)
    if (boundaries[n] < boundaries[n - 1])
      return operands.error(
          fmt::format("needs rising cu_seqlens: {} follows {}", boundaries[n], boundaries[n - 1]));
  if (boundaries.back() != tokens)
    return operands.error(
        fmt::format("needs cu_seqlens that end with total_seq_len: {} is not {}", boundaries.back(), tokens));
  return boundaries;
}

class GdnPrefill final : public Oracle {
 public:
  std::string_view family() const override { return "gdn_prefill"; }

  Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                            const Inputs& inputs) const override {
    const Operands operands(family(), definition, axes, inputs);
    TRY_ASSIGN(const int64_t tokens, operands.axis("total_seq_len"));
    TRY_ASSIGN(const int64_t sequences, operands.axis("num_seqs"));
    TRY_ASSIGN(const auto boundaries, read_boundaries(operands, sequences, tokens));
    TRY_ASSIGN(const GdnOperands o, read_gdn(operands, tokens));
    const int64_t heads = o.sizes.v_heads, head = o.sizes.head;
    TRY_ASSIGN(const HostTensor* state, operands.optional_tensor("state", sequences * heads * head * head));
    std::vector<double> output(static_cast<size_t>(tokens * heads * head));
    std::vector<double> new_state(static_cast<size_t>(sequences * heads * head * head));
    for_each_row(sequences * heads, [&](int64_t index) {
      const auto sequence = static_cast<size_t>(index / heads);
      if (boundaries[sequence] == boundaries[sequence + 1]) return;
      const std::span part(new_state.data() + index * head * head, static_cast<size_t>(head * head));
      if (state != nullptr)
        load_doubles(state->dtype, state->data, static_cast<size_t>(index * head * head), part);
      for (int64_t t = boundaries[sequence]; t < boundaries[sequence + 1]; ++t)
        gdn_step(o, t, index % heads, part.data(), output.data() + (t * heads + index % heads) * head);
    });
    OracleOutputs outputs;
    outputs.values["output"] = std::move(output);
    outputs.values["new_state"] = std::move(new_state);
    return outputs;
  }
};

}  // namespace

const Oracle& gdn_prefill_oracle() {
  static const GdnPrefill oracle;
  return oracle;
}

}  // namespace warpwright::reference
