// Stand-in until the price table is there.
#pragma once

#include <cstdint>
#include <optional>

#include "src/llm/conversation.h"
#include "src/llm/model_config.h"
#include "src/llm/provider.h"

namespace warpwright::llm {

int64_t cost_microdollars(const Usage& usage, const Price& price);
std::optional<int64_t> worst_case_microdollars(const Conversation& conversation, const ModelConfig& config,
                                               const Price& price);

}  // namespace warpwright::llm
