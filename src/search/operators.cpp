#include "src/search/operators.h"

namespace warpwright::search {

const std::vector<Operator>& all_operators() {
  static const std::vector<Operator> kOperators = {
      {"scratch", Needs::kNothing, "proposer", "a candidate from the definition alone"},
      {"rewrite", Needs::kParent, "proposer", "a whole new candidate after a parent"},
      {"diff", Needs::kParent, "proposer", "SEARCH/REPLACE edits of a parent"},
      {"crossover", Needs::kTwoParents, "proposer", "one candidate out of two parents"},
      {"repair", Needs::kFailure, "repairer", "a failed candidate, mended with its evidence"},
      {"plan", Needs::kParent, "proposer", "another launch plan for a parent's device code"},
      {"research", Needs::kHistory, "researcher", "lessons and directions, no candidate"},
      {"scripted", Needs::kParent, "scripted", "the next answer of a folder"},
      {"tune", Needs::kParent, "", "other values of the knobs that a plan declares"},
      {"compose", Needs::kChampions, "", "one candidate that dispatches to a champion for each band"}};
  return kOperators;
}

const Operator* find_operator(std::string_view name) {
  for (const Operator& op : all_operators())
    if (op.name == name) return &op;
  return nullptr;
}

}  // namespace warpwright::search
