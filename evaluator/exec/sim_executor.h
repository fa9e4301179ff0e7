// The executor that needs no GPU: runs a candidate's PTX in evaluator/sim.
#pragma once

#include <memory>

#include "evaluator/exec/executor.h"

namespace warpwright::exec {

std::unique_ptr<Executor> make_sim_executor();

}  // namespace warpwright::exec
