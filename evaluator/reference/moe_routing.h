// DeepSeek-V3's routing (arXiv 2412.19437): sigmoid scores; groups and experts are chosen by score plus bias,
// the weights are the scores without it. Private to reference.
#pragma once

#include <cstdint>
#include <vector>

namespace warpwright::reference {

struct MoeRouting {
  int64_t experts = 0, groups = 0, kept_groups = 0, topk = 0;
  double scaling = 0;
};

struct RoutedToken {
  std::vector<int64_t> experts;  // topk of them
  std::vector<double> weights;   // score / (sum of the chosen scores + 1e-20) * scaling
  // Another choice of groups or experts is as good within what float32 can tell: no kernel can be blamed.
  bool undecided = false;
};

RoutedToken route_token(const MoeRouting& routing, const double* logits, const double* bias);

}  // namespace warpwright::reference
