#include "src/search/tuning_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace warpwright::search {

using events::Candidate;
using events::RunView;
using events::TuningSession;

bool TuningTable::Rank::operator<(const Rank& other) const {
  if (score != other.score) return score > other.score;
  if (opened_by != other.opened_by) return opened_by > other.opened_by;
  return source_hash < other.source_hash;
}

namespace {

bool is_tunable(const RunView& view, const std::string& source_hash) {
  if (view.started->search.tuning_budget == 0 || source_hash.empty()) return false;
  const auto& declared = view.sources.at(source_hash).declared_knobs;
  return std::any_of(declared.begin(), declared.end(),
                     [](const auto& knob) { return knob.values.size() > 1; });
}

}  // namespace

bool is_promising(const RunView& view, const std::string& source_hash, double score) {
  const double margin = view.started->search.tuning_margin;
  const Candidate* best = view.best ? view.find(*view.best) : nullptr;
  if (best == nullptr || score >= (1 - margin) * best->score) return true;
  return std::any_of(view.champions.begin(), view.champions.end(), [&](const auto& entry) {
    const Candidate* champion = view.find(entry.second.candidate);
    return champion != nullptr && champion->source_hash == source_hash;
  });
}

const TuningTable::Source* TuningTable::find(const std::string& source_hash) const {
  const auto found = sources_.find(source_hash);
  return found == sources_.end() ? nullptr : &found->second;
}

void TuningTable::on_proposed(RunView& view, const Candidate& candidate) {
  if (candidate.origin.op != "tune" || !is_tunable(view, candidate.source_hash)) return;
  Source& source = sources_[candidate.source_hash];
  source.in_flight.insert(candidate.id);
  ++source.revision;
  const auto session = view.tuning.find(candidate.source_hash);
  if (session == view.tuning.end() || !session->second.has_budget()) return;
  source.members.insert(candidate.id);
  ++session->second.in_flight;
  rank(view, candidate.source_hash);
}

void TuningTable::on_applied(RunView& view, const Candidate& candidate) {
  if (!is_tunable(view, candidate.source_hash)) return;
  Source& source = sources_[candidate.source_hash];
  source.in_flight.erase(candidate.id);
  ++source.revision;
  if (candidate.phase == events::Phase::kApplied) source.applied.push_back(candidate.id);
  const bool is_member = source.members.erase(candidate.id) > 0;
  const auto found = view.tuning.find(candidate.source_hash);
  if (found == view.tuning.end()) {
    if (candidate.passed() && !candidate.duplicate_of) open(view, candidate);
    return;
  }
  TuningSession& session = found->second;
  if (is_member) {
    --session.in_flight;
    ++session.used;
  }
  if (candidate.passed() && candidate.score > session.best_score) {
    session.best = candidate.id;
    session.best_score = candidate.score;
    if (!is_member && !candidate.duplicate_of && !session.has_budget()) open(view, candidate);
  }
  rank(view, candidate.source_hash);
}

void TuningTable::open(RunView& view, const Candidate& candidate) {
  const std::string& hash = candidate.source_hash;
  if (!is_promising(view, hash, candidate.score)) return;
  TuningSession& session = view.tuning[hash];
  session.granted = session.openings == 0 ? view.started->search.tuning_budget : session.granted / 2;
  session.budget += session.granted;
  if (session.openings++ == 0) {
    session.score_before = session.best_score = candidate.score;
    session.best = candidate.id;
  }
  session.opened_by = candidate.id;
  rank(view, hash);
}

void TuningTable::rank(const RunView& view, const std::string& source_hash) {
  if (const auto old = rank_of_.find(source_hash); old != rank_of_.end()) {
    ranked_.erase(old->second);
    rank_of_.erase(old);
  }
  const TuningSession& session = view.tuning.at(source_hash);
  if (!session.has_budget()) return;
  const Rank place{session.best_score, session.opened_by, source_hash};
  rank_of_.emplace(source_hash, place);
  ranked_.insert(place);
}

std::string TuningTable::digest(const RunView& view) const {
  std::string text;
  for (const auto& [hash, session] : view.tuning) {
    const Source& source = sources_.at(hash);
    text += fmt::format("tuning {} {} {} {} {} {:a} {} {} {}\n", hash, session.opened_by, session.granted,
                        session.budget, session.used, session.best_score, session.best, source.revision,
                        fmt::join(source.members, ","));
  }
  return text;
}

}  // namespace warpwright::search
