// Every function that evaluator/cuda looks up is there, or this library does not link.
#include "tests/fake_gpu/exports.h"

namespace warpwright::cuda::abi {

#define FAKE_USE(symbol, ...) reinterpret_cast<const void*>(&symbol),
[[gnu::used]] const void* const exported[] = {WW_CUDA_FUNCTIONS(FAKE_USE) WW_CUPTI_FUNCTIONS(
    FAKE_USE) WW_NVML_FUNCTIONS(FAKE_USE) WW_NVML_OPTIONAL_FUNCTIONS(FAKE_USE)};

}  // namespace warpwright::cuda::abi
