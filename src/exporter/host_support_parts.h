// The text of host_support's header in parts: one file for all would be too long.
#pragma once

#include <string_view>

namespace warpwright::exporter {

extern const std::string_view kHostSupportNumbers;  // the includes; Int, Float and the plan's functions

}  // namespace warpwright::exporter
