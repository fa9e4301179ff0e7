// A candidate taken apart for a composition (compose.h): statements with the places of names that get a
// prefix, knobs, device code by units.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/plan/plan.h"

namespace warpwright::plan {

// The signs of an expression, one space apart: equal for expressions that differ in blanks and comments
// alone. Error (usage): it cannot be read.
Result<std::string> expression_signs(std::string_view expression);

class Fragment {
 public:
  // The whole candidate; or, if its plan is nothing but knobs and a dispatch on conditions among `conditions`
  // (expression_signs of conditions that exclude one another), what it does where `when`, one of them, holds.
  // Error (usage): the source is no candidate for the definition, or has no such knobs.
  static Result<Fragment> read(const std::string& source, const KnobValues& knobs,
                               const trace::Definition& definition, const std::string& when,
                               const std::vector<std::string>& conditions);

  struct Rendered {
    std::string knobs;       // lines of `tune`
    std::string statements;  // without indentation
    std::string units;       // with their //@unit lines
    std::vector<std::string> unit_names;
    bool operator==(const Rendered&) const = default;
  };
  // REQUIRES: prefix is an identifier.
  Rendered render(const std::string& prefix) const;

 private:
  friend class FragmentReader;

  struct Edit {
    enum class Kind { kRemove, kKnob, kUnit, kInsertUnit };
    size_t at = 0;  // in statements_
    size_t size = 0;
    Kind kind = Kind::kRemove;
    std::string name;  // without prefix
  };
  struct TuneText {
    std::string name;  // without prefix
    std::string value;
    std::string rest;  // " in {1, 2, 4};  // rows per warp"
  };
  struct UnitText {
    std::string name;  // without prefix; empty: the prefix alone
    std::string text;
  };

  std::string statements_;  // as in the file
  std::vector<Edit> edits_;
  std::vector<TuneText> tunes_;
  std::vector<UnitText> units_;
};

}  // namespace warpwright::plan
