#include "src/report/models_text.h"

#include <fmt/format.h>

namespace warpwright::report {
namespace {

using events::Candidate;
using events::ModelUsage;
using events::RunView;

double dollars(int64_t microdollars) {
  return static_cast<double>(microdollars) / 1e6;
}

std::string short_count(int64_t count) {
  if (count < 10'000) return std::to_string(count);
  if (count < 10'000'000) return fmt::format("{}k", count / 1000);
  return fmt::format("{}M", count / 1'000'000);
}

// Of the tickets that an operator got.
struct OperatorRow {
  int64_t asked = 0, passed = 0, failed = 0, no_candidate = 0;
  double gain = 0;
  int64_t microdollars = 0;
};

std::map<std::string, OperatorRow> operators_of(const RunView& view) {
  std::map<std::string, OperatorRow> rows;
  for (const auto& [id, c] : view.candidates) {
    if (c.role.empty()) continue;
    OperatorRow& row = rows[c.origin.op];
    ++row.asked;
    row.passed += c.passed() ? 1 : 0;
    row.failed += c.phase == events::Phase::kApplied && !c.passed() ? 1 : 0;
    row.no_candidate += c.phase == events::Phase::kProposalFailed ? 1 : 0;
    row.microdollars += c.microdollars;
  }
  for (const auto& [arm, record] : view.arms) rows[arm.first].gain += record.gain;
  return rows;
}

}  // namespace

std::string models_text(const RunView& view) {
  if (view.models.empty()) return {};
  std::string text = "\nmodels\n";
  text += fmt::format("  {:<16} {:>8} {:>8} {:>9} {:>7} {:>11} {:>10} {:>10} {:>9}\n", "", "answers",
                      "refused", "truncated", "failed", "tokens in", "cached", "out", "dollars");
  for (const auto& [name, usage] : view.models)
    text +=
        fmt::format("  {:<16} {:>8} {:>8} {:>9} {:>7} {:>11} {:>10} {:>10} {:>9.4f}\n", name, usage.answered,
                    usage.refused, usage.truncated, usage.failed_attempts + usage.lost, usage.input_tokens,
                    usage.cached_tokens, usage.output_tokens, dollars(usage.microdollars));
  text += "\noperators\n";
  text += fmt::format("  {:<16} {:>8} {:>8} {:>8} {:>13} {:>8} {:>9}\n", "", "asked", "passed", "failed",
                      "no candidate", "gain", "dollars");
  for (const auto& [op, row] : operators_of(view))
    text += fmt::format("  {:<16} {:>8} {:>8} {:>8} {:>13} {:>8.3f} {:>9.4f}\n", op, row.asked, row.passed,
                        row.failed, row.no_candidate, row.gain, dollars(row.microdollars));
  if (!view.lessons.empty())
    text += fmt::format("\nlessons written: {} (warpwright show --run DIR lessons)\n", view.lessons.size());
  return text;
}

Json models_json(const RunView& view) {
  Json models = Json::object(), operators = Json::object();
  for (const auto& [name, u] : view.models)
    models[name] = {{"answered", u.answered},
                    {"refused", u.refused},
                    {"truncated", u.truncated},
                    {"failed_attempts", u.failed_attempts},
                    {"lost", u.lost},
                    {"input_tokens", u.input_tokens},
                    {"cached_tokens", u.cached_tokens},
                    {"output_tokens", u.output_tokens},
                    {"reasoning_tokens", u.reasoning_tokens},
                    {"dollars", dollars(u.microdollars)}};
  for (const auto& [op, row] : operators_of(view))
    operators[op] = {{"asked", row.asked},   {"passed", row.passed},
                     {"failed", row.failed}, {"no_candidate", row.no_candidate},
                     {"gain", row.gain},     {"dollars", dollars(row.microdollars)}};
  return {{"models", std::move(models)}, {"operators", std::move(operators)}};
}

std::string spending_line(const RunView& view, double max_dollars) {
  if (view.models.empty() && view.open_calls.empty()) return {};
  int64_t spent = 0;
  std::string models;
  for (const auto& [name, usage] : view.models) {
    spent += usage.microdollars;
    models += fmt::format("{}{}: {} answers, {} tokens in, {} out", models.empty() ? "" : "; ", name,
                          usage.answered, short_count(usage.input_tokens), short_count(usage.output_tokens));
    if (usage.refused > 0) models += fmt::format(" ({} refused)", usage.refused);
    if (usage.failed_attempts > 0) models += fmt::format(" ({} failed attempts)", usage.failed_attempts);
  }
  const std::string cap = max_dollars > 0 ? fmt::format(" of ${:.2f}", max_dollars) : "";
  return fmt::format("${:.4f}{}; {}", dollars(spent), cap, models.empty() ? "no answer yet" : models);
}

}  // namespace warpwright::report
