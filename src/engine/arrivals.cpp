// The engine's border to its workers: work going out, and reports coming back as events.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "src/base/check.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/contract/report_text.h"
#include "src/engine/decision.h"
#include "src/engine/engine.h"
#include "src/engine/report_check.h"
#include "src/search/decide.h"
#include "src/search/finalists.h"
#include "src/search/near_duplicates.h"
#include "src/search/race_plan.h"

namespace warpwright::engine {

using events::Candidate;
using events::Ticket;

namespace {

constexpr int kBaselineTries = 3;
constexpr std::string_view kCompileSuffix = "/compile";
constexpr std::string_view kEvaluateSuffix = "/evaluate";
constexpr std::string_view kDuelSuffix = "/duel";
constexpr std::string_view kFinalSuffix = "/final";

constexpr std::string_view suffix_of(WorkKind kind) {
  return kind == WorkKind::kCompile ? kCompileSuffix
         : kind == WorkKind::kDuel  ? kDuelSuffix
         : kind == WorkKind::kFinal ? kFinalSuffix
                                    : kEvaluateSuffix;
}

bool is_raced(WorkKind kind) {  // the result key that a compilation says is the evaluation's
  return kind == WorkKind::kCompile || kind == WorkKind::kEvaluate;
}

// A candidate that failed before it had an identity is known by what was asked.
std::string key_of_request(const RunConfig& config, const Candidate& candidate) {
  FieldHasher hasher;
  hasher.add(config.definition).add(config.target).add(config.device).add(config.executor);
  hasher.add(candidate.source_hash).add(search::canonical_knobs(candidate.knobs));
  return "request:" + hasher.hex();
}

}  // namespace

std::string request_id(const WorkItem& item) {
  return fmt::format("t{}{}", item.ticket, suffix_of(item.kind));
}

std::optional<WorkItem> work_of_request(const std::string& id) {
  WorkItem item;
  const char* end = id.data() + id.size();
  const auto [rest, error] = std::from_chars(id.data() + std::min<size_t>(1, id.size()), end, item.ticket);
  const std::string_view suffix(rest, static_cast<size_t>(end - rest));
  if (!id.starts_with('t') || error != std::errc()) return std::nullopt;
  for (const WorkKind kind : {WorkKind::kCompile, WorkKind::kEvaluate, WorkKind::kDuel, WorkKind::kFinal}) {
    if (suffix != suffix_of(kind)) continue;
    item.kind = kind;
    return item;
  }
  return std::nullopt;
}

Result<void> Engine::load_source(const std::string& hash) {
  return engine::load_source(*setup_.sources, hash,
                             [this](const std::string& wanted) { return blob(wanted); });
}

// --- out ---

Result<void> Engine::submit(const WorkItem& item) {
  TRY_ASSIGN(EvaluationRequest request, request_for(item));
  if (remembers(item, request)) return {};
  stage_of_[request.id] = "waiting";
  pool_.submit(std::move(request), item.ticket);  // earlier tickets first: later ones may wait for them
  return {};
}

// What another run evaluated comes back with the next arrivals.
bool Engine::remembers(const WorkItem& item, const EvaluationRequest& request) {
  if (!memory_ || item.kind != WorkKind::kEvaluate) return false;
  auto report = memory_->find(state_.view().find(item.ticket)->result_key, request.profile);
  if (!report) return false;
  report->id = request.id;
  workers::RequestFinished finished;
  finished.report = std::move(*report);
  remembered_.push_back(std::move(finished));
  return true;
}

Result<EvaluationRequest> Engine::request_for(const WorkItem& item) {
  const Candidate& candidate = *state_.view().find(item.ticket);
  EvaluationRequest request;
  request.id = request_id(item);
  TRY(load_source(candidate.source_hash));
  request.source = *setup_.sources->find(candidate.source_hash);
  request.source_name = events::format_candidate_id(item.ticket) + ".cu";
  request.definition = config_.definition;
  request.target = config_.target;
  request.executor = config_.executor;
  request.device = config_.device;
  request.knobs = candidate.knobs;
  request.selection = config_.selection;
  request.last_stage = item.kind == WorkKind::kCompile ? Stage::kCompile : config_.last_stage;
  request.seed = config_.input_seed >= 0 ? static_cast<uint64_t>(config_.input_seed) : config_.seed;
  request.timing_profile = config_.timing_profile;
  request.limits = config_.limits;
  request.profile =
      agent_ != nullptr && item.kind == WorkKind::kEvaluate;  // models are shown where time goes
  if (const Race* race = search::race_of(state_, candidate); race != nullptr && is_raced(item.kind))
    request.race = *race;
  if (item.kind == WorkKind::kFinal) request.min_samples = search::kFinalistSamples;
  if (item.kind != WorkKind::kDuel) return request;
  request.last_stage = Stage::kSmoke;  // it was evaluated before; the duel takes times of its own
  CHECK(state_.view().best);
  const Candidate& best = *state_.view().find(*state_.view().best);
  TRY(load_source(best.source_hash));
  request.rival = Rival{*setup_.sources->find(best.source_hash), events::format_candidate_id(best.id) + ".cu",
                        best.knobs, config_.search.tie_margin};
  return request;
}

// --- in: workers ---

Result<void> Engine::on_pool_event(workers::PoolEvent event) {
  if (auto* finished = std::get_if<workers::RequestFinished>(&event))
    return on_finished(std::move(*finished));
  if (const auto* progress = std::get_if<workers::RequestProgress>(&event)) {
    stage_of_[progress->id] = to_string(progress->stage);
  } else if (const auto* request = std::get_if<workers::RequestStarted>(&event)) {
    stage_of_[request->id] = "plan";
  } else if (const auto* unusable = std::get_if<workers::PoolUnusable>(&event)) {
    unusable_ = unusable->reason;
  }
  return {};
}

Result<void> Engine::on_finished(workers::RequestFinished finished) {
  stage_of_.erase(finished.report.id);
  const auto item = work_of_request(finished.report.id);
  if (!item || in_flight_.erase(*item) == 0) return {};
  const Candidate& candidate = *state_.view().find(item->ticket);
  if (item->kind == WorkKind::kFinal) return record_final(item->ticket, finished);
  if (item->kind == WorkKind::kDuel) return record_duel(item->ticket, finished.report);
  if (finished.quarantined) {
    return abandon(candidate, finished.attempts, finished.report.message);
  }
  if (item->kind == WorkKind::kCompile) return on_compile_report(candidate, finished.report);
  if (!finished.report.result_key.empty() && finished.report.result_key != candidate.result_key)
    spdlog::warn("{}: the result key changed between compile and evaluation",
                 events::format_candidate_id(item->ticket));
  const events::Baseline* baseline = state_.view().baseline ? &*state_.view().baseline : nullptr;
  if (const auto why = why_not_believed(finished.report, baseline, search::race_of(state_, candidate)))
    return disbelieve(candidate, finished.attempts, "its evaluator's report cannot be believed: " + *why);
  if (memory_) memory_->keep(candidate.result_key, agent_ != nullptr, finished.report);
  return record_result(item->ticket, candidate.result_key, finished.report);
}

// Without the baseline there is no run: its evaluation is tried again before the run is left as it stands, to
// be taken up with an evaluator that can be believed.
Result<void> Engine::disbelieve(const Candidate& candidate, int attempts, const std::string& reason) {
  if (!is_baseline_seed(candidate) || ++baseline_lies_ == kBaselineTries)
    return abandon(candidate, attempts, reason);
  spdlog::warn("seed {}: {}; evaluated again", candidate.note, reason);
  return {};  // open work, as before
}

bool Engine::is_baseline_seed(const Candidate& candidate) const {
  return candidate.id == 0 && candidate.origin.op == "seed";
}

Result<void> Engine::abandon(const Candidate& candidate, int attempts, const std::string& reason) {
  // Seeds are known to be harmless: it is the machine that fails.
  if (is_baseline_seed(candidate))
    return infrastructure_error(fmt::format("seed {}: {}", candidate.note, reason));
  return apply(events::Abandoned{candidate.id, attempts, reason});
}

Result<void> Engine::on_compile_report(const Candidate& candidate, const EvaluationReport& report) {
  if (report.status == Status::kWorkerLost) return disbelieve(candidate, 1, "its worker was lost");
  const bool passed = report.status == Status::kPassed;
  if (passed && report.result_key.empty())
    return abandon(candidate, 1, "the worker compiled it and gave no result key: is it of this build?");
  const std::string key = report.result_key.empty() ? key_of_request(config_, candidate) : report.result_key;
  if (passed || state_.view().results.contains(key))
    return apply(search::compiled_event(state_, candidate.id, report.identity, key, report.fingerprint,
                                        report.sketch));
  return record_result(candidate.id, key, report);
}

Result<void> Engine::record_final(events::CandidateId finalist, const workers::RequestFinished& finished) {
  const bool is_lost = finished.quarantined || finished.report.status == Status::kWorkerLost;
  if (is_lost || why_not_believed(finished.report, &*state_.view().baseline)) {
    lost_finals_.insert(finalist);
    live_.note(fmt::format("{} could not be measured once more: {}", events::format_candidate_id(finalist),
                           finished.report.message));
    return {};
  }
  return apply(events::FinalistMeasured{finalist, events::summarize(finished.report, config_.executor),
                                        keep(to_json_text(finished.report))});
}

// A duel that could not be held is not won: the best stays.
Result<void> Engine::record_duel(Ticket challenger, const EvaluationReport& report) {
  events::DuelFinished event;
  event.ticket = challenger;
  event.incumbent = *state_.view().best;
  event.verdict = "NOT_HELD";
  event.message = report.message;
  const bool is_sound = report.duel && std::isfinite(report.duel->ratio) && std::isfinite(report.duel->low) &&
                        std::isfinite(report.duel->high) && std::isfinite(report.duel->noise_floor);
  if (report.status == Status::kPassed && is_sound) {
    const DuelReport& duel = *report.duel;
    event.verdict = duel.verdict;
    event.ratio = duel.ratio;
    event.low = duel.low;
    event.high = duel.high;
    event.noise_floor = duel.noise_floor;
    event.pairs = duel.pairs;
    event.message = duel.message;
    event.report_hash = keep(to_json_text(report));
  }
  return apply(std::move(event));
}

Result<void> Engine::record_result(Ticket ticket, const std::string& key, const EvaluationReport& report) {
  if (state_.view().results.contains(key)) return {};
  return apply(events::EvaluationFinished{ticket, key, keep(to_json_text(report)),
                                          events::summarize(report, config_.executor)});
}

}  // namespace warpwright::engine
