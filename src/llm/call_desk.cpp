#include "src/llm/call_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/base/rng.h"
#include "src/llm/prices.h"

namespace warpwright::llm {
namespace {

constexpr int64_t kAssumedOutputTokens = 8192;  // for the gate, of a model without max_output_tokens

std::string account_of(const ModelConfig& config) {
  if (config.base_url.empty()) return config.name;
  return fmt::format("{}\n{}\n{}", config.base_url, config.key_env, config.key_file);
}

int stricter(int a, int b) {
  return std::min(a, b);
}
int64_t stricter(int64_t a, int64_t b) {
  return a <= 0 || (b > 0 && b < a) ? b : a;
}

}  // namespace

int64_t CallDesk::bytes_of(const Conversation& conversation) {
  size_t bytes = conversation.system.size();
  for (const Message& message : conversation.messages) bytes += message.text.size();
  return static_cast<int64_t>(bytes);
}

int64_t CallDesk::most_tokens(const Conversation& conversation, const ModelConfig& config) {
  return max_input_tokens(conversation, config) + config.max_output_tokens.value_or(0);
}

int64_t CallDesk::likely_tokens(const Conversation& conversation, const ModelConfig& config) {
  return bytes_of(conversation) / 4 + config.max_output_tokens.value_or(kAssumedOutputTokens);
}

CallDesk::CallDesk(const Budget& budget, const Spent& spent_so_far, uint64_t seed)
    : ledger_(budget, spent_so_far), seed_(seed) {}

Result<void> CallDesk::add_model(const ModelConfig& config, std::shared_ptr<Provider> provider,
                                 std::optional<Price> price) {
  CHECK(provider && !models_.contains(config.name));
  TRY(check_budget(ledger_.budget(), config, price));
  if (std::find(providers_.begin(), providers_.end(), provider) == providers_.end())
    providers_.push_back(provider);
  auto model = std::make_unique<Model>();
  model->config = config;
  model->provider = std::move(provider);
  model->price = config.is_free ? Price{} : price;
  model->account = account_of(config);
  model->limits = retry_limits(config);
  model->totals.name = config.name;
  const GateLimits limits{config.max_in_flight, config.requests_per_minute, config.tokens_per_minute};
  auto& gate = gates_[model->account + "\n" + config.model];
  if (gate) {
    gate->restrict_to({stricter(gate->limits().max_in_flight, limits.max_in_flight),
                       stricter(gate->limits().requests_per_minute, limits.requests_per_minute),
                       stricter(gate->limits().tokens_per_minute, limits.tokens_per_minute)});
  } else {
    gate = std::make_shared<Gate>(limits);
  }
  model->gate = gate;
  models_[config.name] = std::move(model);
  return {};
}

void CallDesk::want(Wanted wanted) {
  CHECK(!wanted.models.empty());
  for (const std::string& name : wanted.models) CHECK(models_.contains(name));
  Entry entry;
  entry.next_attempt = wanted.attempts_made;
  entry.not_before_ms = INT64_MIN;
  const Key key{wanted.call.ticket, wanted.call.turn};
  entry.wanted = std::move(wanted);
  CHECK(entries_.emplace(key, std::move(entry)).second);
}

CallDesk::Model* CallDesk::available(const Wanted& wanted) const {
  for (const std::string& name : wanted.models) {
    Model* model = models_.at(name).get();
    if (!model->gate->paused()) return model;
  }
  return nullptr;
}

CallDesk::Obstacle CallDesk::obstacle(const Entry& entry, int64_t now_ms, bool money_blocked) const {
  Obstacle way;
  way.model = available(entry.wanted);
  if (!way.model) {
    way.wait = Wait::kPaused;
    return way;
  }
  const ModelConfig& config = way.model->config;
  const Conversation& conversation = entry.wanted.call.conversation;
  const auto price = way.model->price;
  way.need = {price ? worst_case_microdollars(conversation, config, *price).value_or(0) : 0,
              most_tokens(conversation, config), 1};
  const bool is_free = ledger_.budget().max_microdollars > 0 && way.need.microdollars == 0;
  if (money_blocked && !is_free) {
    way.wait = Wait::kMoney;
    return way;
  }
  if (entry.tried == way.model && now_ms < entry.not_before_ms) {
    way.wait = Wait::kRetry;
    way.wait_ms = entry.not_before_ms - now_ms;
    return way;
  }
  const Gate::Opening opening = way.model->gate->opening(now_ms, likely_tokens(conversation, config));
  if (opening.state != Gate::State::kOpen) {
    way.wait = Wait::kGate;
    way.wait_ms = opening.wait_ms;
    return way;
  }
  if (!ledger_.fits(way.need)) way.wait = Wait::kMoney;
  return way;
}

std::vector<Admitted> CallDesk::admit(int64_t now_ms) {
  std::vector<Admitted> admitted;
  if (!admitting_) return admitted;
  bool money_blocked = false;
  for (auto& [key, entry] : entries_) {
    if (entry.flight) continue;
    const Obstacle way = obstacle(entry, now_ms, money_blocked);
    money_blocked = money_blocked || way.wait == Wait::kMoney;
    if (way.wait == Wait::kNone) admitted.push_back(admit_one(entry, way, now_ms));
  }
  return admitted;
}

Admitted CallDesk::admit_one(Entry& entry, const Obstacle& way, int64_t now_ms) {
  if (entry.tried != way.model) {
    entry.tried = way.model;
    entry.history = {};
    entry.history.attempts = 0;
    entry.first_ms = now_ms;
  }
  ++entry.history.attempts;
  ledger_.reserve(way.need);
  entry.flight = Flight{way.model, 0, way.need, false};
  entry.flight->gate_attempt =
      way.model->gate->start(now_ms, likely_tokens(entry.wanted.call.conversation, way.model->config));
  entry.wanted.call.attempt = entry.next_attempt++;
  return {entry.wanted.call, way.model->config.name, way.need.microdollars, way.need.tokens};
}

void CallDesk::send(const Admitted& admitted, int64_t) {
  const auto found = entries_.find({admitted.call.ticket, admitted.call.turn});
  CHECK(found != entries_.end() && found->second.flight && !found->second.flight->sent);
  CHECK(found->second.wanted.call.attempt == admitted.call.attempt);
  found->second.flight->sent = true;
  found->second.flight->model->provider->start(admitted.call);
}

std::vector<std::variant<Answered, AttemptFailed>> CallDesk::poll(int64_t now_ms) {
  auto done = std::exchange(ready_, {});
  for (const auto& provider : providers_)
    for (Completion& completion : provider->poll()) take(std::move(completion), now_ms, done);
  return done;
}

void CallDesk::take(Completion completion, int64_t now_ms,
                    std::vector<std::variant<Answered, AttemptFailed>>& done) {
  const auto found = entries_.find({completion.ticket, completion.turn});
  if (found == entries_.end() || !found->second.flight || !found->second.flight->sent ||
      found->second.wanted.call.attempt != completion.attempt) {
    warnings_.push_back(fmt::format("an answer to attempt t{}.{}.{} came, which is not in flight: ignored",
                                    completion.ticket, completion.turn, completion.attempt));
    return;
  }
  Entry& entry = found->second;
  if (auto* reply = std::get_if<Reply>(&completion.outcome)) {
    done.emplace_back(settle_reply(entry, std::move(*reply)));
    entries_.erase(found);
    return;
  }
  AttemptFailed failed = settle_failure(entry, std::move(std::get<Failure>(completion.outcome)), now_ms);
  if (failed.final) entries_.erase(found);
  done.emplace_back(std::move(failed));
}

void CallDesk::cancel_all(int64_t now_ms) {
  admitting_ = false;
  ready_ = poll(now_ms);  // what has come is kept
  for (auto& [key, entry] : entries_) {
    if (!entry.flight) continue;
    if (entry.flight->sent) entry.flight->model->provider->cancel(key.first);
    Failure failure;
    failure.kind = FailureClass::kCancelled;
    failure.reason = "cancelled";
    failure.maybe_billed = entry.flight->sent;
    AttemptFailed failed = settle_failure(entry, std::move(failure), now_ms);
    failed.final = false;
    failed.reason = "cancelled";
    ready_.emplace_back(std::move(failed));
  }
  entries_.clear();
}

void CallDesk::wait_on(WaitSet& waits, int64_t now_ms) const {
  for (const auto& provider : providers_) provider->wait_on(waits);
  if (!ready_.empty()) waits.wake_within(0);
  if (!admitting_) return;
  bool money_blocked = false;
  for (const auto& [key, entry] : entries_) {
    if (entry.flight) continue;
    const Obstacle way = obstacle(entry, now_ms, money_blocked);
    money_blocked = money_blocked || way.wait == Wait::kMoney;
    if (way.wait == Wait::kNone) waits.wake_within(0);
    if (way.wait_ms) waits.wake_within(*way.wait_ms);
  }
}

}  // namespace warpwright::llm
