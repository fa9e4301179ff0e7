// What the command line says about a run beyond its configuration.
#pragma once

#include "src/cli/commands.h"
#include "src/engine/run_config.h"

namespace warpwright::cli {

Result<void> apply_overrides(const EvolveOptions& options, engine::RunConfig& config);

}  // namespace warpwright::cli
