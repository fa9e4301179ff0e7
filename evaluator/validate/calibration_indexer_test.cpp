// The score margin of dsa_topk_indexer, calibrated: scores in float32, and on FP8 tensor cores that align the
// products of 32 elements to the largest and keep 13 bits behind its leading one, as Hopper's and Ada's do
// (Blackwell's keep 25).
#include "evaluator/validate/calibration.h"

namespace warpwright::validate {
namespace {

using namespace calibration;

struct Kernel {
  const char* name = "float32";
  bool short_sums = false;  // of FP8 tensor cores
  float (*scale)(float) = keep;
  float (*score)(float) = keep;  // as kept for the selection
};

// c + sum of x[i] y[i], all cut off 13 bits below the largest's leading one.
float short_sum(float c, const float* x, const float* y, int n) {
  float largest = std::abs(c);
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i] * y[i]));
  if (largest == 0) return c;
  const double unit = std::ldexp(1.0, std::ilogb(largest) - 13);
  double sum = std::trunc(c / unit);
  for (int i = 0; i < n; ++i) sum += std::trunc(static_cast<double>(x[i]) * y[i] / unit);
  return static_cast<float>(sum * unit);
}

class Indexer {
 public:
  Indexer(const Case& c, const Kernel& kernel)
      : kernel_(kernel),
        heads_(c.axis("num_index_heads")),
        dim_(c.axis("index_head_dim")),
        page_size_(c.axis("page_size")),
        topk_(c.axis("topk")),
        width_(c.axis("max_num_pages")),
        q_(floats_of(c.inputs(), "q_index_fp8")),
        weights_(floats_of(c.inputs(), "weights")),
        lengths_(integers_of(c.inputs(), "seq_lens")),
        table_(integers_of(c.inputs(), "block_table")),
        cache_(c.inputs().tensors.at("k_index_cache_fp8").data) {}

  // Root mean square of the scores' errors as a share of their term sizes: what the margin must cover.
  double error_share(const Case& c) const {
    double squares = 0, count = 0;
    const auto& rows = c.reference->outputs.rankings.at("topk_indices").rows;
    for (size_t row = 0; row < rows.size(); ++row) {
      std::map<int64_t, reference::Candidate> expected;
      for (const reference::Candidate& candidate : rows[row]) expected[candidate.index] = candidate;
      for (int64_t token = 0; token < lengths_[row]; ++token) {
        const auto [got, index] = score(static_cast<int64_t>(row), token);
        const reference::Candidate& right = expected.at(index);
        squares += std::pow((got - right.score) / right.term_size, 2);
        ++count;
      }
    }
    return std::sqrt(squares / count);
  }

  Computed run() const {
    Computed computed;
    for (size_t row = 0; row < lengths_.size(); ++row) {
      std::vector<std::pair<float, int64_t>> scored;
      for (int64_t token = 0; token < lengths_[row]; ++token)
        scored.push_back(score(static_cast<int64_t>(row), token));
      std::stable_sort(scored.begin(), scored.end(),
                       [](const auto& a, const auto& b) { return a.first > b.first; });
      for (int64_t i = 0; i < topk_; ++i)
        computed["topk_indices"].push_back(
            i < lengths_[row] ? static_cast<double>(scored[static_cast<size_t>(i)].second) : -1);
    }
    return computed;
  }

 private:
  std::pair<float, int64_t> score(int64_t row, int64_t token) const {
    const int64_t page = table_[static_cast<size_t>(row * width_ + token / page_size_)];
    const int64_t offset = token % page_size_;
    const std::byte* begin = cache_.data() + page * page_size_ * (dim_ + 4);
    Floats key(static_cast<size_t>(dim_));
    for (int64_t d = 0; d < dim_; ++d)
      key[static_cast<size_t>(d)] =
          reference::float_from_e4m3(static_cast<uint8_t>(begin[offset * dim_ + d]));
    float scale = 0;
    std::copy_n(begin + page_size_ * dim_ + offset * 4, 4, reinterpret_cast<std::byte*>(&scale));
    float sum = 0;
    for (int64_t h = row * heads_; h < (row + 1) * heads_; ++h)
      sum +=
          weights_[static_cast<size_t>(h)] * std::max(0.0f, product(&q_[static_cast<size_t>(h * dim_)], key));
    return {kernel_.score(sum * kernel_.scale(scale)), page * page_size_ + offset};
  }
  float product(const float* q, const Floats& key) const {
    if (!kernel_.short_sums) return dot(q, key.data(), dim_);
    float sum = 0;
    for (int64_t d = 0; d < dim_; d += 32) sum = short_sum(sum, q + d, key.data() + d, 32);
    return sum;
  }

  const Kernel& kernel_;
  int64_t heads_, dim_, page_size_, topk_, width_;
  Floats q_, weights_;
  std::vector<int64_t> lengths_, table_;
  const std::vector<std::byte>& cache_;
};

constexpr const char* kDefinition = "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64";

// Scores of a single head on short sums have errors three times as large. To change a place unduly, two
// scores must err by more than the margin; what is named is far inside.
TEST(IndexerCalibration, HonestErrorsTimesThreeAreWithinTheMargin) {
  Family family(kDefinition);
  const double margin = family.rules().strict.at("topk_indices").score_margin;
  const auto cases =
      family.cases("adversarial", {"several_long", "one_head", "large", "tiny"}, "batch_size", 5);
  for (const Kernel& kernel : {Kernel{}, Kernel{"short sums", true, keep, keep}}) {
    for (const Case& c : cases) {
      const Indexer indexer(c, kernel);
      const double errors = indexer.error_share(c);
      const double named = family.judge(c, indexer.run()).statistics.scaled_max;
      if (printing())
        std::printf("%-34s %-12s errors of scores %.1e, beyond the border %.1e\n", c.name.c_str(),
                    kernel.name, errors, named);
      if (c.profile != "one_head") {
        EXPECT_LT(3 * errors, margin) << c.name << " " << kernel.name;
      }
      EXPECT_LT(3 * named, margin) << c.name << " " << kernel.name;
    }
  }
}

TEST(IndexerCalibration, ScoresOrScalesInBf16AreCaught) {
  Family family(kDefinition);
  for (const Case& c : family.cases("adversarial", {"several_long"}, "batch_size", 5)) {
    for (const Kernel& kernel :
         {Kernel{"bf16 scores", false, keep, to_bf16}, Kernel{"bf16 scales", false, to_bf16, keep}})
      family.expect_caught(c, kernel.name, Indexer(c, kernel).run());
  }
}

}  // namespace
}  // namespace warpwright::validate
