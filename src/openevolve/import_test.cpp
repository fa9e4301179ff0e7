#include "src/openevolve/import.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/base/files.h"
#include "src/base/rng.h"
#include "src/openevolve/known_keys.h"
#include "src/openevolve/yaml.h"

namespace warpwright::openevolve {
namespace {

Result<Import> import_text(const std::string& yaml, bool lenient = false) {
  return import_config(yaml, "c.yaml", {"gdn_decode_qk4_v8_d128_k_last", lenient});
}

std::string error_of(const std::string& yaml) {
  const auto import = import_text(yaml);
  if (import) return "no error";
  EXPECT_EQ(import.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(import.error().message.find('\n'), std::string::npos) << import.error().message;
  return import.error().message;
}

Import import_of(const std::string& name, bool lenient = false) {
  const std::string text = read_file("src/openevolve/testdata/" + name).value();
  const auto import = import_text(text, lenient);
  EXPECT_TRUE(import) << import.error().message;
  return import.value_or(Import());
}

bool has_line(const std::string& toml, const std::string& line) {
  return toml.find("\n" + line) != std::string::npos;
}

TEST(ImportOpenEvolve, ASmallConfigurationComesOverWithItsModels) {
  const Import import = import_of("function_minimization.yaml");
  for (const char* line :
       {"definition = \"gdn_decode_qk4_v8_d128_k_last\"", "seed = 42", "max_evaluations = 100", "count = 4",
        "islands = 3", "population_size = 17", "archive_size = 20", "elite = 0.2", "top_inspirations = 3",
        "diff = 2.0", "[models.gemini-2-0-flash-lite]",
        "proposer = {gemini-2-0-flash = 0.2, gemini-2-0-flash-lite = 0.8}",
        "base_url = \"https://generativelanguage.googleapis.com/v1beta/openai\"",
        "key_env = \"GEMINI_API_KEY\"", "max_output_tokens = 16000", "total_timeout_s = 120",
        "evaluation_deadline_s = 60"})
    EXPECT_TRUE(has_line(import.toml, line)) << line << " is not in\n" << import.toml;
  EXPECT_EQ(import.environment, std::vector<std::string>{"GEMINI_API_KEY"});
  const std::string text = to_text(import);
  EXPECT_NE(text.find("checkpoint_interval = 10"), std::string::npos);
  EXPECT_NE(text.find("--resume works after any end"), std::string::npos);
}

TEST(ImportOpenEvolve, AnEnsembleKeepsItsWeightsAndLosesItsKey) {
  const Import import = import_of("kernel_ensemble.yaml", true);
  for (const char* line :
       {"rewrite = 2.0", "stagnation_after = 80", "migration_interval = 25", "migration_count = 2",
        "proposer = {claude-sonnet-5-5 = 0.75, gpt-6-luna = 0.25}", "effort = \"high\"", "max_attempts = 5",
        "model = \"anthropic/claude-sonnet-5-5\"", "total_timeout_s = 900"})
    EXPECT_TRUE(has_line(import.toml, line)) << line << " is not in\n" << import.toml;
  EXPECT_NE(import.toml.find("{edges = [2048.0, 4096.0, 8192.0, 16384.0], feature = \"code_size\"}"),
            std::string::npos)
      << import.toml;
  EXPECT_NE(import.toml.find("{edges = [0.25, 0.5, 0.75], feature = \"archive_distance\"}"),
            std::string::npos);
  const std::string all = import.toml + to_text(import) + dump_json(to_json(import));
  EXPECT_EQ(all.find("0123456789abcdef"), std::string::npos) << "a key was copied";
  EXPECT_NE(all.find("is a key itself"), std::string::npos);
  EXPECT_NE(all.find("'speedup' has no equal"), std::string::npos);
  EXPECT_NE(all.find("defaults"), std::string::npos) << "an unknown key is listed";
}

TEST(ImportOpenEvolve, AnEmptyFileIsOpenEvolvesDefaults) {
  const auto import = import_text("");
  ASSERT_TRUE(import) << import.error().message;
  for (const char* line : {"seed = 42", "max_evaluations = 10000", "islands = 5", "archive_size = 100",
                           "migration_interval = 50", "tune = 1.0"})
    EXPECT_TRUE(has_line(import->toml, line)) << line;
  EXPECT_EQ(import->toml.find("[agent]"), std::string::npos) << "nobody to ask";
}

TEST(ImportOpenEvolve, MistakesNameLineAndMend) {
  EXPECT_EQ(
      error_of("database:\n  num_island: 5\n"),
      "c.yaml:2: OpenEvolve 0.3.2 has no key 'database.num_island'; the nearest is 'num_islands' (--lenient "
      "lists such keys and goes on)");
  EXPECT_EQ(error_of("max_iterations: many\n"), "c.yaml:1: max_iterations must be a whole number");
  EXPECT_EQ(error_of("database: 3\n"), "c.yaml:1: database must be a table");
  EXPECT_EQ(error_of("database:\n  num_islands: 0\n"),
            "c.yaml:2: database.num_islands is 0: it must be 1 to 1000");
  EXPECT_EQ(error_of("- a\n"), "c.yaml:1: a configuration is a table of keys");
  EXPECT_EQ(error_of("llm:\n  models: [{weight: 1}]\n"), "c.yaml: llm.models has an entry without a name");
  EXPECT_EQ(error_of("llm:\n  name: m\n  api_base: ftp://x\n"),
            "c.yaml:3: llm.api_base must be an http:// or https:// address");
  EXPECT_EQ(error_of("max_iterations: 1\nmax_iterations: 2\n"), "c.yaml:2: 'max_iterations' stands twice");
  EXPECT_TRUE(error_of("a: [1, 2\nb: {").starts_with("c.yaml:")) << error_of("a: [1, 2\nb: {");
}

TEST(ImportOpenEvolve, EveryKnownKeyAloneIsAccepted) {
  for (const KnownKey& key : known_keys()) {
    const std::string path(key.path);
    if (path.starts_with("llm.models") || key.default_value.is_null()) continue;
    const size_t dot = path.find('.');
    const std::string value = dump_json(key.default_value);
    const std::string yaml = dot == std::string::npos ? fmt::format("{}: {}\n", path, value)
                                                      : fmt::format("{}:\n  {}: {}\n", path.substr(0, dot),
                                                                    path.substr(dot + 1), value);
    const auto import = import_text(yaml);
    EXPECT_TRUE(import) << yaml << import.error().message;
  }
}

TEST(ImportOpenEvolve, BombsAndMonstersAreRefusedInOneLine) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i)
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i,
                        i - 1);
  EXPECT_NE(error_of(bomb).find("more than 10000 values"), std::string::npos) << error_of(bomb);
  EXPECT_NE(error_of("a: &a [*a]\n"), "no error");
  EXPECT_NE(error_of(std::string(40, '[') + std::string(40, ']')).find("levels"), std::string::npos);
  EXPECT_NE(error_of(std::string(200'000, '[')), "no error");
  EXPECT_NE(error_of(std::string(200'000, '{')), "no error");
  EXPECT_NE(error_of("a: " + std::string(2 << 20, 'x')).find("larger than"), std::string::npos);
  EXPECT_NE(error_of("a: !!python/object:os.system x\n").find("tag"), std::string::npos);
  EXPECT_NE(error_of("a: 1\n---\nb: 2\n").find("more than one document"), std::string::npos);
  EXPECT_NE(error_of(std::string("a: \0b\n", 6)), "no error");
  EXPECT_NE(error_of("? [a]\n: b\n").find("a key must be a word"), std::string::npos);
}

TEST(ImportOpenEvolve, AlteredFilesNeverEndTheProcess) {
  const std::string whole = read_file("src/openevolve/testdata/kernel_ensemble.yaml").value();
  const std::string marks = "[]{}:,-&*!|>'\"%@`#?\n\t ~<";
  Rng rng(3);
  for (int round = 0; round < 1500; ++round) {
    std::string text = whole.substr(0, 1 + rng.below(whole.size()));
    for (uint64_t i = rng.below(6); i > 0; --i) text[rng.below(text.size())] = marks[rng.below(marks.size())];
    const auto import = import_text(text, true);
    const std::string message = import ? "" : import.error().message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(ImportOpenEvolve, WordsAreReadAsPyYamlReadsThem) {
  const auto json = [](const std::string& text) {
    return to_json(parse_yaml("v: " + text, "f").value())["v"];
  };
  EXPECT_EQ(json("yes"), true);
  EXPECT_EQ(json("Off"), false);
  EXPECT_EQ(json("~"), Json());
  EXPECT_EQ(json("1_000"), 1000);
  EXPECT_EQ(json("0.5"), 0.5);
  EXPECT_EQ(json("'1'"), "1");
  EXPECT_EQ(json("1.2.3"), "1.2.3");
}

}  // namespace
}  // namespace warpwright::openevolve
