// Clocks and health of one GPU, by NVML. Optional: where the library or a permission is missing, less is
// known.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "evaluator/cuda/nvml_abi.h"
#include "src/base/result.h"

namespace warpwright::cuda {

struct Health {
  bool usable = true;
  std::string problem;  // one line with the mend; empty: none known
};

// "power cap, thermal slowdown"; empty: nothing holds the clocks down that matters (idle does not).
std::string describe_clock_reasons(uint64_t reasons);

// What locks the clocks should not be a process that may be killed: they would stay locked.
class Nvml {
 public:
  // `uuid`: DeviceFacts::uuid. `library`: empty: $WARPWRIGHT_LIBNVML, else libnvidia-ml.so.1.
  static Result<std::unique_ptr<Nvml>> open(const std::string& uuid, const std::string& library = "");
  virtual ~Nvml() = default;  // gives the clocks free if it locked them

  virtual std::optional<double> sm_clock_mhz() const = 0;  // now
  virtual std::optional<double> max_sm_clock_mhz() const = 0;
  virtual std::optional<uint64_t> clock_reasons() const = 0;  // abi::kReason..., or-ed
  virtual Health health() const = 0;

  // If $WARPWRIGHT_LOCK_SM_MHZ asks for it. For DeviceFacts::clocks: "locked at 1965 MHz", "not locked", "not
  // locked (no permission: ...)".
  virtual std::string lock_clocks_if_asked() = 0;
};

}  // namespace warpwright::cuda
