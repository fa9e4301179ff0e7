#include "src/report/trials_text.h"

#include <fmt/format.h>

#include "src/report/statistics.h"

namespace warpwright::report {
namespace {

using events::ArmRecord;
using events::TrialRecord;

constexpr int64_t kFewestCalls = 10;  // on either side, for a verdict

double per_call(const ArmRecord& arm) {
  return arm.pulls > 0 ? arm.gain / static_cast<double>(arm.pulls) : 0;
}

// None: nothing was paid.
std::string per_dollar(const ArmRecord& arm) {
  return arm.microdollars > 0 ? fmt::format("{:.3f}", arm.gain * 1e6 / static_cast<double>(arm.microdollars))
                              : "-";
}

Sums sums_of(const ArmRecord& arm, double squares) {
  return {static_cast<double>(arm.pulls), arm.gain, squares};
}

bool is_decidable(const TrialRecord& trial) {
  return trial.with.pulls >= kFewestCalls && trial.without.pulls >= kFewestCalls;
}

Interval difference_of(const TrialRecord& trial) {
  return difference_of_means(sums_of(trial.with, trial.squares_with),
                             sums_of(trial.without, trial.squares_without));
}

std::string verdict_of(const TrialRecord& trial) {
  if (!is_decidable(trial))
    return fmt::format("no verdict yet: {} calls are needed on either side", kFewestCalls);
  const Interval difference = difference_of(trial);
  const std::string figures =
      fmt::format("{:+.4f} [{:+.4f}, {:+.4f}] a call", difference.value, difference.low, difference.high);
  if (difference.is_above(0)) return "worth having: " + figures;
  if (difference.is_below(0)) return "better left out: " + figures;
  return "no difference shown: " + figures;
}

}  // namespace

std::string trials_text(const events::RunView& view) {
  if (view.trials.empty()) return {};
  std::string text = "\nprompt sections on trial (gain: sum of ln of the improvements)\n";
  text += fmt::format("  {:<16} {:>6} {:>8} {:>11} {:>9} {:>11} {:>11}   {}\n", "", "with", "without",
                      "gain/call", "without", "gain/dollar", "without", "with - without, 95 %");
  for (const auto& [section, trial] : view.trials)
    text += fmt::format("  {:<16} {:>6} {:>8} {:>11.4f} {:>9.4f} {:>11} {:>11}   {}\n", section,
                        trial.with.pulls, trial.without.pulls, per_call(trial.with), per_call(trial.without),
                        per_dollar(trial.with), per_dollar(trial.without), verdict_of(trial));
  return text +
         "  A section of the system part that is left out changes what providers have cached: such a prompt "
         "costs "
         "more\n  than it would if it were always left out, so go by the gain per call there.\n";
}

Json trials_json(const events::RunView& view) {
  const auto arm_json = [](const ArmRecord& arm) {
    return Json{
        {"calls", arm.pulls}, {"gain", arm.gain}, {"dollars", static_cast<double>(arm.microdollars) / 1e6}};
  };
  Json json = Json::object();
  for (const auto& [section, trial] : view.trials) {
    json[section] = {
        {"with", arm_json(trial.with)}, {"without", arm_json(trial.without)}, {"verdict", verdict_of(trial)}};
    if (!is_decidable(trial)) continue;
    const Interval difference = difference_of(trial);
    json[section]["difference_per_call"] = {
        {"value", difference.value}, {"low", difference.low}, {"high", difference.high}};
  }
  return json;
}

}  // namespace warpwright::report
