#include "src/engine/open_run.h"

#include <fmt/format.h>

#include <set>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/engine/run_directory.h"
#include "src/search/window.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

// What may change when a run is resumed: budgets, models and processes. Everything else decides its sequence.
Json fixed_part(const RunConfig& config) {
  Json json = to_json(config);
  for (const char* key : {"max_evaluations", "max_minutes"}) json["run"].erase(key);
  for (const char* key : {"compile_deadline_s", "evaluation_deadline_s", "red_team"})
    json["evaluation"].erase(key);
  for (const char* table : {"workers", "data", "budget", "models"}) json.erase(table);
  return json;
}

// What a fork may change besides.
Json fixed_in_fork(const RunConfig& config) {
  Json json = fixed_part(config);
  for (const char* key : {"seed", "window"}) json["run"].erase(key);
  const Json search = json["search"];
  json["search"] = {{"islands", search["islands"]}, {"dimensions", search["dimensions"]}};
  for (const char* table : {"agent", "scripted"}) json.erase(table);
  return json;
}

Result<void> check_equal(const Json& before, const Json& now, const fs::path& run_directory) {
  for (const auto& [table, keys] : before.items()) {
    for (const auto& [key, value] : keys.items()) {
      if (now[table][key] == value) continue;
      return usage_error(fmt::format("{}: the run was started with {}.{} = {} and cannot go on with {}",
                                     run_directory.string(), table, key, dump_json(value),
                                     dump_json(now[table][key])));
    }
  }
  return {};
}

void settle_autos(RunConfig& config, const RunConfig& recorded) {
  for (auto field : {&RunConfig::executor, &RunConfig::device, &RunConfig::target, &RunConfig::selection})
    if (config.*field == "auto") config.*field = recorded.*field;
}

// Of the events of a run, those that ticket `ticket` is decided from, and what is known of tickets before it.
class ForkFilter {
 public:
  ForkFilter(events::Ticket ticket, int64_t outcomes) : ticket_(ticket), outcomes_(outcomes) {}

  bool keeps(const events::Event& event) const {
    if (const auto* applied = std::get_if<events::Applied>(&event)) return applied->ticket < outcomes_;
    if (const auto* migrated = std::get_if<events::Migrated>(&event))
      return migrated->after_applied <= outcomes_;
    if (const auto* race = std::get_if<events::RacePlanned>(&event)) return race->after_applied <= outcomes_;
    if (const auto* stagnated = std::get_if<events::Stagnated>(&event))
      return stagnated->after_applied <= outcomes_;
    if (const auto* duel = std::get_if<events::DuelFinished>(&event)) return duel->ticket < outcomes_;
    if (std::holds_alternative<events::RunPaused>(event) ||
        std::holds_alternative<events::RunFinished>(event) ||
        std::holds_alternative<events::FinalistMeasured>(event) ||
        std::holds_alternative<events::LedgerNoted>(event))
      return false;
    const auto ticket = events::ticket_of(event);
    return !ticket || *ticket < ticket_;
  }

 private:
  events::Ticket ticket_;
  int64_t outcomes_;
};

Result<void> copy_events(const journal::Journal& source, const std::vector<events::Record>& records,
                         const ForkFilter& filter, journal::Journal& target, search::State& state) {
  for (const events::Record& record : records) {
    if (!filter.keeps(record.event)) continue;
    TRY_ASSIGN(const auto blobs, named_blobs(source, record.event));
    TRY(state.apply(record.event));
    TRY(target.append({record.event}, record.unix_ms, blobs));
  }
  return {};
}

}  // namespace

Result<search::State> fold(const journal::Journal& journal, const fs::path& run_directory) {
  search::State state;
  TRY(journal.for_each_event(0, [&](events::Record&& record) -> Result<void> {
    const auto done = state.apply(record.event);
    if (done) return {};
    return add_context(done.error(), fmt::format("{}: event {}", run_directory.string(), record.seq));
  }));
  if (!state.started())
    return usage_error(run_directory.string() + ": the run ended before it began; start a new one");
  return state;
}

Result<RunConfig> recorded_config(const events::RunView& view, const fs::path& run_directory) {
  const std::string where = run_directory.string() + ": recorded configuration";
  TRY_ASSIGN(const Json json, parse_json(view.started->config_json, where));
  TRY_ASSIGN(RunConfig config, run_config_from_json(json, where));
  config.search = view.started->search;  // a key that is younger than the run has its old meaning there
  return config;
}

Result<std::optional<Agent>> recorded_agent(const events::RunView& view, const journal::Journal& journal) {
  std::optional<Agent> agent;
  if (view.started->library_hash.empty()) return agent;
  TRY_ASSIGN(const std::string blob, journal.blob(view.started->library_hash));
  TRY_ASSIGN(agent, agent_from_blob(blob));
  return agent;
}

Result<std::vector<Seed>> recorded_seeds(const events::RunView& view, const journal::Journal& journal) {
  std::vector<Seed> seeds;
  for (const events::SeedSource& seed : view.started->seeds) {
    TRY_ASSIGN(std::string text, journal.blob(seed.source_hash));
    seeds.push_back({seed.name, std::move(text)});
  }
  return seeds;
}

Result<std::vector<std::string>> named_blobs(const journal::Journal& journal, const events::Event& event) {
  std::vector<std::string> blobs;
  for (const std::string& hash : events::blobs_of(event)) {
    TRY_ASSIGN(blobs.emplace_back(), journal.blob(hash));
  }
  return blobs;
}

Result<OpenRun> start_new(const RunConfig& config, const std::vector<Seed>& seeds, const RunSetup& setup,
                          const Agent* agent, const fs::path& run_directory, Clock& clock) {
  TRY_ASSIGN(auto journal, journal::Journal::create(run_directory));
  events::RunStarted started;
  started.program_version = kProgramVersion;
  started.definition = config.definition;
  started.dataset = setup.dataset;
  started.seed = config.seed;
  started.config_json = dump_json(to_json(config));
  started.search = config.search;
  started.search.operator_limits = setup.operator_limits;
  if (seeds.empty()) started.baseline_rule = "first-passed";
  std::vector<std::string> blobs;
  for (const Seed& seed : seeds) {
    started.seeds.push_back({seed.name, sha256_hex(seed.text)});
    blobs.push_back(seed.text);
  }
  if (agent != nullptr) {
    blobs.push_back(agent_blob(*agent));
    started.library_hash = sha256_hex(blobs.back());
  }
  search::State state;
  TRY(state.apply(started));
  TRY(journal.append({started}, clock.wall_unix_ms(), blobs));
  TRY(write_file_atomic(RunDirectory(run_directory).config(), to_toml(config)));
  return OpenRun{config, std::move(journal), std::move(state)};
}

Result<OpenRun> open_old(const RunConfig& asked, const fs::path& run_directory) {
  TRY_ASSIGN(auto journal, journal::Journal::open(run_directory));
  TRY_ASSIGN(auto state, fold(journal, run_directory));
  TRY_ASSIGN(const RunConfig recorded, recorded_config(state.view(), run_directory));
  RunConfig config = asked;
  settle_autos(config, recorded);
  TRY(check_equal(fixed_part(recorded), fixed_part(config), run_directory));
  return OpenRun{std::move(config), std::move(journal), std::move(state)};
}

Result<OpenRun> fork_run(const fs::path& from, events::Ticket ticket, const RunConfig& asked,
                         const RunSetup& setup, const Agent* agent, const fs::path& run_directory,
                         Clock& clock) {
  TRY_ASSIGN(const auto source, journal::Journal::open_read_only(from));
  TRY_ASSIGN(const auto records, source.read_events());
  TRY_ASSIGN(const search::State whole, fold(source, from));
  TRY_ASSIGN(const RunConfig recorded, recorded_config(whole.view(), from));
  const auto seeds = static_cast<int64_t>(whole.view().started->seeds.size());
  if (ticket < seeds || ticket > whole.next_ticket())
    return usage_error(
        fmt::format("--fork {}@{}: the run can be left at steps {} to {} (a step is a candidate's number)",
                    from.string(), ticket, seeds, whole.next_ticket()));
  RunConfig config = asked;
  settle_autos(config, recorded);
  TRY(check_equal(fixed_in_fork(recorded), fixed_in_fork(config), from));
  TRY_ASSIGN(auto journal, journal::Journal::create(run_directory));
  search::State state;
  const int64_t outcomes = search::outcomes_needed(ticket, seeds, recorded.search.window);
  TRY(copy_events(source, records, ForkFilter(ticket, outcomes), journal, state));
  events::RunForked forked{from.string(), ticket, config.seed, dump_json(to_json(config)), {}, config.search};
  forked.search.operator_limits = setup.operator_limits;
  std::vector<std::string> blobs;
  if (agent != nullptr) {
    blobs.push_back(agent_blob(*agent));
    forked.library_hash = sha256_hex(blobs.back());
  }
  TRY(state.apply(forked));
  TRY(journal.append({forked}, clock.wall_unix_ms(), blobs));
  TRY(write_file_atomic(RunDirectory(run_directory).config(), to_toml(config)));
  return OpenRun{std::move(config), std::move(journal), std::move(state)};
}

}  // namespace warpwright::engine
