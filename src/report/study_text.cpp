#include "src/report/study_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace warpwright::report {
namespace {

std::string range(const Interval& interval) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", interval.value, interval.low, interval.high);
}

std::string fine_range(const Interval& interval) {
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", interval.value, interval.low, interval.high);
}

std::string budget_text(const Study& study) {
  if (study.max_dollars > 0) return fmt::format("${:g} of model calls", study.max_dollars);
  return fmt::format("{} evaluations", study.max_evaluations);
}

std::string place_of_budget(const Study& study, double share) {
  if (study.max_dollars > 0) return fmt::format("${:.2f}", share * study.max_dollars);
  return fmt::format("{:.0f}", share * static_cast<double>(study.max_evaluations));
}

std::vector<std::string> header(const Study& study, const StudyCell& cell) {
  std::vector<std::string> names = {"strategy", "runs"};
  for (const double share : cell.budgets) names.push_back("at " + place_of_budget(study, share));
  names.insert(names.end(), {"ln best", "area", "per evaluation", "evaluations"});
  if (cell.per_dollar) names.emplace_back("per dollar");
  return names;
}

std::vector<std::string> row(const StudyCell& cell) {
  std::vector<std::string> values = {cell.strategy, std::to_string(cell.runs)};
  for (const double median : cell.medians) values.push_back(fmt::format("{:.3f}x", median));
  values.insert(values.end(), {range(cell.worth), range(cell.area), fine_range(cell.per_evaluation),
                               fmt::format("{:.1f}", cell.evaluations)});
  if (cell.per_dollar) values.push_back(range(*cell.per_dollar));
  return values;
}

using Table = std::vector<std::vector<std::string>>;

std::string as_text(const Table& table) {
  std::vector<size_t> widths;
  for (const auto& cells : table)
    for (size_t i = 0; i < cells.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], cells[i].size());
    }
  std::string text;
  for (const auto& cells : table) {
    for (size_t i = 0; i < cells.size(); ++i)
      text += i == 0 ? fmt::format("  {:<{}}", cells[i], widths[i])
                     : fmt::format("  {:>{}}", cells[i], widths[i]);
    text += "\n";
  }
  return text;
}

std::string as_markdown(const Table& table) {
  std::string text;
  for (size_t i = 0; i < table.size(); ++i) {
    text += "|";
    for (const std::string& cell : table[i]) text += " " + cell + " |";
    text += "\n";
    if (i > 0) continue;
    text += "|";
    for (size_t k = 0; k < table[i].size(); ++k) text += k == 0 ? "---|" : "---:|";
    text += "\n";
  }
  return text;
}

// By definition, in the order of the cells.
std::vector<std::pair<std::string, Table>> tables_of(const Study& study, const StudySummary& summary) {
  std::vector<std::pair<std::string, Table>> tables;
  for (const StudyCell& cell : summary.cells) {
    if (tables.empty() || tables.back().first != cell.definition)
      tables.push_back({cell.definition, {header(study, cell)}});
    // Some strategy's runs may have paid nothing: the widest row names the columns.
    auto names = header(study, cell);
    if (names.size() > tables.back().second[0].size()) tables.back().second[0] = std::move(names);
    tables.back().second.push_back(row(cell));
  }
  return tables;
}

double best_seed_of(const StudySummary& summary, const std::string& definition) {
  for (const StudyCell& cell : summary.cells)
    if (cell.definition == definition && cell.runs > 0) return cell.best_seed;
  return 0;
}

std::string duel_line(const StudyDuel& duel) {
  return fmt::format("{} against {}{}: {} (ahead on {} seeds, equal on {}, behind on {})", duel.first,
                     duel.second, duel.definition.empty() ? ", all definitions" : "", verdict_of(duel),
                     duel.ahead, duel.equal, duel.behind);
}

std::string area_line(const StudyDuel& duel) {
  return fmt::format("over the whole budget {:+.3f} [{:+.3f}, {:+.3f}]", duel.area_difference.value,
                     duel.area_difference.low, duel.area_difference.high);
}

bool has_estimates(const Study& study) {
  return std::any_of(study.runs.begin(), study.runs.end(),
                     [](const StudyRun& run) { return run.is_estimate; });
}

constexpr const char* kMethod =
    "Columns: `at N` the median over seeds of the best score (times the plain seed) when so much of the "
    "budget was "
    "used; `ln best` the mean of its logarithm at the end; `area` the same over the whole budget, so that "
    "what is "
    "found early counts longer; `per evaluation` ln best by evaluations spent. Brackets: 95 % intervals of a "
    "bootstrap over seeds; with few seeds they are rather too narrow. Strategies are compared pair by pair "
    "on "
    "equal seeds.";
constexpr const char* kEstimates =
    "Times are ESTIMATES of the simulator, not measurements: this says how well a strategy searches, not how "
    "fast "
    "its kernels are on a device.";

Json to_json(const Interval& interval) {
  return {
      {"value", interval.value}, {"low", interval.low}, {"high", interval.high}, {"count", interval.count}};
}

Json to_json(const StudyRun& run) {
  Json curve = Json::array();
  for (const StudyStep& step : run.steps) curve.push_back({step.evaluations, step.dollars, step.best});
  return {{"definition", run.definition},
          {"strategy", run.strategy},
          {"seed", run.seed},
          {"folder", run.folder},
          {"evaluations", run.evaluations},
          {"dollars", run.dollars},
          {"best", run.best},
          {"best_seed", run.best_seed},
          {"finished", run.finished},
          {"is_estimate", run.is_estimate},
          {"curve", std::move(curve)}};
}

}  // namespace

std::string render_study_text(const Study& study) {
  const StudySummary summary = summarize(study);
  std::string text =
      fmt::format("study: {} finished runs of {} each{}\n", study.runs.size(), budget_text(study),
                  has_estimates(study) ? "; times are ESTIMATES, not measurements" : "");
  for (const auto& [definition, table] : tables_of(study, summary)) {
    text += fmt::format("\n{}  (the best of its seeds alone: {:.3f}x)\n{}", definition,
                        best_seed_of(summary, definition), as_text(table));
    for (const StudyDuel& duel : summary.duels)
      if (duel.definition == definition)
        text += fmt::format("  {}\n    {}\n", duel_line(duel), area_line(duel));
  }
  bool has_all = false;
  for (const StudyDuel& duel : summary.duels) {
    if (!duel.definition.empty()) continue;
    if (!has_all) text += "\nall definitions, each weighing alike\n";
    has_all = true;
    text += fmt::format("  {}\n    {}\n", duel_line(duel), area_line(duel));
  }
  return text;
}

std::string render_study_markdown(const Study& study, const StudyTextOptions& options) {
  const StudySummary summary = summarize(study);
  std::string text = fmt::format(
      "# Study: {}\n\n{} finished runs of {} each. {}\n",
      [&] {
        std::string names;
        for (const std::string& strategy : study.strategies) names += (names.empty() ? "" : ", ") + strategy;
        return names;
      }(),
      study.runs.size(), budget_text(study), has_estimates(study) ? kEstimates : "");
  if (!options.command.empty()) text += fmt::format("\n```\n{}\n```\n", options.command);
  text += "\n## Verdicts\n\n";
  for (const StudyDuel& duel : summary.duels)
    text += fmt::format("- {}{}; {}\n", duel.definition.empty() ? "" : duel.definition + ": ",
                        duel_line(duel), area_line(duel));
  for (const auto& [definition, table] : tables_of(study, summary))
    text += fmt::format("\n## {}\n\nThe best of its seeds alone: {:.3f}x.\n\n{}", definition,
                        best_seed_of(summary, definition), as_markdown(table));
  return text + "\n" + kMethod + "\n";
}

Json to_json(const Study& study) {
  const StudySummary summary = summarize(study);
  Json cells = Json::array(), duels = Json::array(), runs = Json::array();
  for (const StudyCell& cell : summary.cells) {
    cells.push_back({{"definition", cell.definition},
                     {"strategy", cell.strategy},
                     {"runs", cell.runs},
                     {"budget_shares", cell.budgets},
                     {"median_best", cell.medians},
                     {"best_seed", cell.best_seed},
                     {"mean_evaluations", cell.evaluations},
                     {"ln_best", to_json(cell.worth)},
                     {"area", to_json(cell.area)},
                     {"per_evaluation", to_json(cell.per_evaluation)}});
    if (cell.per_dollar) cells.back()["per_dollar"] = to_json(*cell.per_dollar);
  }
  for (const StudyDuel& duel : summary.duels)
    duels.push_back({{"definition", duel.definition},
                     {"first", duel.first},
                     {"second", duel.second},
                     {"ln_best_difference", to_json(duel.difference)},
                     {"area_difference", to_json(duel.area_difference)},
                     {"ahead", duel.ahead},
                     {"equal", duel.equal},
                     {"behind", duel.behind},
                     {"verdict", verdict_of(duel)}});
  for (const StudyRun& run : study.runs) runs.push_back(to_json(run));
  return {{"max_evaluations", study.max_evaluations}, {"max_dollars", study.max_dollars},
          {"strategies", study.strategies},           {"cells", std::move(cells)},
          {"comparisons", std::move(duels)},          {"runs", std::move(runs)}};
}

}  // namespace warpwright::report
