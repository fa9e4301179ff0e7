#include "src/prompt/agent_config.h"

#include <gtest/gtest.h>

namespace warpwright::prompt {
namespace {

std::string where(const std::string& path) {
  return "agent.toml:" + path;
}

Json minimal() {
  return {{"approach", "full-agent"}, {"operators", {{"diff", 1}, {"tune", 0.5}}}};
}

std::string error_of(const Json& json) {
  const auto config = agent_config_from_json(json, where);
  return config ? "" : config.error().message;
}

TEST(AgentConfig, TheLeastThatAnAgentSays) {
  const auto config = agent_config_from_json(minimal(), where);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->opens_seeds());
  EXPECT_EQ(config->operators.at("tune"), 0.5);
  EXPECT_EQ(config->repair_attempts, 2);
}

TEST(AgentConfig, EveryKeyReadsBack) {
  Json json = minimal();
  json["approach"] = "agent-assisted";
  json["roles"] = {{"diff", "architect"}};
  json["memory"] = {{"repair_attempts", 1}, {"top", 5}, {"diverse", 0}, {"failures", 2}, {"lessons", 7}};
  json["prompt"] = {{"system_tokens", 9000},
                    {"user_tokens", 8000},
                    {"workloads", 5},
                    {"knowledge", {"split-k"}},
                    {"sections", {{"parent", 5000}}}};
  const auto config = agent_config_from_json(json, where);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->opens_seeds());
  EXPECT_EQ(config->prompt.section_tokens.at("parent"), 5000);
  EXPECT_EQ(config->shown_top, 5u);
  EXPECT_EQ(to_json(*config), json);
}

TEST(AgentConfig, MistakesNamePlaceAndMend) {
  EXPECT_EQ(error_of({{"operators", {{"diff", 1}}}}),
            "agent.toml:approach: key 'approach' is missing: write \"full-agent\" or \"agent-assisted\"");
  Json json = minimal();
  json["aproach"] = "x";
  EXPECT_EQ(error_of(json), "agent.toml:aproach: key 'aproach' is unknown; did you mean 'approach'?");
  json = minimal();
  json["memory"] = {{"lesons", 3}};
  EXPECT_EQ(error_of(json),
            "agent.toml:memory.lesons: key 'memory.lesons' is unknown; did you mean 'lessons'?");
  json["memory"] = {{"lessons", -1}};
  EXPECT_EQ(error_of(json), "agent.toml:memory.lessons: key 'memory.lessons' must be an integer of 0 to 200");
  json = minimal();
  json["prompt"] = {{"sections", {{"partner", 3}}}};
  EXPECT_EQ(
      error_of(json),
      "agent.toml:prompt.sections.partner: key 'prompt.sections.partner' is unknown; did you mean 'parent'?");
  json = minimal();
  json["operators"] = {{"diff", 0}};
  EXPECT_EQ(error_of(json),
            "agent.toml:operators: key 'operators' must give at least one operator a weight above 0");
  json["operators"] = {{"diff", "much"}};
  EXPECT_EQ(error_of(json), "agent.toml:operators.diff: key 'operators.diff' must be a weight of 0 to 1000000");
  json = minimal();
  json["roles"] = {{"repair", "x"}};
  EXPECT_EQ(
      error_of(json),
      "agent.toml:roles.repair: key 'roles.repair' names no operator of [operators]: a role without effect");
}

}  // namespace
}  // namespace warpwright::prompt
