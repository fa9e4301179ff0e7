// The device process's side of the protocol: commands from one descriptor, replies to another, on one engine.
#pragma once

#include <functional>
#include <memory>

#include "evaluator/cuda/engine.h"
#include "src/base/result.h"
#include "src/base/unique_fd.h"

namespace warpwright::exec::device {

// Called at `hello`: opening a device takes seconds, and the supervisor's deadline holds for it too.
using OpenEngine = std::function<Result<std::unique_ptr<cuda::Engine>>()>;

// Serves until end-of-file (0). A line that is no command ends it too (2): there is nobody to be patient
// with.
int serve_device(const OpenEngine& open, int commands_fd, int replies_fd, UniqueFd arena_fd);

}  // namespace warpwright::exec::device
