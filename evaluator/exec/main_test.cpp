// The test program is its own device process, real or by script, and the second process of the lock's tests.
#include <gtest/gtest.h>
#include <unistd.h>

#include <iostream>
#include <string_view>

#include "evaluator/exec/device_process.h"
#include "evaluator/exec/gpu_lock.h"
#include "evaluator/exec/scripted_device_test.h"

namespace {

// Holds the lock until it is killed.
int hold_lock(const std::string& folder, bool exclusive) {
  auto lock = warpwright::exec::GpuLock::open(folder, "GPU-test");
  if (!lock) return 1;
  const auto hold = exclusive ? lock->exclude(10'000) : lock->share(10'000);
  if (!hold) return 1;
  std::cout << "held" << std::endl;
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace warpwright::exec;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "device-process") return device_process_main();
  if (mode == "scripted-device")
    return device_process_main([] { return warpwright::exec::testing::open_scripted_engine(); });
  if (mode == "garbling-device") return warpwright::exec::testing::garbling_device_main(argv[2]);
  if (mode == "hold-lock") return hold_lock(argv[2], std::string_view(argv[3]) == "exclusive");
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
