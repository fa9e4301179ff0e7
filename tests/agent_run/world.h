// The program as its users run it, with a folder of its own for configuration, answers and runs, and eyes for
// what a run recorded.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/events/event.h"
#include "src/journal/journal.h"

namespace warpwright::agent_run {

using Environment = std::map<std::string, std::string>;
using Arguments = std::vector<std::string>;

// Runs the program to its end. Its home, worker and compile cache are set; `environment` comes on top.
CompletedProcess run(const Arguments& arguments, const Environment& environment = {});

// The program, while the test watches. Its output goes to files.
class Running {
 public:
  Running(const Arguments& arguments, const std::filesystem::path& log, const Environment& environment = {});
  pid_t pid() const { return process_.pid(); }
  void signal(int number);                        // to the program alone, not to what it started
  ExitStatus wait(int64_t deadline_ms = 60'000);  // kills it at the deadline
  bool has_ended() { return process_.try_wait().has_value(); }
  std::string stderr_text() const;

 private:
  Subprocess process_;
  std::filesystem::path log_;
};

struct RunTexts {         // tables of a run's configuration that tests differ in
  std::string models;     // [models.NAME] tables
  std::string operators;  // the [search.operators] table's lines
  std::string agent = "evolver";
  std::string budget;  // the [budget] table's lines
  uint64_t seed = 1;
  int64_t max_evaluations = 16;
  int window = 4;
  int islands = 2;
  bool seeds_allowed = true;
};

std::string scripted_model(const std::filesystem::path& folder);

// A temporary folder with seeds/, answers/ and configurations.
class World {
 public:
  World();
  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path write_config(const std::string& name, const RunTexts& texts) const;
  std::filesystem::path answers() const { return path() / "answers"; }

 private:
  TempDirectory folder_;
};

using Records = std::vector<events::Record>;
Records records_of(const std::filesystem::path& run);  // empty: there is no journal yet
std::string blob_of(const std::filesystem::path& run, const std::string& hash);
std::string line_of(const events::Event& event);  // kind and JSON
std::vector<std::string> lines_of(const std::filesystem::path& run);

// What the window promises to be a function of configuration, answers and results: decisions and settlements.
std::vector<std::string> decisions_of(const Records& records);

template <class E>
std::vector<E> all(const Records& records) {
  std::vector<E> found;
  for (const events::Record& record : records)
    if (const auto* event = std::get_if<E>(&record.event)) found.push_back(*event);
  return found;
}

// Polls the journal until `wanted` holds; false: not within the deadline, or the program ended before.
bool wait_until(Running& program, const std::filesystem::path& run,
                const std::function<bool(const Records&)>& wanted, int64_t deadline_ms = 60'000);

// No answered turn is asked again, each is answered once, and every call that was begun ended once or was
// replaced by a later attempt.
void expect_nothing_paid_twice(const Records& records);

int64_t microdollars_of(const Records& records);  // answers and attempts that may have been billed

}  // namespace warpwright::agent_run
