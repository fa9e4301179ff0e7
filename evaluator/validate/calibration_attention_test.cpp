// The strict tolerances of dsa_sparse_attention, calibrated: logits in float32, weights rounded to bf16 for
// the second product, lists split and merged.
#include "evaluator/validate/calibration.h"

namespace warpwright::validate {
namespace {

using namespace calibration;

struct Kernel {
  const char* name = "float32";
  float (*weight)(float) = keep;  // of the second product
  bool scale_on_query = false;    // in bf16
};

struct Partial {
  float top = -INFINITY, sum = 0;
  Floats output;
};

class Attention {
 public:
  Attention(const Case& c, const Kernel& kernel)
      : kernel_(kernel),
        tokens_(c.axis("num_tokens")),
        heads_(c.axis("num_qo_heads")),
        ckv_(c.axis("head_dim_ckv")),
        kpe_(c.axis("head_dim_kpe")),
        topk_(c.axis("topk")),
        q_nope_(floats_of(c.inputs(), "q_nope")),
        q_pe_(floats_of(c.inputs(), "q_pe")),
        ckv_cache_(floats_of(c.inputs(), "ckv_cache")),
        kpe_cache_(floats_of(c.inputs(), "kpe_cache")),
        indices_(integers_of(c.inputs(), "sparse_indices")),
        factor_(static_cast<float>(c.inputs().scalars.at("sm_scale")) * 1.44269504f) {
    if (!kernel.scale_on_query) return;
    for (Floats* q : {&q_nope_, &q_pe_})
      for (float& x : *q) x = to_bf16(x * factor_);
    factor_ = 1;
  }

  Computed run() const {
    Computed computed;
    for (int64_t row = 0; row < tokens_ * heads_; ++row) {
      std::vector<int64_t> valid;
      for (int64_t i = row / heads_ * topk_; i < (row / heads_ + 1) * topk_; ++i)
        if (indices_[static_cast<size_t>(i)] >= 0) valid.push_back(indices_[static_cast<size_t>(i)]);
      std::vector<Partial> parts;
      for (size_t first = 0; first < valid.size(); first += kSplit)
        parts.push_back(
            split(row, {valid.begin() + first, valid.begin() + std::min(first + kSplit, valid.size())}));
      merge(parts, computed);
    }
    return computed;
  }

 private:
  static constexpr size_t kSplit = 64;

  Partial split(int64_t row, const std::vector<int64_t>& valid) const {
    Partial part;
    Floats logits;
    for (int64_t index : valid) {
      const float nope = dot(&q_nope_[static_cast<size_t>(row * ckv_)],
                             &ckv_cache_[static_cast<size_t>(index * ckv_)], ckv_);
      const float pe =
          dot(&q_pe_[static_cast<size_t>(row * kpe_)], &kpe_cache_[static_cast<size_t>(index * kpe_)], kpe_);
      logits.push_back((nope + pe) * factor_);
      part.top = std::max(part.top, logits.back());
    }
    part.output.assign(static_cast<size_t>(ckv_), 0);
    for (size_t i = 0; i < valid.size(); ++i) {
      const float weight = std::exp2(logits[i] - part.top);
      part.sum += weight;
      const float* value = &ckv_cache_[static_cast<size_t>(valid[i] * ckv_)];
      for (int64_t d = 0; d < ckv_; ++d)
        part.output[static_cast<size_t>(d)] += kernel_.weight(weight) * value[d];
    }
    return part;
  }

  void merge(const std::vector<Partial>& parts, Computed& computed) const {
    float top = -INFINITY, sum = 0;
    for (const Partial& part : parts) top = std::max(top, part.top);
    Floats output(static_cast<size_t>(ckv_), 0);
    for (const Partial& part : parts) {
      const float share = std::exp2(part.top - top);
      sum += share * part.sum;
      for (size_t d = 0; d < output.size(); ++d) output[d] += share * part.output[d];
    }
    for (float x : output) computed["output"].push_back(parts.empty() ? 0 : x / sum);
    computed["lse"].push_back(parts.empty() ? -INFINITY : top + fast_log2(sum));
  }

  const Kernel& kernel_;
  int64_t tokens_, heads_, ckv_, kpe_, topk_;
  Floats q_nope_, q_pe_, ckv_cache_, kpe_cache_;
  std::vector<int64_t> indices_;
  float factor_;
};

constexpr const char* kDefinition = "dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64";

TEST(AttentionCalibration, HonestKernelsPassByAFactorOfThree) {
  Family family(kDefinition);
  const Kernel plain, tensor_cores{"bf16 weights", to_bf16, false};
  const std::vector<std::string> profiles = {"padded_and_full", "scattered", "peaked", "flat", "heavy_tails"};
  for (const Case& c : family.cases("adversarial", profiles, "num_tokens", 5))
    for (const Kernel& kernel : {plain, tensor_cores})
      family.expect_well_within(c, kernel.name, Attention(c, kernel).run());
}

TEST(AttentionCalibration, AScaleOnBf16QueriesIsCaught) {
  Family family(kDefinition);
  const Kernel scaled{"scaled bf16 q", keep, true};
  for (const Case& c : family.cases("adversarial", {"peaked", "scattered"}, "num_tokens", 5))
    family.expect_caught(c, scaled.name, Attention(c, scaled).run());
}

}  // namespace
}  // namespace warpwright::validate
