#include "evaluator/reference/moe_routing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "evaluator/reference/family.h"

namespace warpwright::reference {
namespace {

// Of a score plus bias: float32 rounding and fast exponentials give up to 3e-7 of max(1, |value|).
constexpr double kTie = 1e-6;

struct Choice {
  std::vector<int64_t> best;
  bool tied = false;
};

// The `count` largest values among `candidates`, the lower index first where they are equal.
Choice choose(const std::vector<double>& values, std::vector<int64_t> candidates, int64_t count) {
  const auto value = [&](int64_t i) { return values[static_cast<size_t>(i)]; };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](int64_t a, int64_t b) { return value(a) > value(b); });
  Choice choice;
  choice.best.assign(candidates.begin(), candidates.begin() + count);
  if (count < static_cast<int64_t>(candidates.size())) {
    const double last = value(candidates[static_cast<size_t>(count) - 1]);
    const double next = value(candidates[static_cast<size_t>(count)]);
    choice.tied = last - next <= kTie * std::max({1.0, std::abs(last), std::abs(next)});
  }
  return choice;
}

std::vector<int64_t> range(int64_t first, int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

// A group is worth its two best experts.
std::vector<double> group_scores(const MoeRouting& routing, const std::vector<double>& biased) {
  const int64_t size = routing.experts / routing.groups;
  std::vector<double> scores;
  for (int64_t group = 0; group < routing.groups; ++group) {
    double sum = 0;
    for (int64_t expert : choose(biased, range(group * size, size), std::min<int64_t>(2, size)).best)
      sum += biased[static_cast<size_t>(expert)];
    scores.push_back(sum);
  }
  return scores;
}

}  // namespace

RoutedToken route_token(const MoeRouting& routing, const double* logits, const double* bias) {
  std::vector<double> scores, biased;
  for (int64_t e = 0; e < routing.experts; ++e) {
    scores.push_back(sigmoid(logits[e]));
    biased.push_back(scores.back() + bias[e]);
  }
  const Choice groups = choose(group_scores(routing, biased), range(0, routing.groups), routing.kept_groups);
  std::vector<int64_t> candidates;
  const int64_t size = routing.experts / routing.groups;
  for (int64_t e = 0; e < routing.experts; ++e)
    if (std::find(groups.best.begin(), groups.best.end(), e / size) != groups.best.end())
      candidates.push_back(e);
  const Choice chosen = choose(biased, candidates, routing.topk);
  RoutedToken token;
  token.experts = chosen.best;
  token.undecided = groups.tied || chosen.tied;
  double sum = 0;
  for (int64_t e : token.experts) sum += scores[static_cast<size_t>(e)];
  for (int64_t e : token.experts)
    token.weights.push_back(scores[static_cast<size_t>(e)] / (sum + 1e-20) * routing.scaling);
  return token;
}

}  // namespace warpwright::reference
