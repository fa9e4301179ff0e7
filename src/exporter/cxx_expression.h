// Plan expressions as C++ over the checked numbers of host_support: same value, same errors, for every
// binding.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/plan/ast.h"

namespace warpwright::exporter {

// A name of the plan or the definition as a C++ identifier of the generated function: itself, unless it is a
// keyword or a name the generated code uses.
std::string cxx_name(std::string_view name);

// An integer or floating literal of the same value.
std::string cxx_integer(int64_t value);
std::string cxx_float(double value);
std::string cxx_string(std::string_view text);  // quoted

class CxxExpressions {
 public:
  // A C++ expression of type ww::Int, ww::Float or bool; a lone int literal stays one (it converts).
  std::string emit(const plan::Expression& expression) const;
  // As emit, converted to ww::Float if the expression is an int.
  std::string emit_float(const plan::Expression& expression) const;
  // Safe as an operand of a member access: `(a + b)`, `ww::Int(3)`, `rows`.
  std::string emit_primary(const plan::Expression& expression) const;

 private:
  struct Text {
    std::string text;
    int precedence = 0;       // as in C++: higher binds tighter
    bool is_literal = false;  // an int literal: needs ww::Int() where no other operand gives the type
  };
  Text convert(const plan::Expression& expression) const;
  Text convert_as(const plan::Expression& expression, plan::Type type) const;
  Text unary(const plan::Unary& node) const;
  Text binary(const plan::Binary& node, plan::Type result) const;
  Text conditional(const plan::Conditional& node, plan::Type result) const;
  Text call(const plan::Call& node, plan::Type result) const;
  Text cast(const plan::CastTo& node) const;
  Text resident_blocks(const plan::ResidentBlocks& node) const;
};

// "prefix(a, b, c);" on as many lines as the page's width needs.
std::string wrapped_call(const std::string& indent, const std::string& prefix,
                         const std::vector<std::string>& arguments);

// "candidate::split<(SPLITS / 2).value, float>". Its template arguments must be constant expressions of the
// generated code.
std::string cxx_kernel(const plan::KernelName& kernel);
// The namespace that holds a unit's device code.
std::string cxx_unit_namespace(std::string_view unit);
// As the plan writes it, for messages: "split<SPLITS / 2, float>".
std::string plan_text(const plan::KernelName& kernel);

// What an expression reads.
struct NamesUsed {
  std::set<std::string> axes, scalars, knobs, constants, inputs_tested;
  bool arch = false, sm_count = false;
  std::vector<const plan::KernelName*> resident_kernels;  // asked for by resident_blocks
};
void collect_names(const plan::Expression& expression, NamesUsed& names);

}  // namespace warpwright::exporter
