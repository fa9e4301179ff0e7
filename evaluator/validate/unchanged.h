// Inputs must be what they were: a candidate that writes them corrupts its caller's data.
#pragma once

#include "evaluator/reference/buffers.h"
#include "evaluator/validate/verdict.h"

namespace warpwright::validate {

// REJECTED, rule "input-modified", with the first element that changed, old and new value.
Verdict check_unchanged(const std::string& name, const reference::HostTensor& original,
                        std::span<const std::byte> now);

}  // namespace warpwright::validate
