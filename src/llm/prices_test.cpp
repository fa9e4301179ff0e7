// Prices: which one counts, what a call cost, what it can cost at most. And the tables that ship.
#include <gtest/gtest.h>

#include "src/base/files.h"
#include "src/llm/endpoint_presets.h"
#include "src/llm/prices.h"

namespace warpwright::llm {
namespace {

Prices table() {
  const auto price = [](const char* models, double input) {
    return "[[price]]\nhost = \"h.com\"\nmodels = " + std::string(models) +
           "\ninput = " + std::to_string(input) + "\noutput = 1.0\nas_of = \"d\"\nsource = \"s\"\n";
  };
  return Prices::from_toml(
             price(R"(["m", "m-20*"])", 1) + price(R"(["m-2026*"])", 2) + price(R"(["m-2026-01"])", 3), "p")
      .value();
}

std::optional<double> input_of(const char* base_url, const char* model) {
  const auto price = table().find(base_url, model);
  return price ? std::optional(price->input) : std::nullopt;
}

TEST(PriceTable, ExactThenTheLongestPrefixOfTheSameHost) {
  EXPECT_EQ(input_of("https://h.com/v1", "m"), 1);
  EXPECT_EQ(input_of("https://h.com:443/v1", "m-2025-01"), 1);
  EXPECT_EQ(input_of("https://h.com", "m-2026-02"), 2);
  EXPECT_EQ(input_of("https://h.com?x", "m-2026-01"), 3);
  EXPECT_EQ(input_of("https://h.com", "m-mini"), std::nullopt) << "another model";
  EXPECT_EQ(input_of("https://evil.h.com", "m"), std::nullopt);
  EXPECT_EQ(input_of("https://h.com.evil", "m"), std::nullopt);
}

TEST(PriceTable, MistakesAreToldWithTheirLine) {
  const auto error_of = [](const char* text) {
    const auto prices = Prices::from_toml(text, "prices.toml");
    return prices ? "no error" : prices.error().message;
  };
  EXPECT_EQ(error_of("x = 1"), "prices.toml:1: 'x' stands outside of a table");
  EXPECT_EQ(error_of("\n[[prices]]\nx = 1"),
            "prices.toml:2: a table of prices begins with [[price]], not prices");
  EXPECT_EQ(error_of("[[price]]\nhost = 1"), "prices.toml:1: key 'host' must be a string, not number");
  EXPECT_EQ(error_of("[[price]]\nhost = \"h\"\nmodels = [\"m\"]\nas_of = \"d\"\nsource = \"s\"\ninput = "
                     "1\noutput = 1\ninptu = 2"),
            "prices.toml:1: unknown key 'inptu'");
  EXPECT_EQ(error_of("[[price]]\nhost = \"h\"\nmodels = [\"m\", \"m\"]\nas_of = \"d\"\nsource = \"s\"\ninput "
                     "= 1\noutput = 1"),
            "prices.toml:1: m has a price already");
  EXPECT_EQ(
      error_of(
          "[[price]]\nhost = \"h\"\nmodels = [\"m\"]\nas_of = \"\"\nsource = \"s\"\ninput = 1\noutput = 1"),
      "prices.toml:1: a price names its models, its date (as_of) and its source");
}

TEST(PriceTable, TheConfigurationsOwnPriceGoesFirstAndUnknownStaysUnknown) {
  ModelConfig config;
  config.base_url = "https://h.com";
  config.model = "m";
  EXPECT_EQ(price_of(config, table())->input, 1);
  config.price = Price{7, 8};
  EXPECT_EQ(price_of(config, table())->input, 7);
  config.is_free = true;
  EXPECT_EQ(price_of(config, table())->input, 0);
  ModelConfig other;
  other.base_url = "https://elsewhere";
  other.model = "m";
  EXPECT_FALSE(price_of(other, table()));
  other.provider = ProviderKind::kCommand;
  EXPECT_FALSE(price_of(other, table())) << "a program may buy";
  other.provider = ProviderKind::kReplay;
  EXPECT_EQ(price_of(other, table())->output, 0);
}

TEST(Costs, EachTokenAtItsPriceRoundedUp) {
  const Price price{2, 10, 0.2, 2.5};
  EXPECT_EQ(cost_microdollars({true, 1000, 600, 100, 50, 30}, price), 300 * 2 + 120 + 250 + 500);
  EXPECT_EQ(cost_microdollars({true, 1, 1, 0, 0, 0}, price), 1) << "0.2 microdollars";
  EXPECT_EQ(cost_microdollars({true, 30, 0, 0, 0, 0}, Price{0.1, 0}), 3)
      << "not 4 for the last bit of a product";
  EXPECT_EQ(cost_microdollars({true, 1000, 600, 100, 0, 0}, Price{2, 10}), 2000)
      << "cached tokens without a price";
  EXPECT_EQ(cost_microdollars({}, price), 0);
  EXPECT_EQ(cost_microdollars({true, 10, 20, 0, 0, 0}, price), 4) << "more cached than there are";
}

TEST(Costs, ALongPromptMakesTheWholeCallDearer) {
  Price price{2, 10, 0.2, 2.5};
  price.long_prompt = Price::LongPrompt{1000, 4, 15};
  EXPECT_EQ(cost_microdollars({true, 1000, 0, 0, 10, 0}, price), 2100);
  EXPECT_EQ(cost_microdollars({true, 1001, 500, 500, 10, 0}, price), 4 + 200 + 2500 + 150);
}

TEST(Costs, TheWorstCaseBoundsWhateverTheServerCounts) {
  ModelConfig config;
  const Conversation conversation{"sys",
                                  {{Message::Role::kUser, "\xC3\xA9"}, {Message::Role::kAssistant, "abc"}}};
  EXPECT_EQ(max_input_tokens(conversation, config), 3 + 2 + 3 + 2 * 16 + 64);
  EXPECT_FALSE(worst_case_microdollars(conversation, config, Price{1, 1})) << "no cap is sent";
  config.max_output_tokens = 100;
  EXPECT_EQ(worst_case_microdollars(conversation, config, Price{2, 10, 0.2, 2.5}), 260 + 1000)
      << "all written to the cache";
  config.token_cap_field = "none";
  EXPECT_FALSE(worst_case_microdollars(conversation, config, Price{1, 1}));
  config.token_cap_field = "max_tokens";
  Price tiered{2, 10};
  tiered.long_prompt = Price::LongPrompt{50, 4, 15};
  EXPECT_EQ(worst_case_microdollars(conversation, config, tiered), 104 * 4 + 1500);
}

TEST(ShippedTables, ThePricesAreReadAndBelongToPresets) {
  const auto home = find_home().value();
  const auto prices = Prices::load(home / "configs/models/prices.toml");
  ASSERT_TRUE(prices) << prices.error().message;
  const auto presets = EndpointPresets::load(home / "configs/models/endpoints.toml");
  ASSERT_TRUE(presets) << presets.error().message;
  for (const char* spec :
       {"openai:gpt-6-sol", "openai-responses:gpt-6.1-terra", "anthropic:claude-sonnet-5-5",
        "anthropic:claude-haiku-4-5-20251001", "gemini:gemini-3.5-flash", "deepseek:deepseek-flash",
        "vllm:anything", "ollama:qwen3:32b", "llama-cpp:x"}) {
    const auto config = model_from_spec(*presets, spec);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_TRUE(price_of(*config, *prices)) << spec;
  }
  EXPECT_FALSE(price_of(model_from_spec(*presets, "openai:gpt-99").value(), *prices));
}

}  // namespace
}  // namespace warpwright::llm
