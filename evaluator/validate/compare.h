// Holds outputs against the oracle: FlashInfer-Bench's rule, and ours (rules::StrictTolerance says how each
// figure is scaled), which also judges outputs that are tiny.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "evaluator/reference/oracle.h"
#include "evaluator/validate/tensor_view.h"
#include "evaluator/validate/verdict.h"
#include "src/rules/rules.h"

namespace warpwright::validate {

struct ErrorStatistics {
  double max_abs = 0;
  double max_rel = 0;         // |error| / (|reference| + 1e-8), as FlashInfer-Bench has it
  double scaled_max = 0;      // max of |error| / (|reference| + rms(reference))
  double scaled_rms = 0;      // rms(error) / rms(reference)
  double scaled_bias = 0;     // |mean(error)| / rms(reference)
  double scaled_row_rms = 0;  // max over rows of rms(error) / rms(reference) of the row
  int64_t unmatched = 0;      // elements that fail the official rule
  int64_t non_finite = 0;
};

// Figures of several outputs: the worst of each.
void merge(ErrorStatistics& into, const ErrorStatistics& other);

struct Comparison {
  ErrorStatistics statistics;
  Verdict verdict;
};

// `official` or `strict` may be null: that rule is not applied. Where the reference is -infinity, the output
// must be. Elements in `undecided_rows` (of the first axis, rising) are not judged by the strict rule. Error:
// the reference is NaN or +infinity, or its size is not the output's (an evaluator's error).
Result<Comparison> compare_output(const TensorView& output, std::span<const double> reference,
                                  const rules::OfficialTolerance* official,
                                  const rules::StrictTolerance* strict,
                                  std::span<const int64_t> undecided_rows = {});

enum class RuleSet { kOfficialAndStrict, kStrictOnly };
using ReadBuffer = std::function<Result<std::span<const std::byte>>(const std::string& name)>;

// All outputs of a definition; the verdict is that of the first output that fails. A buffer of another size
// than the definition's is INCORRECT_SHAPE.
Result<Comparison> compare_outputs(const trace::Definition& definition, const trace::Axes& axes,
                                   const ReadBuffer& read, const reference::OracleOutputs& reference,
                                   const rules::Rules& rules, RuleSet rule_set);

}  // namespace warpwright::validate
