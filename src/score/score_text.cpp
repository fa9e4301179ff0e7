#include "src/score/score_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace warpwright::score {
namespace {

std::string axes_text(const trace::Axes& axes) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : axes) parts.push_back(fmt::format("{}={}", name, value));
  return fmt::format("{}", fmt::join(parts, " "));
}

std::string headline(const SolutionScore& score) {
  if (!score.score) return fmt::format("ratio of means {:.2f}x, no score", score.ratio_of_means);
  if (score.failed > 0)
    return fmt::format(
        "score 0: {} of {} workloads failed{}", score.failed, score.workloads.size(),
        score.mean_of_passed > 0 ? fmt::format(" (the others' mean is {:.2f}x)", score.mean_of_passed) : "");
  return fmt::format("score {:.2f}x, wins {:.0f} % of {} workloads, ratio of means {:.2f}x", *score.score,
                     100 * score.win_rate, score.workloads.size(), score.ratio_of_means);
}

std::string band_table(const SolutionScore& score) {
  size_t width = 4;
  for (const BandScore& band : score.bands) width = std::max(width, band.name.size());
  std::string text =
      fmt::format("    {:<{}}  {:>9}  {:>11}  {:>8}  {:>8}  {:>14}  {:>20}\n", "band", width, "workloads",
                  "baseline us", "its us", "ratio", "share of score", "10 % faster here");
  for (const BandScore& band : score.bands)
    text += fmt::format(
        "    {:<{}}  {:>9}  {:>11.2f}  {:>8.2f}  {:>7.2f}x  {:>12.1f} %  {:>+8.2f} ({:>+6.2f} %)\n",
        band.name, width, band.workloads, band.baseline_us, band.candidate_us, band.ratio, 100 * band.share,
        band.gain_of_a_tenth,
        score.mean_of_passed > 0 ? 100 * band.gain_of_a_tenth / score.mean_of_passed : 0.0);
  return text;
}

// Against a mean there are no ratios: where the time goes is all that can be said.
std::string time_table(const SolutionScore& score) {
  std::string text = fmt::format("    {:<16}  {:>9}  {:>8}\n", "band", "workloads", "its us");
  for (const BandScore& band : score.bands)
    text += fmt::format("    {:<16}  {:>9}  {:>8.2f}\n", band.name, band.workloads, band.candidate_us);
  return text;
}

std::string workload_lines(const SolutionScore& score, PerWorkload per_workload) {
  constexpr int kMaxProblems = 3;
  std::string text;
  int problems = 0;
  for (const WorkloadScore& workload : score.workloads) {
    const bool failed = !workload.problem.empty();
    if (per_workload == PerWorkload::kNo && (!failed || ++problems > kMaxProblems)) continue;
    text += fmt::format("    {}  {}  ", workload.uuid, axes_text(workload.axes));
    text += failed ? workload.problem + "\n"
                   : fmt::format("{:.2f} us, baseline {:.2f} us, {:.2f}x\n", workload.candidate_us,
                                 workload.baseline_us, workload.ratio);
  }
  if (problems > kMaxProblems) text += fmt::format("    and {} more\n", problems - kMaxProblems);
  return text;
}

std::string track_text(const TrackScore& total) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < total.best.size(); ++i) {
    const auto& best = total.best[i];
    const std::string value = !best         ? "0, no traces"
                              : best->score ? fmt::format("{:.2f}", *best->score)
                                            : "unknown";
    parts.push_back(fmt::format("{}: {}", total.track.definitions[i],
                                best ? value + " (" + best->solution + ")" : value));
  }
  return fmt::format(
      "track {} ({}): {}\n    {}\n", total.track.name, total.track.title,
      total.score ? fmt::format("{:.2f}", *total.score) : std::string("unknown, a definition has no score"),
      fmt::join(parts, "\n    "));
}

Json to_json(const SolutionScore& score) {
  Json workloads = Json::array(), bands = Json::array();
  for (const WorkloadScore& workload : score.workloads)
    workloads.push_back({{"uuid", workload.uuid},
                         {"axes", workload.axes},
                         {"band", workload.band},
                         {"baseline_us", workload.baseline_us},
                         {"candidate_us", workload.candidate_us},
                         {"ratio", workload.ratio},
                         {"problem", workload.problem}});
  for (const BandScore& band : score.bands)
    bands.push_back({{"name", band.name},
                     {"workloads", band.workloads},
                     {"passed", band.passed},
                     {"baseline_us", band.baseline_us},
                     {"candidate_us", band.candidate_us},
                     {"ratio", band.ratio},
                     {"share", band.share},
                     {"gain_of_a_tenth", band.gain_of_a_tenth}});
  return {{"definition", score.definition},
          {"solution", score.solution},
          {"baseline", score.baseline},
          {"hardware", score.hardware},
          {"score", score.score ? Json(*score.score) : Json()},
          {"mean_of_passed", score.mean_of_passed},
          {"ratio_of_means", score.ratio_of_means},
          {"baseline_us", score.baseline_us},
          {"candidate_us", score.candidate_us},
          {"win_rate", score.win_rate},
          {"failed", score.failed},
          {"notes", score.notes},
          {"bands", bands},
          {"workloads", workloads}};
}

}  // namespace

std::string render_scores(const std::vector<SolutionScore>& scores, const std::vector<TrackScore>& tracks,
                          PerWorkload per_workload) {
  std::string text, definition;
  for (const SolutionScore& score : scores) {
    if (score.definition != definition)
      text += fmt::format("{}{}\n", definition.empty() ? "" : "\n", score.definition);
    definition = score.definition;
    text += fmt::format("  {} against {} ({}): {}\n", score.solution, score.baseline, score.hardware,
                        headline(score));
    text += fmt::format("    mean {:.2f} us, baseline {:.2f} us\n", score.candidate_us, score.baseline_us);
    for (const std::string& note : score.notes) text += fmt::format("    note: {}\n", note);
    text += score.mean_of_passed > 0 ? band_table(score) : time_table(score);
    text += workload_lines(score, per_workload);
  }
  if (!tracks.empty()) text += "\n";
  for (const TrackScore& track : tracks) text += track_text(track);
  return text;
}

Json scores_to_json(const std::vector<SolutionScore>& scores, const std::vector<TrackScore>& tracks) {
  Json json = {{"definitions", Json::array()}, {"tracks", Json::array()}};
  for (const SolutionScore& score : scores) json["definitions"].push_back(to_json(score));
  for (const TrackScore& track : tracks) {
    Json best = Json::array();
    for (const auto& score : track.best) best.push_back(score ? Json(score->solution) : Json());
    json["tracks"].push_back({{"name", track.track.name},
                              {"title", track.track.title},
                              {"definitions", track.track.definitions},
                              {"solutions", best},
                              {"score", track.score ? Json(*track.score) : Json()}});
  }
  return json;
}

}  // namespace warpwright::score
