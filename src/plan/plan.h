// The launch plan: the host side of a candidate, as data. Grammar and meaning: src/plan/README.md.
//
//   source text --extract--> plan text --parse--> Plan (checked against the definition) --bind(axes)-->
//   BoundPlan
//
// Pure: no I/O, no CUDA. All errors are Diagnostics with line and column in the candidate's file, in a
// compiler's form, because a model reads them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/contract/evaluation.h"
#include "src/trace/definition.h"

namespace warpwright::plan {

struct Position {
  int line = 0;    // in the candidate's file, from 1
  int column = 0;  // from 1
};

struct Diagnostic {
  Position at;
  std::string message;  // says what is wrong and the mend
  std::string render(std::string_view source_name,
                     std::string_view source) const;  // "x.cu:3:14: error: ..." + line + caret
};

// What goes wrong in plan code is a candidate's failure, so it is data: a list of diagnostics.
template <class T>
using Checked = tl::expected<T, std::vector<Diagnostic>>;

// A knob: `tune NAME = default in {…}`. Values as the plan writes them ("16", "0.5", "true").
struct Knob {
  std::string name;
  std::string type;                 // int | float | bool
  std::vector<std::string> values;  // the declared set, in its order
  std::string default_value;
  Position at;
};

struct Ast;  // ast.h

// A parsed and checked plan. Cheap to copy (shared, immutable).
class Plan {
 public:
  const std::vector<Knob>& knobs() const;
  const Ast& ast() const { return *ast_; }
  explicit Plan(std::shared_ptr<const Ast> ast) : ast_(std::move(ast)) {}

 private:
  std::shared_ptr<const Ast> ast_;
};

// The candidate's file, split: NVRTC units and plan text.
struct Unit {
  std::string name;  // empty for the one unnamed unit
  std::string text;  // device code, padded with newlines so that compiler line numbers are the file's
};
struct CandidateSource {
  std::vector<Unit> units;
  std::string plan_text;
  Position plan_at;  // of the first character after /*@plan
};

// Error: no plan, two plans, an unterminated comment, a unit name twice.
Checked<CandidateSource> split_source(std::string_view source);

// Parses and checks names and types against the definition.
Checked<Plan> parse_plan(const CandidateSource& source, const trace::Definition& definition);

// What a plan may ask of the device. resident_blocks needs compiled kernels; without the function a plan that
// calls it gets a diagnostic.
struct DeviceFacts {
  int arch = 100;  // 90, 100, ...
  int sm_count = 148;
  // Blocks of a kernel that fit on one multiprocessor at once, as CUDA's occupancy calculator counts them;
  // the plan's resident_blocks(...) is that times sm_count. `kernel` is "split<16>", or "unit::split<16>" for
  // a named unit. Which instantiations a plan asks for is found by binding once with a function that records
  // its arguments and returns 1. Null: no such kernel, which becomes a diagnostic.
  std::function<std::optional<int64_t>(const std::string& kernel, int64_t threads, int64_t shared_bytes)>
      resident_blocks;
};

struct BindInputs {
  trace::Axes axes;                       // variable axes of the workload
  std::map<std::string, double> scalars;  // scalar inputs (values after the workload's)
  std::map<std::string, bool> present;    // optional tensors: given or not; missing means given
  KnobValues knobs;                       // overrides of defaults
  DeviceFacts device;
};

// --- the bound plan: plain data, nothing left to evaluate ---

struct Dim3 {
  int64_t x = 1, y = 1, z = 1;
};

struct BufferView {  // a place in a named buffer (tensor or workspace)
  std::string buffer;
  int64_t byte_offset = 0;
  std::string element_type;  // CUDA type the kernel sees, e.g. "float"
  bool is_null = false;      // absent optional tensor
};

struct ScalarArgument {
  enum class Type { kI32, kI64, kF32, kF64, kBool };
  Type type = Type::kI32;
  int64_t integer = 0;
  double number = 0;
};

struct TensorMapArgument {
  std::string name;  // index into BoundPlan::tensor_maps
};

using Argument = std::variant<BufferView, ScalarArgument, TensorMapArgument>;

struct LaunchAttributes {
  std::optional<Dim3> cluster;
  bool pdl = false;
  bool cooperative = false;
  std::optional<int> carveout_percent;
};

struct BoundLaunch {
  std::string unit;    // empty for the unnamed unit
  std::string kernel;  // name as written, without unit: "split"
  std::string
      name_expression;  // what NVRTC is asked to instantiate: "split<16>"; "split" if no template arguments
  Dim3 grid, block;
  int64_t dynamic_shared_bytes = 0;
  LaunchAttributes attributes;
  std::vector<Argument> arguments;
  Position at;
};
struct BoundMemset {
  BufferView target;
  int value = 0;  // byte
  int64_t bytes = 0;
  Position at;
};
struct BoundCopy {
  BufferView target, source;
  int64_t bytes = 0;
  Position at;
};
using BoundOperation = std::variant<BoundLaunch, BoundMemset, BoundCopy>;

struct BoundWorkspace {
  std::string name;
  std::string element_type;
  int64_t bytes = 0;
  bool self_clean = false;
};

struct BoundTensorMap {
  std::string name;
  std::string element_type;
  BufferView base;
  std::vector<int64_t> dims, strides_bytes, box, elem_strides;
  std::vector<std::string> flags;  // swizzle_128b, l2_256b, ...
  Position at;
};

struct BoundPlan {
  KnobValues knobs;  // complete: defaults and overrides
  std::vector<BoundWorkspace> workspaces;
  std::vector<BoundTensorMap> tensor_maps;
  std::vector<BoundOperation> operations;
};

// Evaluates the plan for one workload. Diagnostics: overflow, division by zero, a failed `require`, a
// non-positive grid, over a hardware limit (1024 threads, grid y/z 65535, 227 KiB shared), [[pdl]] without a
// kernel directly before, …
Checked<BoundPlan> bind(const Plan& plan, const trace::Definition& definition, const BindInputs& inputs);

// True if `require` statements fail for these knobs and axes (the tuner skips such bindings), without
// diagnostics.
bool violates_requirement(const Plan& plan, const trace::Definition& definition, const BindInputs& inputs);

// The generated prelude of device code: axis:: and knob:: constants, opaque CUtensorMap, integer names.
std::string make_prelude(const trace::Definition& definition, const std::vector<Knob>& knobs,
                         const KnobValues& values);

// One canonical text per bound plan: part of a program's identity, and what `warpwright plan` prints (human
// form).
std::string canonical_text(const BoundPlan& plan);
std::string describe(const BoundPlan& plan);
Json to_json(const BoundPlan& plan);

// A plan expression over axes only, e.g. a band's `when`. Errors are usage errors naming `where`.
Result<bool> evaluate_condition(std::string_view expression, const trace::Definition& definition,
                                const trace::Axes& axes, std::string_view where);
// The same of type int, e.g. the bytes of a rule's physical floor.
Result<int64_t> evaluate_integer(std::string_view expression, const trace::Definition& definition,
                                 const trace::Axes& axes, std::string_view where);

}  // namespace warpwright::plan
