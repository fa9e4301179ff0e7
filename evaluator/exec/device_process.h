// `warpwright-worker device-process`: the process that holds the CUDA context. Started by the cuda executor
// (exec/device_channel.h) with an arena of shared memory as descriptor 3; speaks exec/device_protocol.h.
//
// It knows no reference output, no tolerance, no key of a result, and opens no file but the driver's own:
// what a kernel could read or break here is worth nothing.
#pragma once

#include "evaluator/exec/device_server.h"

namespace warpwright::exec {

int device_process_main();

// The same with another engine; for tests.
int device_process_main(const device::OpenEngine& open);

}  // namespace warpwright::exec
