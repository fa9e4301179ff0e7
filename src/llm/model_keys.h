// Which keys a [models.NAME] table may have, by provider, with types and ranges. model_config.cpp reads by
// it, the reference of the configuration prints it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/llm/model_config.h"

namespace warpwright::llm {

enum class ModelKeyType { kText, kTexts, kFlag, kInteger, kNumber, kTable, kPrice };

struct ModelKey {
  ModelKeyType type = ModelKeyType::kText;
  double low = 0, high = 0;  // of integers and numbers
};
ModelKey model_key(std::string_view name);  // REQUIRES: one of all_model_keys()

std::vector<std::string> all_model_keys();
std::vector<std::string> model_keys_of(ProviderKind kind);

// An error that names the mend for the first key of `json` that `kind` does not use.
Result<void> check_model_keys(ProviderKind kind, const Json& json, const std::string& where);

}  // namespace warpwright::llm
