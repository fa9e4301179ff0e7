// What a call costs and what it can cost at most. Prices are configs/models/prices.toml's or the configuration's; an
// unknown price stays unknown.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/llm/conversation.h"
#include "src/llm/model_config.h"
#include "src/llm/provider.h"

namespace warpwright::llm {

struct TomlTable;

class Prices {
 public:
  static Result<Prices> load(const std::filesystem::path& path);
  static Result<Prices> from_toml(std::string_view text, const std::string& file);

  // By the host of `base_url` and the model: the exact name, else the longest declared prefix
  // ("gpt-6-sol-20*").
  std::optional<Price> find(std::string_view base_url, std::string_view model) const;

 private:
  static Result<Prices> from_tables(const std::vector<TomlTable>& tables);
  struct Entry {
    std::string host, model;  // the model without its '*'
    bool is_prefix = false;
    Price price;
  };
  std::vector<Entry> entries_;
};

// The configuration's own price, else the table's. Nothing is zero unless it says so, but for what cannot
// cost anything: files and recorded runs.
std::optional<Price> price_of(const ModelConfig& config, const Prices& prices);

// Rounded up. One dollar per million tokens is one microdollar per token.
int64_t cost_microdollars(const Usage& usage, const Price& price);

// At most this many input tokens: a token is at least one byte of UTF-8 text; 16 for each message's and 64
// for the conversation's own marks (chat templates).
int64_t max_input_tokens(const Conversation& conversation, const ModelConfig& config);

// No bound where no output cap is sent: max_output_tokens not given, or token_cap_field = "none".
std::optional<int64_t> worst_case_microdollars(const Conversation& conversation, const ModelConfig& config,
                                               const Price& price);

}  // namespace warpwright::llm
