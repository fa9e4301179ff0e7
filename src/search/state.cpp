#include "src/search/state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/base/hash.h"
#include "src/search/gain.h"
#include "src/search/prompt_trials.h"
#include "src/search/score.h"

namespace warpwright::search {

using events::Candidate;
using events::CandidateId;
using events::Phase;
using events::Ticket;

namespace {

// Its ticket's turn is over as soon as it comes: there is no result to wait for.
bool is_closed(Phase phase) {
  return phase == Phase::kProposalFailed || phase == Phase::kAbandoned || phase == Phase::kResearched;
}

tl::unexpected<Error> contradiction(std::string what) {
  return infrastructure_error("the journal contradicts itself: " + what);
}

size_t index_of(Phase phase) {
  return static_cast<size_t>(phase);
}

}  // namespace

std::string canonical_knobs(const KnobValues& knobs) {
  std::string text;
  for (const auto& [name, value] : knobs) {
    if (!text.empty()) text += ',';
    text += name + '=' + value;
  }
  return text;
}

const events::SearchSettings& State::settings() const {
  CHECK(started());
  return view_.started->search;
}

Result<State> State::fold(std::span<const events::Record> records) {
  State state;
  for (const events::Record& record : records) {
    auto done = state.apply(record.event);
    if (!done) return add_context(done.error(), fmt::format("event {}", record.seq));
  }
  return state;
}

Result<void> State::apply(const events::Event& event) {
  if (!started() && !std::holds_alternative<events::RunStarted>(event))
    return contradiction(fmt::format("{} before run-started", events::kind_of(event)));
  return std::visit([this](const auto& e) { return on(e); }, event);
}

bool State::outcome_known(Ticket ticket) const {
  if (ticket >= next_ticket_) return false;
  if (idle_.contains(ticket)) return true;
  const Candidate* c = view_.find(ticket);
  if (c == nullptr) return false;
  if (is_closed(c->phase)) return true;
  return !c->result_key.empty() && view_.results.contains(c->result_key);
}

int64_t State::requests_of(const std::string& op) const {
  auto it = requests_.find(op);
  return it == requests_.end() ? 0 : it->second;
}

const std::set<std::string>& State::assignments_tried(const std::string& source_hash) const {
  static const std::set<std::string> kNone;
  auto it = tried_.find(source_hash);
  return it == tried_.end() ? kNone : it->second;
}

std::optional<CandidateId> State::first_with_key(const std::string& result_key) const {
  auto it = first_with_key_.find(result_key);
  if (it == first_with_key_.end()) return std::nullopt;
  return it->second;
}

std::optional<CandidateId> State::failure_to_repair() const {
  if (mendable_.empty()) return std::nullopt;
  return *mendable_.rbegin();
}

std::optional<events::Stagnated> State::due_intervention() const {
  return stagnation_.due(view_, population_, requests_);
}

bool State::can_research() const {
  return search::can_research(view_, requests_);
}

std::optional<CandidateId> State::first_of_program(const std::string& identity,
                                                   const std::string& fingerprint) const {
  std::optional<CandidateId> first;
  const auto look = [&](const std::map<std::string, CandidateId>& index, const std::string& name) {
    const auto it = name.empty() ? index.end() : index.find(name);
    if (it != index.end()) first = std::min(first.value_or(it->second), it->second);
  };
  look(first_with_identity_, identity);
  look(first_with_fingerprint_, fingerprint);
  return first;
}

// ---- tickets ----

Result<Candidate*> State::open_candidate(Ticket ticket, std::string_view what) {
  auto it = view_.candidates.find(ticket);
  if (it == view_.candidates.end())
    return contradiction(fmt::format("{} for ticket {}, which has no proposal", what, ticket));
  const Phase phase = it->second.phase;
  if (ticket < view_.applied || is_closed(phase))
    return contradiction(fmt::format("{} for ticket {}, which is closed", what, ticket));
  return &it->second;
}

Result<void> State::take_ticket(Ticket ticket, const events::Origin& origin) {
  if (ticket != next_ticket_)
    return contradiction(fmt::format("ticket {} is proposed where {} is next", ticket, next_ticket_));
  if (origin.island < 0 || static_cast<size_t>(origin.island) >= view_.islands.size())
    return contradiction(
        fmt::format("ticket {} is for island {}, which does not exist", ticket, origin.island));
  if (origin.parent && view_.find(*origin.parent) == nullptr)
    return contradiction(fmt::format("ticket {} has an unknown parent {}", ticket, *origin.parent));
  Candidate& candidate = view_.candidates[ticket];
  candidate.id = ticket;
  candidate.origin = origin;
  candidate.phase = Phase::kRequested;
  // A composition is judged as a whole.
  if (!view_.races.empty() && origin.op != "compose") candidate.race = view_.races.size() - 1;
  ++view_.counters.by_phase[index_of(candidate.phase)];
  ++view_.counters.by_operator[origin.op];
  ++view_.islands[static_cast<size_t>(origin.island)].proposed;
  ++requests_[origin.op];
  if (origin.op == "repair" && origin.parent) {
    repairs_.insert(*origin.parent);
    mendable_.erase(*origin.parent);
  }
  stagnation_.on_taken(view_, origin);
  note_staleness(ticket);
  last_working_ticket_ = next_ticket_++;
  return {};
}

void State::note_staleness(Ticket ticket) {
  const int64_t unseen = ticket - view_.applied;
  view_.counters.staleness += unseen;
  view_.counters.longest_staleness = std::max(view_.counters.longest_staleness, unseen);
}

void State::set_phase(Candidate& candidate, Phase phase) {
  --view_.counters.by_phase[index_of(candidate.phase)];
  candidate.phase = phase;
  ++view_.counters.by_phase[index_of(phase)];
  unread_.erase(candidate.id);
}

// ---- one function per event ----

Result<void> State::on(const events::RunStarted& event) {
  if (started()) return contradiction("run-started twice");
  view_.started = event;
  view_.islands.resize(static_cast<size_t>(event.search.islands));
  return {};
}

Result<void> State::on(const events::ModelRequested& event) {
  TRY(take_ticket(event.ticket, event.origin));
  Candidate& candidate = view_.candidates[event.ticket];
  candidate.role = event.role;
  candidate.model = event.model;
  candidate.prompt_hash = event.prompt_hash;
  candidate.left_out = event.left_out;
  candidate.request_index = event.request_index;
  if (!event.model.empty()) stagnation_.on_asked(event.origin.island, event.role, event.model);
  return {};
}

Result<void> State::on(const events::ModelAnswered& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "model-answered"));
  if (candidate->phase != Phase::kRequested)
    return contradiction(fmt::format("ticket {} is answered but was not asked", event.ticket));
  candidate->reply_hash = event.reply_hash;
  unread_[event.ticket] = event.finish;
  view_.counters.input_tokens += event.input_tokens;
  view_.counters.output_tokens += event.output_tokens;
  if (!view_.open_calls.contains({event.ticket, event.turn}))
    return {};  // a journal from before calls were kept
  TRY(close_call(event.ticket, event.turn, event.attempt));
  candidate->model = event.provider;
  candidate->microdollars += event.cost_microdollars;
  events::ModelUsage& usage = view_.models[event.provider];
  ++usage.answered;
  usage.refused += event.finish == "refused" ? 1 : 0;
  usage.truncated += event.finish == "truncated" ? 1 : 0;
  usage.input_tokens += event.input_tokens;
  usage.cached_tokens += event.cached_tokens;
  usage.output_tokens += event.output_tokens;
  usage.reasoning_tokens += event.reasoning_tokens;
  usage.microdollars += event.cost_microdollars;
  return {};
}

Result<void> State::on(const events::Proposed& event) {
  const bool decided_here =
      event.ticket == next_ticket_;  // a seed or tune; a model's ticket was taken before
  if (decided_here) TRY(take_ticket(event.ticket, event.origin));
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "proposed"));
  if (candidate->phase != Phase::kRequested)
    return contradiction(fmt::format("ticket {} is proposed twice", event.ticket));
  candidate->source_hash = event.source_hash;
  candidate->knobs = event.knobs;
  candidate->note = event.note;
  set_phase(*candidate, Phase::kProposed);
  auto [source, is_new] = view_.sources.try_emplace(event.source_hash);
  if (source->second.declared_knobs.empty()) source->second.declared_knobs = event.declared_knobs;
  // The smallest number, not the first to arrive: the order of answers must not show.
  CandidateId& first = source->second.first_candidate;
  first = is_new ? event.ticket : std::min(first, event.ticket);
  if (decided_here && event.origin.op == "compose")
    compositions_.note(event.ticket, event.origin.inspirations);
  if (decided_here) tried_[event.source_hash].insert(canonical_knobs(event.knobs));
  if (decided_here) tuning_.on_proposed(view_, *candidate);
  return {};
}

Result<void> State::on(const events::ProposalFailed& event) {
  if (event.kind == events::ProposalFailed::Kind::kIdle) {
    if (event.ticket != next_ticket_)
      return contradiction(fmt::format("ticket {} is idle where {} is next", event.ticket, next_ticket_));
    note_staleness(event.ticket);
    idle_.insert(next_ticket_++);
    ++view_.counters.idle;
    return {};
  }
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "proposal-failed"));
  candidate->failure = event.reason;
  set_phase(*candidate, Phase::kProposalFailed);
  return {};
}

Result<void> State::on(const events::Compiled& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "compiled"));
  if (candidate->phase != Phase::kProposed)
    return contradiction(fmt::format("ticket {} is compiled but not proposed", event.ticket));
  candidate->identity = event.identity;
  candidate->result_key = event.result_key;
  candidate->fingerprint = event.fingerprint;
  candidate->sketch = event.sketch;
  set_phase(*candidate, Phase::kCompiled);
  return {};
}

Result<void> State::on(const events::EvaluationFinished& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "evaluation-finished"));
  if (candidate->phase != Phase::kProposed && candidate->phase != Phase::kCompiled)
    return contradiction(fmt::format("ticket {} is evaluated but not proposed", event.ticket));
  if (event.result_key.empty() || event.summary.status == Status::kWorkerLost)
    return contradiction(fmt::format("the result of ticket {} has no key or is WORKER_LOST", event.ticket));
  if (!candidate->result_key.empty() && candidate->result_key != event.result_key)
    return contradiction(fmt::format("ticket {} was compiled under another result key", event.ticket));
  if (!view_.results.emplace(event.result_key, event.summary).second)
    return contradiction(fmt::format("result key {} is evaluated twice", event.result_key));
  view_.report_hash[event.result_key] = event.report_hash;
  candidate->result_key = event.result_key;
  if (candidate->identity.empty()) candidate->identity = event.summary.identity;
  set_phase(*candidate, Phase::kEvaluated);
  ++view_.counters.evaluations;
  return {};
}

Result<void> State::on(const events::Abandoned& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "abandoned"));
  candidate->failure = event.reason;
  set_phase(*candidate, Phase::kAbandoned);
  return {};
}

Result<void> State::on(const events::Applied& event) {
  if (event.ticket != view_.applied || !outcome_known(event.ticket))
    return contradiction(
        fmt::format("ticket {} is applied out of order or without an outcome", event.ticket));
  if (!event.status) {  // nothing was evaluated
    const Candidate* failed = view_.find(event.ticket);
    if (failed != nullptr && !is_closed(failed->phase))
      return contradiction(
          fmt::format("ticket {} has a result but is applied without a status", event.ticket));
    idle_.erase(event.ticket);
    ++view_.applied;
    if (failed == nullptr) return {};
    view_.lessons.insert(view_.lessons.end(), failed->lessons.begin(), failed->lessons.end());
    record_pull(*failed);
    stagnation_.on_applied(view_, *failed);
    tuning_.on_applied(view_, *failed);
    return {};
  }
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "applied"));
  if (candidate->result_key != event.result_key)
    return contradiction(fmt::format("ticket {} is applied with another result", event.ticket));
  candidate->status = *event.status;
  candidate->score = event.score;
  candidate->lost_race = event.lost_race;
  candidate->duplicate_of = event.duplicate_of;
  set_phase(*candidate, Phase::kApplied);
  ++view_.applied;
  ++view_.counters.by_status[*event.status];
  if (event.duplicate_of) ++view_.counters.duplicates;
  if (event.duplicate_of && candidate->identity != view_.find(*event.duplicate_of)->identity)
    ++view_.counters.near_duplicates;
  if (event.lost_race) ++view_.counters.lost_races;
  tried_[candidate->source_hash].insert(canonical_knobs(candidate->knobs));
  first_with_key_.try_emplace(event.result_key, event.ticket);
  if (!candidate->identity.empty()) first_with_identity_.try_emplace(candidate->identity, event.ticket);
  if (!candidate->fingerprint.empty())
    first_with_fingerprint_.try_emplace(candidate->fingerprint, event.ticket);
  record_pull(*candidate);
  stagnation_.on_applied(view_, *candidate);
  note_failure(*candidate);
  if (candidate->passed() && !candidate->duplicate_of) ++passed_programs_;
  if (candidate->passed() && is_baseline(view_, event.ticket)) {
    TRY_ASSIGN(view_.baseline,
               make_baseline(baseline_name(view_, event.ticket), event.ticket, *view_.result_of(*candidate)));
  }
  if (candidate->passed() && !candidate->duplicate_of) enter_population(*candidate);
  tuning_.on_applied(view_, *candidate);
  return {};
}

void State::enter_population(Candidate& candidate) {
  for (const int island : population_.enter(view_, candidate)) stagnation_.on_better(view_, island);
}

void State::note_failure(const Candidate& candidate) {
  if (candidate.status == Status::kPassed || candidate.duplicate_of || candidate.role.empty()) return;
  int repairs = 0;  // in a row, that led to it
  for (const Candidate* c = &candidate; c != nullptr && c->origin.op == "repair"; ++repairs)
    c = c->origin.parent && *c->origin.parent < c->id ? view_.find(*c->origin.parent) : nullptr;
  if (repairs < settings().repair_attempts && !repair_asked(candidate.id)) mendable_.insert(candidate.id);
}

Result<void> State::on(const events::Migrated& event) {
  const auto is_island = [&](int i) { return i >= 0 && static_cast<size_t>(i) < view_.islands.size(); };
  for (const events::Migrated::Move& move : event.moves) {
    const Candidate* candidate = view_.find(move.candidate);
    if (candidate == nullptr || !candidate->passed() || !is_island(move.from) || !is_island(move.to))
      return contradiction(fmt::format("a migration of candidate {} that cannot be", move.candidate));
    if (population_.move(view_, move)) stagnation_.on_better(view_, move.to);
  }
  last_migration_ = view_.applied;
  return {};
}

Result<void> State::on(const events::RunPaused&) {
  charge_lost_calls();
  return {};
}

Result<void> State::on(const events::RunResumed&) {
  charge_lost_calls();
  if (!view_.ledgers.empty()) view_.ledgers.emplace_back();
  view_.finished_reason.clear();  // a finished run may go on with a larger budget
  return {};
}

Result<void> State::on(const events::RunFinished& event) {
  charge_lost_calls();
  view_.finished_reason = event.reason.empty() ? "finished" : event.reason;
  return {};
}

Result<void> State::on(const events::DuelFinished& event) {
  TRY(open_candidate(event.ticket, "duel-finished"));
  const Candidate* incumbent = view_.find(event.incumbent);
  if (incumbent == nullptr || !incumbent->passed())
    return contradiction(
        fmt::format("ticket {} duels with {}, which never passed", event.ticket, event.incumbent));
  if (!view_.duels.emplace(std::pair(event.ticket, event.incumbent), event).second)
    return contradiction(fmt::format("tickets {} and {} duel twice", event.ticket, event.incumbent));
  return {};
}

// ---- calls ----

bool State::wants_call(Ticket ticket) const {
  const Candidate* candidate = view_.find(ticket);
  return candidate != nullptr && candidate->phase == Phase::kRequested &&
         !view_.open_calls.contains({ticket, candidate->turn}) && !unread_.contains(ticket);
}

const std::string* State::unread_answer(Ticket ticket) const {
  const auto unread = unread_.find(ticket);
  return unread == unread_.end() ? nullptr : &unread->second;
}

Result<void> State::on(const events::CallStarted& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "call-started"));
  if (candidate->phase != Phase::kRequested || candidate->turn != event.turn)
    return contradiction(fmt::format("ticket {} is called but was not asked", event.ticket));
  if (!view_.open_calls.emplace(std::pair(event.ticket, event.turn), event).second)
    return contradiction(fmt::format("ticket {} is called twice at once", event.ticket));
  candidate->attempts = event.attempt + 1;
  unread_.erase(event.ticket);  // older programs asked again
  return {};
}

Result<events::CallStarted> State::close_call(Ticket ticket, int turn, int attempt) {
  const auto open = view_.open_calls.find({ticket, turn});
  if (open == view_.open_calls.end() || open->second.attempt != attempt)
    return contradiction(fmt::format("call t{}.{}.{} ends but was not started", ticket, turn, attempt));
  events::CallStarted call = std::move(open->second);
  view_.open_calls.erase(open);
  return call;
}

Result<void> State::on(const events::CallFailed& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "call-failed"));
  TRY(close_call(event.ticket, event.turn, event.attempt));
  candidate->microdollars += event.charged_microdollars;
  events::ModelUsage& usage = view_.models[event.model];
  ++usage.failed_attempts;
  usage.microdollars += event.charged_microdollars;
  usage.charged_tokens += event.charged_tokens;
  usage.counted += event.counted ? 1 : 0;
  return {};
}

// Their answers died with the process that asked; whether they were billed nobody knows. The run's account is
// charged their worst case, once. Their candidates are not: what an operator and a model cost is read by
// decisions (record_pull), and an interrupted run decides as the undisturbed one.
void State::charge_lost_calls() {
  for (const auto& [key, call] : view_.open_calls) {
    events::ModelUsage& usage = view_.models[call.model];
    ++usage.lost;
    usage.microdollars += call.reserved_microdollars;
    usage.charged_tokens += call.reserved_tokens;
  }
  view_.open_calls.clear();
}

Result<void> State::on(const events::FollowUpAsked& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "follow-up-asked"));
  if (candidate->phase != Phase::kRequested || event.turn != candidate->turn + 1 ||
      candidate->reply_hash.empty())
    return contradiction(fmt::format("ticket {} is asked again without an answer", event.ticket));
  unread_.erase(event.ticket);
  candidate->turn = event.turn;
  candidate->attempts = 0;
  candidate->prompt_hash = event.prompt_hash;
  ++view_.counters.follow_ups;
  return {};
}

Result<void> State::on(const events::Researched& event) {
  TRY_ASSIGN(Candidate * candidate, open_candidate(event.ticket, "researched"));
  if (candidate->phase != Phase::kRequested)
    return contradiction(fmt::format("ticket {} brings lessons but was not asked", event.ticket));
  candidate->lessons = event.lessons;
  set_phase(*candidate, Phase::kResearched);
  return {};
}

// What the bandit learns from a ticket, once its turn has come.
void State::record_pull(const Candidate& candidate) {
  if (candidate.role.empty()) return;
  const double gain = candidate.passed() && !candidate.duplicate_of ? gain_of(view_, candidate) : 0;
  events::ArmRecord& arm = view_.arms[{candidate.origin.op, candidate.model}];
  ++arm.pulls;
  arm.microdollars += candidate.microdollars;
  arm.gain += gain;
  arms_.record(candidate.role, candidate.origin.op, candidate.model, gain, candidate.microdollars,
               settings().bandit_memory);
  record_trials(view_, candidate, gain);
}

Result<void> State::on(const events::RunForked& event) {
  const events::SearchSettings& old = view_.started->search;
  if (event.search.islands != old.islands ||
      to_json(event.search)["dimensions"] != to_json(old)["dimensions"])
    return contradiction("a fork keeps the islands and the grid of the run it came from");
  charge_lost_calls();
  view_.models.clear();  // the run before paid for its calls
  view_.started->seed = event.seed;
  view_.started->config_json = event.config_json;
  view_.started->library_hash = event.library_hash;
  view_.started->search = event.search;
  view_.finished_reason.clear();
  population_.adapt(view_);
  mendable_.clear();
  for (const auto& [id, candidate] : view_.candidates)
    if (candidate.phase == Phase::kApplied) note_failure(candidate);
  return {};
}

Result<void> State::on(const events::RacePlanned& event) {
  if (!view_.best) return contradiction("a race is planned though nothing passed");
  view_.races.push_back(event.race);
  race_basis_ = {passed_programs_, view_.find(*view_.best)->score};
  return {};
}

Result<void> State::on(const events::Stagnated& event) {
  if (event.island < 0 || static_cast<size_t>(event.island) >= view_.islands.size())
    return contradiction(fmt::format("island {} stagnates, which does not exist", event.island));
  for (const CandidateId id : event.restored) {
    const Candidate* candidate = view_.find(id);
    if (candidate == nullptr || !candidate->passed() || candidate->duplicate_of)
      return contradiction(
          fmt::format("island {} begins again with {}, which never passed", event.island, id));
  }
  if (event.action == "reset") population_.reset(view_, event.island, event.restored);
  stagnation_.on_stagnated(view_, event, next_ticket_);
  return {};
}

Result<void> State::on(const events::FinalistMeasured& event) {
  const Candidate* candidate = view_.find(event.candidate);
  if (candidate == nullptr || !candidate->passed())
    return contradiction(fmt::format("finalist {} never passed", event.candidate));
  view_.finalists[event.candidate] = event;
  return {};
}

Result<void> State::on(const events::LedgerNoted& event) {
  if (view_.ledgers.empty()) view_.ledgers.emplace_back();
  view_.ledgers.back() = event.ledger;
  return {};
}

// ---- digest ----

std::string State::digest() const {
  FieldHasher hasher;
  auto add = [&](const auto& value) { hasher.add(fmt::format("{}", value)); };
  add(next_ticket_);
  add(view_.applied);
  add(last_working_ticket_);
  add(last_migration_);
  for (const auto& [op, count] : requests_) add(fmt::format("{}:{}", op, count));
  for (const auto& [source, assignments] : tried_)
    if (!assignments.empty()) add(fmt::format("{}:{}", source, fmt::join(assignments, ";")));
  for (const auto& champions : compositions_.all())
    add(fmt::format("composed {} {}", compositions_.last_ticket(), fmt::join(champions, ",")));
  for (const auto& [key, id] : first_with_key_) add(fmt::format("{}:{}", key, id));
  for (const auto& [fingerprint, id] : first_with_fingerprint_) add(fmt::format("{}:{}", fingerprint, id));
  for (const events::IslandView& island : view_.islands) {
    add(fmt::format("island {} {} {:a} {} {} {}", island.proposed, island.arrived, island.temperature,
                    island.resting_model, island.wants_research, island.best.value_or(-1)));
    for (const auto& [cell, id] : island.cells) add(fmt::format("{}:{}", fmt::join(cell, ","), id));
    add(fmt::format("members {}", fmt::join(island.members, ",")));
  }
  for (const Portfolio::Stake& stake : population_.portfolio().stakes())
    add(fmt::format("champion {} {:a}", stake.candidate, stake.loss));
  for (const auto& [band, champion] : view_.champions)
    add(fmt::format("{} {} {:a} {:a}", band, champion.candidate, champion.score, champion.weight));
  add(stagnation_.digest());
  add(fmt::format("mendable {}", fmt::join(mendable_, ",")));
  for (const Race& race : view_.races) add(dump_json(to_json(race)));
  add(fmt::format("archive {}", fmt::join(view_.archive, ",")));
  add(fmt::format("best {}", view_.best.value_or(-1)));
  add(arms_.text());
  for (const events::Lesson& lesson : view_.lessons) add(dump_json(to_json(lesson)));
  for (const auto& [id, c] : view_.candidates)
    if (c.phase == Phase::kApplied)
      add(fmt::format("{} {} {:a} {} {} {:a} {:a} {}", id, to_string(c.status), c.score, c.fingerprint,
                      c.sketch, c.archive_distance, c.portfolio_gain, c.lost_race));
  if (!view_.tuning.empty()) add(tuning_.digest(view_));
  return hasher.hex();
}

}  // namespace warpwright::search
