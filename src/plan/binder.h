// Runs a checked plan for one workload: evaluates what is reached, and checks it against buffer sizes and
// hardware limits. A bad launch does not hide the errors of the next one; a bad declaration ends the binding.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "src/plan/ast.h"
#include "src/plan/diagnostics.h"
#include "src/plan/evaluate.h"
#include "src/plan/plan.h"

namespace warpwright::plan {

// Limits of compute capability 9.0 to 12.x (CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability"; the largest dynamic shared memory is that of 9.0 and 10.0).
inline constexpr int64_t kMaxThreadsPerBlock = 1024;
inline constexpr int64_t kMaxBlockZ = 64;
inline constexpr int64_t kMaxGridX = 2147483647;
inline constexpr int64_t kMaxGridYZ = 65535;
inline constexpr int64_t kMaxSharedBytes = 227 * 1024;
inline constexpr int64_t kMaxClusterBlocks = 16;  // above 8 with the non-portable attribute
inline constexpr int64_t kMaxParameterBytes = 32764;
inline constexpr int64_t kMaxWorkspaceBytes = int64_t{1} << 38;  // of all workspaces together

class Binder {
 public:
  // Borrows everything. `knobs` stand in place of those of `inputs`.
  Binder(const trace::Definition& definition, const BindInputs& inputs, const KnobValues& knobs,
         Diagnostics& diagnostics)
      : definition_(definition),
        inputs_(inputs),
        knobs_(knobs),
        diagnostics_(diagnostics),
        evaluator_(definition, inputs, diagnostics) {}

  BoundPlan run(const Ast& ast);
  // In place of run(): binds as far as the last `require` that is reached.
  bool violates_requirement(const Ast& ast);

 private:
  struct Buffer {
    std::string bound_name;  // of a workspace: unique in the bound plan
    int64_t bytes = 0;
    bool is_null = false;
  };

  bool bind_knobs(const Ast& ast);
  bool bind_block(const Block& block);
  bool bind(const Tune&, Position) { return true; }  // bind_knobs has done it
  bool bind(const Require& require, Position at);
  bool bind(const Constant& constant, Position at);
  bool bind(const Workspace& workspace, Position at);
  bool bind(const TensorMap& map, Position at);
  bool bind(const If& statement, Position at);
  bool bind(const Memset& memset, Position at);
  bool bind(const Copy& copy, Position at);
  bool bind(const Launch& launch, Position at);

  std::optional<Dim3> bind_extent(const Extent& extent);
  bool check_grid(const Extent& extent, const Dim3& grid);
  bool check_block_size(const Extent& extent, const Dim3& block);
  bool bind_shared(const Launch& launch, BoundLaunch& bound);
  bool bind_cluster(const Launch& launch, BoundLaunch& bound);
  bool bind_carveout(const Launch& launch, BoundLaunch& bound);
  bool bind_arguments(const Launch& launch, BoundLaunch& bound);
  std::optional<Argument> bind_argument(const KernelArgument& argument);
  std::optional<Argument> bind_scalar(const ScalarValue& scalar);
  std::optional<Buffer> find_buffer(const View& view);
  std::optional<BufferView> bind_view(const View& view);
  std::optional<BufferView> bind_range(const View& view, int64_t bytes, std::string_view how);

  // bind_tensor_map.cpp
  bool bind_list(const std::vector<ExpressionPtr>& list, std::vector<int64_t>& values);
  bool complete_strides(const TensorMap& map, BoundTensorMap& bound, Position at);
  bool check_dims(const TensorMap& map, const BoundTensorMap& bound);
  bool check_strides(const TensorMap& map, const BoundTensorMap& bound);
  bool check_box(const TensorMap& map, const BoundTensorMap& bound);
  bool check_base(const TensorMap& map, const BoundTensorMap& bound);
  bool check_extent(const TensorMap& map, const BoundTensorMap& bound, Position at);

  std::string unique_name(const std::string& name, bool is_map);
  bool fail(Position at, std::string message) {
    diagnostics_.error(at, std::move(message));
    return false;
  }

  const trace::Definition& definition_;
  const BindInputs& inputs_;
  const KnobValues& knobs_;
  Diagnostics& diagnostics_;
  Evaluator evaluator_;
  BoundPlan plan_;
  std::map<std::string, Buffer> workspaces_;        // visible now, by the plan's name
  std::map<std::string, std::string> tensor_maps_;  // the plan's name -> the bound name
  int64_t workspace_bytes_ = 0;
  bool requirement_failed_ = false;
  bool only_requirements_ = false;  // what follows the last `require` is left out
};

}  // namespace warpwright::plan
