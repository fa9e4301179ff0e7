// Logging goes to stderr through spdlog; stdout belongs to results (and, in the worker, to the protocol).
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

namespace warpwright {

// Sets up the one logger: stderr, short timestamps, level from $WARPWRIGHT_LOG (trace|debug|info|warn|error).
void init_logging(std::string_view program);

}  // namespace warpwright
