#include "src/llm/model_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/base/check.h"
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

using enum ModelKeyType;

struct Key {
  const char* name;
  unsigned users;
  ModelKeyType type;
  double low = 0, high = 0;
};
constexpr double kShortestS = 0.001, kLongestS = 7 * 24 * 3600;
constexpr std::array kKeys = {
    Key{"provider", kAll, kText},
    Key{"base_url", kHttp, kText},
    Key{"model", kHttp | kCommand | kManual, kText},
    Key{"key_env", kHttp, kText},
    Key{"key_file", kHttp, kText},
    Key{"key_header", kHttp, kText},
    Key{"stream", kHttp, kFlag},
    Key{"max_output_tokens", kHttp, kInteger, 1, 10'000'000},
    Key{"token_cap_field", kChat | kResponses, kText},
    Key{"version_header", kAnthropic, kText},
    Key{"temperature", kHttp, kNumber, 0, 10},
    Key{"top_p", kHttp, kNumber, 0, 1},
    Key{"effort", kHttp, kText},
    Key{"system_role", kChat, kText},
    Key{"prompt_cache", kAnthropic, kFlag},
    Key{"extra_body", kHttp, kTable},
    Key{"omit", kHttp, kTexts},
    Key{"extra_headers", kHttp, kTable},
    Key{"proxy", kHttp, kText},
    Key{"ca_file", kHttp, kText},
    Key{"http2", kHttp, kFlag},
    Key{"connect_timeout_s", kHttp, kNumber, kShortestS, kLongestS},
    Key{"first_byte_timeout_s", kHttp, kNumber, kShortestS, kLongestS},
    Key{"idle_timeout_s", kHttp, kNumber, kShortestS, kLongestS},
    Key{"progress_timeout_s", kHttp, kNumber, kShortestS, kLongestS},
    Key{"total_timeout_s", kHttp | kCommand, kNumber, kShortestS, kLongestS},
    Key{"max_in_flight", kAll, kInteger, 1, 10'000},
    Key{"requests_per_minute", kHttp | kCommand, kInteger, 0, 1'000'000},
    Key{"tokens_per_minute", kHttp | kCommand, kInteger, 0, 1'000'000'000},
    Key{"max_attempts", kHttp | kCommand, kInteger, 1, 1000},
    Key{"price", kAll, kPrice},
    Key{"command", kCommand, kTexts},
    Key{"keep_environment", kCommand, kTexts},
    Key{"folder", kManual | kScripted | kReplay, kText},
};

}  // namespace

ModelKey model_key(std::string_view name) {
  const auto found =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.name == name; });
  CHECK(found != kKeys.end());
  return {found->type, found->low, found->high};
}

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
