// Every two seeds of a definition can be composed, and each workload then runs exactly what its part would
// run.
#include <gtest/gtest.h>

#include <filesystem>

#include "src/base/files.h"
#include "src/plan/compose.h"
#include "src/rules/rules.h"
#include "src/rules/workload_binding.h"
#include "src/trace/dataset.h"

namespace warpwright::rules {
namespace {

namespace fs = std::filesystem;

struct Seed {
  std::string name, text;
};

plan::BoundPlan bound(const std::string& source, const trace::Definition& definition,
                      const plan::BindInputs& inputs) {
  const auto split = plan::split_source(source);
  EXPECT_TRUE(split);
  const auto plan = plan::parse_plan(*split, definition);
  EXPECT_TRUE(plan);
  auto result = plan::bind(*plan, definition, inputs);
  EXPECT_TRUE(result) << result.error().front().message;
  return std::move(*result);
}

std::string without_names(plan::BoundPlan plan) {
  plan.knobs.clear();
  for (plan::BoundOperation& operation : plan.operations)
    if (auto* launch = std::get_if<plan::BoundLaunch>(&operation)) launch->unit.clear();
  return plan::canonical_text(plan);
}

class ComposeSeeds : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto dataset = trace::DatasetPath::open({});
    ASSERT_TRUE(dataset) << dataset.error().message;
    auto loaded = dataset->load(GetParam());
    ASSERT_TRUE(loaded) << loaded.error().message;
    loaded_ = std::move(*loaded);
    auto rules = load_rules(loaded_, fs::current_path());
    ASSERT_TRUE(rules) << rules.error().message;
    rules_ = std::move(*rules);
    for (const auto& entry : fs::directory_iterator(fs::path("seeds") / GetParam()))
      if (entry.path().extension() == ".cu")
        seeds_.push_back({entry.path().stem(), *read_file(entry.path())});
    ASSERT_GE(seeds_.size(), 2u);
    device_.resident_blocks = [](const std::string&, int64_t, int64_t) {
      return std::optional<int64_t>(148);
    };
    auto all = rules_.select("all", loaded_);
    ASSERT_TRUE(all) << all.error().message;
    for (const SelectedWorkload& selected : *all) {
      bands_.push_back(selected.band);
      inputs_.push_back(bind_inputs(loaded_.definition, selected.group.workload, rules_, {}, device_));
    }
  }

  // The seed for each band: bit b of `choice` says which of the two.
  void compose_and_compare(const Seed& a, const Seed& b, size_t choice) {
    std::vector<plan::Part> parts;
    std::map<std::string, const Seed*> of_band;
    for (size_t band = 0; band < rules_.bands.size(); ++band) {
      const Seed& seed = (choice >> band & 1) != 0 ? b : a;
      of_band[rules_.bands[band].name] = &seed;
      parts.push_back({seed.name, rules_.bands[band].when, seed.text, {}});
    }
    const auto text = plan::compose(parts, loaded_.definition, inputs_);
    ASSERT_TRUE(text) << text.error().message;
    for (size_t i = 0; i < inputs_.size(); ++i)
      ASSERT_EQ(without_names(bound(*text, loaded_.definition, inputs_[i])),
                without_names(bound(of_band.at(bands_[i])->text, loaded_.definition, inputs_[i])));
  }

  trace::LoadedDefinition loaded_;
  Rules rules_;
  std::vector<Seed> seeds_;
  plan::DeviceFacts device_;
  std::vector<std::string> bands_;
  std::vector<plan::BindInputs> inputs_;
};

TEST_P(ComposeSeeds, EachBandRunsExactlyItsPart) {
  const size_t all = (size_t{1} << rules_.bands.size()) - 1;
  for (const Seed& a : seeds_)
    for (const Seed& b : seeds_) {
      if (a.name == b.name) continue;
      SCOPED_TRACE(a.name + " and " + b.name);
      for (size_t choice = 1; choice<all; choice += rules_.bands.size()> 2 ? 4 : 1)
        compose_and_compare(a, b, choice);
    }
}

INSTANTIATE_TEST_SUITE_P(Definitions, ComposeSeeds, ::testing::ValuesIn([] {
                           std::vector<std::string> names;
                           std::error_code none;  // not begun from the repository's root: no tests
                           for (const auto& entry : fs::directory_iterator("seeds", none))
                             if (entry.is_directory()) names.push_back(entry.path().filename());
                           return names;
                         }()));

}  // namespace
}  // namespace warpwright::rules
