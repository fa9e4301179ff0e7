// The ways of making a proposal, and what each needs to begin with.
#pragma once

#include <string_view>
#include <vector>

namespace warpwright::search {

enum class Needs {
  kNothing,     // the definition alone
  kParent,      // a candidate that passed
  kTwoParents,  // two that passed, of different sources
  kFailure,     // a candidate of a model that failed
  kHistory,     // some outcomes to think about
  kChampions,   // different champions for different bands
};

struct Operator {
  std::string_view name;
  Needs needs;
  std::string_view role;  // who is asked, unless the agent says otherwise; empty: nobody, the search's own
  std::string_view about;
};

// scratch, rewrite, diff, crossover, repair, plan, research, scripted, tune, compose
const std::vector<Operator>& all_operators();
const Operator* find_operator(std::string_view name);  // null: there is none

}  // namespace warpwright::search
