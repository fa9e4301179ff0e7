// Models named in one word.
#include <gtest/gtest.h>

#include "src/llm/endpoint_presets.h"

namespace warpwright::llm {
namespace {

EndpointPresets presets() {
  return EndpointPresets::from_toml(R"(
[one]
provider = "openai-chat"
base_url = "https://one/v1"
key_env = "ONE_KEY"
max_output_tokens = 7
notes = "for people"
[two]
provider = "gemini"
base_url = "https://two"
)",
                                    "endpoints.toml")
      .value();
}

std::string error_of(const std::string& spec) {
  const auto config = model_from_spec(presets(), spec);
  return config ? "no error" : config.error().message;
}

TEST(ModelSpecs, APresetAndAModel) {
  const ModelConfig config = model_from_spec(presets(), "one:org/model:free").value();
  EXPECT_EQ(config.name, "model:free");
  EXPECT_EQ(config.model, "org/model:free");
  EXPECT_EQ(config.base_url, "https://one/v1");
  EXPECT_EQ(config.key_env, "ONE_KEY");
  EXPECT_EQ(config.max_output_tokens, 7);
  const ModelConfig elsewhere = model_from_spec(presets(), "two:m@20@http://localhost:8000/v1").value();
  EXPECT_EQ(elsewhere.model, "m@20");
  EXPECT_EQ(elsewhere.base_url, "http://localhost:8000/v1");
}

TEST(ModelSpecs, ProgramsPeopleAndFiles) {
  const ModelConfig command =
      model_from_spec(presets(), R"(command:./my-agent  --say 'a b' "c \" d" e\ f '')").value();
  EXPECT_EQ(command.command, (std::vector<std::string>{"./my-agent", "--say", "a b", "c \" d", "e f", ""}));
  EXPECT_EQ(command.name, "my-agent");
  EXPECT_EQ(model_from_spec(presets(), "manual:in box").value().folder, "in box");
  EXPECT_EQ(model_from_spec(presets(), "scripted:f").value().provider, ProviderKind::kScripted);
  EXPECT_EQ(model_from_spec(presets(), "replay:r").value().name, "replay");
}

TEST(ModelSpecs, MistakesListWhatThereIs) {
  const std::string there =
      "must be PRESET:MODEL or PRESET:MODEL@BASE_URL, where PRESET is one, two; or "
      "command:PROGRAM, manual:FOLDER, scripted:FOLDER, replay:FOLDER";
  for (const char* spec : {"", "one", "one:", "three:m", "openai-chat:m", ":m", "https://one/v1"})
    EXPECT_EQ(error_of(spec), "--model " + std::string(spec) + ": " + there);
  EXPECT_EQ(error_of("command:a 'b"), "--model: a quote ' is not closed in the command");
  EXPECT_EQ(error_of("command:  "),
            "--model command:  : command needs command, such as command = [\"./my-agent\", \"--print\"]");
  EXPECT_EQ(error_of("one:m@http://u:p@h"),
            "--model one:m@http://u:p@h: base_url must not hold a user and password: a "
            "configuration is recorded (a proxy's may stand in the environment variable https_proxy)");
}

TEST(ModelSpecs, ATableWithAPreset) {
  const auto merged =
      with_preset(presets(), Json::parse(R"({"preset":"one","model":"m","max_output_tokens":9})"), "t");
  EXPECT_EQ(
      *merged,
      Json::parse(
          R"({"provider":"openai-chat","base_url":"https://one/v1","key_env":"ONE_KEY","model":"m","max_output_tokens":9})"));
  EXPECT_FALSE(
      with_preset(presets(), Json::parse(R"({"preset":"one","key_file":"f"})"), "t")->contains("key_env"));
  EXPECT_EQ(*with_preset(presets(), Json::parse(R"({"provider":"x"})"), "t"),
            Json::parse(R"({"provider":"x"})"));
  EXPECT_EQ(with_preset(presets(), Json::parse(R"({"preset":"three"})"), "t:1: models.a").error().message,
            "t:1: models.a: preset must be one of one, two");
}

TEST(Presets, AWrongOneIsFoundWhenTheFileIsRead) {
  const auto wrong =
      EndpointPresets::from_toml("\n[x]\nprovider = \"gemini\"\nbase_ulr = \"https://h\"", "e.toml");
  EXPECT_EQ(wrong.error().message, "e.toml:2: [x]: unknown key 'base_ulr'; the nearest is 'base_url'");
  EXPECT_EQ(presets().find("one")->notes, "for people");
}

}  // namespace
}  // namespace warpwright::llm
