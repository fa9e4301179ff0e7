#include "src/llm/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "src/base/check.h"
#include "src/base/quotable.h"
#include "src/llm/model_keys.h"

namespace warpwright::llm {
namespace {

constexpr std::array<std::pair<ProviderKind, std::string_view>, 8> kKinds = {
    {{ProviderKind::kOpenAiChat, "openai-chat"},
     {ProviderKind::kOpenAiResponses, "openai-responses"},
     {ProviderKind::kAnthropicMessages, "anthropic-messages"},
     {ProviderKind::kGemini, "gemini"},
     {ProviderKind::kCommand, "command"},
     {ProviderKind::kManual, "manual"},
     {ProviderKind::kScripted, "scripted"},
     {ProviderKind::kReplay, "replay"}}};

struct Timer {
  const char* key;
  int64_t ModelConfig::*field;
};
constexpr std::array<Timer, 5> kTimers = {{{"connect_timeout_s", &ModelConfig::connect_timeout_ms},
                                           {"first_byte_timeout_s", &ModelConfig::first_byte_timeout_ms},
                                           {"idle_timeout_s", &ModelConfig::idle_timeout_ms},
                                           {"progress_timeout_s", &ModelConfig::progress_timeout_ms},
                                           {"total_timeout_s", &ModelConfig::total_timeout_ms}}};

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// Reads one table; every error begins with where it stands.
class Reader {
 public:
  Reader(JsonObjectReader reader, ModelConfig& config) : reader_(std::move(reader)), config_(config) {}

  Result<void> read() {
    TRY(read_endpoint());
    TRY(read_request());
    TRY(read_extras());
    TRY(read_times());
    TRY(read_limits());
    TRY(read_price());
    TRY(read_local());
    return check_complete();
  }

 private:
  tl::unexpected<Error> error(std::string_view key, std::string_view text) const {
    return usage_error(fmt::format("{}: {} {}", reader_.where(), key, text));
  }

  Result<void> read_url(const char* key, std::string& url) {
    TRY_ASSIGN(url, reader_.string_or(key, ""));
    if (url.empty()) return {};
    const bool is_http = url.starts_with("http://") || url.starts_with("https://");
    const bool is_proxy = std::string_view(key) == "proxy" && url.find("://") == std::string::npos;
    if (!is_printable_ascii(url) || url.find(' ') != std::string::npos || (!is_http && !is_proxy))
      return error(key, "must be an http:// or https:// address without spaces");
    const size_t begin = is_http ? url.find("://") + 3 : 0;
    const std::string_view host =
        std::string_view(url).substr(begin, url.find_first_of("/?#", begin) - begin);
    if (host.empty()) return error(key, "names no host");
    if (host.find('@') != std::string_view::npos)
      return error(key,
                   "must not hold a user and password: a configuration is recorded (a proxy's may stand in "
                   "the environment variable https_proxy)");
    return {};
  }

  Result<void> read_endpoint() {
    TRY(read_url("base_url", config_.base_url));
    TRY(read_url("proxy", config_.proxy));
    TRY_ASSIGN(config_.model, reader_.string_or("model", ""));
    TRY_ASSIGN(config_.key_env, reader_.string_or("key_env", ""));
    TRY_ASSIGN(config_.key_file, reader_.string_or("key_file", ""));
    TRY_ASSIGN(config_.key_header, reader_.string_or("key_header", ""));
    TRY_ASSIGN(config_.ca_file, reader_.string_or("ca_file", ""));
    TRY_ASSIGN(config_.http2, reader_.boolean_or("http2", config_.http2));
    TRY_ASSIGN(config_.stream, reader_.boolean_or("stream", config_.stream));
    const auto is_name = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
    };
    if (!std::all_of(config_.key_env.begin(), config_.key_env.end(), is_name))
      return error("key_env",
                   "is the name of an environment variable (letters, digits, _), not the key itself");
    if (!config_.key_env.empty() && !config_.key_file.empty())
      return error("key_env", "and key_file exclude each other");
    if (!config_.key_header.empty() &&
        (!is_printable_ascii(config_.key_header) || config_.key_header.find(": ") == std::string::npos))
      return error("key_header",
                   "is what stands before the key, such as \"api-key: \" or \"Authorization: Bearer \"");
    return {};
  }

  Result<void> read_request() {
    TRY(read_optional_integer("max_output_tokens", config_.max_output_tokens));
    TRY_ASSIGN(config_.token_cap_field, reader_.string_or("token_cap_field", ""));
    TRY_ASSIGN(config_.version_header, reader_.string_or("version_header", ""));
    if (!is_printable_ascii(config_.version_header))
      return error("version_header", "must be printable ASCII");
    TRY(read_optional_number("temperature", config_.temperature));
    TRY(read_optional_number("top_p", config_.top_p));
    TRY_ASSIGN(config_.effort, reader_.string_or("effort", ""));
    TRY_ASSIGN(config_.system_role, reader_.string_or("system_role", config_.system_role));
    if (config_.system_role != "system" && config_.system_role != "developer")
      return error("system_role", "is \"system\" or \"developer\"");
    TRY_ASSIGN(config_.prompt_cache, reader_.boolean_or("prompt_cache", config_.prompt_cache));
    return {};
  }

  Result<void> read_extras() {
    if (reader_.has("extra_body")) {
      TRY_ASSIGN(const Json* body, reader_.object("extra_body"));
      config_.extra_body = *body;
      for (const auto& [key, value] : body->items()) {
        TRY(check_body_key("extra_body", key));
        if (key != "generationConfig" || !value.is_object()) continue;  // Gemini's
        for (const auto& [inner, unused] : value.items()) TRY(check_body_key("extra_body", inner));
      }
    }
    TRY_ASSIGN(config_.omit, reader_.strings_or("omit", {}));
    for (const std::string& key : config_.omit) {
      TRY(check_body_key("omit", key));
      if (key == "generationConfig")
        return error("omit", "must not hold generationConfig: the output cap stands in it");
    }
    if (!reader_.has("extra_headers")) return {};
    TRY_ASSIGN(const Json* headers, reader_.object("extra_headers"));
    for (const auto& [name, value] : headers->items()) TRY(read_header(name, value));
    return {};
  }

  // What bounds the price of a call has one place.
  Result<void> check_body_key(const char* where, const std::string& key) const {
    for (const char* cap : {"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"})
      if (key == cap || key == config_.token_cap_field)
        return error(where, fmt::format("must not hold {}: use max_output_tokens and token_cap_field", key));
    for (const char* many : {"n", "best_of", "candidateCount", "background"})
      if (key == many)
        return error(where, fmt::format("must not hold {}: one call is one answer, at once", key));
    return {};
  }

  Result<void> read_header(const std::string& name, const Json& value) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    const bool is_token = !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
      return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
             kMarks.find(c) != std::string_view::npos;
    });
    if (!is_token || !value.is_string() || !is_printable_ascii(value.get<std::string>()))
      return error("extra_headers", "must be header names with strings of printable ASCII");
    for (const char* secret :
         {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"})
      if (lower(name) == secret)
        return error("extra_headers",
                     fmt::format("must not hold {}: a configuration never holds a key, use key_env "
                                 "and key_header",
                                 secret));
    config_.extra_headers[name] = value.get<std::string>();
    return {};
  }

  Result<void> read_times() {
    for (const Timer& timer : kTimers) {
      std::optional<double> seconds;
      TRY(read_optional_number(timer.key, seconds));
      if (seconds) config_.*timer.field = std::llround(*seconds * 1000);
    }
    return {};
  }

  Result<void> read_limits() {
    std::optional<int64_t> in_flight, attempts, requests, tokens;
    TRY(read_optional_integer("max_in_flight", in_flight));
    TRY(read_optional_integer("max_attempts", attempts));
    TRY(read_optional_integer("requests_per_minute", requests));
    TRY(read_optional_integer("tokens_per_minute", tokens));
    config_.max_in_flight = static_cast<int>(in_flight.value_or(config_.max_in_flight));
    config_.max_attempts = static_cast<int>(attempts.value_or(config_.max_attempts));
    config_.requests_per_minute = requests.value_or(0);
    config_.tokens_per_minute = tokens.value_or(0);
    return {};
  }

  Result<void> read_price() {
    const Json* price = reader_.find("price");
    if (price == nullptr) return {};
    if (*price == "free") {
      config_.is_free = true;
      return {};
    }
    if (!price->is_object())
      return error("price",
                   "is \"free\" or { input = , output = , cached_read = , cache_write = } in dollars per "
                   "million tokens");
    TRY_ASSIGN(config_.price, price_from_json(*price, reader_.where() + ": price"));
    return {};
  }

  Result<void> read_local() {
    TRY_ASSIGN(config_.command, reader_.strings_or("command", {}));
    TRY_ASSIGN(config_.keep_environment, reader_.strings_or("keep_environment", {}));
    TRY_ASSIGN(config_.folder, reader_.string_or("folder", ""));
    for (const auto* texts : {&config_.command, &config_.keep_environment})
      for (const std::string& text : *texts)
        if (text.find('\0') != std::string::npos) return error("command", "must not hold NUL characters");
    return {};
  }

  Result<void> check_complete() {
    const ProviderKind kind = config_.provider;
    const auto wants = [&](const char* key, const char* example) {
      return usage_error(fmt::format("{}: {} needs {}, such as {} = {}", reader_.where(), to_string(kind),
                                     key, key, example));
    };
    if (is_http(kind) && config_.base_url.empty()) return wants("base_url", "\"https://api.openai.com/v1\"");
    if (is_http(kind) && config_.model.empty()) return wants("model", "\"gpt-5.6\"");
    if (kind == ProviderKind::kAnthropicMessages && !config_.max_output_tokens)
      return wants("max_output_tokens", "32000");
    if (kind == ProviderKind::kCommand && (config_.command.empty() || config_.command[0].empty()))
      return wants("command", "[\"./my-agent\", \"--print\"]");
    const bool has_folder =
        kind == ProviderKind::kManual || kind == ProviderKind::kScripted || kind == ProviderKind::kReplay;
    if (has_folder && config_.folder.empty()) return wants("folder", "\"replies\"");
    return {};
  }

  Result<void> read_optional_integer(const char* key, std::optional<int64_t>& value) {
    if (!reader_.has(key)) return {};
    TRY_ASSIGN(const int64_t read, reader_.integer(key));
    TRY(check_range(key, static_cast<double>(read)));
    value = read;
    return {};
  }

  Result<void> read_optional_number(const char* key, std::optional<double>& value) {
    if (!reader_.has(key)) return {};
    TRY_ASSIGN(const double read, reader_.number(key));
    TRY(check_range(key, read));
    value = read;
    return {};
  }

  Result<void> check_range(const char* key, double value) const {
    const ModelKey range = model_key(key);
    if (value >= range.low && value <= range.high) return {};
    return error(key, fmt::format("must be {} to {}, not {}", range.low, range.high, value));
  }

  JsonObjectReader reader_;
  ModelConfig& config_;
};

Result<double> read_dollars(JsonObjectReader& reader, const char* key) {
  constexpr double kMaxDollars = 1e6;
  TRY_ASSIGN(const double dollars, reader.number(key));
  if (!(dollars >= 0 && dollars <= kMaxDollars))
    return usage_error(
        fmt::format("{}: {} must be 0 to {} dollars per million tokens", reader.where(), key, kMaxDollars));
  return dollars;
}

Json seconds(int64_t ms) {
  return ms % 1000 == 0 ? Json(ms / 1000) : Json(static_cast<double>(ms) / 1000);
}

template <class T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

// Every field; to_json leaves out those that are empty or of another provider.
Json every_field(const ModelConfig& config) {
  Json json = {{"provider", to_string(config.provider)},
               {"base_url", config.base_url},
               {"model", config.model},
               {"key_env", config.key_env},
               {"key_file", config.key_file},
               {"key_header", config.key_header},
               {"stream", config.stream},
               {"max_output_tokens", optional_json(config.max_output_tokens)},
               {"token_cap_field", config.token_cap_field},
               {"version_header", config.version_header},
               {"temperature", optional_json(config.temperature)},
               {"top_p", optional_json(config.top_p)},
               {"effort", config.effort},
               {"system_role", config.system_role},
               {"prompt_cache", config.prompt_cache},
               {"extra_body", config.extra_body},
               {"omit", config.omit},
               {"extra_headers", config.extra_headers},
               {"proxy", config.proxy},
               {"ca_file", config.ca_file},
               {"http2", config.http2},
               {"max_in_flight", config.max_in_flight},
               {"requests_per_minute", config.requests_per_minute},
               {"tokens_per_minute", config.tokens_per_minute},
               {"max_attempts", config.max_attempts},
               {"price", config.is_free ? Json("free")
                         : config.price ? to_json(*config.price)
                                        : Json()},
               {"command", config.command},
               {"keep_environment", config.keep_environment},
               {"folder", config.folder}};
  for (const Timer& timer : kTimers) json[timer.key] = seconds(config.*timer.field);
  return json;
}

}  // namespace

std::string_view to_string(ProviderKind kind) {
  for (const auto& [known, text] : kKinds)
    if (known == kind) return text;
  CHECK(false);
}

std::optional<ProviderKind> provider_kind_from_string(std::string_view text) {
  for (const auto& [kind, known] : kKinds)
    if (known == text) return kind;
  return std::nullopt;
}

bool is_http(ProviderKind kind) {
  return kind <= ProviderKind::kGemini;
}

Result<Price> price_from_json(const Json& json, const std::string& where) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  Price price;
  TRY_ASSIGN(price.input, read_dollars(reader, "input"));
  TRY_ASSIGN(price.output, read_dollars(reader, "output"));
  if (reader.has("cached_read")) {
    TRY_ASSIGN(price.cached_read, read_dollars(reader, "cached_read"));
  }
  if (reader.has("cache_write")) {
    TRY_ASSIGN(price.cache_write, read_dollars(reader, "cache_write"));
  }
  if (const Json* tier = reader.find("long_prompt")) {
    TRY_ASSIGN(auto tier_reader, JsonObjectReader::open(*tier, where + ": long_prompt"));
    Price::LongPrompt long_prompt;
    TRY_ASSIGN(long_prompt.above, tier_reader.integer("above"));
    TRY_ASSIGN(long_prompt.input, read_dollars(tier_reader, "input"));
    TRY_ASSIGN(long_prompt.output, read_dollars(tier_reader, "output"));
    TRY(tier_reader.reject_unknown_keys());
    price.long_prompt = long_prompt;
  }
  TRY(reader.reject_unknown_keys());
  return price;
}

Json to_json(const Price& price) {
  Json json = {{"input", price.input}, {"output", price.output}};
  if (price.cached_read) json["cached_read"] = *price.cached_read;
  if (price.cache_write) json["cache_write"] = *price.cache_write;
  if (const auto& tier = price.long_prompt)
    json["long_prompt"] = {{"above", tier->above}, {"input", tier->input}, {"output", tier->output}};
  return json;
}

Result<ModelConfig> model_config_from_json(const std::string& name, const Json& json,
                                           const std::string& where) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  TRY_ASSIGN(const std::string provider, reader.string("provider"));
  const auto kind = provider_kind_from_string(provider);
  if (!kind) {
    std::vector<std::string_view> known;
    for (const auto& [unused, text] : kKinds) known.push_back(text);
    return usage_error(fmt::format("{}: there is no provider '{}'; there are {}", where,
                                   quotable_line(provider, 60), fmt::join(known, ", ")));
  }
  TRY(check_model_keys(*kind, json, where));
  ModelConfig config;
  config.name = name;
  config.provider = *kind;
  TRY(Reader(std::move(reader), config).read());
  return config;
}

Json to_json(const ModelConfig& config) {
  const Json every = every_field(config);
  Json json = Json::object();
  for (const std::string& key : model_keys_of(config.provider)) {
    const Json& value = every.at(key);
    const bool is_unset = value.is_null() || value == "" || (value.is_structured() && value.empty());
    if (!is_unset) json[key] = value;
  }
  return json;
}

}  // namespace warpwright::llm
