// For tests: a world without kernels. A source is a name, a result is a function of its source and knobs, and
// outstanding work completes in an order drawn by the test: what the engine does, in forty lines.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/search/decide.h"
#include "src/search/window.h"

namespace warpwright::search::test {

// Two seeds ("plain", "good") with knobs, a third that fails; model answers make "model<i>" sources, every
// fourth of which is no candidate at all.
events::RunStarted make_run(uint64_t seed, int window);
// A run that races its candidates, and whose programs have fingerprints: those that differ in SPLITS or VEC
// only are near duplicates.
events::RunStarted make_thrifty_run(uint64_t seed, int window);
// Adds the operator compose to a run. A composition of this world takes for each band exactly its champion's
// time.
events::RunStarted with_compositions(events::RunStarted run);
// The same with times that count as measured, so that who leads is settled by duels.
events::RunStarted make_measured_run(uint64_t seed, int window);
// A run with models: every operator, a bandit over two models. Without seeds it is a full-agent run, whose
// first candidate to pass is the baseline.
events::RunStarted make_agent_run(uint64_t seed, int window, bool has_seeds);
// With everything that a population can do: members, a Pareto archive (odd seeds), champions,
// near-duplicates, sketches, heated draws, stagnation with all its actions.
events::RunStarted make_rich_run(uint64_t seed, int window);
// A function of the two alone; the challenger wins about half of them.
events::DuelFinished fight(events::CandidateId challenger, events::CandidateId incumbent);

events::ResultSummary evaluate(const std::string& source, const KnobValues& knobs);
std::vector<events::DeclaredKnob> knobs_of(const std::string& source);
// Programs of a source are alike, those that differ in VEC alone nearly equal.
std::string fingerprint_of(const std::string& source, const KnobValues& knobs);
std::string sketch_of(const std::string& source, const KnobValues& knobs);

class World {
 public:
  World(events::RunStarted run, int workers, uint64_t arrival_seed);
  static World resume(std::vector<events::Event> journal, int workers, uint64_t arrival_seed);

  // Until `tickets` are decided and settled as far as the window allows, or the search says it is over.
  void run(int64_t tickets);
  void drain();  // the rest of the outcomes, in order
  bool one_arrival();

  void append(events::Event event);

  State state;
  std::vector<events::Event> journal;
  std::string ended;  // reason of Exhausted

  // What a result becomes before it is recorded; empty: nothing.
  std::function<void(events::Ticket ticket, events::ResultSummary& result)> distort;

  // The events whose order is promised, as text.
  std::vector<std::string> ordered() const;

 private:
  World() : arrivals_(0) {}
  void settle(Drain drain = Drain::kNo);
  bool decide_next();
  bool is_thrifty() const { return state.view().started->definition == "thrifty toy"; }
  bool is_rich() const { return state.view().started->definition == "rich toy"; }
  events::ResultSummary result_of(const events::Candidate& candidate, const KnobValues& knobs) const;
  bool one_duel();
  bool one_compilation(const events::Candidate& candidate, const std::string& key);
  void answer(const events::Candidate& candidate);
  void read_answer(const events::Candidate& candidate);
  std::vector<events::Ticket> outstanding() const;

  int workers_ = 1;
  Drain drain_ = Drain::kNo;
  Rng arrivals_;
};

}  // namespace warpwright::search::test
