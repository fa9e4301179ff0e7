// The syntax tree of a launch plan (grammar: README.md), after parsing and checking: names are resolved and
// every expression has its type. Reached through Plan::ast(), which is const and shared: nobody changes it.
//
// Meaning of expressions, for who translates them to another language:
//   * int is a signed 64-bit integer; overflow, division by zero and a shift outside 0..62 are errors
//   (division
//     and % truncate towards zero, as in C++). float is a double; a result that is not finite is an error.
//   * int becomes float where a float is wanted or the other operand is one. Nothing else converts by itself.
//   * && || ?: evaluate only what they need. min and max are over two or more values.
//   * ceil_div(a, b) and round_up(a, b): a >= 0, b > 0.
//   * A cast i32 / i64 truncates a float towards zero and is an error when out of range; f32 rounds to float.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "src/plan/plan.h"

namespace warpwright::plan {

enum class Type { kInt, kFloat, kBool };
std::string_view to_string(Type type);  // "int", "float", "bool"

// --- expressions ---

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

// What a name in an expression stands for.
enum class NameKind {
  kAxis,      // of the definition, constant or variable
  kConstant,  // `const` of the plan
  kKnob,      // `tune` of the plan
  kScalar,    // scalar input of the definition
  kArch,      // 90, 100, ...
  kSmCount,
  kLog2e,
};

enum class Operator {
  kNegate,
  kPlus,
  kNot,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,
  kShiftLeft,
  kShiftRight,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual,
  kAnd,
  kOr,
};
std::string_view to_string(Operator op);  // as written: "+", "<=", ...

enum class Function { kMin, kMax, kCeilDiv, kRoundUp };
std::string_view to_string(Function function);  // "min", "ceil_div", ...

enum class Cast { kI32, kI64, kF32, kF64 };
std::string_view to_string(Cast cast);  // "i32", ...

struct TemplateArgument {
  std::string type;     // a type name; empty if it is a value
  ExpressionPtr value;  // int or bool; null if it is a type
};

// unit::kernel<16, float>
struct KernelName {
  std::string unit;  // empty: the unnamed unit
  std::string name;
  std::vector<TemplateArgument> template_arguments;
  Position at;
};

struct Literal {
  int64_t integer = 0;  // kInt; kBool: 0 or 1
  double number = 0;    // kFloat
};
struct Name {
  std::string name;
  NameKind kind = NameKind::kAxis;
};
struct Unary {
  Operator op = Operator::kNegate;
  ExpressionPtr operand;
};
struct Binary {
  Operator op = Operator::kAdd;
  ExpressionPtr left, right;
};
struct Conditional {
  ExpressionPtr condition, if_true, if_false;
};
struct Call {
  Function function = Function::kMin;
  std::vector<ExpressionPtr> arguments;  // min, max: two or more; the others: two
};
struct CastTo {
  Cast cast = Cast::kI32;
  ExpressionPtr operand;
};
struct Has {  // has(input): false if an optional tensor is absent in the workload
  std::string input;
};
struct ResidentBlocks {  // blocks of the kernel that fit on the whole device at once: per SM times SMs
  KernelName kernel;
  ExpressionPtr threads, shared_bytes;
};

struct Expression {
  using Node = std::variant<Literal, Name, Unary, Binary, Conditional, Call, CastTo, Has, ResidentBlocks>;
  Node node;
  Type type = Type::kInt;
  Position at;    // of an operator's sign, else of the first character
  int depth = 1;  // height of this tree; bounded (kMaxDepth), so recursion over it is safe
};

inline constexpr int kMaxDepth = 200;              // of expressions
inline constexpr int kMaxBlockDepth = 32;          // of nested blocks and else-if chains
inline constexpr size_t kMaxPlanBytes = 64 << 10;  // of a plan's text

// --- buffers ---

enum class BufferKind { kInput, kOutput, kWorkspace };

struct View {  // name + offset, or bytes<type>(name, offset)
  std::string buffer;
  BufferKind kind = BufferKind::kInput;
  std::string element_type;  // CUDA type the kernel sees
  int element_bits = 0;      // of element_type
  ExpressionPtr offset;      // null: 0; int; in elements, or bytes if in_bytes
  bool in_bytes = false;     // written bytes<type>(...)
  Position at;
};

// --- declarations ---

struct Tune {
  Knob knob;
  Type type = Type::kInt;
};
struct Require {
  ExpressionPtr condition;
  std::string message;  // empty if none was given
};
struct Constant {
  std::string name;
  Type type = Type::kInt;
  ExpressionPtr value;  // of `type`, or int where type is float
};
struct Workspace {
  std::string name;
  std::string element_type;  // CUDA type
  int element_bits = 0;
  ExpressionPtr count;  // elements
  bool self_clean = false;
};
struct TensorMap {
  std::string name;
  std::string element_type;  // tiled<type>, else the view's
  int element_bits = 0;
  View base;
  std::vector<ExpressionPtr> dims, strides_bytes, box, elem_strides;  // innermost first; the two strides may
                                                                      // be empty: packed, all ones
  std::vector<std::string> flags;
};

// --- statements ---

struct Statement;
struct Block {
  std::vector<Statement> statements;
  size_t requirements_end = 0;  // behind the last statement that is or holds a `require`; 0: none
};

struct If {
  ExpressionPtr condition;
  Block then_block;
  bool has_else = false;
  Block else_block;  // `else if` is an else block with one If
};
struct Memset {
  View target;
  ExpressionPtr value, bytes;
};
struct Copy {
  View target, source;
  ExpressionPtr bytes;
};

struct TensorMapName {
  std::string name;
};
struct ScalarValue {
  ExpressionPtr value;
  ScalarArgument::Type type = ScalarArgument::Type::kI32;  // what the kernel receives
};
// ExpressionPtr only between parser and checker: afterwards one of the other three.
using KernelArgument = std::variant<ExpressionPtr, View, TensorMapName, ScalarValue>;

using Extent = std::vector<ExpressionPtr>;  // x[, y[, z]]: one to three; missing ones are 1

struct Launch {
  KernelName kernel;
  Extent grid, block;
  ExpressionPtr shared_bytes;  // null: 0
  Extent cluster;              // empty: no [[cluster]]
  bool pdl = false;
  bool cooperative = false;
  ExpressionPtr carveout_percent;  // null: no [[carveout]]
  std::vector<KernelArgument> arguments;
};

struct Statement {
  std::variant<Tune, Require, Constant, Workspace, TensorMap, If, Memset, Copy, Launch> node;
  Position at;
};

struct Ast {
  Block body;                      // in source order; names are declared before use and never shadowed
  std::vector<Knob> knobs;         // of the Tune statements, in order
  bool requirements_vary = false;  // what decides on `require` may differ between workloads, beside the knobs
};

}  // namespace warpwright::plan
