#include "evaluator/service/check_oracles.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <random>

#include "evaluator/reference/numeric.h"
#include "evaluator/reference/python_reference.h"
#include "evaluator/validate/compare.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/rules/rules.h"
#include "src/trace/captured_input.h"

namespace warpwright::service {
namespace {

constexpr int64_t kSmallBytes = int64_t{96} << 20;  // of all tensors of a workload
constexpr int64_t kDefinitionMs = 120'000;          // then the rest of its workloads is left out

// A definition at the size of a selection, and its workloads there.
struct Case {
  trace::Definition definition;
  rules::SelectedWorkload selected;
  bool scaled = false;  // other constants than the definition's own
};

struct Finding {
  enum class Kind { kAgrees, kDiffers, kCannotRun };
  Kind kind = Kind::kAgrees;
  std::string message;
  validate::ErrorStatistics statistics;
};

std::string_view to_string(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kAgrees:
      return "agrees";
    case Finding::Kind::kDiffers:
      return "differs";
    case Finding::Kind::kCannotRun:
      return "cannot run";
  }
  return "";
}

int64_t bytes_of(const trace::Definition& definition, const trace::Axes& axes) {
  int64_t total = 0;
  for (const auto* tensors : {&definition.inputs, &definition.outputs})
    for (const trace::Tensor& tensor : *tensors)
      total += definition.bytes_of(tensor, axes).value_or(INT64_MAX / 64);
  return total;
}

Result<std::vector<Case>> cases_of(const trace::LoadedDefinition& loaded, const rules::Rules& rules,
                                   const std::string& selection) {
  std::vector<Case> cases;
  if (!rules.selections.contains(selection)) return cases;
  trace::LoadedDefinition sized = loaded;
  TRY_ASSIGN(sized.definition, rules.definition_for(selection, loaded.definition));
  const bool scaled = sized.definition.constant_axes() != loaded.definition.constant_axes();
  TRY_ASSIGN(const auto selected, rules.select(selection, sized));
  for (const rules::SelectedWorkload& workload : selected)
    cases.push_back({sized.definition, workload, scaled});
  return cases;
}

Result<std::vector<Case>> small_cases(const trace::LoadedDefinition& loaded, const rules::Rules& rules) {
  std::vector<Case> small;
  for (const char* selection : {"sim", "adversarial"}) {
    TRY_ASSIGN(std::vector<Case> cases, cases_of(loaded, rules, selection));
    for (Case& item : cases) {
      if (bytes_of(item.definition, item.selected.group.workload.axes) <= kSmallBytes)
        small.push_back(std::move(item));
    }
  }
  return small;
}

// What the reference returned, as the bytes that a candidate would have written.
std::map<std::string, std::vector<std::byte>> as_buffers(const trace::Definition& definition,
                                                         const reference::OracleOutputs& outputs) {
  std::map<std::string, std::vector<std::byte>> buffers;
  for (const trace::Tensor& output : definition.outputs) {
    const std::vector<double>& values = outputs.values.at(output.name);
    std::vector<std::byte>& buffer = buffers[output.name];
    buffer.resize(values.size() * static_cast<size_t>(trace::size_bits(output.dtype)) / 8);
    for (size_t i = 0; i < values.size(); ++i) reference::store_element(output.dtype, buffer, i, values[i]);
  }
  return buffers;
}

Result<Finding> compare(const Case& item, const rules::Rules& rules, uint64_t seed) {
  const trace::Workload& workload = item.selected.group.workload;
  const reference::Oracle* oracle = reference::find_oracle(rules.oracle);
  if (oracle == nullptr)
    return usage_error(fmt::format("{}: there is no oracle '{}'", rules.source_path, rules.oracle));
  TRY_ASSIGN(const reference::Inputs inputs,
             reference::make_inputs(item.definition, workload, rules, item.selected.profile, seed));
  TRY_ASSIGN(const auto expected, oracle->run(item.definition, workload.axes, inputs));
  const auto got = reference::python_oracle().run(item.definition, workload.axes, inputs);
  if (!got) return Finding{Finding::Kind::kCannotRun, got.error().message, {}};
  const auto buffers = as_buffers(item.definition, *got);
  const auto read = [&](const std::string& name) -> Result<std::span<const std::byte>> {
    return buffers.at(name);
  };
  TRY_ASSIGN(const auto comparison, validate::compare_outputs(item.definition, workload.axes, read, expected,
                                                              rules, validate::RuleSet::kStrictOnly));
  const bool passed = comparison.verdict.passed();
  return Finding{passed ? Finding::Kind::kAgrees : Finding::Kind::kDiffers, comparison.verdict.message,
                 comparison.statistics};
}

class OracleCheck {
 public:
  OracleCheck(const EvaluatorOptions& options, uint64_t seed) : options_(options), seed_(seed) {}

  Result<void> check(const trace::DatasetPath& datasets, const std::string& name) {
    TRY_ASSIGN(const trace::LoadedDefinition loaded, datasets.load(name));
    TRY_ASSIGN(const rules::Rules rules, rules::load_rules(loaded, options_.home));
    if (rules.oracle.empty() || loaded.definition.reference.empty()) return {};
    TRY_ASSIGN(const std::vector<Case> cases, small_cases(loaded, rules));
    const int64_t end_ms = clock_.monotonic_ms() + kDefinitionMs;
    bool own_size_only = false;
    for (const Case& item : cases) {
      if (clock_.monotonic_ms() > end_ms) break;
      if (item.scaled && own_size_only) continue;
      TRY_ASSIGN(const Finding::Kind kind, check_one(item, rules));
      // A reference may insist on the definition's own constants; then one workload of that size is compared.
      own_size_only |= item.scaled && kind == Finding::Kind::kCannotRun;
    }
    if (own_size_only) TRY(check_own_size(loaded, rules));
    return {};
  }

  bool differs() const { return differs_; }

 private:
  Result<Finding::Kind> check_one(const Case& item, const rules::Rules& rules) {
    const int64_t start_ms = clock_.monotonic_ms();
    TRY_ASSIGN(const Finding finding, compare(item, rules, seed_));
    differs_ |= finding.kind == Finding::Kind::kDiffers;
    const Json line = {{"definition", item.definition.name},
                       {"family", rules.oracle},
                       {"axes", item.selected.group.workload.axes},
                       {"profile", item.selected.profile},
                       {"reduced", item.scaled},
                       {"status", to_string(finding.kind)},
                       {"message", finding.message},
                       {"max_abs", finding.statistics.max_abs},
                       {"scaled_rms", finding.statistics.scaled_rms},
                       {"seconds", static_cast<double>(clock_.monotonic_ms() - start_ms) / 1000}};
    std::cout << dump_json(line) << std::endl;
    return finding.kind;
  }

  Result<void> check_own_size(const trace::LoadedDefinition& loaded, const rules::Rules& rules) {
    TRY_ASSIGN(const std::vector<Case> all, cases_of(loaded, rules, "all"));
    const auto cheapest = std::min_element(all.begin(), all.end(), [](const Case& a, const Case& b) {
      return bytes_of(a.definition, a.selected.group.workload.axes) <
             bytes_of(b.definition, b.selected.group.workload.axes);
    });
    if (cheapest == all.end()) return {};
    TRY(check_one(*cheapest, rules));
    return {};
  }

  const EvaluatorOptions& options_;
  uint64_t seed_;
  SystemClock clock_;
  bool differs_ = false;
};

Result<int> check_oracles(const EvaluatorOptions& options, const OracleCheckOptions& check) {
  TRY_ASSIGN(const trace::DatasetPath datasets, trace::DatasetPath::open(options.datasets));
  TRY_ASSIGN(const std::string python, reference::python_versions());
  const uint64_t seed = check.seed.value_or(std::random_device()());
  std::cout << dump_json({{"python", python}, {"seed", seed}}) << std::endl;
  OracleCheck checker(options, seed);
  const auto names =
      check.definition.empty() ? datasets.definition_names() : std::vector<std::string>{check.definition};
  for (const std::string& name : names) TRY(checker.check(datasets, name));
  return checker.differs() ? 1 : 0;
}

}  // namespace

int check_oracles_main(const EvaluatorOptions& options, const OracleCheckOptions& check) {
  auto done = check_oracles(options, check);
  if (done) return *done;
  std::cerr << done.error().message << "\n";
  return done.error().kind == ErrorKind::kUsage ? 2 : 3;
}

}  // namespace warpwright::service
