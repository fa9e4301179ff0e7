#include "src/engine/config_reference.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "src/base/files.h"
#include "src/engine/check_config.h"
#include "src/engine/config_docs.h"
#include "src/engine/config_fields.h"
#include "src/llm/model_keys.h"
#include "src/prompt/agent_config.h"
#include "src/prompt/agent_keys.h"

namespace warpwright::engine {
namespace {

TEST(ConfigReference, EveryKeyHasItsWordsAndNoWordsAreOfAKeyThatIsNot) {
  std::set<std::string> keys, documented;
  for (const ConfigOption& option : config_options()) {
    const std::string path = option.table == "agent.toml" ? "agent.toml: " + option.key : option.path();
    EXPECT_TRUE(keys.insert(path).second) << path << " stands twice";
    EXPECT_FALSE(option.about.empty()) << path << " has no words: write some in src/engine/config_docs.cpp";
    EXPECT_FALSE(option.type.empty()) << path;
  }
  for (const OptionDoc& doc : option_docs()) {
    EXPECT_TRUE(documented.insert(std::string(doc.path)).second) << doc.path << " is described twice";
    EXPECT_TRUE(keys.contains(std::string(doc.path)))
        << doc.path << " is described in src/engine/config_docs.cpp, and nothing reads it";
  }
  std::set<std::string> tables, documented_tables;
  for (const ConfigOption& option : config_options()) tables.insert(option.table);
  for (const TableDoc& doc : table_docs()) documented_tables.insert(std::string(doc.table));
  EXPECT_EQ(tables, documented_tables);
}

// All that the reference says of values, tried on the reader: right types are taken, wrong ones are not, and
// a range ends where it says.
std::vector<std::string> types_taken(const std::function<bool(const Json&)>& takes, const Json& number,
                                     const std::string& text) {
  std::vector<std::string> types;
  if (takes(true)) types.emplace_back("true or false");
  if (takes(Json::array({text}))) types.emplace_back("list of texts");
  if (takes(number)) types.emplace_back("number");
  if (takes(text)) types.emplace_back("text");
  return types;
}

void expect_range(const std::string& path, double low, double high,
                  const std::function<bool(const Json&)>& takes, bool is_integer) {
  const auto value = [&](double v) { return is_integer ? Json(static_cast<int64_t>(v)) : Json(v); };
  EXPECT_TRUE(takes(value(low))) << path << " refuses " << low;
  EXPECT_FALSE(takes(value(low - 1))) << path << " takes less than " << low;
  if (high > 1e15) return;
  EXPECT_TRUE(takes(value(high))) << path << " refuses " << high;
  EXPECT_FALSE(takes(value(high + 1))) << path << " takes more than " << high;
  EXPECT_EQ(takes(Json(low + 0.5)), !is_integer) << path;
}

TEST(ConfigReference, TypesAndRangesOfARunAreTheReaders) {
  RunConfig config;
  int tried = 0;
  for (const ConfigField& field : config_fields(config)) {
    const auto takes = [&](const Json& value) { return field.set(value, "x").has_value(); };
    if (field.type == "whole number" || field.type == "number") {
      double low = 0, high = std::numeric_limits<double>::infinity();
      const int parts = std::sscanf(field.range.c_str(), "%lf to %lf", &low, &high);
      ASSERT_GE(parts, 1) << field.path() << ": " << field.range;
      expect_range(field.path(), low, high, takes, field.type == "whole number");
      EXPECT_FALSE(takes("text")) << field.path();
    } else if (field.type == "text" || field.type == "true or false" || field.type == "list of texts") {
      const std::string text = field.range.substr(0, field.range.find(','));
      EXPECT_EQ(types_taken(takes, 1, text.empty() ? "word" : text), std::vector<std::string>{field.type})
          << field.path();
      EXPECT_EQ(takes("no such choice"), field.type == "text" && field.range.empty()) << field.path();
    } else {
      EXPECT_FALSE(takes("text") || takes(1) || takes(true)) << field.path();
    }
    ++tried;
  }
  EXPECT_GT(tried, 50);
}

TEST(ConfigReference, RangesOfModelsAndAgentsAreTheReaders) {
  const Json model = {{"provider", "openai-chat"}, {"base_url", "http://x/v1"}, {"model", "m"}};
  for (const std::string& key : llm::all_model_keys()) {
    const llm::ModelKey spec = llm::model_key(key);
    const auto takes = [&](const Json& value) {
      Json json = model;
      json[key] = value;
      return llm::model_config_from_json("m", json, "x").has_value();
    };
    if (spec.type == llm::ModelKeyType::kInteger) expect_range(key, spec.low, spec.high, takes, true);
    if (spec.type == llm::ModelKeyType::kNumber) expect_range(key, spec.low, spec.high, takes, false);
  }
  for (const prompt::AgentKey& key : prompt::agent_keys()) {
    if (key.type != "integer") continue;
    const size_t dot = key.path.find('.');
    const auto takes = [&](const Json& value) {
      Json json = {{"approach", "full-agent"}, {"operators", {{"diff", 1}}}};
      json[std::string(key.path.substr(0, dot))][std::string(key.path.substr(dot + 1))] = value;
      return prompt::agent_config_from_json(json, [](const std::string& path) { return path; }).has_value();
    };
    expect_range(std::string(key.path), static_cast<double>(key.low), static_cast<double>(key.high), takes,
                 true);
  }
}

TEST(ConfigReference, TheShippedDocumentIsTheGeneratedOne) {
  const auto shipped = read_file("docs/CONFIGURATION.md");
  ASSERT_TRUE(shipped) << shipped.error().message;
  EXPECT_TRUE(*shipped == configuration_markdown())
      << "docs/CONFIGURATION.md is of another version; make it anew:\n"
         "  build/warpwright config --explain --markdown > docs/CONFIGURATION.md";
}

TEST(ConfigReference, OptionsAreFoundByTableByKeyAndByTheirOwnName) {
  const auto count = [](const char* what) {
    const auto found = find_options(what);
    return found ? found->size() : 0;
  };
  EXPECT_EQ(count(""), config_options().size());
  EXPECT_EQ(count("search.islands"), 1u);
  EXPECT_EQ(count("islands"), 1u);
  EXPECT_EQ(count("models.fast.price"), 1u);
  EXPECT_GT(count("models"), 30u);
  EXPECT_EQ(count("agent.toml.memory.top"), 1u);
  EXPECT_EQ(find_options("search.island").error().message,
            "there is no option 'search.island'; nearest: 'search.islands'");
  EXPECT_NE(options_text(*find_options("islands")).find("whole number, 1 to 1000"), std::string::npos);
  EXPECT_EQ(options_json(*find_options("islands"))[0]["default"], 3);
}

std::vector<std::string> problems_of(const std::string& toml) {
  std::vector<std::string> lines;
  for (const Error& problem : check_config_text("[run]\ndefinition = \"d\"\n" + toml, "x.toml").problems)
    lines.push_back(problem.message);
  return lines;
}

TEST(CheckConfig, NamesEveryProblemNotOnlyTheFirst) {
  const auto problems =
      problems_of("sed = 1\n[search]\nislands = 0\nelite = 2\n[serach]\n[models.a]\nmodel = \"m\"\n");
  ASSERT_EQ(problems.size(), 5u);
  for (const char* where : {"x.toml:3: ", "x.toml:5: ", "x.toml:6: ", "x.toml:7: ", "x.toml:8: "})
    EXPECT_TRUE(std::any_of(problems.begin(), problems.end(), [&](const std::string& line) {
      return line.starts_with(where);
    })) << where;
}

TEST(CheckConfig, AKeyWithoutEffectIsRefusedAndADefaultIsNot) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(
      problems_of("[search]\nislands = 1\nmigration_interval = 7\n"),
      Lines{"x.toml:5: search.migration_interval has no effect: there is one island: raise search.islands"});
  EXPECT_EQ(
      problems_of("[search]\ntuning_budget = 0\ntuning_share = 0.1\n"),
      Lines{"x.toml:5: search.tuning_share has no effect: search.tuning_budget = 0: there are no tuning "
            "sessions"});
  EXPECT_EQ(problems_of("[search]\ntrial_share = 0.1\n").size(), 1u);
  EXPECT_EQ(problems_of("[search]\nbandit_memory = 0.9\n").size(), 1u);
  EXPECT_EQ(problems_of("[search]\nbandit_memory = 0.9\nmodel_choice = \"bandit\"\n").size(), 0u);
  EXPECT_EQ(problems_of("[search]\nstrategy = \"best-of-n\"\narchive_size = 9\nportfolio = 0.5\n").size(),
            2u);
  EXPECT_EQ(problems_of("[search]\nislands = 1\nmigration_interval = 40\n").size(), 0u);
  EXPECT_EQ(problems_of("[device]\nexecutor = \"cuda\"\n[evaluation]\nmax_warp_instructions = 5\n").size(),
            1u);
  // What a run's folder lists is a configuration, too.
  for (const char* toml : {"", "[search]\nstrategy = \"hill-climb\"\n"}) {
    const auto checked = check_config_text(std::string("[run]\ndefinition = \"d\"\n") + toml, "x.toml");
    const auto settled = settle_config(checked.config, "x.toml");
    ASSERT_TRUE(settled) << settled.error().message;
    const auto again = check_config_text(to_toml(settled->config), "config.toml");
    EXPECT_TRUE(again.problems.empty()) << again.problems.front().message;
  }
}

TEST(CheckConfig, ModelsAndBudgetsThatNobodyUsesAreNamedWithTheirLine) {
  const auto temp = TempDirectory::create("warpwright-config").value();
  const auto problems = [&](const std::string& toml) {
    const auto file = temp.path() / "c.toml";
    EXPECT_TRUE(write_file_atomic(file, "[run]\ndefinition = \"gdn_decode_qk4_v8_d128_k_last\"\n" + toml));
    std::string text;
    for (const Error& problem : check_config_file(file).problems) text += problem.message + "\n";
    return text;
  };
  const std::string models =
      "[models.a]\nprovider = \"command\"\ncommand = [\"x\"]\n[models.b]\nprovider = \"command\"\ncommand = "
      "[\"y\"]\n";
  EXPECT_EQ(problems("[agent]\nname = \"evolver\"\n" + models), "");
  EXPECT_NE(problems("[agent]\nname = \"evolver\"\n" + models +
                     "[search.roles]\nproposer = {a = 1}\nrepairer = {a = 1}\nresearcher = {a = 1}\n")
                .find("c.toml:8: models.b has no effect: no role of search.roles asks it"),
            std::string::npos);
  EXPECT_NE(problems(models).find("there is no agent who asks models"), std::string::npos);
  EXPECT_NE(problems("[budget]\nmax_calls = 3\n").find("c.toml:4: budget.max_calls has no effect"),
            std::string::npos);
  EXPECT_NE(problems("[agent]\nname = \"evolver\"\n" + models + "[search]\ninspirations = 5\n")
                .find("agent 'evolver' brings its own"),
            std::string::npos);
  EXPECT_NE(problems("[seeds]\nbaseline = \"no_such.cu\"\n").find("no_such.cu: no such seed"),
            std::string::npos);
}

}  // namespace
}  // namespace warpwright::engine
