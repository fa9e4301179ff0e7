// What comes back to the desk: settling attempts, what follows a failure, and where everything stands.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/check.h"
#include "src/base/rng.h"
#include "src/llm/call_desk.h"
#include "src/llm/prices.h"

namespace warpwright::llm {
namespace {

// A prompt of ordinary text and code takes a token for every 3 to 5 bytes.
constexpr int64_t kBytesPerTokenAtMost = 6, kShortPromptBytes = 6'000;

int64_t tokens_of(const Usage& usage) {
  return std::max<int64_t>(0, usage.input) + std::max<int64_t>(0, usage.output);
}

std::optional<int64_t> reported_cost(const Reply& reply) {
  const double microdollars = std::ceil(reply.cost_dollars.value_or(-1) * 1e6);
  if (!(microdollars >= 0 && microdollars < 1e15)) return std::nullopt;
  return static_cast<int64_t>(microdollars);
}

void add(Usage& sum, const Usage& usage) {
  sum.known = sum.known || usage.known;
  sum.input += usage.input;
  sum.cached_read += usage.cached_read;
  sum.cache_write += usage.cache_write;
  sum.output += usage.output;
  sum.reasoning += usage.reasoning;
}

std::string seconds(int64_t ms) {
  return fmt::format("{} s", (ms + 999) / 1000);
}

}  // namespace

// Of an answer that does not say: the worst case where a cap stands on it, else what its texts come to.
Usage CallDesk::assumed_usage(const Flight& flight, const Call& call, const Reply& reply) const {
  Usage usage;
  usage.input = bytes_of(call.conversation) / 4;
  usage.output = static_cast<int64_t>(reply.text.size()) / 4;
  if (ledger_.budget().max_tokens > 0)
    usage.output = std::max(usage.output, flight.reserved.tokens - usage.input);
  return usage;
}

Answered CallDesk::settle_reply(Entry& entry, Reply reply) {
  const Flight flight = *entry.flight;
  Model& model = *flight.model;
  const Call& call = entry.wanted.call;
  Answered answered{call.ticket, call.turn, call.attempt, model.config.name, std::move(reply), 0, 0, false};
  const Usage& usage = answered.reply.usage;
  answered.tokens = tokens_of(usage.known ? usage : assumed_usage(flight, call, answered.reply));
  if (const auto cost = reported_cost(answered.reply)) {
    answered.cost_microdollars = *cost;
  } else if (usage.known && model.price) {
    answered.cost_microdollars = cost_microdollars(usage, *model.price);
  } else {
    answered.cost_microdollars = flight.reserved.microdollars;
    if (model.price && flight.reserved.microdollars == 0)
      answered.cost_microdollars =
          cost_microdollars(assumed_usage(flight, call, answered.reply), *model.price);
    answered.cost_is_estimate = !model.config.is_free;
  }
  const Spent actual{answered.cost_microdollars, answered.tokens, 1};
  ledger_.settle(flight.reserved, actual);
  model.gate->answered(flight.gate_attempt, usage.known ? std::optional(answered.tokens) : std::nullopt);
  model.totals.spent += actual;
  add(model.totals.usage, usage);
  ++model.totals.answered;
  if (answered.reply.finish == FinishClass::kTruncated) ++model.totals.truncated;
  if (answered.reply.finish == FinishClass::kRefused) ++model.totals.refused;
  warn_of_reply(model, entry, usage, actual, flight.reserved);
  return answered;
}

AttemptFailed CallDesk::settle_failure(Entry& entry, Failure failure, int64_t now_ms) {
  const Flight flight = *entry.flight;
  entry.flight.reset();
  Model& model = *flight.model;
  const Call& call = entry.wanted.call;
  AttemptFailed failed;
  failed.ticket = call.ticket;
  failed.turn = call.turn;
  failed.attempt = call.attempt;
  failed.model = model.config.name;
  failed.failure = std::move(failure);
  const Usage& usage = failed.failure.usage;
  failed.counted = failed.failure.maybe_billed || usage.known;
  Spent charged;
  if (failed.counted) charged = flight.reserved;
  if (usage.known) charged.tokens = tokens_of(usage);
  if (usage.known && model.price) charged.microdollars = cost_microdollars(usage, *model.price);
  failed.charged_microdollars = charged.microdollars;
  failed.charged_tokens = charged.tokens;
  ledger_.settle(flight.reserved, charged);
  model.totals.spent += charged;
  add(model.totals.usage, usage);
  ++model.totals.failed;
  decide_next(entry, model, failed, flight.gate_attempt, now_ms);
  return failed;
}

void CallDesk::decide_next(Entry& entry, Model& model, AttemptFailed& failed, int64_t gate_attempt,
                           int64_t now_ms) {
  const Failure& failure = failed.failure;
  Gate& gate = *model.gate;
  if (failed.counted) ++entry.history.billed_attempts;
  entry.history.elapsed_ms = now_ms - entry.first_ms;
  const std::string name = fmt::format("{}@{}", entry.wanted.call.id(), model.config.name);
  const RetryDecision decision =
      decide_retry(failure, entry.history, model.limits, Rng::stream(seed_, name).uniform());
  const auto* later = std::get_if<RetryLater>(&decision);
  const bool limited =
      failure.kind == FailureClass::kRateLimited || failure.kind == FailureClass::kOverloaded;
  const int64_t asked_ms =
      std::clamp<int64_t>(failure.retry_after_ms.value_or(0), 0, model.limits.longest_asked_ms);
  if (limited) {
    gate.limited(gate_attempt, now_ms, std::max(asked_ms, later ? later->wait_ms : 0));
  } else if (is_transient(failure.kind)) {
    gate.troubled(gate_attempt, now_ms, asked_ms);
  } else {
    gate.released(gate_attempt);
  }
  if (later) {
    entry.not_before_ms = now_ms + later->wait_ms;
    failed.retry_in_ms = later->wait_ms;
    failed.reason = failure.reason;
  } else if (const auto* give_up = std::get_if<GiveUp>(&decision)) {
    failed.final = true;
    failed.reason = give_up->reason;
  } else {
    pause(model, std::get<PauseEndpoint>(decision));
    failed.reason = std::get<PauseEndpoint>(decision).reason;
    entry.tried = nullptr;  // whoever takes it up starts afresh
    if (available(entry.wanted)) failed.retry_in_ms = 0;
  }
  entry.last_failure = failure.reason;
  if (!failed.final || limited) model.last_trouble = failure.reason;
}

void CallDesk::pause(Model& model, const PauseEndpoint& pause) {
  const std::string address = model.config.base_url.empty() ? "" : " at " + model.config.base_url;
  const std::string reason = fmt::format("{}{}: {}", model.config.name, address, pause.reason);
  for (auto& [name, other] : models_) {
    const bool same = pause.whole_key ? other->account == model.account : other->gate == model.gate;
    if (same && !other->gate->paused()) other->gate->pause(reason);
  }
}

void CallDesk::resume_model(const std::string& name) {
  const auto found = models_.find(name);
  CHECK(found != models_.end());
  for (auto& [other_name, other] : models_)
    if (other->account == found->second->account) other->gate->resume();
}

void CallDesk::warn_of_reply(Model& model, const Entry& entry, const Usage& usage, const Spent& actual,
                             const Spent& reserved) {
  const int64_t bytes = bytes_of(entry.wanted.call.conversation);
  const bool is_cut = usage.known && bytes >= kShortPromptBytes && usage.input < bytes / kBytesPerTokenAtMost;
  if (is_cut && !std::exchange(model.warned_of_cut_prompt, true))
    warnings_.push_back(
        fmt::format("models.{}: the server counts {} input tokens for a prompt of {} bytes (about {} "
                    "tokens): it may cut prompts without saying so (Ollama: raise num_ctx)",
                    model.config.name, usage.input, bytes, bytes / 4));
  const bool has_worst_case = reserved.microdollars > 0;
  const bool is_over = has_worst_case && actual.microdollars > reserved.microdollars;
  if (is_over && !std::exchange(model.warned_of_cost, true))
    warnings_.push_back(
        fmt::format("models.{}: a call cost {}, more than its worst case of {}: is the price right, and "
                    "does the server obey max_output_tokens?",
                    model.config.name, dollars(actual.microdollars), dollars(reserved.microdollars)));
}

std::vector<std::string> CallDesk::take_warnings() {
  return std::exchange(warnings_, {});
}

std::string CallDesk::explain(const Entry& entry, const Obstacle& way, int64_t now_ms) const {
  const std::string id = fmt::format("t{}.{}", entry.wanted.call.ticket, entry.wanted.call.turn);
  switch (way.wait) {
    case Wait::kNone:
      return "";
    case Wait::kGate: {
      const Gate& gate = *way.model->gate;
      const std::string& name = way.model->config.name;
      if (now_ms < gate.held_until_ms())
        return fmt::format("{} is held back for {}: {}", name, seconds(gate.held_until_ms() - now_ms),
                           way.model->last_trouble);
      if (way.wait_ms)
        return fmt::format("{} is at its limit per minute for {}", name, seconds(*way.wait_ms));
      return fmt::format("{} has {} in flight, as many as it may", name, gate.in_flight());
    }
    case Wait::kRetry:
      return fmt::format("{} is tried again in {}: {}", id, seconds(*way.wait_ms), entry.last_failure);
    case Wait::kMoney:
      return ledger_.fits(way.need) ? id + " queues behind a call that cannot be paid yet"
                                    : ledger_.refusal(way.need);
    case Wait::kPaused:
      return fmt::format("paused: {}", *models_.at(entry.wanted.models.front())->gate->paused());
  }
  CHECK(false);
}

DeskLoad CallDesk::load(int64_t now_ms) const {
  DeskLoad load;
  for (const auto& [account, gate] : gates_) load.allowed += gate->allowed_in_flight();
  bool money_blocked = false;
  for (const auto& [key, entry] : entries_) {
    if (entry.flight) {
      ++load.in_flight;
      continue;
    }
    const Obstacle way = obstacle(entry, now_ms, money_blocked);
    money_blocked = money_blocked || way.wait == Wait::kMoney;
    load.without_money += way.wait == Wait::kMoney;
    load.at_gate += way.wait == Wait::kNone || (way.wait == Wait::kGate && !way.wait_ms);
    load.held_back +=
        way.wait == Wait::kRetry || way.wait == Wait::kPaused || (way.wait == Wait::kGate && way.wait_ms);
  }
  return load;
}

Standing CallDesk::standing(int64_t now_ms) const {
  Standing standing;
  standing.spent = ledger_.spent();
  standing.reserved = ledger_.reserved();
  std::optional<std::string> money, paused;
  for (const auto& [key, entry] : entries_) {
    if (entry.flight) {
      ++standing.in_flight;
      continue;
    }
    const Obstacle way = obstacle(entry, now_ms, money.has_value());
    const std::string why = explain(entry, way, now_ms);
    if (standing.why.empty()) standing.why = why;
    if (way.wait == Wait::kMoney && !money) money = why;
    if (way.wait == Wait::kPaused && !paused) paused = why;
    standing.waiting_gate += way.wait == Wait::kGate || way.wait == Wait::kNone;
    standing.waiting_retry += way.wait == Wait::kRetry;
    standing.waiting_money += way.wait == Wait::kMoney;
    standing.waiting_paused += way.wait == Wait::kPaused;
  }
  if (standing.in_flight + standing.waiting_gate + standing.waiting_retry == 0) {
    standing.budget_used = money;
    if (!money) standing.all_paused = paused;
  }
  for (const auto& [name, model] : models_) standing.models.push_back(standing_of(*model, now_ms));
  return standing;
}

ModelStanding CallDesk::standing_of(const Model& model, int64_t now_ms) const {
  ModelStanding standing = model.totals;
  standing.allowed_in_flight = model.gate->allowed_in_flight();
  standing.paused = model.gate->paused();
  standing.held_back_ms = model.gate->held_until_ms() > now_ms ? model.gate->held_until_ms() - now_ms : 0;
  for (const auto& [key, entry] : entries_)
    standing.in_flight += entry.flight && entry.flight->model == &model;
  return standing;
}

}  // namespace warpwright::llm
