// Every variant of variants/*.variants gets the verdict that it states (format: variants/README.md).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <sstream>

#include "evaluator/service/evaluator.h"
#include "src/base/files.h"

namespace warpwright::service {
namespace {
namespace fs = std::filesystem;

struct Edit {
  std::string from, to;
  bool has_to = false;
};

struct Variant {
  std::string definition, name;
  std::map<std::string, std::string> expected;  // "STATUS" or "STATUS rule", by selection
  std::string message;
  std::vector<Edit> edits;
};

void add_line(std::string& text, bool is_first, const std::string& line) {
  text += (is_first ? "" : "\n") + (line.size() > 3 ? line.substr(3) : "");
}

void add_edit(Variant& variant, const std::string& line) {
  if (line.starts_with("--")) {
    const bool is_first = variant.edits.empty() || variant.edits.back().has_to;
    if (is_first) variant.edits.emplace_back();
    add_line(variant.edits.back().from, is_first, line);
  } else if (line.starts_with("++") && !variant.edits.empty()) {
    Edit& edit = variant.edits.back();
    add_line(edit.to, !edit.has_to, line);
    edit.has_to = true;
  }
}

std::vector<Variant> read_variants(const fs::path& file) {
  std::vector<Variant> variants;
  std::istringstream stream(read_file(file).value());
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("== ")) {
      variants.emplace_back();
      variants.back().definition = file.stem();
      variants.back().name = line.substr(3, line.find(':') - 3);
      continue;
    }
    if (variants.empty()) continue;
    Variant& variant = variants.back();
    static const std::regex kExpected(R"((\w+): (\w+(?: [a-z-]+)?))");
    if (line.starts_with("smoke:")) {
      for (std::sregex_iterator it(line.begin(), line.end(), kExpected), end; it != end; ++it)
        variant.expected[(*it)[1]] = (*it)[2];
    } else if (line.starts_with("message: ")) {
      variant.message = line.substr(9);
    } else {
      add_edit(variant, line);
    }
  }
  return variants;
}

std::vector<Variant> all_variants() {
  std::vector<Variant> all;
  for (const fs::path& file : list_files(find_home().value() / "tests/broken_kernels/variants", ".variants"))
    for (Variant& variant : read_variants(file)) all.push_back(std::move(variant));
  return all;
}

std::string source_of(const Variant& variant) {
  std::string source = read_file(find_home().value() / "seeds" / variant.definition / "plain.cu").value();
  for (const Edit& edit : variant.edits) {
    const size_t at = source.find(edit.from);
    EXPECT_NE(at, std::string::npos) << "the plain seed no longer has: " << edit.from;
    if (at == std::string::npos) continue;
    EXPECT_EQ(source.find(edit.from, at + 1), std::string::npos) << "more than once: " << edit.from;
    source.replace(at, edit.from.size(), edit.to);
  }
  return source;
}

Evaluator& evaluator() {
  static std::unique_ptr<Evaluator> instance = [] {
    EvaluatorOptions options;
    options.home = find_home().value();
    auto created = Evaluator::create(options);
    if (!created) throw std::runtime_error(created.error().message);
    return std::move(*created);
  }();
  return *instance;
}

// True if it passed, as it should.
bool expect_verdict(const Variant& variant, const std::string& source, const std::string& selection) {
  EvaluationRequest request;
  request.id = variant.name;
  request.source = source;
  request.source_name = variant.name + ".cu";
  request.definition = variant.definition;
  request.selection = selection;
  request.last_stage = Stage::kValidate;
  const EvaluationReport report = evaluator().evaluate(request, {});
  const std::string verdict =
      std::string(to_string(report.status)) + (report.rule.empty() ? "" : " " + report.rule);
  EXPECT_EQ(verdict, variant.expected.at(selection)) << selection << ": " << report.message;
  if (verdict == "PASSED") return true;
  EXPECT_NE(report.message.find(variant.message), std::string::npos) << selection << ": " << report.message;
  return false;
}

class BrokenVariant : public testing::TestWithParam<Variant> {};

TEST_P(BrokenVariant, GetsItsVerdict) {
  const Variant& variant = GetParam();
  ASSERT_EQ(variant.expected.size(), 3u) << variant.name;
  const std::string source = source_of(variant);
  const bool all = std::getenv("ALL_SELECTIONS") != nullptr;
  const bool passed_smoke = expect_verdict(variant, source, "smoke");
  if (all || passed_smoke) expect_verdict(variant, source, "adversarial");
  if (all) expect_verdict(variant, source, "sim");
}

std::string test_name(const testing::TestParamInfo<Variant>& tested) {
  const std::string& definition = tested.param.definition;
  return definition.substr(0, definition.find('_', 4)) + "_" + tested.param.name;
}

INSTANTIATE_TEST_SUITE_P(Variants, BrokenVariant, testing::ValuesIn(all_variants()), test_name);

}  // namespace
}  // namespace warpwright::service
