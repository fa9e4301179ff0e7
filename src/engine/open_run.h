// A run's journal opened for going on: begun anew, taken up again, or branched off another run.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "src/base/clock.h"
#include "src/engine/agent.h"
#include "src/engine/setup.h"
#include "src/journal/journal.h"
#include "src/search/state.h"

namespace warpwright::engine {

inline constexpr const char* kProgramVersion = "0.1.0";

struct OpenRun {
  RunConfig config;
  journal::Journal journal;
  search::State state;
};

// `agent` may be null.
Result<OpenRun> start_new(const RunConfig& config, const std::vector<Seed>& seeds, const RunSetup& setup,
                          const Agent* agent, const std::filesystem::path& run_directory, Clock& clock);

// `asked` may differ from the recorded configuration in budgets, models and processes only; "auto" is settled
// by the record. Error: another key differs (named), damage, another process has the run.
Result<OpenRun> open_old(const RunConfig& asked, const std::filesystem::path& run_directory);

// Takes all that concerns tickets below `ticket` from another run and goes on from there with `asked`: other
// models, weights, agent, seed, budgets. What decides the meaning of what was taken cannot change:
// definition, device, selection, islands, grid (usage errors that name the key). What the other run spent is
// not charged to this one.
Result<OpenRun> fork_run(const std::filesystem::path& from, events::Ticket ticket, const RunConfig& asked,
                         const RunSetup& setup, const Agent* agent,
                         const std::filesystem::path& run_directory, Clock& clock);

Result<search::State> fold(const journal::Journal& journal, const std::filesystem::path& run_directory);
Result<RunConfig> recorded_config(const events::RunView& view, const std::filesystem::path& run_directory);
// None: the run has no agent.
Result<std::optional<Agent>> recorded_agent(const events::RunView& view, const journal::Journal& journal);
Result<std::vector<Seed>> recorded_seeds(const events::RunView& view, const journal::Journal& journal);

// What an event needs with it when it is copied to another journal.
Result<std::vector<std::string>> named_blobs(const journal::Journal& journal, const events::Event& event);

}  // namespace warpwright::engine
