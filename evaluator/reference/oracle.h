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

using OracleOutputs = std::map<std::string, std::vector<double>>;  // by output name, row-major

// One per operator family, parameterised by the definition's constant axes. Stateless; one thread.
class Oracle {
 public:
  virtual ~Oracle() = default;
  virtual std::string_view family() const = 0;
  // Error: axes the family does not cover, an input that is missing.
  virtual Result<OracleOutputs> run(const trace::Definition& definition, const trace::Axes& axes,
                                    const Inputs& inputs) const = 0;
};

// Null: no such family. Families: gdn_decode.
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

  // Error: the rules name no known oracle; what make_inputs or the oracle refuse; a reference that is not
  // finite (an evaluator's error, never a candidate's).
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
