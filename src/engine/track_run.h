// A contest track: one search for each of its definitions, one after the other, with one budget. Each is a
// run of its own in a folder of its own (`<root>/<definition>`); `<root>/track.json` says what they share.
//
// What a definition leaves of its share goes to those after it. Budgets count the whole track, from its
// beginning: going on with a larger one gives every definition its share of that.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/engine/evolve.h"
#include "src/rules/tracks.h"

namespace warpwright::engine {

struct TrackPlan {
  std::string track, title;
  std::vector<RunConfig> parts;  // one for each definition, in the track's order
  int64_t max_evaluations = 0;   // of all together
  double max_minutes = 0;        // wall clock of one invocation; 0: no limit
  double max_dollars = 0;        // of model calls, all together; 0: no cap, as for the next two
  int64_t max_tokens = 0, max_calls = 0;
};

struct TrackPart {
  std::string definition;
  std::filesystem::path folder;
  std::optional<RunOutcome> outcome;  // none: its search has not begun
  double score = 0;                   // of its best against its plain seed; 0: nothing passed
  bool is_estimate = true;
};

struct TrackOutcome {
  bool interrupted = false;
  std::vector<TrackPart> parts;
  double score =
      0;  // mean over the track's definitions, those without a result count 0 (contracts of the project)
};

// The configuration below configs/ that is for this definition, by the file's stem ("gdn_prefill") or the
// definition's name; a definition without one gets the defaults. Error: a malformed file.
Result<RunConfig> config_of_definition(const std::filesystem::path& home, const std::string& name);
// Budgets: the sums of its definitions' configurations. Error: unknown track (lists those there are).
Result<TrackPlan> plan_track(const std::filesystem::path& home, const std::string& track);

bool is_track_folder(const std::filesystem::path& folder);
// As it was started; each part with the configuration of its run, where that has begun.
Result<TrackPlan> resumed_track(const std::filesystem::path& root);

// Runs or goes on with every part. Writes track.json, report.txt and report.json below `root`. Errors as
// evolve.
Result<TrackOutcome> evolve_track(const TrackPlan& plan, const std::filesystem::path& root,
                                  report::LiveView& live, Clock& clock);
std::string to_text(const TrackPlan& plan, const TrackOutcome& outcome);

}  // namespace warpwright::engine
