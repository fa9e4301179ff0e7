#include "src/report/tuning_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace warpwright::report {
namespace {

using events::Candidate;
using events::RunView;
using events::TuningSession;

using Row = std::pair<std::string, const TuningSession*>;

std::vector<Row> sessions_of(const RunView& view) {
  std::vector<Row> rows;
  for (const auto& [hash, session] : view.tuning) rows.emplace_back(hash, &session);
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    if (a.second->best_score != b.second->best_score) return a.second->best_score > b.second->best_score;
    return a.second->best < b.second->best;
  });
  return rows;
}

double gain_of(const TuningSession& session) {
  return session.score_before > 0 ? session.best_score / session.score_before - 1 : 0;
}

std::string values_text(const KnobValues& knobs) {
  std::string text;
  for (const auto& [name, value] : knobs)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

std::string row_text(const RunView& view, const Row& row) {
  const TuningSession& session = *row.second;
  const Candidate& best = *view.find(session.best);
  return fmt::format("  {:<8} {:>6} {:>7} {:>9.3f} {:>9.3f} {:>8.1f}%  {} {}\n",
                     events::format_candidate_id(view.sources.at(row.first).first_candidate), session.used,
                     session.budget, session.score_before, session.best_score, 100 * gain_of(session),
                     events::format_candidate_id(best.id), values_text(best.knobs));
}

}  // namespace

std::string tuning_text(const RunView& view, size_t max_sessions) {
  const std::vector<Row> rows = sessions_of(view);
  if (rows.empty()) return {};
  int64_t used = 0;
  for (const Row& row : rows) used += row.second->used;
  std::string text = fmt::format("\ntuning of knobs: {} evaluations for {} source{}\n", used, rows.size(),
                                 rows.size() == 1 ? "" : "s");
  text += fmt::format("  {:<8} {:>6} {:>7} {:>9} {:>9} {:>9}  {}\n", "source", "used", "budget", "before",
                      "now", "gain", "best setting");
  for (size_t i = 0; i < std::min(rows.size(), max_sessions); ++i) text += row_text(view, rows[i]);
  if (rows.size() > max_sessions) text += fmt::format("  and {} more\n", rows.size() - max_sessions);
  return text;
}

Json tuning_json(const RunView& view) {
  Json list = Json::array();
  for (const auto& [hash, session] : sessions_of(view))
    list.push_back({{"source", hash},
                    {"opened_by", events::format_candidate_id(session->opened_by)},
                    {"openings", session->openings},
                    {"used", session->used},
                    {"budget", session->budget},
                    {"score_before", session->score_before},
                    {"best_score", session->best_score},
                    {"best", events::format_candidate_id(session->best)},
                    {"knobs", view.find(session->best)->knobs}});
  return list;
}

}  // namespace warpwright::report
