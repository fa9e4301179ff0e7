#include "evaluator/validate/ranked.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "evaluator/reference/numeric.h"

namespace warpwright::validate {
namespace {

using reference::Candidate;
using reference::Ranking;

constexpr size_t kShownFaults = 8;
constexpr double kOfficialFloor = 1e-8;  // FlashInfer-Bench's, in the relative error

// One row of the output against its candidates, best first.
class RowJudge {
 public:
  RowJudge(int64_t row, std::vector<int64_t> named, const std::vector<Candidate>& candidates)
      : row_(row), named_(std::move(named)), candidates_(candidates) {
    count_ = std::min(named_.size(), candidates_.size());
    for (size_t place = 0; place < candidates_.size(); ++place)
      places_[candidates_[place].index].push_back(place);
  }

  // Fills taken(); what is wrong with the slots themselves, the first fault only.
  std::string wrong_slot() {
    taken_.assign(candidates_.size(), false);
    for (size_t slot = 0; slot < named_.size(); ++slot) {
      std::string fault = slot < count_ ? take(slot) : beyond_the_end(slot);
      if (!fault.empty()) return fmt::format("row {}: slot {} {}", row_, slot, fault);
    }
    return "";
  }

  // Sorted scores of what was named against the best. REQUIRES: wrong_slot() found nothing.
  void measure(const rules::OfficialTolerance* official, ErrorStatistics& statistics) const {
    size_t place = 0;
    for (size_t rank = 0; rank < count_; ++rank, ++place) {
      while (!taken_[place]) ++place;
      const double expected = candidates_[rank].score, got = candidates_[place].score;
      const double error = std::abs(got - expected), relative = error / (std::abs(expected) + kOfficialFloor);
      statistics.max_abs = std::max(statistics.max_abs, error);
      statistics.max_rel = std::max(statistics.max_rel, relative);
      if (official != nullptr && error > official->atol && relative > official->rtol) ++statistics.unmatched;
    }
  }

  // The worst candidate on the wrong side of the border: its distance as a share of term sizes.
  double worst_share(std::string& description) const {
    if (count_ == 0 || count_ == candidates_.size()) return 0;
    const Candidate &last = candidates_[count_ - 1], &next = candidates_[count_];
    double worst = 0;
    const auto consider = [&](const Candidate& candidate, const Candidate& border, const char* text) {
      const double distance = std::abs(candidate.score - border.score);
      const double terms = candidate.term_size + border.term_size;
      const double share = distance == 0 ? 0 : distance / std::max(terms, 1e-300);
      if (share <= worst) return;
      worst = share;
      description = fmt::format(
          "row {}: index {} {} (score {:.8g}; of {} candidates the best {} reach down to {:.8g}"
          ", the next has {:.8g})",
          row_, candidate.index, text, candidate.score, candidates_.size(), count_, last.score, next.score);
    };
    for (size_t place = 0; place < candidates_.size(); ++place) {
      if (place < count_ && !taken_[place]) consider(candidates_[place], next, "is missing");
      if (place >= count_ && taken_[place]) consider(candidates_[place], last, "is named");
    }
    return std::min(worst, 1e30);
  }

 private:
  std::string take(size_t slot) {
    const int64_t index = named_[slot];
    if (index == -1)
      return fmt::format("is -1, but the row has {} candidates for its {} slots", candidates_.size(),
                         named_.size());
    const auto found = places_.find(index);
    if (found == places_.end()) return fmt::format("names {}, which is no candidate of this row", index);
    if (found->second.empty()) return fmt::format("names {} again", index);
    taken_[found->second.front()] = true;
    found->second.erase(found->second.begin());
    return "";
  }
  std::string beyond_the_end(size_t slot) const {
    if (named_[slot] == -1) return "";
    return fmt::format("is {}, but the row has only {} candidates: -1 belongs there", named_[slot],
                       candidates_.size());
  }

  int64_t row_;
  std::vector<int64_t> named_;
  const std::vector<Candidate>& candidates_;
  size_t count_ = 0;
  std::map<int64_t, std::vector<size_t>> places_;  // of an index among the candidates, those not yet taken
  std::vector<bool> taken_;                        // by place
};

// Counts faults of one kind and describes the first few.
struct Faults {
  int64_t rows = 0;
  std::vector<std::string> descriptions;
  void add(std::string description) {
    ++rows;
    if (descriptions.size() < kShownFaults) descriptions.push_back(std::move(description));
  }
};

std::vector<int64_t> row_of(const TensorView& output, int64_t row) {
  const int64_t slots = output.shape.back();
  std::vector<double> values(static_cast<size_t>(slots));
  reference::load_doubles(output.dtype, output.data, static_cast<size_t>(row * slots), values);
  return {values.begin(), values.end()};
}

Verdict verdict_of(const TensorView& output, const std::string& rule, int64_t of_rows, const Faults& faults) {
  if (faults.rows == 0) return {};
  const std::string first = faults.descriptions.empty() ? "" : "; " + faults.descriptions.front();
  return {Status::kIncorrectNumerical, "",
          fmt::format("{}: {} of {} rows {}{}", output.name, faults.rows, of_rows, rule, first),
          faults.descriptions};
}

}  // namespace

Result<Comparison> compare_ranked(const TensorView& output, const Ranking& ranking,
                                  const rules::OfficialTolerance* official,
                                  const rules::StrictTolerance* strict) {
  const auto rows = static_cast<int64_t>(ranking.rows.size());
  if (output.shape != std::vector<int64_t>{rows, ranking.slots})
    return infrastructure_error(
        fmt::format("{}: the reference is [{}, {}]", output.name, rows, ranking.slots));
  Comparison comparison;
  ErrorStatistics& s = comparison.statistics;
  Faults slots, margins;
  for (int64_t row = 0; row < rows; ++row) {
    RowJudge judge(row, row_of(output, row), ranking.rows[static_cast<size_t>(row)]);
    if (std::string wrong = judge.wrong_slot(); !wrong.empty()) {
      slots.add(std::move(wrong));
      ++s.unmatched;
      continue;
    }
    judge.measure(official, s);
    std::string description;
    const double share = judge.worst_share(description);
    s.scaled_max = std::max(s.scaled_max, share);
    if (strict != nullptr && share > strict->score_margin)
      margins.add(fmt::format("{}: {:.2g} of the terms beyond the border, rounding explains {:g}",
                              description, share, strict->score_margin));
  }
  comparison.verdict = verdict_of(output, "do not name distinct tokens of their own, then -1", rows, slots);
  if (!comparison.verdict.passed()) return comparison;
  comparison.verdict = verdict_of(output, "do not name the best", rows, margins);
  if (comparison.verdict.passed() && official != nullptr && s.unmatched > 0)
    comparison.verdict = {Status::kIncorrectNumerical,
                          "",
                          fmt::format("{}: {} sorted scores miss both atol {:g} and rtol {:g} (contest rule)",
                                      output.name, s.unmatched, official->atol, official->rtol),
                          {}};
  return comparison;
}

}  // namespace warpwright::validate
