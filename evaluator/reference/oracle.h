// What the outputs should be: a family's operator in double precision, straight from its definition.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/reference/buffers.h"
#include "src/base/result.h"
#include "src/rules/rules.h"
#include "src/trace/dataset.h"

namespace warpwright::reference {

// One of the things a row of a ranked output may name.
struct Candidate {
  int64_t index = 0;
  double score = 0;
  double term_size = 0;  // root of the sum of squares of the score's terms: rounding errors are a share of it
  bool operator==(const Candidate&) const = default;
};

// An output whose rows are sets: in any order the `slots` best candidates (all of them, if there are fewer),
// then -1.
struct Ranking {
  int64_t slots = 0;
  std::vector<std::vector<Candidate>> rows;  // best first; an index twice if the row has it twice
  bool operator==(const Ranking&) const = default;
};
std::vector<double> best_of(const Ranking& ranking);  // the output with the best first

struct OracleOutputs {
  std::map<std::string, std::vector<double>> values;  // by output name, row-major; -infinity must be matched
  std::map<std::string, Ranking> rankings;  // outputs judged by scores; their values are one right answer
  // Rows (first axis) of all outputs where several answers are right, because the inputs are as good as tied
  // (top-k routing). Rising.
  std::vector<int64_t> undecided_rows;
  bool operator==(const OracleOutputs&) const = default;
};

// One per operator family, parameterised by the definition's constant axes. Stateless; uses all cores.
class Oracle {
 public:
  virtual ~Oracle() = default;
  virtual std::string_view family() const = 0;
  // Error: axes the family does not cover, an input that is missing.
  virtual Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                                    const Inputs& inputs) const = 0;
  // Every other value must be finite.
  virtual bool may_be_minus_infinity(std::string_view /*output*/) const { return false; }
};

// Null: no such family. Families: gdn_decode, gdn_prefill, dsa_sparse_attention, dsa_topk_indexer,
// moe_fp8_block_scale.
const Oracle* find_oracle(std::string_view family);

// Inputs of one workload and what they should give.
struct ReferenceCase {
  Inputs inputs;
  OracleOutputs outputs;
  size_t bytes() const;
};

// Keeps cases in memory by (definition, rules, axes, scalars, presence, profile, seed): the same workload is
// asked for by every candidate. The least recently used go when the cap is reached; the newest always stays.
class OracleCache {
 public:
  explicit OracleCache(size_t max_bytes = size_t{1} << 30) : max_bytes_(max_bytes) {}

  // Rules that name no oracle: the definition's Python reference. Error: the rules name an unknown oracle;
  // what make_inputs or the oracle refuse; a reference that is not finite (an evaluator's error, never a
  // candidate's).
  Result<std::shared_ptr<const ReferenceCase>> get(const trace::Definition& definition,
                                                   const trace::Workload& workload, const rules::Rules& rules,
                                                   std::string_view profile, uint64_t seed);
  size_t bytes() const { return bytes_; }
  int64_t hits() const { return hits_; }

 private:
  using Entry = std::pair<std::string, std::shared_ptr<const ReferenceCase>>;
  size_t max_bytes_;
  size_t bytes_ = 0;
  int64_t hits_ = 0;
  std::list<Entry> entries_;  // most recently used first
};

}  // namespace warpwright::reference
