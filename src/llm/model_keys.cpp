#include "src/llm/model_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/base/edit_distance.h"
#include "src/base/quotable.h"

namespace warpwright::llm {
namespace {

constexpr unsigned bit(ProviderKind kind) {
  return 1u << static_cast<unsigned>(kind);
}
constexpr unsigned kChat = bit(ProviderKind::kOpenAiChat), kResponses = bit(ProviderKind::kOpenAiResponses),
                   kAnthropic = bit(ProviderKind::kAnthropicMessages), kGemini = bit(ProviderKind::kGemini),
                   kCommand = bit(ProviderKind::kCommand), kManual = bit(ProviderKind::kManual),
                   kScripted = bit(ProviderKind::kScripted), kReplay = bit(ProviderKind::kReplay);
constexpr unsigned kHttp = kChat | kResponses | kAnthropic | kGemini;
constexpr unsigned kAll = kHttp | kCommand | kManual | kScripted | kReplay;

struct Key {
  const char* name;
  unsigned users;
};
constexpr std::array kKeys = {
    Key{"provider", kAll},
    Key{"base_url", kHttp},
    Key{"model", kHttp | kCommand | kManual},
    Key{"key_env", kHttp},
    Key{"key_file", kHttp},
    Key{"key_header", kHttp},
    Key{"stream", kHttp},
    Key{"max_output_tokens", kHttp},
    Key{"token_cap_field", kChat | kResponses},
    Key{"version_header", kAnthropic},
    Key{"temperature", kHttp},
    Key{"top_p", kHttp},
    Key{"effort", kHttp},
    Key{"system_role", kChat},
    Key{"prompt_cache", kAnthropic},
    Key{"extra_body", kHttp},
    Key{"omit", kHttp},
    Key{"extra_headers", kHttp},
    Key{"proxy", kHttp},
    Key{"ca_file", kHttp},
    Key{"http2", kHttp},
    Key{"connect_timeout_s", kHttp},
    Key{"first_byte_timeout_s", kHttp},
    Key{"idle_timeout_s", kHttp},
    Key{"progress_timeout_s", kHttp},
    Key{"total_timeout_s", kHttp | kCommand},
    Key{"max_in_flight", kAll},
    Key{"requests_per_minute", kHttp | kCommand},
    Key{"tokens_per_minute", kHttp | kCommand},
    Key{"max_attempts", kHttp | kCommand},
    Key{"price", kAll},
    Key{"command", kCommand},
    Key{"keep_environment", kCommand},
    Key{"folder", kManual | kScripted | kReplay},
};

}  // namespace

std::vector<std::string> all_model_keys() {
  std::vector<std::string> names;
  for (const Key& key : kKeys) names.emplace_back(key.name);
  return names;
}

std::vector<std::string> model_keys_of(ProviderKind kind) {
  std::vector<std::string> names;
  for (const Key& key : kKeys)
    if ((key.users & bit(kind)) != 0) names.emplace_back(key.name);
  return names;
}

Result<void> check_model_keys(ProviderKind kind, const Json& json, const std::string& where) {
  const auto contains = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto used = model_keys_of(kind);
  for (const auto& [key, value] : json.items()) {
    if (contains(used, key)) continue;
    const std::string name = quotable_line(key, 60);
    if (contains(all_model_keys(), key))
      return usage_error(
          fmt::format("{}: '{}' means nothing to the provider {}", where, name, to_string(kind)));
    if (key == "api_key" || key == "key" || key == "token")
      return usage_error(
          fmt::format("{}: a configuration never holds a key: instead of '{}', name the environment "
                      "variable that holds it (key_env) or a file (key_file)",
                      where, name));
    const std::string near = *std::min_element(used.begin(), used.end(), [&](const auto& a, const auto& b) {
      return edit_distance(name, a) < edit_distance(name, b);
    });
    return usage_error(fmt::format("{}: unknown key '{}'; the nearest is '{}'", where, name, near));
  }
  return {};
}

}  // namespace warpwright::llm
