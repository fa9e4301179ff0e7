#include "src/report/population_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/events/objectives.h"

namespace warpwright::report {
namespace {

using events::Candidate;
using events::CandidateId;
using events::format_candidate_id;
using events::Intervention;
using events::IslandView;
using events::Objectives;
using events::RunView;

constexpr size_t kMostShown = 12;  // of the front, of the order, of interventions
constexpr size_t kMostCompared = 5'000;

double score_of(const RunView& view, std::optional<CandidateId> id) {
  const Candidate* candidate = id ? view.find(*id) : nullptr;
  return candidate == nullptr ? 0 : candidate->score;
}

// What a program would score that took the best for each workload: the sum of what each candidate added.
double portfolio_score(const RunView& view) {
  double sum = 0;
  for (const auto& [id, candidate] : view.candidates) sum += candidate.portfolio_gain;
  return sum;
}

// Of passed, distinct candidates; of very many those with the highest scores.
std::vector<Objectives> all_objectives(const RunView& view) {
  std::vector<const Candidate*> passed;
  for (const auto& [id, candidate] : view.candidates)
    if (candidate.passed() && !candidate.duplicate_of) passed.push_back(&candidate);
  std::stable_sort(passed.begin(), passed.end(),
                   [](const Candidate* a, const Candidate* b) { return a->score > b->score; });
  if (passed.size() > kMostCompared) passed.resize(kMostCompared);
  std::vector<Objectives> all;
  for (const Candidate* candidate : passed) all.push_back(events::objectives_of(view, *candidate));
  return all;
}

std::string islands_text(const RunView& view) {
  std::string text = "\nislands\n";
  text += fmt::format("  {:>6} {:>8} {:>8} {:>8} {:>7} {:>16} {:>11} {:>8} {:>7} {:>5}\n", "", "tickets",
                      "passed", "members", "cells", "best", "better at", "arrived", "resets", "heat");
  for (size_t i = 0; i < view.islands.size(); ++i) {
    const IslandView& island = view.islands[i];
    const std::string best = island.best ? fmt::format("{} {:.3f}x", format_candidate_id(*island.best),
                                                       score_of(view, island.best))
                                         : "-";
    text += fmt::format("  {:>6} {:>8} {:>8} {:>8} {:>7} {:>16} {:>11} {:>8} {:>7} {:>5g}", i,
                        island.proposed, island.passed, island.members.size(), island.cells.size(), best,
                        island.better_at, island.arrived, island.resets, island.temperature);
    if (!island.resting_model.empty()) text += fmt::format("  {} rests", island.resting_model);
    text += '\n';
  }
  return text + fmt::format(
                    "  ('better at': of {} tickets applied, when its best last changed or something was done "
                    "about it)\n",
                    view.applied);
}

std::string champions_text(const RunView& view) {
  if (view.champions.empty()) return {};
  std::string text = fmt::format("\nchampions of bands\n  {:<14} {:>9}  {:<8} {:>9} {:>14}\n", "band",
                                 "workloads", "champion", "here", "over all");
  for (const auto& [band, champion] : view.champions)
    text += fmt::format("  {:<14} {:>9g}  {:<8} {:>8.3f}x {:>13.3f}x\n", band, champion.weight,
                        format_candidate_id(champion.candidate), champion.score,
                        score_of(view, champion.candidate));
  text += fmt::format("  the best candidate for every single workload would together score {:.3f}x",
                      portfolio_score(view));
  if (view.best) text += fmt::format(", the best of the run alone scores {:.3f}x", score_of(view, view.best));
  return text + "\n";
}

std::string objectives_text(const std::vector<Objectives>& list) {
  std::string text = fmt::format("  {:<8} {:>9} {:>11} {:>9} {:>13}\n", "", "score", "worst band", "launches",
                                 "instructions");
  for (size_t i = 0; i < std::min(list.size(), kMostShown); ++i)
    text += fmt::format("  {:<8} {:>8.3f}x {:>10.3f}x {:>9} {:>13}\n", format_candidate_id(list[i].id),
                        list[i].score, list[i].worst_band, list[i].launches,
                        list[i].code_size > 0 ? fmt::format("{:.0f}", list[i].code_size) : "not known");
  return text;
}

std::string orders_text(const RunView& view) {
  const std::vector<Objectives> all = all_objectives(view);
  if (all.size() < 2) return {};
  const double margin = view.started->search.tie_margin;
  const std::vector<Objectives> front = events::pareto_front(all);
  const std::vector<Objectives> order = events::lexicographic_order(all, margin);
  std::string text = fmt::format("\nPareto front of score, worst band and simplicity ({} of {} shown)\n",
                                 std::min(front.size(), kMostShown), front.size());
  text += objectives_text(front);
  text += fmt::format("  where scores within {:.0f} % count as equal, then worst bands: {} is first\n",
                      margin * 100, format_candidate_id(order.front().id));
  return text;
}

double gain_of(const Intervention& done) {
  const double before = done.event.best_score;
  return before > 0 && done.best_score > before ? done.best_score / before - 1 : 0;
}

struct ActionSum {
  int64_t times = 0, better = 0, candidates = 0, microdollars = 0;
  double gain = 0;
};

std::map<std::string, ActionSum> sums_of(const RunView& view) {
  std::map<std::string, ActionSum> sums;
  for (const Intervention& done : view.interventions) {
    ActionSum& sum = sums[done.event.action];
    ++sum.times;
    sum.better += gain_of(done) > 0 ? 1 : 0;
    sum.candidates += done.candidates;
    sum.microdollars += done.microdollars;
    sum.gain += gain_of(done);
  }
  return sums;
}

double dollars(int64_t microdollars) {
  return static_cast<double>(microdollars) / 1e6;
}

std::string interventions_text(const RunView& view) {
  if (view.interventions.empty()) return {};
  std::string text = "\nislands that did not get better, and what was done about it\n";
  text += fmt::format("  {:<10} {:>6} {:>12} {:>11} {:>11} {:>9}\n", "action", "times", "then better",
                      "mean gain", "candidates", "dollars");
  for (const auto& [action, sum] : sums_of(view))
    text += fmt::format("  {:<10} {:>6} {:>12} {:>9.1f} % {:>11} {:>9.4f}\n", action, sum.times, sum.better,
                        100 * sum.gain / static_cast<double>(sum.times), sum.candidates,
                        dollars(sum.microdollars));
  const size_t count = view.interventions.size(), first = count - std::min(count, kMostShown);
  if (first > 0) text += fmt::format("  the last {}:\n", kMostShown);
  for (size_t i = first; i < count; ++i) {
    const Intervention& done = view.interventions[i];
    text += fmt::format("  after {:>5}: island {} at {:.3f}x, {}{}", done.event.after_applied,
                        done.event.island, done.event.best_score, done.event.action,
                        done.event.model.empty() ? "" : fmt::format(" ({} rests)", done.event.model));
    text += done.candidates == 0
                ? ": nothing has come of it yet\n"
                : fmt::format(": {} candidates later {:.3f}x\n", done.candidates, done.best_score);
  }
  return text;
}

std::string staleness_text(const RunView& view) {
  const Staleness staleness = staleness_of(view);
  return fmt::format(
      "\nstaleness\n  a ticket is decided without the outcomes of the last {} before it at most; here {:.1f} "
      "on "
      "average, {} at most\n  a parent is {:.1f} tickets older than its child on average\n",
      std::max<int64_t>(staleness.bound, staleness.longest), staleness.mean, staleness.longest,
      staleness.parent_age);
}

Json objectives_json(const std::vector<Objectives>& list) {
  Json json = Json::array();
  for (size_t i = 0; i < std::min<size_t>(list.size(), 100); ++i)
    json.push_back({{"id", format_candidate_id(list[i].id)},
                    {"score", list[i].score},
                    {"worst_band", list[i].worst_band},
                    {"launches", list[i].launches},
                    {"instructions", list[i].code_size}});
  return json;
}

Json islands_json(const RunView& view) {
  Json json = Json::array();
  for (const IslandView& island : view.islands) {
    json.push_back({{"tickets", island.proposed},
                    {"passed", island.passed},
                    {"members", island.members.size()},
                    {"cells", island.cells.size()},
                    {"better_at", island.better_at},
                    {"arrived", island.arrived},
                    {"resets", island.resets},
                    {"temperature", island.temperature}});
    if (!island.resting_model.empty()) json.back()["resting_model"] = island.resting_model;
    if (!island.best) continue;
    json.back()["best"] = format_candidate_id(*island.best);
    json.back()["best_score"] = score_of(view, island.best);
  }
  return json;
}

}  // namespace

Staleness staleness_of(const RunView& view) {
  Staleness staleness;
  if (!view.started) return staleness;
  staleness.bound = std::max(0, view.started->search.window - 1);
  const events::RunCounters& counters = view.counters;
  const int64_t tickets = static_cast<int64_t>(view.candidates.size()) + counters.idle;
  staleness.longest = counters.longest_staleness;
  if (tickets > 0) staleness.mean = static_cast<double>(counters.staleness) / static_cast<double>(tickets);
  double ages = 0, children = 0;
  for (const auto& [id, candidate] : view.candidates)
    if (candidate.origin.parent) ages += static_cast<double>(id - *candidate.origin.parent), children += 1;
  if (children > 0) staleness.parent_age = ages / children;
  return staleness;
}

std::string population_text(const RunView& view) {
  if (!view.started || view.applied == 0 || view.islands.empty()) return {};
  return islands_text(view) + champions_text(view) + orders_text(view) + interventions_text(view) +
         staleness_text(view);
}

Json population_json(const RunView& view) {
  if (!view.started || view.islands.empty()) return Json::object();
  const std::vector<Objectives> all = all_objectives(view);
  const Staleness staleness = staleness_of(view);
  Json json = {
      {"islands", islands_json(view)},
      {"portfolio_score", portfolio_score(view)},
      {"pareto_front", objectives_json(events::pareto_front(all))},
      {"lexicographic", objectives_json(events::lexicographic_order(all, view.started->search.tie_margin))},
      {"staleness",
       {{"bound", staleness.bound},
        {"mean", staleness.mean},
        {"longest", staleness.longest},
        {"parent_age", staleness.parent_age}}}};
  json["champions"] = Json::object();
  for (const auto& [band, champion] : view.champions)
    json["champions"][band] = {{"id", format_candidate_id(champion.candidate)},
                               {"score", champion.score},
                               {"weight", champion.weight}};
  json["interventions"] = Json::array();
  for (const Intervention& done : view.interventions)
    json["interventions"].push_back({{"after_applied", done.event.after_applied},
                                     {"island", done.event.island},
                                     {"action", done.event.action},
                                     {"model", done.event.model},
                                     {"best_before", done.event.best_score},
                                     {"best_since", done.best_score},
                                     {"candidates", done.candidates},
                                     {"dollars", dollars(done.microdollars)}});
  return json;
}

}  // namespace warpwright::report
