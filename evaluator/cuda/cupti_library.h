// libcupti: where it is, and its functions.
#pragma once

#include <string>
#include <vector>

#include "evaluator/cuda/cupti_abi.h"
#include "src/base/result.h"

namespace warpwright::cuda {

namespace abi {
struct CuptiFunctions {
#define WW_MEMBER(symbol, ...) CuptiCode (*symbol)(__VA_ARGS__) = nullptr;
  WW_CUPTI_FUNCTIONS(WW_MEMBER)
#undef WW_MEMBER
};
}  // namespace abi

struct CuptiLibrary {
  abi::CuptiFunctions functions;
  std::string path;
  std::string version;  // "13.0"

  // See ActivityTracer::open.
  static Result<CuptiLibrary> load(const std::string& library, int driver_version);
  // "cuptiActivityEnable: CUPTI_ERROR_INSUFFICIENT_PRIVILEGES (allow ...)"
  std::string describe_failure(const char* call, abi::CuptiCode code) const;
};

// Paths and names to try, best first. `driver_version`: 0: not known; a newer CUPTI than the driver is of no
// use.
std::vector<std::string> cupti_candidates(int driver_version);
std::string cupti_version_text(uint32_t version);  // 130001: "13.0", 26: "12.8"

}  // namespace warpwright::cuda
