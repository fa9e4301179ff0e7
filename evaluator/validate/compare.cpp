#include "evaluator/validate/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "evaluator/reference/numeric.h"
#include "evaluator/validate/ranked.h"
#include "evaluator/validate/region.h"

namespace warpwright::validate {
namespace {

constexpr size_t kChunk = 4096;       // elements converted at a time
constexpr size_t kShownElements = 8;  // wrong elements in the evidence
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
constexpr double kUnbounded =
    1e30;  // stands for an error against a reference that is zero: JSON has no infinity
constexpr double kOfficialFloor = 1e-8;  // FlashInfer-Bench's, in the relative error

// Calls visit(index, got, expected) for every element.
template <class Visit>
void for_elements(const TensorView& output, std::span<const double> reference, Visit visit) {
  std::array<double, kChunk> got;
  for (size_t first = 0; first < reference.size(); first += kChunk) {
    const size_t count = std::min(kChunk, reference.size() - first);
    reference::load_doubles(output.dtype, output.data, first, {got.data(), count});
    for (size_t i = 0; i < count; ++i) visit(static_cast<int64_t>(first + i), got[i], reference[first + i]);
  }
}

double scaled(double error, double scale) {
  return error == 0 ? 0 : std::min(kUnbounded, error / scale);
}

// The row that is being summed up.
struct RowSums {
  int64_t row = 0;
  double error_squares = 0, expected_squares = 0;
};

// Sums over the elements that are finite.
struct Sums {
  double error = 0, error_squares = 0;
  double got_squares = 0, got_times_expected = 0, expected_squares = 0;
};

class Judge {
 public:
  Judge(const TensorView& output, std::span<const double> reference, const rules::OfficialTolerance* official,
        const rules::StrictTolerance* strict, std::span<const int64_t> undecided_rows)
      : output_(output),
        reference_(reference),
        official_(official),
        strict_(strict),
        undecided_rows_(undecided_rows) {}

  Result<Comparison> run() {
    TRY(measure_reference());
    measure_errors();
    Comparison comparison;
    comparison.statistics = statistics_;
    if (const std::string failed = failed_clauses(); !failed.empty()) {
      comparison.verdict.status = Status::kIncorrectNumerical;
      comparison.verdict.message = fmt::format("{}: {}", output_.name, failed);
      comparison.verdict.evidence = evidence();
    }
    return comparison;
  }

 private:
  Result<void> measure_reference() {
    double squares = 0;
    size_t finite = 0;
    for (size_t i = 0; i < reference_.size(); ++i) {
      if (reference_[i] == kMinusInfinity) continue;
      if (!std::isfinite(reference_[i]))
        return infrastructure_error(
            fmt::format("the reference is not finite at {}", place(output_, static_cast<int64_t>(i))));
      squares += reference_[i] * reference_[i];
      ++finite;
    }
    rms_ = finite == 0 ? 0 : std::sqrt(squares / static_cast<double>(finite));
    return {};
  }

  bool is_decided(int64_t index) const {
    if (undecided_rows_.empty()) return true;
    const int64_t row = index / (output_.elements() / output_.shape.front());
    return !std::binary_search(undecided_rows_.begin(), undecided_rows_.end(), row);
  }

  bool matches_officially(double got, double expected) const {
    const double error = std::abs(got - expected);
    // Written so that NaN never matches.
    return std::isfinite(got) && std::isfinite(expected) &&
           (error <= official_->atol || error / (std::abs(expected) + kOfficialFloor) <= official_->rtol);
  }

  void measure_errors() {
    for_elements(output_, reference_, [&](int64_t index, double got, double expected) {
      if (expected == kMinusInfinity) {
        if (got != expected) ++not_minus_infinity_;
        return;
      }
      if (official_ != nullptr && !matches_officially(got, expected)) ++statistics_.unmatched;
      if (!std::isfinite(got)) {
        ++statistics_.non_finite;
        return;
      }
      const double error = got - expected;
      const double magnitude = std::abs(error);
      statistics_.max_abs = std::max(statistics_.max_abs, magnitude);
      statistics_.max_rel = std::max(statistics_.max_rel, magnitude / (std::abs(expected) + kOfficialFloor));
      if (!is_decided(index)) return;
      add_to_row(index, error, expected);
      statistics_.scaled_max = std::max(statistics_.scaled_max, scaled(magnitude, std::abs(expected) + rms_));
      sums_.error += error;
      sums_.error_squares += error * error;
      sums_.got_squares += got * got;
      sums_.got_times_expected += got * expected;
      sums_.expected_squares += expected * expected;
    });
    finish_row();
    const double count = std::max(1.0, static_cast<double>(reference_.size()));
    statistics_.scaled_rms = scaled(std::sqrt(sums_.error_squares / count), rms_);
    statistics_.scaled_bias = scaled(std::abs(sums_.error) / count, rms_);
  }

  // Rows are compared as they come: elements arrive in order.
  void add_to_row(int64_t index, double error, double expected) {
    const int64_t row = index / std::max<int64_t>(1, output_.shape.empty() ? 1 : output_.shape.back());
    if (row != row_.row) finish_row();
    row_.row = row;
    row_.error_squares += error * error;
    row_.expected_squares += expected * expected;
  }
  void finish_row() {
    const double error = std::sqrt(row_.error_squares), expected = std::sqrt(row_.expected_squares);
    statistics_.scaled_row_rms = std::max(statistics_.scaled_row_rms, scaled(error, expected));
    row_ = {};
  }

  std::string failed_clauses() const {
    if (statistics_.non_finite > 0)
      return fmt::format("{} of {} elements are NaN or infinite", statistics_.non_finite, reference_.size());
    if (not_minus_infinity_ > 0)
      return fmt::format("{} elements are not -infinity where it is expected", not_minus_infinity_);
    const std::string official = failed_official();
    const std::string strict = failed_strict();
    if (official.empty() && strict.empty()) return "";
    return official + (official.empty() || strict.empty() ? "" : "; ") + strict + hint();
  }

  std::string failed_official() const {
    if (official_ == nullptr) return "";
    const auto count = static_cast<double>(reference_.size());
    const double matched = count > 0 ? 1 - static_cast<double>(statistics_.unmatched) / count : 1;
    if (matched >= official_->matched_ratio) return "";
    return fmt::format(
        "{} of {} elements miss both atol {:g} and rtol {:g} (contest rule; {:g} % must match)",
        statistics_.unmatched, reference_.size(), official_->atol, official_->rtol,
        100 * official_->matched_ratio);
  }

  std::string failed_strict() const {
    if (strict_ == nullptr) return "";
    std::vector<std::string> failed;
    if (statistics_.scaled_max > strict_->scaled_max)
      failed.push_back(fmt::format("largest error is {:.2g} of (|expected| + rms), allowed {:g}",
                                   statistics_.scaled_max, strict_->scaled_max));
    if (statistics_.scaled_rms > strict_->scaled_rms)
      failed.push_back(fmt::format("rms error is {:.2g} of the expected rms, allowed {:g}",
                                   statistics_.scaled_rms, strict_->scaled_rms));
    if (statistics_.scaled_bias > strict_->scaled_bias)
      failed.push_back(fmt::format("errors lean to one side by {:.2g} of the expected rms, allowed {:g}",
                                   statistics_.scaled_bias, strict_->scaled_bias));
    if (strict_->scaled_row_rms > 0 && statistics_.scaled_row_rms > strict_->scaled_row_rms)
      failed.push_back(fmt::format("rms error of a row is {:.2g} of the row's expected rms, allowed {:g}",
                                   statistics_.scaled_row_rms, strict_->scaled_row_rms));
    return fmt::format("{}", fmt::join(failed, "; "));
  }

  // What the errors look like as a whole often says what is wrong.
  std::string hint() const {
    if (sums_.got_squares == 0) return "; all elements are zero";
    if (sums_.expected_squares == 0) return "; zeros are expected";
    const double factor = sums_.got_times_expected / sums_.expected_squares;
    const double rest =
        sums_.got_squares - factor * sums_.got_times_expected;  // of the best multiple, squared
    const bool is_multiple = rest < 1e-3 * sums_.got_squares && std::abs(factor - 1) > 0.05;
    if (is_multiple) return fmt::format("; the result is {:.4g} times what is expected", factor);
    if (statistics_.scaled_rms < 0.02)
      return "; nearly right: the precision of the arithmetic or a few elements";
    return "";
  }

  bool is_wrong(int64_t index, double got, double expected) const {
    if (expected == kMinusInfinity) return got != expected;
    if (!std::isfinite(got)) return true;
    if (official_ != nullptr && !matches_officially(got, expected)) return true;
    if (strict_ == nullptr || !is_decided(index)) return false;
    const double error = scaled(std::abs(got - expected), std::abs(expected) + rms_);
    // Where only rms or bias fail, no element is wrong by itself: show the typical ones.
    const bool element_rule = statistics_.scaled_max > strict_->scaled_max;
    return error > (element_rule ? strict_->scaled_max : strict_->scaled_rms);
  }

  std::vector<std::string> evidence() const {
    Region wrong(output_.shape);
    std::vector<std::string> lines;
    for_elements(output_, reference_, [&](int64_t index, double got, double expected) {
      if (!is_wrong(index, got, expected)) return;
      wrong.add(index);
      if (lines.size() < kShownElements)
        lines.push_back(fmt::format("{}: expected {:.6g}, got {:.6g}", place(output_, index), expected, got));
    });
    if (wrong.count() > 0)
      lines.insert(lines.begin(),
                   fmt::format("{} of {} elements wrong, {} {}; the first:", wrong.count(), reference_.size(),
                               wrong.is_box() ? "all of" : "within", wrong.describe(output_.name)));
    return lines;
  }

  const TensorView& output_;
  std::span<const double> reference_;
  const rules::OfficialTolerance* official_;
  const rules::StrictTolerance* strict_;
  std::span<const int64_t> undecided_rows_;
  double rms_ = 0;
  int64_t not_minus_infinity_ = 0;
  ErrorStatistics statistics_;
  Sums sums_;
  RowSums row_;
};

Verdict wrong_size(const std::string& name, size_t got, int64_t expected) {
  return {Status::kIncorrectShape,
          "",
          fmt::format("{}: {} bytes where the definition has {}", name, got, expected),
          {}};
}

}  // namespace

void merge(ErrorStatistics& into, const ErrorStatistics& other) {
  into.max_abs = std::max(into.max_abs, other.max_abs);
  into.max_rel = std::max(into.max_rel, other.max_rel);
  into.scaled_max = std::max(into.scaled_max, other.scaled_max);
  into.scaled_rms = std::max(into.scaled_rms, other.scaled_rms);
  into.scaled_bias = std::max(into.scaled_bias, other.scaled_bias);
  into.scaled_row_rms = std::max(into.scaled_row_rms, other.scaled_row_rms);
  into.unmatched += other.unmatched;
  into.non_finite += other.non_finite;
}

Result<Comparison> compare_output(const TensorView& output, std::span<const double> reference,
                                  const rules::OfficialTolerance* official,
                                  const rules::StrictTolerance* strict,
                                  std::span<const int64_t> undecided_rows) {
  const size_t bits = static_cast<size_t>(trace::size_bits(output.dtype)) * reference.size();
  if (output.elements() != static_cast<int64_t>(reference.size()) || output.data.size() * 8 < bits)
    return infrastructure_error(fmt::format("{}: {} elements, the reference has {}", output.name,
                                            output.elements(), reference.size()));
  return Judge(output, reference, official, strict, undecided_rows).run();
}

Result<Comparison> compare_outputs(const trace::Definition& definition, const trace::Axes& axes,
                                   const ReadBuffer& read, const reference::OracleOutputs& reference,
                                   const rules::Rules& rules, RuleSet rule_set) {
  Comparison whole;
  for (const trace::Tensor& tensor : definition.outputs) {
    const auto expected = reference.values.find(tensor.name);
    if (expected == reference.values.end())
      return infrastructure_error(fmt::format("{}: the oracle gives no '{}'", definition.name, tensor.name));
    TRY_ASSIGN(const auto content, read(tensor.name));
    TensorView output{tensor.name, tensor.dtype, {}, content};
    TRY_ASSIGN(output.shape, definition.shape_of(tensor, axes));
    TRY_ASSIGN(const int64_t bytes, definition.bytes_of(tensor, axes));
    if (static_cast<int64_t>(output.data.size()) != bytes) {
      whole.verdict = wrong_size(tensor.name, output.data.size(), bytes);
      return whole;
    }
    const auto found = rules.strict.find(tensor.name);
    const rules::StrictTolerance* strict = found == rules.strict.end() ? nullptr : &found->second;
    const bool strict_only = rule_set == RuleSet::kStrictOnly && strict != nullptr;
    const rules::OfficialTolerance* official = strict_only ? nullptr : &rules.official;
    const auto ranking = reference.rankings.find(tensor.name);
    TRY_ASSIGN(Comparison one,
               ranking != reference.rankings.end()
                   ? compare_ranked(output, ranking->second, official, strict)
                   : compare_output(output, expected->second, official, strict, reference.undecided_rows));
    merge(whole.statistics, one.statistics);
    if (whole.verdict.passed()) whole.verdict = std::move(one.verdict);
  }
  return whole;
}

}  // namespace warpwright::validate
