// Parses one function body into Function::code, registers, variables and labels.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "evaluator/ptx/locations.h"
#include "evaluator/ptx/module.h"
#include "evaluator/ptx/scopes.h"
#include "evaluator/ptx/token_stream.h"

namespace warpwright::ptx {

// What a body may refer to besides its own names, and what all bodies of a module may use up together.
struct ModuleContext {
  std::unordered_set<std::string_view> symbols;  // module-scope variables and functions
  int64_t instructions_left = 0;
  int64_t operands_left = 0;
  int64_t registers_left = 0;
};

// Reads ".loc 1 12 4, function_name $L__info, inlined_at 1 2 3" after the word .loc.
Result<SourceLocation> parse_location(TokenStream& tokens, Locations& locations);

class BodyParser {
 public:
  BodyParser(TokenStream& tokens, ModuleContext& context, Function& function);

  // At '{' of the body; takes everything up to its '}'.
  Result<void> parse();

 private:
  // A label used before its scope is known to have it; settled when the scope closes.
  struct PendingLabel {
    std::string_view name;
    int line = 0;
    std::size_t instruction = 0;  // or npos: entry `operand` of branch-target list `list`
    std::size_t operand = 0;
    std::string list;
  };
  struct LabelScope {
    std::unordered_map<std::string_view, std::string> labels;  // as written -> unique name
    std::vector<PendingLabel> pending;
  };

  Result<void> open_scope();
  Result<void> close_scope();
  Result<void> parse_statement();
  Result<void> parse_directive();
  Result<void> parse_registers();
  Result<void> parse_label();
  Result<void> parse_branch_targets(const std::string& name);
  Result<void> parse_instruction();
  Result<void> parse_operand(Operand& operand, int depth);
  Result<void> parse_name_operand(Operand& operand, int depth);
  Result<void> parse_memory(Operand& operand, int depth);
  Result<void> parse_list(Operand& operand, char close, int depth);
  Result<void> parse_immediate(Operand& operand);
  bool find_register_operand(std::string_view word, Operand& operand) const;
  void settle(const PendingLabel& pending, const std::string& unique_name);

  TokenStream& tokens_;
  ModuleContext& context_;
  Function& function_;
  Scopes scopes_;
  std::vector<LabelScope> label_scopes_;
  Locations locations_;
  SourceLocation location_;
  Instruction* current_ = nullptr;         // being parsed
  std::vector<PendingLabel> new_pending_;  // of the instruction being parsed
};

}  // namespace warpwright::ptx
