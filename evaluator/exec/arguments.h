// A launch's parameter block: the plan's arguments at the offsets of the kernel's PTX parameters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "evaluator/ptx/module.h"
#include "src/plan/plan.h"

namespace warpwright::exec {

// Bytes an argument has in the parameter block: pointers 8, i32/f32 4, i64/f64 8, bool 1, tensor maps 128.
int64_t argument_bytes(const plan::Argument& argument);

// How a person would call the argument: "q + 128 (pointer)", "scale (f32)".
std::string describe_argument(const plan::Argument& argument);

// Count and sizes against the kernel's parameters; a one-line complaint, or nothing if they fit.
std::optional<std::string> check_arguments(const plan::BoundLaunch& launch,
                                           const std::vector<ptx::Parameter>& parameters);

// A parameter block whose places for addresses and tensor maps are still zero. Points into its launch.
struct ParameterBlock {
  std::vector<std::byte> bytes;
  struct Pointer {
    uint64_t offset = 0;
    const plan::BufferView* view = nullptr;  // not of an absent buffer: that is a null pointer
  };
  struct Map {
    uint64_t offset = 0;
    const plan::TensorMapArgument* map = nullptr;
  };
  std::vector<Pointer> pointers;
  std::vector<Map> maps;
};

// REQUIRES: check_arguments found nothing.
ParameterBlock lay_out_arguments(const plan::BoundLaunch& launch,
                                 const std::vector<ptx::Parameter>& parameters, uint64_t parameter_bytes);

// REQUIRES: check_arguments found nothing. `address_of` gives a buffer's device address, `image_of` a tensor
// map's 128 bytes, both by name.
std::vector<std::byte> pack_arguments(
    const plan::BoundLaunch& launch, const std::vector<ptx::Parameter>& parameters, uint64_t parameter_bytes,
    const std::function<uint64_t(const std::string&)>& address_of,
    const std::function<std::array<std::byte, 128>(const std::string&)>& image_of);

}  // namespace warpwright::exec
