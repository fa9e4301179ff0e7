// One decode step of Gated DeltaNet: gdn.h's recurrence, once per sequence; an absent state is zeros.
#include "evaluator/reference/families.h"
#include "evaluator/reference/gdn.h"
#include "evaluator/reference/numeric.h"
#include "evaluator/reference/parallel.h"

namespace warpwright::reference {
namespace {

class GdnDecode final : public Oracle {
 public:
  std::string_view family() const override { return "gdn_decode"; }

  Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                            const Inputs& inputs) const override {
    const Operands operands(family(), definition, axes, inputs);
    TRY_ASSIGN(const int64_t batch, operands.axis("batch_size"));
    TRY_ASSIGN(const int64_t tokens, operands.axis("seq_len"));
    if (tokens != 1) return operands.error("covers seq_len 1");
    TRY_ASSIGN(const GdnOperands o, read_gdn(operands, batch));
    const int64_t heads = batch * o.sizes.v_heads, head = o.sizes.head;
    TRY_ASSIGN(const HostTensor* state, operands.optional_tensor("state", heads * head * head));
    std::vector<double> output(static_cast<size_t>(heads * head));
    std::vector<double> new_state(static_cast<size_t>(heads * head * head));
    for_each_row(heads, [&](int64_t index) {
      const std::span part(new_state.data() + index * head * head, static_cast<size_t>(head * head));
      if (state != nullptr)
        load_doubles(state->dtype, state->data, static_cast<size_t>(index * head * head), part);
      gdn_step(o, index / o.sizes.v_heads, index % o.sizes.v_heads, part.data(),
               output.data() + index * head);
    });
    OracleOutputs outputs;
    outputs.values["output"] = std::move(output);
    outputs.values["new_state"] = std::move(new_state);
    return outputs;
  }
};

}  // namespace

const Oracle& gdn_decode_oracle() {
  static const GdnDecode oracle;
  return oracle;
}

}  // namespace warpwright::reference
