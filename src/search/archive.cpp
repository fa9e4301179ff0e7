#include "src/search/archive.h"

#include <algorithm>

#include "src/base/check.h"

namespace warpwright::search {

using events::Candidate;
using events::CandidateId;
using events::Objectives;
using events::RunView;

namespace {

bool is_pareto(const RunView& view) {
  return view.started->search.archive_rank == "pareto";
}

}  // namespace

bool Archive::scores_above(CandidateId a, CandidateId b) const {
  const double score_a = members_.at(a).objectives.score, score_b = members_.at(b).objectives.score;
  return score_a != score_b ? score_a > score_b : a < b;
}

void Archive::insert_by_score(std::vector<CandidateId>& list, CandidateId id) const {
  const auto before = [&](CandidateId a, CandidateId b) { return scores_above(a, b); };
  list.insert(std::upper_bound(list.begin(), list.end(), id, before), id);
}

// O(archive^2) comparisons of three numbers; microseconds at its usual size.
void Archive::sort_by_fronts(std::vector<CandidateId>& list) const {
  std::vector<Objectives> left;
  for (const CandidateId id : list) left.push_back(members_.at(id).objectives);
  list.clear();
  while (!left.empty()) {
    std::vector<bool> is_beaten(left.size());
    for (size_t i = 0; i < left.size(); ++i)
      is_beaten[i] = std::any_of(left.begin(), left.end(),
                                 [&](const Objectives& other) { return events::dominates(other, left[i]); });
    const auto begin = static_cast<std::ptrdiff_t>(list.size());
    std::vector<Objectives> beaten;
    for (size_t i = 0; i < left.size(); ++i) {
      if (is_beaten[i])
        beaten.push_back(left[i]);
      else
        list.push_back(left[i].id);
    }
    std::sort(list.begin() + begin, list.end(),
              [&](CandidateId a, CandidateId b) { return scores_above(a, b); });
    left = std::move(beaten);
  }
}

void Archive::forget(RunView& view, size_t index) {
  const CandidateId id = view.archive[index];
  const auto member = members_.find(id);
  CHECK(member != members_.end());
  const auto named = by_fingerprint_.find(member->second.fingerprint);
  if (named != by_fingerprint_.end() && named->second == id) by_fingerprint_.erase(named);
  members_.erase(member);
  view.archive.erase(view.archive.begin() + static_cast<std::ptrdiff_t>(index));
}

// False: a better near-duplicate stands there already. A worse one is sent away.
bool Archive::make_room_for(RunView& view, const Member& member) {
  if (!view.started->search.share_near_duplicates || member.fingerprint.empty()) return true;
  const auto twin = by_fingerprint_.find(member.fingerprint);
  if (twin == by_fingerprint_.end() || !members_.contains(twin->second)) return true;
  if (members_.at(twin->second).objectives.score >= member.objectives.score) return false;
  const auto place = std::find(view.archive.begin(), view.archive.end(), twin->second);
  CHECK(place != view.archive.end());
  forget(view, static_cast<size_t>(place - view.archive.begin()));
  return true;
}

void Archive::enter(RunView& view, const Candidate& candidate) {
  const size_t limit = static_cast<size_t>(view.started->search.archive_size);
  Member member{
      {candidate.id, candidate.score, 0, 0, 0}, parse_sketch(candidate.sketch), candidate.fingerprint};
  if (is_pareto(view)) member.objectives = events::objectives_of(view, candidate);
  if (!make_room_for(view, member)) return;
  if (!member.fingerprint.empty()) by_fingerprint_[member.fingerprint] = candidate.id;
  members_.emplace(candidate.id, std::move(member));
  if (is_pareto(view)) {
    view.archive.push_back(candidate.id);
    sort_by_fronts(view.archive);
  } else {
    insert_by_score(view.archive, candidate.id);
  }
  while (view.archive.size() > limit) forget(view, view.archive.size() - 1);
}

void Archive::rank_anew(RunView& view) {
  std::vector<CandidateId> list = std::move(view.archive);
  std::sort(list.begin(), list.end(), [&](CandidateId a, CandidateId b) { return scores_above(a, b); });
  view.archive.clear();
  members_.clear();
  by_fingerprint_.clear();
  for (const CandidateId id : list) enter(view, *view.find(id));
}

double Archive::distance(const std::optional<Sketch>& sketch) const {
  if (!sketch) return 1;
  double nearest = 0;
  for (const auto& [id, member] : members_)
    if (member.sketch) nearest = std::max(nearest, likeness(*sketch, *member.sketch));
  return 1 - nearest;
}

std::optional<Sketch> Archive::sketch_of(CandidateId id) const {
  const auto member = members_.find(id);
  return member == members_.end() ? std::nullopt : member->second.sketch;
}

}  // namespace warpwright::search
