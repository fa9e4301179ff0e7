// Device processes for tests of the cuda executor that behave as a program's text says: "// hang", "//
// fault", ... Without a driver; y = x * factor is computed here.
#pragma once

#include <memory>

#include "evaluator/cuda/engine.h"
#include "evaluator/exec/cuda_device.h"

namespace warpwright::exec::testing {

// What a program's text may ask for (any unit):
//   hang, fault, crash, leave      at a call or a shot: never ends; kFault; SIGSEGV; exit(0)
//   refuse, overrun, scribble      kLaunch, kGuardBroken, kInputModified at a call
//   machine                        a Result error at a call
//   no-image, crash-load           at open_program: kLaunch, SIGSEGV
// $SCRIPT_SICK names a file: while it exists memory is broken.
Result<std::unique_ptr<cuda::Engine>> open_scripted_engine();

// Greets, then answers everything with the named nonsense.
int garbling_device_main(const char* nonsense);

// This test program as the device process.
CudaOptions scripted_options();
CudaOptions garbling_options(const std::string& nonsense);

}  // namespace warpwright::exec::testing
