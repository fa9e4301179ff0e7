// Which keys a [models.NAME] table may have, by provider. Internal to model_config.cpp.
#pragma once

#include <string>
#include <vector>

#include "src/llm/model_config.h"

namespace warpwright::llm {

std::vector<std::string> all_model_keys();
std::vector<std::string> model_keys_of(ProviderKind kind);

// An error that names the mend for the first key of `json` that `kind` does not use.
Result<void> check_model_keys(ProviderKind kind, const Json& json, const std::string& where);

}  // namespace warpwright::llm
