// The strict tolerances of gdn_prefill, calibrated: a recurrence in float32, and chunks on tensor cores with
// bf16 operands (the WY form of Yang et al., arXiv 2406.06484).
#include "evaluator/validate/calibration.h"

namespace warpwright::validate {
namespace {

using namespace calibration;

struct Kernel {
  const char* name = "recurrent";
  int64_t chunk = 1;               // tokens; 1: the recurrence itself
  float (*operand)(float) = keep;  // of tensor cores
};

class Prefill {
 public:
  Prefill(const Case& c, const Kernel& kernel)
      : kernel_(kernel),
        heads_(c.axis("num_v_heads")),
        groups_(heads_ / c.axis("num_q_heads")),
        d_(c.axis("head_size")),
        q_(floats_of(c.inputs(), "q")),
        k_(floats_of(c.inputs(), "k")),
        v_(floats_of(c.inputs(), "v")),
        a_log_(floats_of(c.inputs(), "A_log")),
        a_(floats_of(c.inputs(), "a")),
        dt_bias_(floats_of(c.inputs(), "dt_bias")),
        b_(floats_of(c.inputs(), "b")),
        bounds_(integers_of(c.inputs(), "cu_seqlens")),
        scale_(static_cast<float>(c.inputs().scalars.at("scale"))) {
    output_.resize(v_.size());
    const auto sequences = static_cast<int64_t>(bounds_.size()) - 1;
    state_.assign(static_cast<size_t>(sequences * heads_ * d_ * d_), 0);
    if (c.inputs().tensors.contains("state")) state_ = floats_of(c.inputs(), "state");
  }

  Computed run() {
    for (size_t n = 0; n + 1 < bounds_.size(); ++n) {
      float* states = state_.data() + static_cast<int64_t>(n) * heads_ * d_ * d_;
      if (bounds_[n] == bounds_[n + 1]) std::fill_n(states, heads_ * d_ * d_, 0.0f);
      for (int64_t h = 0; h < heads_; ++h)
        for (int64_t first = bounds_[n]; first < bounds_[n + 1]; first += kernel_.chunk)
          chunk(h, first, std::min(kernel_.chunk, bounds_[n + 1] - first), states + h * d_ * d_);
    }
    return {{"output", {output_.begin(), output_.end()}}, {"new_state", {state_.begin(), state_.end()}}};
  }

 private:
  const float* row(const Floats& x, int64_t t, int64_t h) const {
    return x.data() + (t * (heads_ / groups_) + h / groups_) * d_;
  }
  float log_decay(int64_t t, int64_t h) const {
    const float x = a_[static_cast<size_t>(t * heads_ + h)] + dt_bias_[static_cast<size_t>(h)];
    const float softplus = x > 20 ? x : fast_log2(1 + fast_exp(x)) * 0.693147181f;
    return -fast_exp(a_log_[static_cast<size_t>(h)]) * softplus;
  }

  // u_t = beta_t (v_t - G_t S k_t - sum of G_t/G_i (k_i k_t) u_i), and from it outputs and the next state.
  void chunk(int64_t h, int64_t first, int64_t count, float* state) {
    const auto round = kernel_.operand;
    Floats logs, u(static_cast<size_t>(count * d_)), tile(state, state + d_ * d_);
    for (int64_t t = 0; t < count; ++t) logs.push_back(log_decay(first + t, h) + (t > 0 ? logs.back() : 0));
    for (float& x : tile) x = round(x);
    const auto ratio = [&](int64_t t, int64_t i) {
      return fast_exp(logs[static_cast<size_t>(t)] - logs[static_cast<size_t>(i)]);
    };
    for (int64_t t = 0; t < count; ++t) {
      const float* k = row(k_, first + t, h);
      const float* q = row(q_, first + t, h);
      const auto at = static_cast<size_t>((first + t) * heads_ + h);
      const float beta = 1 / (1 + fast_exp(-b_[at])), decay = fast_exp(logs[static_cast<size_t>(t)]);
      Floats kk, qk;
      for (int64_t i = 0; i <= t; ++i) {
        kk.push_back(round(ratio(t, i) * dot(row(k_, first + i, h), k, d_)));
        qk.push_back(round(ratio(t, i) * dot(row(k_, first + i, h), q, d_)));
      }
      for (int64_t j = 0; j < d_; ++j) {
        float old = decay * dot(&tile[static_cast<size_t>(j * d_)], k, d_);
        float read = decay * dot(&tile[static_cast<size_t>(j * d_)], q, d_);
        for (int64_t i = 0; i < t; ++i)
          old += kk[static_cast<size_t>(i)] * u[static_cast<size_t>(i * d_ + j)];
        u[static_cast<size_t>(t * d_ + j)] =
            round(beta * (v_[at * static_cast<size_t>(d_) + static_cast<size_t>(j)] - old));
        for (int64_t i = 0; i <= t; ++i)
          read += qk[static_cast<size_t>(i)] * u[static_cast<size_t>(i * d_ + j)];
        output_[at * static_cast<size_t>(d_) + static_cast<size_t>(j)] = scale_ * read;
      }
    }
    update(h, first, count, logs, u, state);
  }

  void update(int64_t h, int64_t first, int64_t count, const Floats& logs, const Floats& u, float* state) {
    for (int64_t j = 0; j < d_ * d_; ++j) state[j] *= fast_exp(logs.back());
    for (int64_t t = 0; t < count; ++t) {
      const float left = fast_exp(logs.back() - logs[static_cast<size_t>(t)]);
      for (int64_t j = 0; j < d_; ++j) {
        const float scaled = kernel_.operand(left * u[static_cast<size_t>(t * d_ + j)]);
        const float* k = row(k_, first + t, h);
        for (int64_t i = 0; i < d_; ++i) state[j * d_ + i] += scaled * k[i];
      }
    }
  }

  const Kernel& kernel_;
  int64_t heads_, groups_, d_;
  Floats q_, k_, v_, a_log_, a_, dt_bias_, b_;
  std::vector<int64_t> bounds_;
  float scale_;
  Floats output_, state_;
};

TEST(PrefillCalibration, HonestKernelsPassByAFactorOfThree) {
  Family family("gdn_prefill_qk4_v8_d128_k_last");
  const Kernel recurrent, chunks{"chunks bf16", 64, to_bf16};
  const std::vector<std::string> profiles = {"contest", "positive", "constant_rows", "gates",
                                             "empty_sequences"};
  for (const Case& c : family.cases("adversarial", profiles, "total_seq_len", 100)) {
    if (c.profile == "contest") family.expect_well_within(c, recurrent.name, Prefill(c, recurrent).run());
    family.expect_well_within(c, chunks.name, Prefill(c, chunks).run());
  }
}

}  // namespace
}  // namespace warpwright::validate
