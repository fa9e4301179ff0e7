#include "src/engine/run_config.h"

#include <gtest/gtest.h>

#include "src/base/files.h"

namespace warpwright::engine {
namespace {

constexpr const char* kMinimal = "[run]\ndefinition = \"d\"\n";

std::string error_of(const std::string& toml) {
  const auto config = parse_run_config(toml, "x.toml");
  if (config) return "no error";
  EXPECT_EQ(config.error().kind, ErrorKind::kUsage);
  return config.error().message;
}

TEST(RunConfig, AMinimalFileTakesTheDefaults) {
  const auto config = parse_run_config(kMinimal, "x.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->definition, "d");
  EXPECT_EQ(config->executor, "auto");
  EXPECT_EQ(config->search.operators.at("tune"), 1.0);
}

TEST(RunConfig, ReadsEveryKindOfValue) {
  const auto config = parse_run_config(R"(
[run]
definition = "d"
seed = 7
max_minutes = 1.5
window = 4
[workers]
count = 3
command_prefix = ["srun", "-N1"]
[search]
islands = 2
dimensions = [{feature = "registers", edges = [32, 64]}]
[search.operators]
tune = 1
[evaluation]
tie_margin = 0.01
compile_deadline_s = 9
)",
                                       "x.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->seed, 7u);
  EXPECT_EQ(config->max_minutes, 1.5);
  EXPECT_EQ(config->search.window, 4);
  EXPECT_EQ(config->worker_prefix, (std::vector<std::string>{"srun", "-N1"}));
  EXPECT_EQ(config->search.islands, 2);
  ASSERT_EQ(config->search.dimensions.size(), 1u);
  EXPECT_EQ(config->search.dimensions[0].feature, "registers");
  EXPECT_EQ(config->search.tie_margin, 0.01);
  EXPECT_EQ(config->limits.compile_deadline_ms, 9000);
}

TEST(RunConfig, MistakesNameFileLineAndTheNearestKey) {
  EXPECT_EQ(error_of("[run]\ndefinition = \"d\"\nmax_evaluation = 3\n"),
            "x.toml:3: unknown key 'max_evaluation' in [run]; nearest: 'max_evaluations'");
  EXPECT_EQ(error_of("[run]\ndefinition = \"d\"\nislands = 3\n"),
            "x.toml:3: unknown key 'islands' in [run]; it belongs to [search]");
  EXPECT_EQ(error_of("[run]\ndefinition = \"d\"\n[serach]\nislands = 3\n"),
            "x.toml:3: unknown table [serach]; nearest: [search]");
  EXPECT_EQ(error_of("[run]\ndefinition = 3\n"), "x.toml:2: run.definition must be a string");
  EXPECT_EQ(error_of("[run]\ndefinition = \"d\"\nseed = -1\n"),
            "x.toml:3: run.seed must be a whole number in 0..9223372036854775807");
  EXPECT_EQ(error_of("[run]\ndefinition = \"d\"\n[device]\nexecutor = \"gpu\"\n"),
            "x.toml:4: device.executor must be one of auto, sim, cuda");
  EXPECT_EQ(error_of("[run]\nseed = 1\n"),
            "x.toml: run.definition is missing: the name of what to make faster");
  EXPECT_EQ(error_of("run = 1\n"), "x.toml:1: [run] must be a table");
  EXPECT_TRUE(error_of("[run\n").starts_with("x.toml:1:")) << error_of("[run\n");
  EXPECT_TRUE(
      error_of("[run]\ndefinition = \"d\"\n[search]\nislands = 0\n").starts_with("x.toml:4: search.islands"));
}

TEST(RunConfig, AScriptedFolderAndItsOperatorNeedEachOther) {
  EXPECT_NE(error_of(std::string(kMinimal) + "[scripted]\nfolder = \"a\"\n").find("is not used"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(kMinimal) + "[search.operators]\nscripted = 1.0\n").find("scripted.folder"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(kMinimal) + "[search.operators]\nmutate = 1.0\n").find("unknown operator"),
            std::string::npos);
}

TEST(RunConfig, SurvivesJsonAndToml) {
  auto config = parse_run_config(kMinimal, "x.toml");
  ASSERT_TRUE(config);
  config->seed = 99;
  config->worker_prefix = {"ssh", "a \"quoted\" host"};
  config->limits.evaluation_deadline_ms = 5000;
  config->search.exploration = 0.25;
  const auto from_json = run_config_from_json(to_json(*config), "journal");
  ASSERT_TRUE(from_json) << from_json.error().message;
  EXPECT_EQ(to_json(*from_json), to_json(*config));
  const auto from_toml = parse_run_config(to_toml(*config), "copy");
  ASSERT_TRUE(from_toml) << from_toml.error().message;
  EXPECT_EQ(to_json(*from_toml), to_json(*config));
}

TEST(RunConfig, ShippedConfigurationsLoad) {
  const auto files = list_files("configs", ".toml");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    if (file.stem() == "tracks") continue;  // which definitions belong together: no run's configuration
    const auto config = load_run_config(file);
    EXPECT_TRUE(config) << config.error().message;
  }
}

}  // namespace
}  // namespace warpwright::engine
