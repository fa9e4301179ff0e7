// Tables of models: what they give, that they come back the same, and what each mistake is told.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/llm/model_config.h"

namespace warpwright::llm {
namespace {

Result<ModelConfig> read(const std::string& json) {
  return model_config_from_json("fast", Json::parse(json), "run.toml:3: models.fast");
}
std::string error_of(const std::string& json) {
  const auto config = read(json);
  return config ? "no error" : config.error().message;
}

const char* const kHttp = R"("base_url":"https://h/v1","model":"m")";

TEST(ModelConfigs, AFullTableComesBackAsItWas) {
  const Json full =
      Json::parse(R"({"provider":"openai-chat","base_url":"https://h/v1","model":"m","key_env":"MY_KEY",
    "key_header":"api-key: ","stream":false,"max_output_tokens":5,"token_cap_field":"max_tokens","temperature":0.5,
    "top_p":1.0,"effort":"high","system_role":"developer","extra_body":{"a":{"b":[1]}},"omit":["stream_options"],
    "extra_headers":{"X-Title":"w"},"proxy":"http://p:3128","ca_file":"/ca.pem","http2":false,"connect_timeout_s":1,
    "first_byte_timeout_s":2,"idle_timeout_s":0.25,"progress_timeout_s":4,"total_timeout_s":5,"max_in_flight":6,
    "requests_per_minute":7,"tokens_per_minute":8,"max_attempts":9,"price":{"input":1.0,"output":2.0,"cached_read":0.1,
    "cache_write":1.25,"long_prompt":{"above":200000,"input":2.0,"output":3.0}}})");
  const auto config = model_config_from_json("fast", full, "t");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->name, "fast");
  EXPECT_EQ(config->idle_timeout_ms, 250);
  EXPECT_EQ(config->price->long_prompt->above, 200'000);
  EXPECT_EQ(to_json(*config), full);
}

TEST(ModelConfigs, DefaultsOfEveryProviderComeBackTheSame) {
  for (const std::string& text :
       {fmt::format(R"({{"provider":"openai-chat",{}}})", kHttp),
        fmt::format(R"({{"provider":"openai-responses",{}}})", kHttp),
        fmt::format(R"({{"provider":"anthropic-messages","max_output_tokens":9,{}}})", kHttp),
        fmt::format(R"({{"provider":"gemini","price":"free",{}}})", kHttp),
        std::string(R"({"provider":"command","command":["a","b c"],"keep_environment":["X"]})"),
        std::string(R"({"provider":"manual","folder":"f"})"),
        std::string(R"({"provider":"scripted","folder":"f"})"),
        std::string(R"({"provider":"replay","folder":"f"})")}) {
    const auto config = read(text);
    ASSERT_TRUE(config) << config.error().message;
    const Json written = to_json(*config);
    const auto again = model_config_from_json("fast", written, "t");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(to_json(*again), written);
    EXPECT_EQ(again->first_byte_timeout_ms, ModelConfig().first_byte_timeout_ms);
  }
}

TEST(ModelConfigs, EveryMistakeIsToldWithItsPlaceAndMend) {
  const std::string chat = fmt::format(R"({{"provider":"openai-chat",{},)", kHttp);
  struct Case {
    std::string json, error;
  };
  const Case cases[] = {
      {"{}", "key 'provider' is missing (expected a string)"},
      {R"({"provider":"openai"})",
       "there is no provider 'openai'; there are openai-chat, openai-responses, anthropic-messages, gemini, "
       "command, manual, scripted, replay"},
      {R"({"provider":"openai-chat","model":"m"})",
       "openai-chat needs base_url, such as base_url = \"https://api.openai.com/v1\""},
      {R"({"provider":"gemini","base_url":"https://h"})", "gemini needs model, such as model = \"gpt-5.6\""},
      {fmt::format(R"({{"provider":"anthropic-messages",{}}})", kHttp),
       "anthropic-messages needs max_output_tokens, such as max_output_tokens = 32000"},
      {R"({"provider":"command"})", "command needs command, such as command = [\"./my-agent\", \"--print\"]"},
      {R"({"provider":"scripted"})", "scripted needs folder, such as folder = \"replies\""},
      {chat + R"("temprature":1})", "unknown key 'temprature'; the nearest is 'temperature'"},
      {chat + R"("command":["x"]})", "'command' means nothing to the provider openai-chat"},
      {R"({"provider":"manual","folder":"f","stream":true})",
       "'stream' means nothing to the provider manual"},
      {chat + R"("api_key":"sk-secret"})",
       "a configuration never holds a key: instead of 'api_key', name the environment variable that holds it "
       "(key_env) or a file (key_file)"},
      {chat + R"("key_env":"sk-secret-1"})",
       "key_env is the name of an environment variable (letters, digits, _), not the key itself"},
      {chat + R"("key_env":"A","key_file":"b"})", "key_env and key_file exclude each other"},
      {chat + R"("key_header":"api-key"})",
       "key_header is what stands before the key, such as \"api-key: \" or \"Authorization: Bearer \""},
      {chat + R"("extra_headers":{"AUTHORIZATION":"Bearer sk-secret"}})",
       "extra_headers must not hold authorization: a configuration never holds a key, use key_env and "
       "key_header"},
      {chat + R"("extra_headers":{"X":"a\r\nY: b"}})",
       "extra_headers must be header names with strings of printable ASCII"},
      {chat + R"("extra_headers":{"X Y":"a"}})",
       "extra_headers must be header names with strings of printable ASCII"},
      {chat + R"("extra_body":{"max_tokens":5}})",
       "extra_body must not hold max_tokens: use max_output_tokens and token_cap_field"},
      {chat + R"("token_cap_field":"cap","extra_body":{"cap":5}})",
       "extra_body must not hold cap: use max_output_tokens and token_cap_field"},
      {chat + R"("omit":["max_completion_tokens"]})",
       "omit must not hold max_completion_tokens: use max_output_tokens and token_cap_field"},
      {chat + R"("extra_body":{"n":5}})", "extra_body must not hold n: one call is one answer, at once"},
      {chat + R"("extra_body":{"generationConfig":{"maxOutputTokens":5}}})",
       "extra_body must not hold maxOutputTokens: use max_output_tokens and token_cap_field"},
      {chat + R"("omit":["generationConfig"]})",
       "omit must not hold generationConfig: the output cap stands in it"},
      {chat + R"("max_output_tokens":0})", "max_output_tokens must be 1 to 10000000, not 0"},
      {chat + R"("max_output_tokens":1.5})", "key 'max_output_tokens' must be an integer, not number"},
      {chat + R"("top_p":1.5})", "top_p must be 0 to 1, not 1.5"},
      {chat + R"("idle_timeout_s":0})", "idle_timeout_s must be 0.001 to 604800, not 0"},
      {chat + R"("system_role":"user"})", "system_role is \"system\" or \"developer\""},
      {chat + R"("proxy":"http://me:secret@p"})",
       "proxy must not hold a user and password: a configuration is recorded (a proxy's may stand in the "
       "environment variable https_proxy)"},
      {chat + R"("price":3})",
       "price is \"free\" or { input = , output = , cached_read = , cache_write = } in dollars per million "
       "tokens"},
      {chat + R"("price":{"input":1}})", "price: key 'output' is missing (expected a number)"},
      {chat + R"("price":{"input":-1,"output":1}})",
       "price: input must be 0 to 1000000 dollars per million tokens"},
      {R"({"provider":"openai-chat","model":"m","base_url":"h/v1"})",
       "base_url must be an http:// or https:// address without spaces"},
      {R"({"provider":"openai-chat","model":"m","base_url":"https:///v1"})", "base_url names no host"},
      {R"({"provider":"openai-chat","model":"m","base_url":"https://u:secret@h/v1"})",
       "base_url must not hold a user and password: a configuration is recorded (a proxy's may stand in the "
       "environment variable https_proxy)"}};
  for (const Case& c : cases) {
    const std::string error = error_of(c.json);
    EXPECT_TRUE(error.starts_with("run.toml:3: models.fast: ")) << error;
    EXPECT_EQ(error.substr(std::min<size_t>(25, error.size())), c.error);
    EXPECT_EQ(error.find("secret"), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace warpwright::llm
