// warpwright compose: several candidates become one that dispatches to them by the axes of a call.
#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <iostream>

#include "src/base/files.h"
#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/plan/compose.h"
#include "src/rules/device.h"
#include "src/rules/workload_binding.h"

namespace warpwright::cli {
namespace {

namespace fs = std::filesystem;

std::string bands_text(const rules::Rules& rules) {
  std::string text;
  for (const rules::Band& band : rules.bands) text += fmt::format("\n  {}: {}", band.name, band.when);
  return text;
}

// The knobs of each candidate, from "2:NAME=VALUE".
Result<std::vector<KnobValues>> knobs_of_each(const ComposeOptions& options) {
  std::vector<std::vector<std::string>> texts(options.candidates.size());
  for (const std::string& text : options.knobs) {
    size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size() || *end != ':' || number < 1 ||
        number > texts.size())
      return usage_error(fmt::format(
          "--knob {}: write N:NAME=VALUE, where N counts the candidates from 1 to {}", text, texts.size()));
    texts[number - 1].emplace_back(end + 1);
  }
  std::vector<KnobValues> knobs;
  for (const auto& of_one : texts) {
    TRY_ASSIGN(KnobValues values, parse_knobs(of_one));
    knobs.push_back(std::move(values));
  }
  return knobs;
}

// For each candidate: its condition, and what to call it.
struct Place {
  std::string when, name;
};

Result<std::vector<Place>> places_of(const ComposeOptions& options, const LoadedCandidate& first) {
  const size_t count = options.candidates.size();
  const auto file_name = [&](size_t i) { return options.candidates[i].filename().string(); };
  std::vector<Place> places;
  if (options.when.empty()) {
    const auto& bands = first.rules.bands;
    if (count != bands.size())
      return usage_error(
          fmt::format("{} has {} bands and {} candidates are given: one for each band, in this order, the "
                      "same file as often as "
                      "it is the best; or conditions of your own with --when{}",
                      first.definition_name, bands.size(), count, bands_text(first.rules)));
    for (size_t i = 0; i < count; ++i)
      places.push_back({bands[i].when, fmt::format("{} ({})", file_name(i), bands[i].name)});
    return places;
  }
  if (options.when.size() != count && options.when.size() + 1 != count)
    return usage_error(
        fmt::format("{} candidates and {} conditions: give --when once for each, the last may do without",
                    count, options.when.size()));
  for (size_t i = 0; i < count; ++i)
    places.push_back({i < options.when.size() ? options.when[i] : std::string(), file_name(i)});
  return places;
}

// A workload for which two hold would run the first; nobody should have to know.
Result<void> check_exclusive(const std::vector<std::string>& conditions, const LoadedCandidate& first) {
  for (const trace::Workload& workload : first.loaded.workloads) {
    std::string held;
    for (const std::string& when : conditions) {
      TRY_ASSIGN(const bool holds,
                 plan::evaluate_condition(when, first.loaded.definition, workload.axes, "--when " + when));
      if (!holds) continue;
      if (!held.empty())
        return usage_error(fmt::format("for workload {} both '{}' and '{}' hold: at most one may",
                                       workload.index, held, when));
      held = when;
    }
  }
  return {};
}

Result<std::string> compose_files(const ComposeOptions& options) {
  if (options.candidates.size() < 2) return usage_error("a composition needs two candidates or more");
  TRY_ASSIGN(const auto knobs, knobs_of_each(options));
  TRY_ASSIGN(const LoadedCandidate first,
             load_candidate({options.candidates[0], options.definition, {}, options.datasets}));
  TRY_ASSIGN(const auto places, places_of(options, first));
  TRY(check_exclusive(options.when, first));
  std::vector<plan::Part> parts;
  for (size_t i = 0; i < places.size(); ++i) {
    TRY_ASSIGN(const LoadedCandidate candidate,
               load_candidate({options.candidates[i], first.definition_name, {}, options.datasets}));
    parts.push_back({places[i].name, places[i].when, candidate.source, knobs[i]});
  }
  TRY_ASSIGN(const rules::DeviceModel device, rules::load_device("b200"));
  plan::DeviceFacts facts;
  facts.arch = device.arch;
  facts.sm_count = device.sm_count;
  std::vector<plan::BindInputs> workloads;
  for (const trace::Workload& workload : first.loaded.workloads)
    workloads.push_back(rules::bind_inputs(first.loaded.definition, workload, first.rules, {}, facts));
  return plan::compose(parts, first.loaded.definition, workloads);
}

}  // namespace

int run_compose(const ComposeOptions& options) {
  if (!options.out.empty() && fs::exists(options.out) && !options.overwrite)
    return report_error(
        {ErrorKind::kUsage, fmt::format("{} exists: give --overwrite", options.out.string())});
  const auto text = compose_files(options);
  if (!text) return report_error(text.error());
  if (options.out.empty()) {
    std::cout << *text;
    return 0;
  }
  if (auto written = write_file_atomic(options.out, *text); !written) return report_error(written.error());
  std::cerr << fmt::format("wrote {}; next: warpwright evaluate {}{}\n", options.out.string(),
                           options.out.string(),
                           options.definition.empty() ? "" : " --definition " + options.definition);
  return 0;
}

}  // namespace warpwright::cli
