#include "src/plan/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/plan/knob.h"
#include "src/plan/names.h"

namespace warpwright::plan {
namespace {

int64_t parameter_bytes(const Argument& argument) {
  if (std::holds_alternative<TensorMapArgument>(argument)) return 128;
  if (std::holds_alternative<BufferView>(argument)) return 8;
  switch (std::get<ScalarArgument>(argument).type) {
    case ScalarArgument::Type::kI32:
    case ScalarArgument::Type::kF32:
      return 4;
    case ScalarArgument::Type::kI64:
    case ScalarArgument::Type::kF64:
      return 8;
    case ScalarArgument::Type::kBool:
      return 1;
  }
  return 8;
}

std::string kib(int64_t bytes) {
  return bytes % 1024 == 0 ? fmt::format("{} KiB", bytes / 1024)
                           : fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
}

}  // namespace

BoundPlan Binder::run(const Ast& ast) {
  if (bind_knobs(ast)) bind_block(ast.body);
  return std::move(plan_);
}

bool Binder::violates_requirement(const Ast& ast) {
  only_requirements_ = true;
  if (bind_knobs(ast)) bind_block(ast.body);
  return requirement_failed_;
}

bool Binder::bind_knobs(const Ast& ast) {
  for (const auto& [name, value] : knobs_) {
    const auto declared =
        std::any_of(ast.knobs.begin(), ast.knobs.end(), [&](const Knob& k) { return k.name == name; });
    if (declared) continue;
    std::vector<std::string> known;
    for (const Knob& knob : ast.knobs) known.push_back(knob.name);
    const std::string near = did_you_mean(name, known);
    fail({1, 1},
         fmt::format("the plan has no knob '{}'{}", name,
                     near.empty()
                         ? fmt::format("; it has: {}",
                                       known.empty() ? "none" : fmt::format("{}", fmt::join(known, " ")))
                         : near));
  }
  for (const Knob& knob : ast.knobs) {
    const auto given = knobs_.find(knob.name);
    auto value = given == knobs_.end() ? tl::expected<std::string, std::string>(knob.default_value)
                                       : find_knob_value(knob, given->second);
    if (!value) {
      fail(knob.at, value.error());
      continue;
    }
    const std::optional<KnobLiteral> literal = parse_knob_text(type_of(knob), *value);
    evaluator_.set(knob.name, {type_of(knob), literal->integer, literal->number});
    plan_.knobs[knob.name] = *value;
  }
  return diagnostics_.empty();
}

// False: a name has no value, so nothing after it can be bound.
bool Binder::bind_block(const Block& block) {
  const bool is_last = only_requirements_;  // of what is bound: nothing follows that could fail a `require`
  const size_t end = is_last ? block.requirements_end : block.statements.size();
  for (size_t i = 0; i < end; ++i) {
    const Statement& statement = block.statements[i];
    only_requirements_ = is_last && i + 1 == end;
    if (diagnostics_.full()) return false;
    const bool ok = std::visit([&](const auto& node) { return bind(node, statement.at); }, statement.node);
    if (!ok) return false;
  }
  return true;
}

bool Binder::bind(const Require& require, Position at) {
  const std::optional<bool> holds = evaluator_.condition(*require.condition);
  if (!holds || *holds) return holds.has_value();
  requirement_failed_ = true;
  std::vector<std::string> knobs;
  for (const auto& [name, value] : plan_.knobs) knobs.push_back(fmt::format("{} = {}", name, value));
  std::string message = "the requirement does not hold";
  if (!require.message.empty()) message += ": " + require.message;
  if (!knobs.empty()) message += fmt::format(" ({})", fmt::join(knobs, ", "));
  fail(at, std::move(message));
  return false;
}

bool Binder::bind(const Constant& constant, Position) {
  const std::optional<Value> value = evaluator_.evaluate(*constant.value);
  if (!value) return false;
  Value stored = *value;
  if (constant.type == Type::kFloat && stored.type == Type::kInt)
    stored = {Type::kFloat, 0, stored.as_number()};
  evaluator_.set(constant.name, stored);
  return true;
}

// Blocks that do not see each other may use one name; in the bound plan the second becomes "part.2".
std::string Binder::unique_name(const std::string& name, bool is_map) {
  const auto taken = [&](const std::string& wanted) {
    if (is_map) {
      return std::any_of(plan_.tensor_maps.begin(), plan_.tensor_maps.end(),
                         [&](const BoundTensorMap& map) { return map.name == wanted; });
    }
    return std::any_of(plan_.workspaces.begin(), plan_.workspaces.end(),
                       [&](const BoundWorkspace& workspace) { return workspace.name == wanted; });
  };
  std::string unique = name;
  for (int number = 2; taken(unique); ++number) unique = fmt::format("{}.{}", name, number);
  return unique;
}

bool Binder::bind(const Workspace& workspace, Position) {
  const std::optional<int64_t> count = evaluator_.integer(*workspace.count);
  if (!count) return false;
  const Position at = workspace.count->at;
  if (*count < 0) {
    return fail(at, fmt::format("workspace '{}' has a negative size: {} elements", workspace.name, *count));
  }
  const int64_t element_bytes = workspace.element_bits / 8;
  if (*count > (kMaxWorkspaceBytes - workspace_bytes_) / element_bytes) {
    return fail(at,
                fmt::format("workspace '{}' of {} elements: all workspaces together may have at most {} GiB",
                            workspace.name, *count, kMaxWorkspaceBytes >> 30));
  }
  BoundWorkspace bound{unique_name(workspace.name, false), workspace.element_type, *count * element_bytes,
                       workspace.self_clean};
  workspace_bytes_ += bound.bytes;
  workspaces_[workspace.name] = {bound.name, bound.bytes, false};
  plan_.workspaces.push_back(std::move(bound));
  return true;
}

bool Binder::bind(const If& statement, Position) {
  const std::optional<bool> condition = evaluator_.condition(*statement.condition);
  if (!condition) return false;
  return bind_block(*condition ? statement.then_block : statement.else_block);
}

// --- views ---

std::optional<Binder::Buffer> Binder::find_buffer(const View& view) {
  if (view.kind == BufferKind::kWorkspace) {
    const auto found = workspaces_.find(view.buffer);
    if (found != workspaces_.end()) return found->second;
    fail(view.at, fmt::format("workspace '{}' has no size", view.buffer));
    return std::nullopt;
  }
  if (view.kind == BufferKind::kInput && !evaluator_.is_present(view.buffer))
    return Buffer{view.buffer, 0, true};
  const trace::Tensor* tensor = definition_.find_tensor(view.buffer);
  const Result<int64_t> bytes =
      tensor == nullptr ? usage_error("no such tensor") : definition_.bytes_of(*tensor, inputs_.axes);
  if (!bytes) {
    fail(view.at, fmt::format("the size of '{}' is not known: {}", view.buffer, bytes.error().message));
    return std::nullopt;
  }
  return Buffer{view.buffer, *bytes, false};
}

std::optional<BufferView> Binder::bind_view(const View& view) {
  const std::optional<int64_t> offset = view.offset ? evaluator_.integer(*view.offset) : 0;
  const std::optional<Buffer> buffer = find_buffer(view);
  if (!offset || !buffer) return std::nullopt;
  BufferView bound{buffer->bound_name, 0, view.element_type, buffer->is_null};
  if (bound.is_null) return bound;
  const auto complain = [&](std::string message) {
    fail(view.offset->at, std::move(message));
    return std::nullopt;
  };
  int64_t bits = 0;
  const int64_t unit_bits = view.in_bytes ? 8 : view.element_bits;
  const bool overflow = __builtin_mul_overflow(*offset, unit_bits, &bits);
  if (overflow || *offset < 0 || bits / 8 > buffer->bytes) {
    return complain(fmt::format("offset {} into '{}' is outside: it has {} {}", *offset, view.buffer,
                                buffer->bytes * 8 / unit_bits, view.in_bytes ? "bytes" : "elements"));
  }
  bound.byte_offset = bits / 8;
  const int64_t alignment = std::max(view.element_bits / 8, 1);
  if (bits % 8 != 0 || bound.byte_offset % alignment != 0) {
    return complain(
        fmt::format("offset {} into '{}' is not aligned for {}: its byte offset must be a multiple of {}",
                    *offset, view.buffer, view.element_type, alignment));
  }
  return bound;
}

// `bytes` from the view on, for memset and copy.
std::optional<BufferView> Binder::bind_range(const View& view, int64_t bytes, std::string_view how) {
  std::optional<BufferView> bound = bind_view(view);
  if (!bound) return std::nullopt;
  if (bound->is_null) {
    fail(view.at, fmt::format("'{}' is absent in this workload: guard {} with if (has({}))", view.buffer, how,
                              view.buffer));
    return std::nullopt;
  }
  const std::optional<Buffer> buffer = find_buffer(view);
  if (bytes > buffer->bytes - bound->byte_offset) {
    fail(view.at, fmt::format("{} of {} bytes from byte {} of '{}': it has {} bytes", how, bytes,
                              bound->byte_offset, view.buffer, buffer->bytes));
    return std::nullopt;
  }
  return bound;
}

bool Binder::bind(const Memset& memset, Position at) {
  const std::optional<int64_t> value = evaluator_.integer(*memset.value);
  const std::optional<int64_t> bytes = evaluator_.integer(*memset.bytes);
  if (!value || !bytes) return true;
  if (*value < 0 || *value > 255) {
    fail(memset.value->at, fmt::format("memset sets bytes: {} is not in 0 to 255", *value));
  }
  if (*bytes < 0) {
    fail(memset.bytes->at, fmt::format("memset of {} bytes: the size is negative", *bytes));
    return true;
  }
  std::optional<BufferView> target = bind_range(memset.target, *bytes, "memset");
  if (target)
    plan_.operations.push_back(BoundMemset{std::move(*target), static_cast<int>(*value & 255), *bytes, at});
  return true;
}

bool Binder::bind(const Copy& copy, Position at) {
  const std::optional<int64_t> bytes = evaluator_.integer(*copy.bytes);
  if (!bytes) return true;
  if (*bytes < 0) {
    fail(copy.bytes->at, fmt::format("copy of {} bytes: the size is negative", *bytes));
    return true;
  }
  std::optional<BufferView> target = bind_range(copy.target, *bytes, "copy");
  std::optional<BufferView> source = bind_range(copy.source, *bytes, "copy");
  if (!target || !source) return true;
  const int64_t distance = std::abs(target->byte_offset - source->byte_offset);
  if (target->buffer == source->buffer && distance < *bytes) {
    fail(at, fmt::format("copy of {} bytes within '{}': the two ranges overlap", *bytes, target->buffer));
    return true;
  }
  plan_.operations.push_back(BoundCopy{std::move(*target), std::move(*source), *bytes, at});
  return true;
}

// --- launches ---

std::optional<Dim3> Binder::bind_extent(const Extent& extent) {
  int64_t values[3] = {1, 1, 1};
  for (size_t i = 0; i < extent.size(); ++i) {
    const std::optional<int64_t> value = evaluator_.integer(*extent[i]);
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  return Dim3{values[0], values[1], values[2]};
}

bool Binder::check_grid(const Extent& extent, const Dim3& grid) {
  const int64_t sizes[] = {grid.x, grid.y, grid.z};
  for (size_t i = 0; i < extent.size(); ++i) {
    const int64_t limit = i == 0 ? kMaxGridX : kMaxGridYZ;
    if (sizes[i] >= 1 && sizes[i] <= limit) continue;
    const char* mend = sizes[i] < 1 ? "; guard the launch with if" : i > 0 ? "; put the large size in x" : "";
    return fail(extent[i]->at,
                fmt::format("grid {} is {}: it must be 1 to {}{}", "xyz"[i], sizes[i], limit, mend));
  }
  return true;
}

bool Binder::check_block_size(const Extent& extent, const Dim3& block) {
  const int64_t sizes[] = {block.x, block.y, block.z};
  for (size_t i = 0; i < extent.size(); ++i) {
    const int64_t limit = i == 2 ? kMaxBlockZ : kMaxThreadsPerBlock;
    if (sizes[i] >= 1 && sizes[i] <= limit) continue;
    return fail(extent[i]->at,
                fmt::format("block {} is {}: it must be 1 to {} threads", "xyz"[i], sizes[i], limit));
  }
  const int64_t threads = block.x * block.y * block.z;
  if (threads <= kMaxThreadsPerBlock) return true;
  return fail(extent[0]->at, fmt::format("a block of {} x {} x {} = {} threads: at most {} are possible",
                                         block.x, block.y, block.z, threads, kMaxThreadsPerBlock));
}

bool Binder::bind_shared(const Launch& launch, BoundLaunch& bound) {
  if (!launch.shared_bytes) return true;
  const std::optional<int64_t> bytes = evaluator_.integer(*launch.shared_bytes);
  if (!bytes) return false;
  bound.dynamic_shared_bytes = *bytes;
  const Position at = launch.shared_bytes->at;
  if (*bytes < 0) return fail(at, fmt::format("dynamic shared memory is negative: {} bytes", *bytes));
  if (*bytes <= kMaxSharedBytes) return true;
  return fail(at, fmt::format("dynamic shared memory of {} bytes ({}): a block has at most {} bytes ({})",
                              *bytes, kib(*bytes), kMaxSharedBytes, kib(kMaxSharedBytes)));
}

bool Binder::bind_cluster(const Launch& launch, BoundLaunch& bound) {
  if (launch.cluster.empty()) return true;
  const std::optional<Dim3> cluster = bind_extent(launch.cluster);
  if (!cluster) return false;
  bound.attributes.cluster = cluster;
  const int64_t sizes[] = {cluster->x, cluster->y, cluster->z};
  const int64_t grid[] = {bound.grid.x, bound.grid.y, bound.grid.z};
  const Position at = launch.cluster[0]->at;
  int64_t blocks = 1;
  for (const int64_t size : sizes) {
    if (size < 1 || size > kMaxClusterBlocks) {
      return fail(at, fmt::format("a cluster size of {}: it must be 1 to {}", size, kMaxClusterBlocks));
    }
    blocks *= size;
  }
  if (blocks > kMaxClusterBlocks) {
    return fail(
        at, fmt::format("a cluster of {} x {} x {} = {} blocks: at most {} are possible (8 on every device)",
                        sizes[0], sizes[1], sizes[2], blocks, kMaxClusterBlocks));
  }
  for (size_t i = 0; i < 3; ++i) {
    if (grid[i] % sizes[i] == 0) continue;
    return fail(at, fmt::format("grid {} is {}, no multiple of the cluster's {}: write round_up({}, {})",
                                "xyz"[i], grid[i], sizes[i], grid[i], sizes[i]));
  }
  return true;
}

bool Binder::bind_carveout(const Launch& launch, BoundLaunch& bound) {
  if (!launch.carveout_percent) return true;
  const std::optional<int64_t> percent = evaluator_.integer(*launch.carveout_percent);
  if (!percent) return false;
  if (*percent < 0 || *percent > 100) {
    return fail(launch.carveout_percent->at,
                fmt::format("carveout of {}: it is a percentage, 0 to 100", *percent));
  }
  bound.attributes.carveout_percent = static_cast<int>(*percent);
  return true;
}

bool Binder::bind(const Launch& launch, Position at) {
  BoundLaunch bound;
  bound.at = at;
  bound.unit = launch.kernel.unit;
  bound.kernel = launch.kernel.name;
  const std::optional<std::string> name = evaluator_.name_expression(launch.kernel);
  const std::optional<Dim3> grid = bind_extent(launch.grid);
  const std::optional<Dim3> block = bind_extent(launch.block);
  if (!name || !grid || !block) return true;
  bound.name_expression = *name;
  bound.grid = *grid;
  bound.block = *block;
  bound.attributes.pdl = launch.pdl;
  bound.attributes.cooperative = launch.cooperative;
  const bool grid_ok = check_grid(launch.grid, *grid);
  bool ok = check_block_size(launch.block, *block) && grid_ok;
  ok = bind_shared(launch, bound) && ok;
  ok = (!grid_ok || bind_cluster(launch, bound)) && ok;
  ok = bind_carveout(launch, bound) && ok;
  ok = bind_arguments(launch, bound) && ok;
  if (ok) plan_.operations.push_back(std::move(bound));
  return true;
}

bool Binder::bind_arguments(const Launch& launch, BoundLaunch& bound) {
  bool ok = true;
  int64_t bytes = 0;
  for (const KernelArgument& argument : launch.arguments) {
    std::optional<Argument> value = bind_argument(argument);
    if (!value) {
      ok = false;
      continue;
    }
    const int64_t size = parameter_bytes(*value);
    bytes = (bytes + std::min<int64_t>(size, 64) - 1) / std::min<int64_t>(size, 64) *
                std::min<int64_t>(size, 64) +
            size;
    bound.arguments.push_back(std::move(*value));
  }
  if (bytes <= kMaxParameterBytes) return ok;
  return fail(launch.kernel.at,
              fmt::format("{} bytes of arguments: a kernel takes at most {}", bytes, kMaxParameterBytes));
}

std::optional<Argument> Binder::bind_argument(const KernelArgument& argument) {
  if (const auto* view = std::get_if<View>(&argument)) {
    std::optional<BufferView> bound = bind_view(*view);
    return bound ? std::optional<Argument>(std::move(*bound)) : std::nullopt;
  }
  if (const auto* map = std::get_if<TensorMapName>(&argument))
    return TensorMapArgument{tensor_maps_[map->name]};
  return bind_scalar(std::get<ScalarValue>(argument));
}

std::optional<Argument> Binder::bind_scalar(const ScalarValue& scalar) {
  const std::optional<Value> value = evaluator_.evaluate(*scalar.value);
  if (!value) return std::nullopt;
  const Position at = scalar.value->at;
  ScalarArgument bound{scalar.type, 0, 0};
  if (scalar.type == ScalarArgument::Type::kF32 || scalar.type == ScalarArgument::Type::kF64) {
    bound.number = value->as_number();
    if (scalar.type == ScalarArgument::Type::kF64) return bound;
    const auto rounded = static_cast<double>(static_cast<float>(bound.number));
    if (std::isfinite(bound.number) && !std::isfinite(rounded)) {
      fail(at, fmt::format("{} does not fit in a float: pass f64(...) and take a double", bound.number));
      return std::nullopt;
    }
    bound.number = rounded;
    return bound;
  }
  bound.integer = value->integer;
  if (scalar.type == ScalarArgument::Type::kI32 && bound.integer != static_cast<int32_t>(bound.integer)) {
    fail(at, fmt::format("{} does not fit in an int: pass i64(...) and take a long long", bound.integer));
    return std::nullopt;
  }
  return bound;
}

}  // namespace warpwright::plan
