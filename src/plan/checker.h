// Names and types of a parsed plan, against the definition. Fills in what the parser left open: the types of
// expressions, what names stand for, which arguments are views.
//
//   int -> float is the only conversion that happens by itself. Conditions are bool. A name is declared
//   before use and never declared twice where both are visible; the two branches of an if may use the same
//   names.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/plan/ast.h"
#include "src/plan/diagnostics.h"
#include "src/trace/definition.h"

namespace warpwright::plan {

class Checker {
 public:
  // `units`: the names of the file's units, empty or {""} if it has none.
  Checker(const trace::Definition& definition, std::vector<std::string> units, Diagnostics& diagnostics);

  void check_plan(Ast& ast, Position plan_at);
  // An expression over axes alone, of type bool (`what`: "a condition") or int.
  bool check_over_axes(Expression& expression, Type wanted, std::string_view what);

 private:
  enum class SymbolKind {
    kAxis,
    kScalar,
    kInput,
    kOutput,
    kWorkspace,
    kTensorMap,
    kConstant,
    kKnob,
    kBroken,  // a declaration with an error: uses of it are not complained about
  };
  struct Symbol {
    SymbolKind kind = SymbolKind::kBroken;
    Type type = Type::kInt;                 // of a value
    const trace::Tensor* tensor = nullptr;  // of kScalar, kInput, kOutput
    std::string element_type = {};          // of a buffer
    int element_bits = 0;
    Position at = {};  // of a declaration; line 0 if it stands in the definition
  };

  // checker.cpp: declarations and statements
  void add_definition();
  void check_block(Block& block, bool is_body);
  void check_statement(Statement& statement, bool is_body);
  void check(Tune& tune, Position at, bool is_body);
  void check(Require& require);
  void check(Constant& constant, Position at);
  void check(Workspace& workspace, Position at);
  void check(TensorMap& map, Position at);
  void check(If& statement);
  void check(Memset& memset);
  void check(Copy& copy);
  void check(Launch& launch, Position at);
  void check_extent(Extent& extent, std::string_view what);
  void check_argument(KernelArgument& argument);
  void check_scalar_argument(KernelArgument& argument, ExpressionPtr value);
  void check_written(const View& view, std::string_view how);
  bool check_view(View& view);
  bool declare(const std::string& name, Position at, Symbol symbol);
  void collect_declarations(const Block& block);

  // check_expression.cpp
  bool check(Expression& expression);
  bool check_as(ExpressionPtr& expression, Type wanted, std::string_view what);
  bool check(Expression& expression, Name& name);
  bool check(Expression& expression, Unary& unary);
  bool check(Expression& expression, Binary& binary);
  bool check(Expression& expression, Conditional& conditional);
  bool check(Expression& expression, Call& call);
  bool check(Expression& expression, CastTo& cast);
  bool check(Expression& expression, Has& has);
  bool check(Expression& expression, ResidentBlocks& node);
  bool check_kernel(KernelName& kernel);
  const Symbol* find(const std::string& name) const;
  void report_unknown(const std::string& name, Position at, bool buffers);
  bool fail(Position at, std::string message);

  const trace::Definition& definition_;
  std::vector<std::string> units_;
  Diagnostics& diagnostics_;
  std::map<std::string, Symbol, std::less<>> symbols_;  // visible now
  std::vector<std::string> declared_;                   // in the open blocks, in order
  std::map<std::string, Position> declared_before_;     // ever, the last of each name
  std::map<std::string, Position> declarations_;        // anywhere in the plan: the first of each name
  std::vector<Knob> knobs_;
  bool axes_only_ = false;
  bool kernel_before_ = false;  // on every path, the statement before this one launches a kernel
  int launches_ = 0;
  std::vector<std::string> outputs_used_;
};

}  // namespace warpwright::plan
