// The test world itself (test_world.h); in a file of the test program, so that it is no part of the library.
#include "src/search/test_world.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "src/base/hash.h"
#include "src/base/rng.h"
#include "src/search/near_duplicates.h"
#include "src/search/race_plan.h"

namespace warpwright::search::test {

using namespace events;

RunStarted make_run(uint64_t seed, int window) {
  RunStarted run;
  run.definition = "toy";
  run.seed = seed;
  run.seeds = {{"plain.cu", "plain"}, {"good.cu", "good"}, {"broken.cu", "broken"}};
  run.search.window = window;
  run.search.islands = 3;
  run.search.migration_interval = 10;
  run.search.migration_count = 2;
  run.search.archive_size = 12;
  run.search.operators = {{"tune", 3}, {"scripted", 1}};
  run.search.operator_limits = {{"scripted", 12}};
  run.search.race_margin = 0;
  return run;
}

RunStarted make_thrifty_run(uint64_t seed, int window) {
  RunStarted run = make_run(seed, window);
  run.definition = "thrifty toy";
  run.search.race_margin = 0.1;
  return run;
}

RunStarted make_measured_run(uint64_t seed, int window) {
  RunStarted run = make_run(seed, window);
  run.definition = "measured toy";
  return run;
}

RunStarted make_agent_run(uint64_t seed, int window, bool has_seeds) {
  RunStarted run = make_run(seed, window);
  if (!has_seeds) {
    run.seeds.clear();
    run.baseline_rule = "first-passed";
  }
  run.search.operator_limits.clear();
  run.search.operators = {{"tune", 1},      {"scratch", 1}, {"diff", 3},
                          {"crossover", 1}, {"repair", 1},  {"research", 0.5}};
  run.search.roles = {{"proposer", {{"fast", 2}, {"strong", 1}}},
                      {"repairer", {{"fast", 1}}},
                      {"researcher", {{"strong", 1}}}};
  run.search.model_choice = run.search.operator_choice = "bandit";
  return run;
}

RunStarted make_rich_run(uint64_t seed, int window) {
  RunStarted run = make_agent_run(seed, window, true);
  run.definition = "rich toy";
  run.search.population_size = 40;
  run.search.archive_rank = seed % 2 == 1 ? "pareto" : "score";
  run.search.portfolio = 0.3;
  run.search.temperature = 0.5;
  run.search.share_near_duplicates = true;
  run.search.inspirations = 4;
  run.search.top_inspirations = 2;
  run.search.diverse_inspirations = 1;
  run.search.stagnation_after = 8;
  run.search.dimensions = {{"launches", {2, 4}}, {"registers", {65, 129}}, {"archive_distance", {0.2, 0.9}}};
  run.search.operators["research"] = 0.1;
  return run;
}

RunStarted with_compositions(RunStarted run) {
  run.search.operators["compose"] = 1;
  return run;
}

DuelFinished fight(CandidateId challenger, CandidateId incumbent) {
  Rng draw = Rng::stream(static_cast<uint64_t>(challenger), std::to_string(incumbent));
  DuelFinished duel;
  duel.ticket = challenger;
  duel.incumbent = incumbent;
  duel.verdict = draw.below(2) == 0 ? "FASTER" : "SAME";
  return duel;
}

std::vector<DeclaredKnob> knobs_of(const std::string& source) {
  if (source == "broken" || source.starts_with("composed")) return {};
  if (source == "plain") return {{"THREADS", {"64", "128", "256"}, "64"}};
  return {
      {"ROWS", {"1", "2", "4", "8"}, "2"}, {"SPLITS", {"1", "2", "4"}, "1"}, {"VEC", {"1", "2", "4"}, "4"}};
}

std::string fingerprint_of(const std::string& source, const KnobValues& knobs) {
  KnobValues without = knobs;
  without.erase("VEC");
  return "print of " + source + canonical_knobs(without);
}

std::string sketch_of(const std::string& source, const KnobValues& knobs) {
  Rng of_source = Rng::stream(1, source), of_knobs = Rng::stream(2, source + canonical_knobs(knobs));
  std::string hex;
  for (int i = 0; i < 32; ++i) {
    const uint64_t common = of_source.below(65536), own = of_knobs.below(65536);
    hex += fmt::format("{:04x}", of_knobs.below(4) == 0 ? own : common);
  }
  return hex;
}

namespace {

constexpr std::string_view kComposed = "composed";

// Programs that differ in VEC=1 and VEC=2 only compile to the same code.
KnobValues effective_of(KnobValues knobs) {
  if (knobs.contains("VEC") && knobs["VEC"] == "1") knobs["VEC"] = "2";
  return knobs;
}

// "composed|large=good{ROWS=1,SPLITS=2,VEC=4}|small=plain{THREADS=64}"
std::string part_of(const RunView& view, const BandChampion& champion) {
  const Candidate& c = *view.find(champion.candidate);
  const std::string mark = "|" + champion.band + "=";
  if (!c.source_hash.starts_with(kComposed))
    return mark + c.source_hash + "{" + canonical_knobs(effective_of(c.knobs)) + "}";
  const size_t begin = c.source_hash.find(mark);  // of a composition the part of this band
  return c.source_hash.substr(begin, c.source_hash.find('}', begin) + 1 - begin);
}

Composer composer_for(const RunView& view) {
  return {{"small", "large"}, [&view](const std::vector<BandChampion>& champions) {
            std::string source(kComposed);
            for (const BandChampion& champion : champions) source += part_of(view, champion);
            return std::optional(ComposedSource{source, {}});
          }};
}

ResultSummary evaluate_composition(const std::string& source) {
  ResultSummary result;
  for (const std::string band : {"small", "large"}) {
    size_t begin = source.find("|" + band + "=") + band.size() + 2;
    const size_t open = source.find('{', begin);
    const std::string part = source.substr(begin, open - begin);
    KnobValues knobs;
    for (begin = open + 1; source[begin] != '}';) {
      const size_t equals = source.find('=', begin), end = source.find_first_of(",}", equals);
      knobs[source.substr(begin, equals - begin)] = source.substr(equals + 1, end - equals - 1);
      begin = source[end] == ',' ? end + 1 : end;
    }
    const ResultSummary of_part = evaluate(part, knobs);
    result.measure = of_part.measure;
    result.stage = of_part.stage;
    result.status = Status::kPassed;
    for (const WorkloadSummary& workload : of_part.workloads)
      if (workload.band == band) result.workloads.push_back(workload);
  }
  return result;
}

}  // namespace

ResultSummary evaluate(const std::string& source, const KnobValues& knobs) {
  if (source.starts_with(kComposed)) return evaluate_composition(source);
  Rng draw = Rng::stream(7, source + canonical_knobs(knobs));
  ResultSummary result;
  result.stage = Stage::kTime;
  result.measure = {"sim", "b200", "sim-estimate", "contest"};
  result.status = source == "broken" || draw.below(5) == 0 ? Status::kIncorrectNumerical : Status::kPassed;
  if (source == "plain") result.status = Status::kPassed;
  result.launches = static_cast<int>(1 + draw.below(5));
  result.kernels = {{"k", static_cast<int>(draw.below(200)), 0, static_cast<int>(draw.below(60000)), 0, 256}};
  for (int i = 0; i < 3; ++i) {
    const double latency_us = static_cast<double>(10 + draw.below(20));
    result.workloads.push_back(
        {"u" + std::to_string(i), {}, i == 0 ? "small" : "large", 1.0 + i, Status::kPassed, latency_us, 0});
  }
  return result;
}

World::World(RunStarted run, int workers, uint64_t arrival_seed)
    : workers_(workers), arrivals_(arrival_seed) {
  append(std::move(run));
}

World World::resume(std::vector<Event> journal, int workers, uint64_t arrival_seed) {
  World world;
  world.workers_ = workers;
  world.arrivals_ = Rng(arrival_seed);
  for (Event& event : journal) world.append(std::move(event));
  return world;
}

void World::append(Event event) {
  auto done = state.apply(event);
  ASSERT_TRUE(done) << done.error().message;
  journal.push_back(std::move(event));
}

void World::settle(Drain drain) {
  for (;;) {
    auto event = next_settlement(state, drain);
    ASSERT_TRUE(event) << event.error().message;
    if (!*event) return;
    append(std::move(**event));
  }
}

bool World::decide_next() {
  const auto accepts = [](const std::string&, const KnobValues& knobs) {  // `require ROWS * SPLITS <= 16`
    return !knobs.contains("ROWS") || std::stoi(knobs.at("ROWS")) * std::stoi(knobs.at("SPLITS")) <= 16;
  };
  const Decision decision = decide(state, accepts, composer_for(state.view()));
  if (const auto* over = std::get_if<Exhausted>(&decision)) {
    ended = over->reason;
    return false;
  }
  const auto* seed = std::get_if<SeedProposal>(&decision);
  append(event_of(state, decision, seed ? knobs_of(seed->seed.source_hash) : std::vector<DeclaredKnob>()));
  return true;
}

std::vector<Ticket> World::outstanding() const {
  std::vector<Ticket> tickets;
  for (Ticket t = state.applied(); t < state.next_ticket(); ++t)
    if (!state.outcome_known(t)) tickets.push_back(t);
  if (tickets.size() > static_cast<size_t>(workers_)) tickets.resize(static_cast<size_t>(workers_));
  return tickets;
}

// What a worker makes of a race: the workloads in its order until it is lost.
void run_race(const Race& race, ResultSummary& result) {
  std::vector<WorkloadSummary> done;
  std::vector<double> latencies_us;
  for (const RaceWorkload& next : race.workloads) {
    for (const WorkloadSummary& workload : result.workloads)
      if (workload.uuid == next.uuid) done.push_back(workload);
    latencies_us.push_back(done.back().latency_us);
    const RaceStanding standing = race_standing(race, latencies_us);
    if (!standing.is_lost) continue;
    result.lost_race = true;
    result.race_bound = standing.bound;
    result.workloads = done;
    return;
  }
}

ResultSummary World::result_of(const Candidate& candidate, const KnobValues& knobs) const {
  ResultSummary result = evaluate(candidate.source_hash, knobs);
  if (const Race* race = race_of(state, candidate); race != nullptr && result.status == Status::kPassed)
    run_race(*race, result);
  if (state.view().started->definition == "measured toy")
    result.measure = {"cuda", "b200", "cupti", "contest"};
  return result;
}

bool World::one_duel() {
  const auto duel = needed_duel(state, drain_);
  EXPECT_TRUE(duel);
  if (!duel || !*duel) return false;
  append(fight((*duel)->challenger, (*duel)->incumbent));
  return true;
}

// One step of a ticket that waits for a model; what happens is a function of the ticket alone.
void World::answer(const Candidate& candidate) {
  const Ticket ticket = candidate.id;
  const auto open = state.view().open_calls.find({ticket, candidate.turn});
  const bool has_calls = !candidate.model.empty() && candidate.role != "scripted";
  if (state.unread_answer(ticket) != nullptr) return read_answer(candidate);  // it died before it could
  if (has_calls && open == state.view().open_calls.end()) {
    const bool is_second = candidate.turn == 0 && candidate.microdollars > 0;
    append(CallStarted{ticket, candidate.turn, is_second ? 1 : 0, candidate.model, 900, 90});
    return;
  }
  const int attempt = has_calls ? open->second.attempt : 0;
  if (has_calls && ticket % 6 == 1 && candidate.turn == 0 && attempt == 0) {
    append(CallFailed{ticket, 0, 0, candidate.model, "transport", "cut", 0, 300, 30, true, false});
    return;
  }
  const int64_t answer = ticket % 8;  // some answers are equal: a source proposed twice
  ModelAnswered answered{ticket, candidate.model, "", "complete", "", "reply" + std::to_string(answer), 1, 1};
  answered.turn = candidate.turn;
  answered.attempt = attempt;
  answered.cost_microdollars = candidate.model == "strong" ? 500 : 100;
  append(answered);
  read_answer(candidate);
}

void World::read_answer(const Candidate& candidate) {
  const Ticket ticket = candidate.id, answer = ticket % 8;
  const bool has_calls = !candidate.model.empty() && candidate.role != "scripted";
  if (candidate.origin.op == "research") {
    append(Researched{ticket, {{"idea " + std::to_string(ticket), Lesson::Outcome::kOpen, "", "", ticket}}});
  } else if (has_calls && answer == 5 && candidate.turn == 0) {
    append(FollowUpAsked{ticket, 1, "prompt", "block 1 does not apply"});
  } else if (answer % 4 == 3) {
    append(ProposalFailed{ticket, ProposalFailed::Kind::kNoCode, "no code block"});
  } else {
    const std::string source = "model" + std::to_string(has_calls ? ticket % 31 : answer);
    append(Proposed{ticket, candidate.origin, source, default_knobs(knobs_of(source)), knobs_of(source), ""});
  }
}

// What compiles has an identity, and here and there the result that goes with it.
bool World::one_compilation(const Candidate& candidate, const std::string& key) {
  Compiled compiled{candidate.id, "id of " + key.substr(0, key.find(" in race")), key};
  if (is_thrifty()) {
    KnobValues telling = candidate.knobs;
    telling.erase("SPLITS");
    telling.erase("VEC");
    compiled = compiled_event(state, candidate.id, compiled.identity, key,
                              "print of " + candidate.source_hash + ":" + canonical_knobs(telling), "");
  } else if (is_rich()) {
    compiled.fingerprint = fingerprint_of(candidate.source_hash, candidate.knobs);
    if (candidate.source_hash != "plain")  // of an evaluator that knew no sketches
      compiled.sketch = sketch_of(candidate.source_hash, candidate.knobs);
  } else if (arrivals_.below(2) != 0 && !state.view().results.contains(key)) {
    return false;
  }
  append(compiled);
  return true;
}

// One step of one outstanding ticket, any of those that the workers hold.
bool World::one_arrival() {
  const std::vector<Ticket> tickets = outstanding();
  if (tickets.empty() || arrivals_.below(2) == 0) {
    if (one_duel()) return true;
    if (tickets.empty()) return false;
  }
  const Candidate candidate = *state.view().find(tickets[arrivals_.below(tickets.size())]);
  if (candidate.phase == Phase::kRequested) {
    answer(candidate);
    return true;
  }
  const KnobValues effective = effective_of(candidate.knobs);
  std::string key = candidate.source_hash + ":" + canonical_knobs(effective);
  if (race_of(state, candidate) != nullptr) key += fmt::format(" in race {}", *candidate.race);
  if (candidate.phase == Phase::kProposed && one_compilation(candidate, key)) return true;
  ResultSummary result = result_of(candidate, effective);
  if (distort) distort(candidate.id, result);
  append(EvaluationFinished{candidate.id, key, "report", std::move(result)});
  return true;
}

void World::run(int64_t tickets) {
  while (ended.empty()) {
    settle();
    bool decided = false;
    while (ended.empty() && state.next_ticket() < tickets && ready_to_decide(state) && decide_next()) {
      decided = true;
      settle();
    }
    if (!one_arrival() && !decided) return;
  }
}

void World::drain() {
  drain_ = Drain::kYes;
  do settle(Drain::kYes);
  while (one_arrival());
  settle(Drain::kYes);
}

std::vector<std::string> World::ordered() const {
  std::vector<std::string> list;
  for (const Event& event : journal) {
    const auto* proposed = std::get_if<Proposed>(&event);
    const bool fixed = std::holds_alternative<ModelRequested>(event) || is_settlement(event) ||
                       (proposed && (proposed->origin.op == "seed" || proposed->origin.op == "tune" ||
                                     proposed->origin.op == "compose"));
    if (fixed) list.push_back(std::string(kind_of(event)) + dump_json(to_json(event)));
  }
  return list;
}

}  // namespace warpwright::search::test
