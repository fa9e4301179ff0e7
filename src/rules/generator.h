// How random values of an input are drawn: a distribution of a closed list and its parameters. What each
// means is stated here; evaluator/reference/inputs draws the values.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace warpwright::rules {

// A "row" is the last axis of the tensor.
enum class Distribution {
  kNormal,        // mean, std; cut at 5.9 standard deviations
  kUniform,       // [low, high)
  kConstant,      // value
  kUnitRows,      // rows of normal(mean, 1), each scaled to length `norm`
  kConstantRows,  // each row one value of normal(mean, std)
  kOneHot,        // each row one element of `value` at a random place, else 0
  kSparse,        // normal(0, std) with probability `density`, else 0
  kHeavyTails,    // std times Student's t with 2 degrees of freedom, cut at `limit` times std
  kTwoValues,     // `high` with `probability`, else `low`
  kIntegers,      // whole numbers from low to high, both included
  kAbsent,        // an optional input is not given

  // Whole tensors whose elements hang together. Their sizes come from the axes named in DistributionFacts.

  kRoutingLogits,  // last axis: experts. normal(0, std) plus a popularity of each expert, normal(0, skew);
                   // the local ones (from scalar local_expert_offset on) get `local_offset`, the one that is
                   // number `favourite` of them (-1: none) `favourite_offset`. ensure_local (0 or 1): the
                   // first token prefers two local experts, so that there is work
  kCuSeqlens,    // 0, then running sums of a partition of total_seq_len: all sequences have a token if there
                 // are enough; longest and shortest differ by up to `skew`. A sequence is left `empty` or
                 // gets one token with these probabilities; one has `longest` of all tokens (0: by chance)
  kSeqLens,      // lengths of sequences as the contest captured them (median 94, nine in ten below 819), all
                 // below topk, but for `long_rows` that fill max_num_pages. If all tokens fit topk, one row
                 // reaches the last page
  kEdgeLengths,  // 0, 1, and the lengths about page_size and topk, to the capacity of max_num_pages, in turn
  kBlockTable,   // page numbers below num_pages; those of a row that seq_lens reaches are distinct, and of
                 // all rows if num_pages is enough; a row of several is one run with probability `one_run`.
                 // Behind them zeros or, with probability `live_tail`, any page
  kSparseIndices,  // per row a prefix of distinct cache entries, in few pages, then -1. Prefixes as captured
                   // (median 33, one in thirty full), or from `least` over `median` to `most`. `scattered`
                   // (0 or 1): the -1 stand anywhere
  kFp8KeyPages,    // pages of page_size keys, bf16 normal(0, std) in e4m3, then a float32 scale of each:
                   // max(absmax, 1e-4) / 448. With `distinct` > 0 all are copies of so many keys
};

struct Parameter {
  std::string_view name;
  double fallback;
};
struct DistributionFacts {
  Distribution distribution;
  std::string_view name;  // in rules files
  std::span<const Parameter> parameters;
  std::span<const std::string_view> axes = {};  // of the definition, without which it cannot be drawn
  bool structured = false;                      // drawn as a whole, not element by element
};
std::span<const DistributionFacts> distributions();

struct Generator {
  Distribution distribution = Distribution::kNormal;
  std::map<std::string, double> parameters;       // those given; only names of the list
  double parameter(std::string_view name) const;  // given value or fallback. REQUIRES: a name of the list.
};

std::string_view to_string(Distribution distribution);
std::optional<Distribution> distribution_from_string(std::string_view text);
const DistributionFacts& facts_of(Distribution distribution);

}  // namespace warpwright::rules
