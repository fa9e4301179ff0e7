// For tests of the engine: a small configuration on the fake worker, and what a run's journal says.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "src/base/files.h"
#include "src/engine/evolve.h"
#include "src/journal/journal.h"
#include "src/search/state.h"

namespace warpwright::engine {

inline RunConfig test_config(int workers = 2, std::vector<std::string> worker_arguments = {}) {
  RunConfig config;
  config.definition = "gdn_decode_qk4_v8_d128_k_last";
  config.seed = 5;
  config.max_evaluations = 12;
  config.red_team = false;  // the fake worker lets anything pass
  config.worker_count = workers;
  config.worker_path = FAKE_WORKER;
  config.worker_arguments = std::move(worker_arguments);
  config.search.window = 6;
  config.search.islands = 2;
  config.search.migration_interval = 8;
  config.seeds_folder = "src/engine/testdata/seeds";
  return config;
}

inline Result<RunOutcome> run(const RunConfig& config, const std::filesystem::path& directory,
                              Resume resume = Resume::kNo) {
  report::SilentView live;
  SystemClock clock;
  return evolve(config, directory, resume, live, clock);
}

// What is a function of configuration, seed and results: the proposals and how they were applied, in order.
struct History {
  std::vector<std::string> sequence;
  std::map<std::string, int64_t> finished;  // identity (or key) of each result -> number of its event
  std::string digest;
  events::RunView view;
};

inline History history_of(const std::filesystem::path& directory) {
  History history;
  const auto journal = journal::Journal::open_read_only(directory);
  EXPECT_TRUE(journal) << journal.error().message;
  if (!journal) return history;
  const auto records = journal->read_events();
  EXPECT_TRUE(records) << records.error().message;
  if (!records) return history;
  for (const events::Record& record : *records) {
    if (const auto* proposed = std::get_if<events::Proposed>(&record.event)) {
      if (proposed->origin.op == "scripted") continue;  // recorded at arrival; Applied shows it
      history.sequence.push_back(events::to_json(record.event).dump());
    } else if (std::holds_alternative<events::Applied>(record.event)) {
      history.sequence.push_back(events::to_json(record.event).dump());
    } else if (const auto* result = std::get_if<events::EvaluationFinished>(&record.event)) {
      const std::string& identity = result->summary.identity;
      history.finished[identity.empty() ? result->result_key : identity] = record.seq;
    }
  }
  const auto state = search::State::fold(*records);
  EXPECT_TRUE(state) << state.error().message;
  if (!state) return history;
  history.digest = state->digest();
  history.view = state->view();
  return history;
}

// How often the fake workers finished a full evaluation of each identity.
inline std::map<std::string, int> ledger_of(const std::filesystem::path& file) {
  std::map<std::string, int> counts;
  const auto text = read_file(file);
  if (!text) return counts;
  size_t begin = 0;
  for (size_t end; (end = text->find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = text->substr(begin, end - begin);
    ++counts[line.substr(line.find(' ') + 1)];
  }
  return counts;
}

}  // namespace warpwright::engine
