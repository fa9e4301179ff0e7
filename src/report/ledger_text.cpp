#include "src/report/ledger_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace warpwright::report {
namespace {

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::pair<std::string, int64_t> largest(const std::map<std::string, int64_t>& idle_ms) {
  std::pair<std::string, int64_t> most;
  for (const auto& [reason, ms] : idle_ms)
    if (ms > most.second) most = {reason, ms};
  return most;
}

// As many tickets open as keep every evaluator busy, if all else stays as it is (Little's law), and some
// more.
int64_t enough(int64_t now, double busy_share) {
  const double wanted = static_cast<double>(now) / std::max(busy_share, 0.1);
  return std::max<int64_t>(now + 1, static_cast<int64_t>(std::ceil(wanted * 1.1)));
}

std::string mend(const std::string& reason, const StageLedger& ledger) {
  const auto& e = ledger.evaluators;
  const double busy = share(e.device_ms + e.compile_ms, e.slot_ms);
  if (reason == "window")
    return fmt::format("too few tickets open; raise run.window to {}", enough(ledger.window, busy));
  if (reason == "models")
    return fmt::format(
        "models answer too slowly with {} calls at once; raise max_in_flight to {}, and run.window above it",
        ledger.call_limit, enough(ledger.call_limit, busy));
  if (reason == "rate") return "endpoints limit the rate; give the role another model";
  if (reason == "money")
    return "the budget holds calls back; raise budget.max_dollars or ask a cheaper model";
  if (reason == "starting") return "evaluators were starting";
  if (reason == "duel") return "settling waits for duels, one at a time";
  if (reason == "draining") return "the run was ending";
  return "the program itself, or its disk";
}

std::string percent(double value) {
  return fmt::format("{:.0f} %", 100 * value);
}

std::string idle_text(const std::map<std::string, int64_t>& idle_ms, int64_t slot_ms) {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [reason, ms] : idle_ms)
    if (share(ms, slot_ms) >= 0.005) order.emplace_back(-ms, reason);
  std::sort(order.begin(), order.end());
  std::string text;
  for (const auto& [ms, reason] : order)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", reason, percent(share(-ms, slot_ms)));
  return text;
}

Json idle_json(const std::map<std::string, int64_t>& idle_ms) {
  return Json(idle_ms);
}

bool read_idle(const Json& json, std::map<std::string, int64_t>& idle_ms) {
  if (!json.is_object()) return false;
  for (const auto& [reason, ms] : json.items()) {
    if (!ms.is_number_integer()) return false;
    idle_ms[reason] = ms.get<int64_t>();
  }
  return true;
}

int64_t integer(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::optional<StageLedger> sum_of(const events::RunView& view) {
  std::optional<StageLedger> sum;
  for (const Json& json : view.ledgers) {
    const auto ledger = stage_ledger_from_json(json);
    if (!ledger) continue;
    if (!sum) sum.emplace();
    *sum += *ledger;
  }
  return sum;
}

}  // namespace

Json to_json(const StageLedger& ledger) {
  return {{"wall_ms", ledger.wall_ms},
          {"evaluators",
           {{"slot_ms", ledger.evaluators.slot_ms},
            {"device_ms", ledger.evaluators.device_ms},
            {"compile_ms", ledger.evaluators.compile_ms},
            {"idle_ms", idle_json(ledger.evaluators.idle_ms)}}},
          {"calls",
           {{"slot_ms", ledger.calls.slot_ms},
            {"busy_ms", ledger.calls.busy_ms},
            {"idle_ms", idle_json(ledger.calls.idle_ms)}}},
          {"window", ledger.window},
          {"evaluator_count", ledger.evaluator_count},
          {"call_limit", ledger.call_limit},
          {"verdict", verdict(ledger)}};
}

std::optional<StageLedger> stage_ledger_from_json(const Json& json) {
  if (!json.is_object() || !json.contains("evaluators") || !json.contains("calls")) return std::nullopt;
  const Json &evaluators = json["evaluators"], &calls = json["calls"];
  if (!evaluators.is_object() || !calls.is_object()) return std::nullopt;
  StageLedger ledger;
  ledger.wall_ms = integer(json, "wall_ms");
  ledger.evaluators.slot_ms = integer(evaluators, "slot_ms");
  ledger.evaluators.device_ms = integer(evaluators, "device_ms");
  ledger.evaluators.compile_ms = integer(evaluators, "compile_ms");
  ledger.calls.slot_ms = integer(calls, "slot_ms");
  ledger.calls.busy_ms = integer(calls, "busy_ms");
  if (!read_idle(evaluators.value("idle_ms", Json::object()), ledger.evaluators.idle_ms) ||
      !read_idle(calls.value("idle_ms", Json::object()), ledger.calls.idle_ms))
    return std::nullopt;
  ledger.window = static_cast<int>(integer(json, "window"));
  ledger.evaluator_count = static_cast<int>(integer(json, "evaluator_count"));
  ledger.call_limit = static_cast<int>(integer(json, "call_limit"));
  return ledger;
}

StageLedger& operator+=(StageLedger& sum, const StageLedger& other) {
  sum.wall_ms += other.wall_ms;
  sum.evaluators.slot_ms += other.evaluators.slot_ms;
  sum.evaluators.device_ms += other.evaluators.device_ms;
  sum.evaluators.compile_ms += other.evaluators.compile_ms;
  for (const auto& [reason, ms] : other.evaluators.idle_ms) sum.evaluators.idle_ms[reason] += ms;
  sum.calls.slot_ms += other.calls.slot_ms;
  sum.calls.busy_ms += other.calls.busy_ms;
  for (const auto& [reason, ms] : other.calls.idle_ms) sum.calls.idle_ms[reason] += ms;
  sum.window = other.window;
  sum.evaluator_count = other.evaluator_count;
  sum.call_limit = other.call_limit;
  return sum;
}

std::string verdict(const StageLedger& ledger) {
  constexpr double kFullyBusy = 0.95;
  const auto& e = ledger.evaluators;
  if (e.slot_ms == 0) return "";
  const double device = share(e.device_ms, e.slot_ms), compile = share(e.compile_ms, e.slot_ms);
  std::string text = fmt::format("device busy {}", percent(device));
  if (compile >= 0.05) text += fmt::format(", compiling {}", percent(compile));
  const auto [reason, ms] = largest(e.idle_ms);
  if (device + compile < kFullyBusy && ms > 0)
    return text + fmt::format(", idle {}: {}", percent(1 - device - compile), mend(reason, ledger));
  if (compile > device)
    return text +
           fmt::format("; evaluators mostly compile: raise workers.count above {}", ledger.evaluator_count);
  const auto [unasked, unasked_ms] = largest(ledger.calls.idle_ms);
  if (share(unasked_ms, ledger.calls.slot_ms) > 0.2 && unasked == "evaluators")
    return text + "; the models wait for it: another device would be used";
  return text;
}

std::string ledger_text(const events::RunView& view) {
  const auto sum = sum_of(view);
  if (!sum || sum->evaluators.slot_ms == 0) return "";
  const auto& e = sum->evaluators;
  std::string text =
      fmt::format("\nWhat the time went to ({:.1f} min)\n", static_cast<double>(sum->wall_ms) / 60'000);
  text += fmt::format("  evaluators ({})  running {}, compiling {}", sum->evaluator_count,
                      percent(share(e.device_ms, e.slot_ms)), percent(share(e.compile_ms, e.slot_ms)));
  if (const std::string idle = idle_text(e.idle_ms, e.slot_ms); !idle.empty())
    text += "; idle because of " + idle;
  if (sum->calls.slot_ms > 0) {
    text += fmt::format("\n  model calls (up to {})  in flight {}", sum->call_limit,
                        percent(share(sum->calls.busy_ms, sum->calls.slot_ms)));
    if (const std::string idle = idle_text(sum->calls.idle_ms, sum->calls.slot_ms); !idle.empty())
      text += "; idle because of " + idle;
  }
  return text + "\n  " + verdict(*sum) + "\n";
}

Json ledger_json(const events::RunView& view) {
  const auto sum = sum_of(view);
  return sum ? to_json(*sum) : Json();
}

}  // namespace warpwright::report
