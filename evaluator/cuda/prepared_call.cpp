#include "evaluator/cuda/prepared_call.h"

#include <fmt/format.h>

#include <cstring>

#include "src/base/check.h"

namespace warpwright::cuda {
namespace {

constexpr size_t kMaxLabel = 200;
constexpr uint32_t kPortableClusterSize = 8;
constexpr int kNotSupported = 801;

abi::DevicePointer address_of(const BufferRef& ref, const std::vector<abi::DevicePointer>& addresses) {
  CHECK(ref.buffer >= 0 && static_cast<size_t>(ref.buffer) < addresses.size());
  return addresses[static_cast<size_t>(ref.buffer)] + static_cast<uint64_t>(ref.offset);
}

template <class T>
void patch(std::vector<std::byte>& block, uint64_t offset, const T& value) {
  CHECK(offset <= block.size() && sizeof value <= block.size() - offset);
  std::memcpy(block.data() + offset, &value, sizeof value);
}

uint32_t blocks_in(const Dim3& cluster) {
  return cluster.x * cluster.y * cluster.z;
}

std::vector<abi::LaunchAttribute> attributes_of(const Launch& launch) {
  std::vector<abi::LaunchAttribute> attributes;
  const auto add = [&attributes](abi::LaunchAttributeId id) -> abi::LaunchAttributeValue& {
    attributes.push_back({});
    attributes.back().id = id;
    return attributes.back().value;
  };
  if (launch.cluster) {
    const Dim3& cluster = *launch.cluster;
    add(abi::kLaunchClusterDimension).cluster_dim = {cluster.x, cluster.y, cluster.z};
  }
  if (launch.cooperative) add(abi::kLaunchCooperative).cooperative = 1;
  if (launch.programmatic_dependent)
    add(abi::kLaunchProgrammaticStreamSerialization).programmatic_stream_serialization_allowed = 1;
  return attributes;
}

}  // namespace

Judgement judge(int code, std::string_view label) {
  if (code == 0) return std::optional<DeviceFault>();
  TRY_ASSIGN(DeviceFault fault, blame(code, label));
  return std::optional<DeviceFault>(std::move(fault));
}

Result<Outcome<PreparedCall>> PreparedCall::prepare(const Driver& driver, Program& program,
                                                    const CallWork& work,
                                                    const std::vector<abi::DevicePointer>& addresses) {
  PreparedCall call(driver, program);
  for (size_t i = 0; i < work.tensor_maps.size(); ++i) {
    TRY_ASSIGN(auto fault, call.encode(work.tensor_maps[i], static_cast<int>(i), addresses));
    if (fault) return Outcome<PreparedCall>{std::move(fault), {}};
  }
  for (const Operation& operation : work.operations) {
    if (const auto* launch = std::get_if<Launch>(&operation)) {
      CHECK(call.launches_ > 0 || !launch->programmatic_dependent);
      call.add(*launch, addresses);
    } else if (const auto* memset = std::get_if<Memset>(&operation)) {
      if (memset->bytes == 0) continue;
      call.operations_.push_back(Set{address_of(memset->target, addresses), memset->value, memset->bytes});
      ++call.memsets_;
    } else {
      const Copy& copy = std::get<Copy>(operation);
      if (copy.bytes == 0) continue;
      call.operations_.push_back(
          Move{address_of(copy.target, addresses), address_of(copy.source, addresses), copy.bytes});
      ++call.copies_;
    }
  }
  if (call.label_.empty()) call.label_ = "the call";
  return Outcome<PreparedCall>{std::nullopt, std::move(call)};
}

Judgement PreparedCall::encode(const TensorMap& map, int index,
                               const std::vector<abi::DevicePointer>& addresses) {
  CHECK(map.strides_bytes.size() + 1 == map.dims.size() && map.box.size() == map.dims.size() &&
        map.element_strides.size() == map.dims.size());
  tensor_maps_.push_back({});
  const int code = (*driver_)->cuTensorMapEncodeTiled.code(
      &tensor_maps_.back(), map.data_type, static_cast<uint32_t>(map.dims.size()),
      reinterpret_cast<void*>(address_of(map.base, addresses)), map.dims.data(), map.strides_bytes.data(),
      map.box.data(), map.element_strides.data(), map.interleave, map.swizzle, map.l2_promotion,
      map.oob_fill);
  return judge(code, fmt::format("tensor map {}", index));
}

void PreparedCall::add(const Launch& launch, const std::vector<abi::DevicePointer>& addresses) {
  Kernel kernel{launch, attributes_of(launch)};
  for (const Launch::Pointer& pointer : launch.pointers)
    patch(kernel.launch.parameters, pointer.offset, address_of(pointer.target, addresses));
  for (const Launch::Map& map : launch.maps) {
    CHECK(map.tensor_map >= 0 && static_cast<size_t>(map.tensor_map) < tensor_maps_.size());
    patch(kernel.launch.parameters, map.offset, tensor_maps_[static_cast<size_t>(map.tensor_map)]);
  }
  operations_.push_back(std::move(kernel));
  ++launches_;
  if (label_.size() < kMaxLabel) label_ += (label_.empty() ? "" : ", ") + launch.label;
}

Judgement PreparedCall::configure() {
  for (const auto& operation : operations_) {
    const auto* kernel = std::get_if<Kernel>(&operation);
    if (kernel == nullptr) continue;
    TRY_ASSIGN(auto fault, configure(*kernel));
    if (fault) return fault;
  }
  return std::optional<DeviceFault>();
}

Judgement PreparedCall::configure(const Kernel& kernel) {
  const Launch& launch = kernel.launch;
  Program::Kernel& state = program_->kernel(launch.function);
  const auto set = [&](abi::FunctionAttribute attribute, int value, std::string_view what) {
    return judge((*driver_)->cuFuncSetAttribute.code(state.handle, attribute, value),
                 fmt::format("{}: {}", launch.label, what));
  };
  if (launch.dynamic_shared_bytes > state.dynamic_shared_limit) {
    TRY_ASSIGN(auto fault,
               set(abi::kFunctionMaxDynamicSharedBytes, static_cast<int>(launch.dynamic_shared_bytes),
                   fmt::format("{} bytes of dynamic and {} of static shared memory",
                               launch.dynamic_shared_bytes, state.info.static_shared_bytes)));
    if (fault) return fault;
    state.dynamic_shared_limit = launch.dynamic_shared_bytes;
  }
  const int carveout = launch.carveout_percent.value_or(-1);
  if (carveout != state.carveout_percent) {
    TRY_ASSIGN(auto fault,
               set(abi::kFunctionSharedCarveoutPercent, carveout, fmt::format("carveout({})", carveout)));
    if (fault) return fault;
    state.carveout_percent = carveout;
  }
  if (launch.cluster && blocks_in(*launch.cluster) > kPortableClusterSize && !state.non_portable_clusters) {
    TRY_ASSIGN(auto fault,
               set(abi::kFunctionNonPortableClusterSizeAllowed, 1, "a cluster of more than 8 blocks"));
    if (fault) return fault;
    state.non_portable_clusters = true;
  }
  return std::optional<DeviceFault>();
}

Judgement PreparedCall::enqueue(const Stream& stream) {
  for (auto& operation : operations_) {
    Judgement judged;
    if (auto* kernel = std::get_if<Kernel>(&operation)) {
      judged = enqueue(*kernel, stream);
    } else if (const auto* set = std::get_if<Set>(&operation)) {
      judged =
          judge((*driver_)->cuMemsetD8Async.code(set->target, set->value, set->bytes, stream.get()), label_);
    } else {
      const Move& move = std::get<Move>(operation);
      judged = judge(
          (*driver_)->cuMemcpyDtoDAsync_v2.code(move.target, move.source, move.bytes, stream.get()), label_);
    }
    if (!judged || *judged) return judged;
  }
  return std::optional<DeviceFault>();
}

Judgement PreparedCall::enqueue(Kernel& kernel, const Stream& stream) {
  TRY_ASSIGN(auto fault, configure(kernel));
  if (fault) return fault;
  Launch& launch = kernel.launch;
  abi::LaunchConfig config = {};
  config.grid_x = launch.grid.x;
  config.grid_y = launch.grid.y;
  config.grid_z = launch.grid.z;
  config.block_x = launch.block.x;
  config.block_y = launch.block.y;
  config.block_z = launch.block.z;
  config.shared_bytes = launch.dynamic_shared_bytes;
  config.stream = stream.get();
  config.attributes = kernel.attributes.data();
  config.attribute_count = static_cast<unsigned>(kernel.attributes.size());
  size_t size = launch.parameters.size();
  void* extra[] = {abi::kLaunchBufferPointer, launch.parameters.data(), abi::kLaunchBufferSize, &size,
                   abi::kLaunchEnd};
  const int code = (*driver_)->cuLaunchKernelEx.code(&config, program_->kernel(launch.function).handle,
                                                     nullptr, size == 0 ? nullptr : extra);
  // What the plan asks for is the plan's, even where the code is the machine's.
  if (code == kNotSupported && !kernel.attributes.empty())
    return std::optional(DeviceFault{DeviceFault::Kind::kLaunch, code,
                                     launch.label + ": this GPU does not support an attribute of the launch "
                                                    "(cluster, cooperative or pdl)"});
  return judge(code, launch.label);
}

}  // namespace warpwright::cuda
