// One decode step of Gated DeltaNet (Yang et al., arXiv 2412.06464), state stored k-last. Per sequence and
// value head h, with S the stored [V, K] matrix (zeros if absent):
//   g = exp(-exp(A_log) * softplus(a + dt_bias)),  beta = sigmoid(b)
//   S' = g S + beta (v - g S k) k^T,  output = scale * S' q,  new_state = S'
// Query and key heads serve equal, consecutive groups of value heads.
#include <fmt/format.h>

#include <cmath>

#include "evaluator/reference/families.h"
#include "evaluator/reference/numeric.h"

namespace warpwright::reference {
namespace {

struct Sizes {
  int64_t batch, q_heads, k_heads, v_heads, head;
};

constexpr int kLanes =
    8;  // partial sums of a dot product: fixed, so that results do not depend on the machine

double dot(const double* x, const double* y, int64_t n) {
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + lane] * y[i + lane];
  }
  for (; i < n; ++i) sums[0] += x[i] * y[i];
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

double softplus(double x) {
  return x > 20 ? x : std::log1p(std::exp(x));  // PyTorch's threshold
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

Result<int64_t> axis(const trace::Definition& definition, const trace::Axes& axes, const std::string& name) {
  const trace::Axis* found = definition.find_axis(name);
  const auto given = axes.find(name);
  if (found != nullptr && found->is_constant) return found->value;
  if (found != nullptr && given != axes.end()) return given->second;
  return usage_error(fmt::format("{}: the gdn_decode oracle needs the axis '{}'", definition.name, name));
}

Result<Sizes> read_sizes(const trace::Definition& definition, const trace::Axes& axes) {
  Sizes s{};
  TRY_ASSIGN(s.batch, axis(definition, axes, "batch_size"));
  TRY_ASSIGN(s.q_heads, axis(definition, axes, "num_q_heads"));
  TRY_ASSIGN(s.k_heads, axis(definition, axes, "num_k_heads"));
  TRY_ASSIGN(s.v_heads, axis(definition, axes, "num_v_heads"));
  TRY_ASSIGN(s.head, axis(definition, axes, "head_size"));
  TRY_ASSIGN(const int64_t tokens, axis(definition, axes, "seq_len"));
  const bool grouped =
      s.q_heads > 0 && s.k_heads > 0 && s.v_heads % s.q_heads == 0 && s.v_heads % s.k_heads == 0;
  if (!grouped || tokens != 1 || s.head <= 0)
    return usage_error(
        fmt::format("{}: the gdn_decode oracle covers seq_len 1 and value heads that are a multiple "
                    "of query and key heads",
                    definition.name));
  return s;
}

Result<std::vector<double>> doubles_of(const trace::Definition& definition, const Inputs& inputs,
                                       const std::string& name, int64_t expected) {
  const auto it = inputs.tensors.find(name);
  if (it == inputs.tensors.end() || it->second.elements() != expected)
    return usage_error(fmt::format("{}: input '{}' is missing or has the wrong size", definition.name, name));
  std::vector<double> values(static_cast<size_t>(expected));
  load_doubles(it->second.dtype, it->second.data, 0, values);
  return values;
}

struct Operands {
  std::vector<double> q, k, v, a_log, a, dt_bias, b;
  const HostTensor* state = nullptr;  // null: zeros
  double scale = 0;
};

Result<Operands> read_operands(const trace::Definition& definition, const Inputs& inputs, const Sizes& s) {
  Operands o;
  TRY_ASSIGN(o.q, doubles_of(definition, inputs, "q", s.batch * s.q_heads * s.head));
  TRY_ASSIGN(o.k, doubles_of(definition, inputs, "k", s.batch * s.k_heads * s.head));
  TRY_ASSIGN(o.v, doubles_of(definition, inputs, "v", s.batch * s.v_heads * s.head));
  TRY_ASSIGN(o.a_log, doubles_of(definition, inputs, "A_log", s.v_heads));
  TRY_ASSIGN(o.a, doubles_of(definition, inputs, "a", s.batch * s.v_heads));
  TRY_ASSIGN(o.dt_bias, doubles_of(definition, inputs, "dt_bias", s.v_heads));
  TRY_ASSIGN(o.b, doubles_of(definition, inputs, "b", s.batch * s.v_heads));
  const auto state = inputs.tensors.find("state");
  if (state != inputs.tensors.end()) {
    if (state->second.elements() != s.batch * s.v_heads * s.head * s.head)
      return usage_error(fmt::format("{}: input 'state' has the wrong size", definition.name));
    o.state = &state->second;
  }
  const auto scale = inputs.scalars.find("scale");
  // A kernel gets float32: the reference must not know better.
  o.scale = scale == inputs.scalars.end() ? 0 : static_cast<double>(static_cast<float>(scale->second));
  if (o.scale == 0) o.scale = 1 / std::sqrt(static_cast<double>(s.head));
  return o;
}

// One value head of one sequence; `index` counts both.
void step(const Operands& o, const Sizes& s, int64_t index, std::vector<double>& row, double* output,
          double* new_state) {
  const int64_t sequence = index / s.v_heads;
  const int64_t head = index % s.v_heads;
  const double* q = &o.q[static_cast<size_t>((sequence * s.q_heads + head * s.q_heads / s.v_heads) * s.head)];
  const double* k = &o.k[static_cast<size_t>((sequence * s.k_heads + head * s.k_heads / s.v_heads) * s.head)];
  const double* v = &o.v[static_cast<size_t>(index * s.head)];
  const auto at = static_cast<size_t>(index);
  const auto h = static_cast<size_t>(head);
  const double decay = std::exp(-std::exp(o.a_log[h]) * softplus(o.a[at] + o.dt_bias[h]));
  const double beta = sigmoid(o.b[at]);
  for (int64_t i = 0; i < s.head; ++i) {
    double* updated = new_state + i * s.head;
    if (o.state != nullptr)
      load_doubles(o.state->dtype, o.state->data, static_cast<size_t>((index * s.head + i) * s.head), row);
    const double correction = beta * (v[i] - decay * dot(row.data(), k, s.head));
    for (int64_t j = 0; j < s.head; ++j) updated[j] = decay * row[static_cast<size_t>(j)] + correction * k[j];
    output[i] = o.scale * dot(updated, q, s.head);
  }
}

class GdnDecode final : public Oracle {
 public:
  std::string_view family() const override { return "gdn_decode"; }

  Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                            const Inputs& inputs) const override {
    TRY_ASSIGN(const Sizes s, read_sizes(definition, axes));
    TRY_ASSIGN(const Operands operands, read_operands(definition, inputs, s));
    const int64_t heads = s.batch * s.v_heads;
    std::vector<double> output(static_cast<size_t>(heads * s.head));
    std::vector<double> new_state(static_cast<size_t>(heads * s.head * s.head));
    std::vector<double> row(static_cast<size_t>(s.head));
    for (int64_t index = 0; index < heads; ++index)
      step(operands, s, index, row, output.data() + index * s.head,
           new_state.data() + index * s.head * s.head);
    OracleOutputs outputs;
    outputs["output"] = std::move(output);
    outputs["new_state"] = std::move(new_state);
    return outputs;
  }
};

}  // namespace

const Oracle& gdn_decode_oracle() {
  static const GdnDecode oracle;
  return oracle;
}

}  // namespace warpwright::reference
