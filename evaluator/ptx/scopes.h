// Names visible at a point of a function body. Inner scopes come from inline assembly and call frames, which
// reuse names; what they declare gets the suffix "@N" in the module, N being the scope's number in the
// function.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "evaluator/ptx/module.h"

namespace warpwright::ptx {

class Scopes {
 public:
  explicit Scopes(Function& function) : function_(function) { open(); }

  void open();
  void close() { scopes_.pop_back(); }
  std::size_t depth() const { return scopes_.size(); }

  // `name` in the module: with the scope's suffix, except in the function's outermost scope.
  std::string unique_name(std::string_view name) const;

  void declare_register(std::string_view name, RegisterClass cls);
  void declare_registers(std::string_view prefix, int count, RegisterClass cls);  // prefix<count>
  int find_register(std::string_view name) const;                                 // -1: none

  std::string declare_variable(std::string_view name);  // returns its unique name
  const std::string* find_variable(std::string_view name) const;

 private:
  struct Range {
    int first = 0;
    int count = 0;
  };
  struct Scope {
    int number = 0;
    std::unordered_map<std::string_view, int> registers;
    std::unordered_map<std::string_view, Range> ranges;
    std::unordered_map<std::string_view, std::string> variables;
  };

  Function& function_;
  std::vector<Scope> scopes_;
  int next_number_ = 0;
};

}  // namespace warpwright::ptx
