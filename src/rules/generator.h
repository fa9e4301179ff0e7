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
};

struct Parameter {
  std::string_view name;
  double fallback;
};
struct DistributionFacts {
  Distribution distribution;
  std::string_view name;  // in rules files
  std::span<const Parameter> parameters;
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
