#include "src/search/compose.h"

#include <fmt/format.h>

#include <algorithm>

namespace warpwright::search {
namespace {

using events::CandidateId;
using events::RunView;

bool all_equal(const std::map<std::string, events::Champion>& champions) {
  return std::all_of(champions.begin(), champions.end(), [&](const auto& entry) {
    return entry.second.candidate == champions.begin()->second.candidate;
  });
}

double predicted_score(const RunView& view) {
  double sum = 0, weight = 0;
  for (const auto& [band, champion] : view.champions) {
    sum += champion.weight * champion.score;
    weight += champion.weight;
  }
  return weight > 0 ? sum / weight : 0;
}

}  // namespace

void Compositions::note(events::Ticket ticket, const std::vector<CandidateId>& champions) {
  composed_.insert(champions);
  last_ticket_ = ticket;
}

std::vector<CandidateId> DueComposition::candidates() const {
  std::vector<CandidateId> list;
  for (const BandChampion& champion : champions) list.push_back(champion.candidate);
  return list;
}

// A candidate that is champion of several bands is named once.
std::string DueComposition::note() const {
  std::string text;
  for (size_t i = 0; i < champions.size(); ++i) {
    const auto is_same = [&](const BandChampion& other) { return other.candidate == champions[i].candidate; };
    if (std::any_of(champions.begin(), champions.begin() + static_cast<std::ptrdiff_t>(i), is_same)) continue;
    std::string bands;
    for (const BandChampion& champion : champions)
      if (is_same(champion)) bands += (bands.empty() ? "" : ", ") + champion.band;
    text += fmt::format("{}{} ({})", text.empty() ? "compose of " : ", ",
                        events::format_candidate_id(champions[i].candidate), bands);
  }
  return text;
}

std::optional<DueComposition> due_composition(const RunView& view, const Compositions& compositions,
                                              const std::vector<std::string>& bands) {
  if (view.champions.size() < 2 || !view.best || all_equal(view.champions)) return std::nullopt;
  if (compositions.last_ticket() >= view.applied) return std::nullopt;  // outstanding
  DueComposition due;
  due.predicted_score = predicted_score(view);
  if (due.predicted_score <= view.find(*view.best)->score * (1 + kLeastPromise)) return std::nullopt;
  for (const auto& [band, champion] : view.champions) due.champions.push_back({band, champion.candidate});
  std::stable_sort(due.champions.begin(), due.champions.end(), [&](const auto& a, const auto& b) {
    return std::find(bands.begin(), bands.end(), a.band) < std::find(bands.begin(), bands.end(), b.band);
  });
  if (compositions.contains(due.candidates())) return std::nullopt;
  return due;
}

}  // namespace warpwright::search
