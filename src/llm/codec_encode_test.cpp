// What is sent: the request each wire format makes of a configuration and a conversation, and nothing that
// was not configured.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/llm/codec.h"

namespace warpwright::llm {
namespace {

constexpr ProviderKind kKinds[] = {ProviderKind::kOpenAiChat, ProviderKind::kOpenAiResponses,
                                   ProviderKind::kAnthropicMessages, ProviderKind::kGemini};

ModelConfig config_of(ProviderKind kind, const char* base_url) {
  ModelConfig config;
  config.provider = kind;
  config.base_url = base_url;
  config.model = "m/1";
  config.max_output_tokens = 1000;
  return config;
}

Call call_with(std::string system) {
  Call call;
  call.conversation.system = std::move(system);
  call.conversation.messages = {
      {Message::Role::kUser, "ask"}, {Message::Role::kAssistant, "bad"}, {Message::Role::kUser, "é"}};
  return call;
}

HttpRequest encode(const ModelConfig& config, std::string system = "rules") {
  return make_codec(config.provider)->encode(config, call_with(std::move(system)));
}
Json body_of(const ModelConfig& config, std::string system = "rules") {
  return Json::parse(encode(config, std::move(system)).body);
}

TEST(Encode, AStreamedRequestOfEachFormat) {
  EXPECT_EQ(body_of(config_of(kKinds[0], "")), Json::parse(R"({"model":"m/1","stream":true,
    "stream_options":{"include_usage":true},"max_completion_tokens":1000,"messages":[
    {"role":"system","content":"rules"},{"role":"user","content":"ask"},{"role":"assistant","content":"bad"},
    {"role":"user","content":"é"}]})"));
  EXPECT_EQ(body_of(config_of(kKinds[1], "")), Json::parse(R"({"model":"m/1","stream":true,"store":false,
    "max_output_tokens":1000,"instructions":"rules","input":[{"role":"user","content":"ask"},
    {"role":"assistant","content":"bad"},{"role":"user","content":"é"}]})"));
  EXPECT_EQ(body_of(config_of(kKinds[2], "")), Json::parse(R"({"model":"m/1","stream":true,"max_tokens":1000,
    "system":[{"type":"text","text":"rules","cache_control":{"type":"ephemeral"}}],"messages":[
    {"role":"user","content":"ask"},{"role":"assistant","content":"bad"},{"role":"user","content":"é"}]})"));
  EXPECT_EQ(body_of(config_of(kKinds[3], "")), Json::parse(R"({"generationConfig":{"maxOutputTokens":1000},
    "systemInstruction":{"parts":[{"text":"rules"}]},"contents":[{"role":"user","parts":[{"text":"ask"}]},
    {"role":"model","parts":[{"text":"bad"}]},{"role":"user","parts":[{"text":"é"}]}]})"));
}

TEST(Encode, NothingIsSentThatWasNotConfigured) {
  for (ProviderKind kind : kKinds) {
    ModelConfig config = config_of(kind, "");
    config.max_output_tokens.reset();
    config.prompt_cache = false;
    const Json body = body_of(config, "");
    for (const char* key :
         {"temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "system",
          "instructions", "systemInstruction", "generationConfig", "reasoning", "reasoning_effort",
          "thinking", "output_config", "seed", "user"})
      EXPECT_FALSE(body.contains(key)) << to_string(kind) << " " << key;
    EXPECT_EQ(body.dump().find("cache_control"), std::string::npos);
  }
}

TEST(Encode, SamplingAndEffortInEachFormatsWords) {
  const auto with = [](ProviderKind kind) {
    ModelConfig config = config_of(kind, "");
    config.temperature = 0.5;
    config.top_p = 0.9;
    config.effort = "high";
    return body_of(config);
  };
  for (ProviderKind kind : {kKinds[0], kKinds[1], kKinds[2]}) {
    EXPECT_EQ(with(kind).at("temperature"), 0.5);
    EXPECT_EQ(with(kind).at("top_p"), 0.9);
  }
  EXPECT_EQ(with(kKinds[0]).at("reasoning_effort"), "high");
  EXPECT_EQ(with(kKinds[1]).at("reasoning"), Json::parse(R"({"effort":"high"})"));
  EXPECT_EQ(with(kKinds[2]).at("thinking"), Json::parse(R"({"type":"adaptive"})"));
  EXPECT_EQ(with(kKinds[2]).at("output_config"), Json::parse(R"({"effort":"high"})"));
  EXPECT_EQ(with(kKinds[3]).at("generationConfig"), Json::parse(R"({"maxOutputTokens":1000,"temperature":0.5,
    "topP":0.9,"thinkingConfig":{"thinkingLevel":"high"}})"));
}

TEST(Encode, TheCapsFieldIsConfigurationAndNoneSendsNone) {
  ModelConfig config = config_of(kKinds[0], "");
  config.token_cap_field = "max_tokens";
  EXPECT_EQ(body_of(config).at("max_tokens"), 1000);
  EXPECT_FALSE(body_of(config).contains("max_completion_tokens"));
  config.token_cap_field = "none";
  EXPECT_EQ(encode(config).body.find("1000"), std::string::npos);
}

TEST(Encode, ExtraBodyIsMergedLastAndOmittedKeysAreNotSent) {
  for (ProviderKind kind : kKinds) {
    ModelConfig config = config_of(kind, "");
    config.temperature = 1;
    config.extra_body =
        Json::parse(R"({"temperature":0.25,"provider":{"order":["a"]},"generationConfig":{"seed":7}})");
    config.omit = {"stream", "store", "stream_options"};
    const Json body = body_of(config);
    EXPECT_EQ(body.at("temperature"), 0.25);
    EXPECT_EQ(body.at("provider"), Json::parse(R"({"order":["a"]})"));
    EXPECT_FALSE(body.contains("stream") || body.contains("store") || body.contains("stream_options"));
    if (kind == ProviderKind::kGemini) {
      EXPECT_EQ(body.at("generationConfig").at("maxOutputTokens"), 1000);
    }
  }
}

TEST(Encode, WithoutStreaming) {
  for (ProviderKind kind : kKinds) {
    ModelConfig config = config_of(kind, "https://h");
    config.stream = false;
    const HttpRequest request = encode(config);
    const Json body = Json::parse(request.body);
    EXPECT_EQ(body.value("stream", false), false);
    EXPECT_FALSE(body.contains("stream_options"));
    EXPECT_EQ(request.headers.at(1), "Accept: application/json");
  }
}

TEST(Encode, Addresses) {
  struct Case {
    ProviderKind kind;
    const char *base_url, *url;
  };
  const Case cases[] = {
      {kKinds[0], "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"},
      {kKinds[0], "http://localhost:8000/v1/", "http://localhost:8000/v1/chat/completions"},
      {kKinds[0], "https://h/v1/chat/completions", "https://h/v1/chat/completions"},
      {kKinds[0], "https://h/openai/deployments/d?api-version=1",
       "https://h/openai/deployments/d/chat/completions?api-version=1"},
      {kKinds[1], "https://api.openai.com/v1", "https://api.openai.com/v1/responses"},
      {kKinds[2], "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"},
      {kKinds[2], "https://h/v1", "https://h/v1/messages"},
      {kKinds[3], "https://g.com", "https://g.com/v1beta/m/1:streamGenerateContent?alt=sse"},
      {kKinds[3], "https://g.com/v1", "https://g.com/v1/m/1:streamGenerateContent?alt=sse"},
      {kKinds[3], "https://g.com/proxy?tenant=7",
       "https://g.com/proxy/v1beta/m/1:streamGenerateContent?alt=sse&tenant=7"}};
  for (const Case& c : cases) EXPECT_EQ(encode(config_of(c.kind, c.base_url)).url, c.url);
  ModelConfig gemini = config_of(kKinds[3], "https://g.com");
  gemini.model = "gemini 3?x#y";
  gemini.stream = false;
  EXPECT_EQ(encode(gemini).url, "https://g.com/v1beta/models/gemini%203%3Fx%23y:generateContent");
}

TEST(Encode, HeadersAndWhereTheKeyGoes) {
  const char* key_headers[] = {"Authorization: Bearer ", "Authorization: Bearer ",
                               "x-api-key: ", "x-goog-api-key: "};
  for (int i = 0; i < 4; ++i) {
    ModelConfig config = config_of(kKinds[i], "https://h");
    EXPECT_EQ(encode(config).key_header, key_headers[i]);
    config.key_header = "api-key: ";
    EXPECT_EQ(encode(config).key_header, "api-key: ");
  }
  ModelConfig config = config_of(ProviderKind::kAnthropicMessages, "https://h");
  EXPECT_EQ(encode(config).headers,
            (std::vector<std::string>{"Content-Type: application/json", "Accept: text/event-stream",
                                      "anthropic-version: 2023-06-01"}));
  config.version_header = "2026-10-21";
  config.extra_headers = {{"ACCEPT", "*/*"}, {"anthropic-beta", "x"}};
  EXPECT_EQ(encode(config).headers,
            (std::vector<std::string>{"Content-Type: application/json", "anthropic-version: 2026-10-21",
                                      "ACCEPT: */*", "anthropic-beta: x"}));
}

TEST(Encode, MalformedTextIsSentAsUtf8) {
  for (ProviderKind kind : kKinds)
    EXPECT_NE(encode(config_of(kind, ""),
                     "a\xFF"
                     "b")
                  .body.find("a\xEF\xBF\xBD"
                             "b"),
              std::string::npos);
}

}  // namespace
}  // namespace warpwright::llm
