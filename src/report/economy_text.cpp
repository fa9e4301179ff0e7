#include "src/report/economy_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "src/events/race_text.h"
#include "src/report/run_report.h"

namespace warpwright::report {
namespace {

using events::Candidate;
using events::RunView;

size_t workloads_of(const RunView& view) {
  return view.baseline ? view.baseline->workloads.size() : 0;
}

// Evaluations of their own that ended early, and how much of a whole one they took.
struct LostRaces {
  int64_t count = 0;
  double share = 0;  // of the workloads, mean
  std::vector<const Candidate*> examples;
};

LostRaces lost_races(const RunView& view) {
  constexpr size_t kExamples = 3;
  LostRaces lost;
  double run = 0;
  for (const auto& [id, candidate] : view.candidates) {
    if (!candidate.lost_race || candidate.duplicate_of) continue;
    ++lost.count;
    run += static_cast<double>(view.result_of(candidate)->workloads.size());
    if (lost.examples.size() < kExamples) lost.examples.push_back(&candidate);
  }
  const double whole = static_cast<double>(lost.count) * static_cast<double>(workloads_of(view));
  lost.share = whole > 0 ? run / whole : 0;
  return lost;
}

std::string races_text(const RunView& view) {
  if (view.races.empty()) return "";
  const LostRaces lost = lost_races(view);
  std::string text = fmt::format(
      "  races            {} of {} evaluations stopped early{}; {} planned, the last with a floor of "
      "{:.3f}\n",
      lost.count, view.counters.evaluations,
      lost.count > 0 ? fmt::format(", after {:.0f} % of their workloads", 100 * lost.share) : "",
      view.races.size(), view.races.back().floor);
  for (const Candidate* candidate : lost.examples)
    text += fmt::format("                   {} {}\n", events::format_candidate_id(candidate->id),
                        lost_race_text(view, *candidate));
  return text;
}

struct FinalFigures {
  const Candidate* candidate = nullptr;
  double score = 0;  // of the second measurement; 0: it did not pass
  std::string problem;
};

std::vector<FinalFigures> final_figures(const RunView& view) {
  std::vector<FinalFigures> list;
  for (const auto& [id, measured] : view.finalists) {
    FinalFigures figures{view.find(id), 0, ""};
    const auto rows = compare_with_baseline(view, measured.summary);
    if (measured.summary.status != Status::kPassed)
      figures.problem = fmt::format("{}: {}", to_string(measured.summary.status), measured.summary.message);
    else if (rows.empty())
      figures.problem = "measured in another way than the baseline";
    else
      figures.score = arithmetic_mean(rows);
    list.push_back(std::move(figures));
  }
  std::stable_sort(list.begin(), list.end(), [](const FinalFigures& a, const FinalFigures& b) {
    return a.candidate->score > b.candidate->score;
  });
  return list;
}

std::string finalists_text(const RunView& view) {
  if (!view.best || !view.baseline) return "";
  if (view.baseline->measure.is_estimate())
    return "  finalists        not measured once more: estimates are exact\n";
  std::string text;
  for (const FinalFigures& final : final_figures(view)) {
    text += fmt::format("  {}            {:>7.3f}x at first, ",
                        events::format_candidate_id(final.candidate->id), final.candidate->score);
    text += final.problem.empty() ? fmt::format("{:.3f}x measured once more ({:+.1f} %)\n", final.score,
                                                100 * (final.score / final.candidate->score - 1))
                                  : final.problem + "\n";
  }
  return text.empty() ? "  finalists        not measured once more: the run ended in haste\n" : text;
}

}  // namespace

std::string lost_race_text(const RunView& view, const Candidate& candidate) {
  return events::lost_race_text(*view.result_of(candidate), workloads_of(view));
}

std::string economy_text(const RunView& view) {
  std::string text;
  if (view.counters.near_duplicates > 0)
    text += fmt::format("  near duplicates  {}, known by the fingerprint of their PTX\n",
                        view.counters.near_duplicates);
  text += races_text(view);
  if (!view.finished_reason.empty()) text += finalists_text(view);
  return text.empty() ? "" : "\nless and more than one evaluation each\n" + text;
}

Json economy_json(const RunView& view) {
  const LostRaces lost = lost_races(view);
  Json json = {{"near_duplicates", view.counters.near_duplicates},
               {"races", view.races.size()},
               {"lost_races", lost.count},
               {"lost_after_share", lost.share}};
  for (const FinalFigures& final : final_figures(view))
    json["finalists"].push_back({{"id", events::format_candidate_id(final.candidate->id)},
                                 {"score", final.candidate->score},
                                 {"score_again", final.score},
                                 {"problem", final.problem}});
  return json;
}

}  // namespace warpwright::report
