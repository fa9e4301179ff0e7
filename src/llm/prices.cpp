#include "src/llm/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/llm/toml_tables.h"

namespace warpwright::llm {
namespace {

// "api.openai.com" of "https://api.openai.com:443/v1".
std::string_view host_of(std::string_view url) {
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of(":/?#"));
}

// Prices of a call of this size.
struct Rates {
  double input, cached_read, cache_write, output;
};
Rates rates_of(const Price& price, int64_t input_tokens) {
  const bool is_long = price.long_prompt && input_tokens > price.long_prompt->above;
  const double factor = is_long && price.input > 0 ? price.long_prompt->input / price.input : 1;
  const double input = is_long ? price.long_prompt->input : price.input;
  return {input, price.cached_read ? *price.cached_read * factor : input,
          price.cache_write ? *price.cache_write * factor : input,
          is_long ? price.long_prompt->output : price.output};
}

// The tolerance keeps products such as 30 * 0.1 from being rounded up for their last bit.
int64_t rounded_up(double microdollars) {
  constexpr double kMax = 1e18;
  return static_cast<int64_t>(std::ceil(std::clamp(microdollars - 1e-6, 0.0, kMax)));
}

}  // namespace

Result<Prices> Prices::load(const std::filesystem::path& path) {
  TRY_ASSIGN(const auto tables, read_toml_tables(path));
  return from_tables(tables);
}

Result<Prices> Prices::from_toml(std::string_view text, const std::string& file) {
  TRY_ASSIGN(const auto tables, read_toml_tables(text, file));
  return from_tables(tables);
}

Result<Prices> Prices::from_tables(const std::vector<TomlTable>& tables) {
  Prices prices;
  for (const TomlTable& table : tables) {
    if (table.name != "price")
      return usage_error(
          fmt::format("{}: a table of prices begins with [[price]], not {}", table.where, table.name));
    TRY_ASSIGN(auto reader, JsonObjectReader::open(table.json, table.where));
    TRY_ASSIGN(const std::string host, reader.string("host"));
    TRY_ASSIGN(const std::vector<std::string> models, reader.strings_or("models", {}));
    TRY_ASSIGN(const std::string as_of, reader.string("as_of"));
    TRY_ASSIGN(const std::string source, reader.string("source"));
    TRY_ASSIGN(const std::string note, reader.string_or("note", ""));
    Json figures = table.json;
    for (const char* key : {"host", "models", "as_of", "source", "note"}) figures.erase(key);
    TRY_ASSIGN(const Price price, price_from_json(figures, table.where));
    if (models.empty() || as_of.empty() || source.empty())
      return usage_error(
          fmt::format("{}: a price names its models, its date (as_of) and its source", table.where));
    for (const std::string& model : models) {
      const bool is_prefix = model.ends_with('*');
      const std::string name = model.substr(0, model.size() - (is_prefix ? 1 : 0));
      for (const Entry& other : prices.entries_)
        if (other.host == host && other.model == name && other.is_prefix == is_prefix)
          return usage_error(fmt::format("{}: {} has a price already", table.where, model));
      prices.entries_.push_back({host, name, is_prefix, price});
    }
  }
  return prices;
}

std::optional<Price> Prices::find(std::string_view base_url, std::string_view model) const {
  const std::string_view host = host_of(base_url);
  const Entry* best = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.host != host) continue;
    if (!entry.is_prefix && entry.model == model) return entry.price;
    if (entry.is_prefix && model.starts_with(entry.model) &&
        (best == nullptr || entry.model.size() > best->model.size()))
      best = &entry;
  }
  return best == nullptr ? std::nullopt : std::optional(best->price);
}

std::optional<Price> price_of(const ModelConfig& config, const Prices& prices) {
  if (config.is_free) return Price{};
  if (config.price) return config.price;
  const bool is_recorded =
      config.provider == ProviderKind::kScripted || config.provider == ProviderKind::kReplay;
  if (is_recorded) return Price{};
  return is_http(config.provider) ? prices.find(config.base_url, config.model) : std::nullopt;
}

int64_t cost_microdollars(const Usage& usage, const Price& price) {
  const Rates rates = rates_of(price, usage.input);
  const auto tokens = [](int64_t count) { return static_cast<double>(std::max<int64_t>(count, 0)); };
  const double uncached = tokens(usage.input - usage.cached_read - usage.cache_write);
  return rounded_up(uncached * rates.input + tokens(usage.cached_read) * rates.cached_read +
                    tokens(usage.cache_write) * rates.cache_write + tokens(usage.output) * rates.output);
}

int64_t max_input_tokens(const Conversation& conversation, const ModelConfig& config) {
  constexpr size_t kPerMessage = 16, kPerConversation = 64;
  size_t tokens = conversation.system.size() + kPerConversation;
  for (const Message& message : conversation.messages) tokens += message.text.size() + kPerMessage;
  if (!config.extra_body.empty()) tokens += dump_json(config.extra_body).size();  // may hold text as well
  return static_cast<int64_t>(tokens);
}

std::optional<int64_t> worst_case_microdollars(const Conversation& conversation, const ModelConfig& config,
                                               const Price& price) {
  if (!config.max_output_tokens || config.token_cap_field == "none") return std::nullopt;
  const int64_t input = max_input_tokens(conversation, config);
  const Rates rates = rates_of(price, input);
  const double dearest_input = std::max({rates.input, rates.cached_read, rates.cache_write});
  return rounded_up(static_cast<double>(input) * dearest_input +
                    static_cast<double>(*config.max_output_tokens) * std::max(rates.output, price.output));
}

}  // namespace warpwright::llm
