#include "src/llm/prices.h"

#include <algorithm>
#include <cmath>

namespace warpwright::llm {

int64_t cost_microdollars(const Usage& usage, const Price& price) {
  const double plain = static_cast<double>(usage.input - usage.cached_read - usage.cache_write);
  return static_cast<int64_t>(std::ceil(
      plain * price.input + static_cast<double>(usage.cached_read) * price.cached_read.value_or(price.input) +
      static_cast<double>(usage.cache_write) * price.cache_write.value_or(price.input) +
      static_cast<double>(usage.output) * price.output));
}

std::optional<int64_t> worst_case_microdollars(const Conversation& conversation, const ModelConfig& config,
                                               const Price& price) {
  if (!config.max_output_tokens) return std::nullopt;
  size_t bytes = conversation.system.size() + 64;
  for (const Message& message : conversation.messages) bytes += message.text.size() + 16;
  const double input = std::max({price.input, price.cached_read.value_or(0), price.cache_write.value_or(0)});
  return static_cast<int64_t>(std::ceil(static_cast<double>(bytes) * input +
                                        static_cast<double>(*config.max_output_tokens) * price.output));
}

}  // namespace warpwright::llm
