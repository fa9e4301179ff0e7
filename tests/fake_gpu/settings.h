// What the fake GPU is told by the environment; README.md has the table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace warpwright::fake_gpu {

// Calls, by function (with or without its _v2), and what the log's line about them has to hold:
// "function/text".
struct Target {
  std::string function, text;
};
// FAKE_GPU_FAIL, FAKE_GPU_HANG, FAKE_GPU_DIE: what happens at the n-th such call of the process.
struct Injection {
  enum class Kind { kFail, kHang, kDie };
  Kind kind = Kind::kFail;
  Target target;
  uint64_t call = 0;  // from 1; 0: every one
  int code = 0;
};
// FAKE_GPU_FAIL_ONCE: fails if the file is not there, and creates it.
struct FailOnce {
  std::string file;
  Target target;
  int code = 0;
};

enum class Cupti { kOn, kOff, kDrop, kDenied, kZero };

struct Settings {
  int arch = 90, sm_count = 16, driver_version = 13000;
  uint64_t l2_bytes = 256 << 10, memory_bytes = uint64_t{1} << 30;
  double sm_mhz = 1980, bytes_per_us = 100e3;
  uint64_t budget = 200'000'000;  // warp instructions of a launch
  double noise = 0, outlier_share = 0, outlier_factor = 1;
  uint64_t seed = 1;
  double throttle_from_ms = -1, throttle_share = 1, throttle_ms = 1e300;
  Cupti cupti = Cupti::kOn;
  uint64_t cupti_drop = 0;  // every n-th record
  std::vector<Injection> injections;
  std::vector<FailOnce> once;
  std::string sick_file, log_file;
};

// Read once, at the first call; from the environment, else from the file fake_gpu.env beside the library.
// Ends the process with a message if a variable makes no sense.
const Settings& settings();

// 16 characters. Of the path by which the library was loaded: tests with a link of their own to it have a GPU of
// their own, and do not wait for each other's timings.
std::string device_uuid();

}  // namespace warpwright::fake_gpu
