// One model that a run may ask: a [models.NAME] table of its configuration. Nothing is guessed from a model's
// name; what is not written here is not sent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/base/json.h"

namespace warpwright::llm {

enum class ProviderKind {
  kOpenAiChat,         // "openai-chat": OpenAI, vLLM, SGLang, llama.cpp, Ollama, OpenRouter, LiteLLM
  kOpenAiResponses,    // "openai-responses"
  kAnthropicMessages,  // "anthropic-messages"
  kGemini,             // "gemini"
  kCommand,            // "command": any program; prompt on stdin, reply on stdout
  kManual,             // "manual": the prompt is written to a file, the reply is read from one
  kScripted,           // "scripted": replies from files, in order
  kReplay,             // "replay": the answers of a recorded run
};
std::string_view to_string(ProviderKind kind);
std::optional<ProviderKind> provider_kind_from_string(std::string_view text);
bool is_http(ProviderKind kind);

// US dollars per million tokens. A cached or written token without a price of its own costs as `input`.
struct Price {
  double input = 0, output = 0;
  std::optional<double> cached_read = {}, cache_write = {};
  // Some providers charge every token of a call more when its prompt is long; cached and written tokens then
  // cost more in the proportion of `input`.
  struct LongPrompt {
    int64_t above = 0;  // input tokens
    double input = 0, output = 0;
  };
  std::optional<LongPrompt> long_prompt = {};
};
Result<Price> price_from_json(const Json& json, const std::string& where);
Json to_json(const Price& price);

struct ModelConfig {
  std::string name;  // in this run, e.g. "fast"
  ProviderKind provider = ProviderKind::kOpenAiChat;

  // HTTP
  std::string base_url;  // "https://api.openai.com/v1"; the codec adds its path
  std::string model;     // as the provider names it
  std::string key_env;   // environment variable that holds the key; neither of the two: no key is sent
  std::string key_file;
  std::string key_header;  // what the key is put behind, "api-key: "; empty: the codec's own
  bool stream = true;
  std::optional<int64_t> max_output_tokens;
  std::string token_cap_field;               // empty: the codec's own; "none": not sent
  std::string version_header;                // anthropic-version; empty: the codec's default
  std::optional<double> temperature, top_p;  // not sent unless given
  std::string effort;                        // reasoning effort in the provider's own words; empty: not sent.
                                             // anthropic: with adaptive thinking; gemini: the thinking level
  std::string system_role = "system";        // of openai-chat: "system" or "developer"
  bool prompt_cache = true;                  // anthropic: mark the system text as cacheable
  Json extra_body = Json::object();          // merged into the request body last
  std::vector<std::string> omit;             // top-level keys of the request body that are not sent
  std::map<std::string, std::string> extra_headers;
  std::string proxy, ca_file;  // empty: the environment's proxy, the system's authorities
  bool http2 = true;

  // Time, all in ms
  int64_t connect_timeout_ms = 10'000;
  int64_t first_byte_timeout_ms = 1'200'000;  // models think in silence
  int64_t idle_timeout_ms = 300'000;          // between bytes
  int64_t progress_timeout_ms = 1'800'000;    // between pieces of answer text, once the first one came
  int64_t total_timeout_ms = 3'600'000;

  // Limits
  int max_in_flight = 16;
  int64_t requests_per_minute = 0, tokens_per_minute = 0;  // 0: no limit of ours
  int max_attempts = 6;
  std::optional<Price> price;  // none: from configs/models/prices.toml by (key of the endpoint, model)
  bool is_free = false;        // price = "free": local models, people

  // command, manual, scripted, replay
  std::vector<std::string> command;           // argv
  std::vector<std::string> keep_environment;  // variables the command needs, beside PATH, HOME, LANG
  std::string folder;                         // manual, scripted; a run's folder for replay
};

// `where` names the table in errors: "<file>:<line>: models.fast". Keys are the fields' names, but for: times
// are in seconds ("connect_timeout_s"); price = "free", or { input, output, cached_read, cache_write } in
// dollars per million tokens. Unknown keys, keys that this provider does not use and values out of range are
// usage errors that name the nearest key. No key may stand in it, nor in a URL or a header of it.
Result<ModelConfig> model_config_from_json(const std::string& name, const Json& json,
                                           const std::string& where);
Json to_json(const ModelConfig& config);  // never holds a key; reading back gives the same

}  // namespace warpwright::llm
