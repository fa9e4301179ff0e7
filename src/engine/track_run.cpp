#include "src/engine/track_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/files.h"
#include "src/engine/models.h"
#include "src/engine/run_directory.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

fs::path track_file(const fs::path& root) {
  return root / "track.json";
}

Json to_json(const TrackPlan& plan) {
  Json parts = Json::array();
  for (const RunConfig& part : plan.parts) parts.push_back(to_json(part));
  return {{"track", plan.track},
          {"title", plan.title},
          {"max_evaluations", plan.max_evaluations},
          {"max_minutes", plan.max_minutes},
          {"max_dollars", plan.max_dollars},
          {"max_tokens", plan.max_tokens},
          {"max_calls", plan.max_calls},
          {"parts", std::move(parts)}};
}

Json to_json(const TrackPlan& plan, const TrackOutcome& outcome) {
  Json parts = Json::array();
  for (const TrackPart& part : outcome.parts)
    parts.push_back({{"definition", part.definition},
                     {"folder", part.folder.filename().string()},
                     {"evaluations", part.outcome ? part.outcome->evaluations : 0},
                     {"score", part.score},
                     {"is_estimate", part.is_estimate}});
  return {{"track", plan.track}, {"score", outcome.score}, {"definitions", std::move(parts)}};
}

// Score and origin of what a run has found so far.
Result<void> read_result(TrackPart& part) {
  TRY_ASSIGN(const LoadedRun run, load_run(part.folder));
  if (run.view.best) part.score = run.view.find(*run.view.best)->score;
  if (run.view.baseline) part.is_estimate = run.view.baseline->measure.is_estimate();
  return {};
}

// What the parts before have left, in equal shares for those to come.
struct Shares {
  int64_t evaluations;
  int64_t deadline_ms;  // 0: none
  int64_t of_evaluations(int64_t parts_left) const { return (evaluations + parts_left - 1) / parts_left; }
  double minutes_from(int64_t now_ms, int64_t parts_left) const {
    if (deadline_ms == 0) return 0;
    const double left = static_cast<double>(deadline_ms - now_ms) / 60000.0;
    return std::max(left, 0.01) / static_cast<double>(parts_left);  // 0 would mean: no limit
  }
};

// What the part may spend on models: an equal share of what all others have left, so that together they keep
// the track's caps whatever order they were resumed in.
void share_model_budget(const TrackPlan& plan, const llm::Spent& others, int64_t parts_left,
                        RunConfig& config) {
  constexpr double kNothing = 1e-6;  // 0 would mean: no cap
  const auto parts = static_cast<double>(parts_left);
  const double spent = static_cast<double>(others.microdollars) / 1e6;
  if (plan.max_dollars > 0) config.max_dollars = std::max((plan.max_dollars - spent) / parts, kNothing);
  if (plan.max_tokens > 0)
    config.max_tokens = std::max<int64_t>((plan.max_tokens - others.tokens) / parts_left, 1);
  if (plan.max_calls == 0) return;
  config.max_calls = std::max<int64_t>((plan.max_calls - others.calls) / parts_left, 1);
  if (others.calls >= plan.max_calls) config.max_tokens = 1;  // no call is that short
}

Result<llm::Spent> spent_by_others(const std::vector<TrackPart>& parts, size_t but) {
  llm::Spent spent;
  for (size_t k = 0; k < parts.size(); ++k) {
    if (k == but || !fs::exists(RunDirectory(parts[k].folder).journal())) continue;
    TRY_ASSIGN(const LoadedRun run, load_run(parts[k].folder));
    spent += spent_so_far(run.view);
  }
  return spent;
}

}  // namespace

Result<RunConfig> config_of_definition(const fs::path& home, const std::string& name) {
  for (const fs::path& file : list_files(home / "configs", ".toml")) {
    if (file.stem() == "tracks") continue;
    TRY_ASSIGN(RunConfig config, load_run_config(file));
    if (file.stem() == name || config.definition == name) return config;
  }
  RunConfig config;
  config.definition = name;
  return config;
}

Result<TrackPlan> plan_track(const fs::path& home, const std::string& name) {
  TRY_ASSIGN(const auto tracks, rules::load_tracks(home));
  const auto track = std::find_if(tracks.begin(), tracks.end(),
                                  [&](const rules::Track& candidate) { return candidate.name == name; });
  if (track == tracks.end()) {
    std::string known;
    for (const rules::Track& other : tracks)
      known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", other.name, other.title);
    return usage_error(fmt::format("there is no track '{}'; there are {}", name, known));
  }
  TrackPlan plan;
  plan.track = track->name;
  plan.title = track->title;
  bool is_limited = true;
  for (const std::string& definition : track->definitions) {
    TRY_ASSIGN(auto config, config_of_definition(home, definition));
    plan.max_evaluations += config.max_evaluations;
    plan.max_minutes += config.max_minutes;
    plan.max_dollars += config.max_dollars;
    plan.max_tokens += config.max_tokens;
    plan.max_calls += config.max_calls;
    is_limited = is_limited && config.max_minutes > 0;
    plan.parts.push_back(std::move(config));
  }
  if (!is_limited) plan.max_minutes = 0;
  return plan;
}

bool is_track_folder(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(track_file(folder), ignored);
}

Result<TrackPlan> resumed_track(const fs::path& root) {
  const fs::path file = track_file(root);
  TRY_ASSIGN(const std::string text, read_file(file, 1 << 20));
  TRY_ASSIGN(const Json json, parse_json(text, file.string()));
  const bool is_plan = json.is_object() && json.contains("parts") && json["parts"].is_array();
  if (!is_plan) return usage_error(fmt::format("{}: not a track's file", file.string()));
  TrackPlan plan;
  plan.track = json.value("track", "");
  plan.title = json.value("title", "");
  plan.max_evaluations = json.value("max_evaluations", int64_t{0});
  plan.max_minutes = json.value("max_minutes", 0.0);
  plan.max_dollars = json.value("max_dollars", 0.0);
  plan.max_tokens = json.value("max_tokens", int64_t{0});
  plan.max_calls = json.value("max_calls", int64_t{0});
  for (const Json& part : json["parts"]) {
    TRY_ASSIGN(RunConfig config, run_config_from_json(part, file.string()));
    const fs::path folder = root / config.definition;
    if (fs::exists(RunDirectory(folder).journal())) {
      TRY_ASSIGN(config, resumed_config(folder));
    }
    plan.parts.push_back(std::move(config));
  }
  return plan;
}

Result<TrackOutcome> evolve_track(const TrackPlan& plan, const fs::path& root, report::LiveView& live,
                                  Clock& clock) {
  TRY(warpwright::create_directories(root));
  TRY(write_file_atomic(track_file(root), dump_json(to_json(plan), 2) + "\n"));
  const auto limit_ms = static_cast<int64_t>(plan.max_minutes * 60000);
  Shares shares{plan.max_evaluations, limit_ms == 0 ? 0 : clock.monotonic_ms() + limit_ms};
  TrackOutcome outcome;
  for (const RunConfig& part : plan.parts)
    outcome.parts.push_back({part.definition, root / part.definition, {}});
  for (size_t k = 0; k < plan.parts.size() && !outcome.interrupted; ++k) {
    TrackPart& part = outcome.parts[k];
    const auto parts_left = static_cast<int64_t>(plan.parts.size() - k);
    RunConfig config = plan.parts[k];
    config.max_evaluations = std::max<int64_t>(1, shares.of_evaluations(parts_left));
    config.max_minutes = shares.minutes_from(clock.monotonic_ms(), parts_left);
    TRY_ASSIGN(const llm::Spent others, spent_by_others(outcome.parts, k));
    share_model_budget(plan, others, parts_left, config);
    const bool has_begun = fs::exists(RunDirectory(part.folder).journal());
    live.note(fmt::format("track {} ({}), {} of {}: {}", plan.track, plan.title, k + 1, plan.parts.size(),
                          part.definition));
    TRY_ASSIGN(part.outcome,
               evolve(config, part.folder, has_begun ? Resume::kYes : Resume::kNo, live, clock));
    TRY(read_result(part));
    shares.evaluations -= part.outcome->evaluations;
    outcome.interrupted = part.outcome->stop == Stop::kInterrupted;
    if (part.outcome->stop == Stop::kModelsPaused)
      return infrastructure_error("no model can be asked: " + part.outcome->reason);
  }
  for (const TrackPart& part : outcome.parts)
    outcome.score += part.score / static_cast<double>(outcome.parts.size());
  TRY(write_file_atomic(root / "report.txt", to_text(plan, outcome)));
  TRY(write_file_atomic(root / "report.json", dump_json(to_json(plan, outcome), 2) + "\n"));
  return outcome;
}

std::string to_text(const TrackPlan& plan, const TrackOutcome& outcome) {
  std::string text = fmt::format("track {}: {}\n", plan.track, plan.title);
  bool is_estimate = false;
  for (const TrackPart& part : outcome.parts) {
    is_estimate = is_estimate || part.is_estimate;
    text += fmt::format("  {:>8}  {:>5} evaluations  {}\n",
                        part.score > 0 ? fmt::format("{:.2f}x", part.score) : "-",
                        part.outcome ? part.outcome->evaluations : 0, part.folder.string());
  }
  text += fmt::format(
      "  {:>8}  the track's score: the mean over its definitions of best against plain seed{}\n",
      fmt::format("{:.2f}x", outcome.score), is_estimate ? "; ESTIMATES of a model, not measurements" : "");
  return text;
}

}  // namespace warpwright::engine
