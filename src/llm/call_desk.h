// The one place that owns model calls between "wanted" and "answered". Passive: it decides what may go out
// when (gates, money, retries) and keeps the account; the engine drives it and makes every attempt durable
// before it leaves:
//
//   want -> admit -> (the engine commits) -> send -> Provider ... poll -> Answered, or AttemptFailed -> admit
//
// Calls go in ticket order. Money is reserved at the worst case before an attempt and settled after it: with
// what the provider says it cost, else what its usage costs; an attempt that may have been billed and does
// not say is charged its reservation, one that surely was not, nothing. A call that cannot be paid holds back
// the later ones that cost money, so that an expensive call is not starved by cheap ones.
//
// One gate for each (address, key, model); money and key failures pause all models of that address and key.
// Nothing is random but the retries' jitter, which is drawn from the seed and the attempt's name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "src/llm/budget.h"
#include "src/llm/gate.h"
#include "src/llm/model_config.h"
#include "src/llm/provider.h"
#include "src/llm/retry_policy.h"

namespace warpwright::llm {

struct Wanted {
  Call call;                        // its attempt is ignored
  std::vector<std::string> models;  // the chosen one, then those that may stand in while it is paused
  int attempts_made = 0;            // by an earlier process of this run; attempts are numbered on from here
};

struct Admitted {
  Call call;
  std::string model;
  int64_t reserved_microdollars = 0, reserved_tokens = 0;
};

struct Answered {
  int64_t ticket = 0;
  int turn = 0, attempt = 0;
  std::string model;
  Reply reply;
  int64_t cost_microdollars = 0, tokens = 0;  // as booked
  bool cost_is_estimate = false;              // the provider told neither its cost nor its usage
};

struct AttemptFailed {
  int64_t ticket = 0;
  int turn = 0, attempt = 0;
  std::string model;
  Failure failure;
  int64_t charged_microdollars = 0, charged_tokens = 0;
  bool counted = false;  // against max_calls: it may have been billed
  bool final = false;    // no further attempt will be made; `reason` says why
  std::optional<int64_t>
      retry_in_ms;  // neither final nor this: waits for a paused endpoint (or was cancelled)
  std::string reason;
};

struct ModelStanding {
  std::string name;
  int in_flight = 0, allowed_in_flight = 0;
  int64_t answered = 0, truncated = 0, refused = 0, failed = 0;  // attempts, in this process
  Usage usage;                                                   // summed over what was reported
  Spent spent;                                                   // in this process
  std::optional<std::string> paused;
  int64_t held_back_ms = 0;  // still to wait
};

struct Standing {
  int64_t in_flight = 0;
  int64_t waiting_gate = 0, waiting_retry = 0, waiting_money = 0, waiting_paused = 0;
  std::string why;  // the first waiting call waits; empty: nothing waits
  // Nothing is in flight, and the next call cannot be paid: the run is at its end. One line for a person.
  std::optional<std::string> budget_used;
  // Nothing is in flight, and all that waits, waits for paused endpoints: the same.
  std::optional<std::string> all_paused;
  Spent spent, reserved;  // spent: since the run began
  std::vector<ModelStanding> models;

  int64_t waiting() const { return waiting_gate + waiting_retry + waiting_money + waiting_paused; }
};

// How busy the models are, in numbers; cheap enough for every turn of the loop.
struct DeskLoad {
  int64_t in_flight = 0, allowed = 0;  // at once, over all gates
  int64_t at_gate = 0;                 // wait for one of those in flight to end
  int64_t held_back = 0;               // wait for a time that an endpoint or a rate sets, or are paused
  int64_t without_money = 0;
};

// Times are of one monotonic clock.
class CallDesk {
 public:
  CallDesk(const Budget& budget, const Spent& spent_so_far, uint64_t seed);

  // All models before the first want. Several may share one provider object. `price`: as for check_budget,
  // whose errors it returns.
  Result<void> add_model(const ModelConfig& config, std::shared_ptr<Provider> provider,
                         std::optional<Price> price);

  // REQUIRES: (ticket, turn) is not wanted already; the models were added.
  void want(Wanted wanted);
  std::vector<Admitted> admit(int64_t now_ms);
  void send(const Admitted& admitted, int64_t now_ms);  // REQUIRES: admitted, not sent yet
  std::vector<std::variant<Answered, AttemptFailed>> poll(int64_t now_ms);
  void wait_on(WaitSet& waits, int64_t now_ms) const;

  Standing standing(int64_t now_ms) const;
  DeskLoad load(int64_t now_ms) const;
  std::vector<std::string> take_warnings();  // each is said once for each model

  void stop_admitting() { admitting_ = false; }  // drain: what is in flight goes on, nothing new is sent
  void resume_model(const std::string& model);   // a person mended what its pause, and its key's, was for
  // Answers that have come are kept; attempts in flight end as cancelled, charged as if billed; both are
  // given by the next poll. Nothing is wanted any more.
  void cancel_all(int64_t now_ms);

 private:
  using Key = std::pair<int64_t, int>;  // ticket, turn

  struct Model {
    ModelConfig config;
    std::shared_ptr<Provider> provider;
    std::optional<Price> price;
    std::string account;  // address and key
    std::shared_ptr<Gate> gate;
    RetryLimits limits;
    ModelStanding totals;
    std::string last_trouble;
    bool warned_of_cut_prompt = false, warned_of_cost = false;
  };
  struct Flight {
    Model* model = nullptr;
    int64_t gate_attempt = 0;
    Spent reserved;
    bool sent = false;
  };
  struct Entry {
    Wanted wanted;
    int next_attempt = 0;
    const Model* tried = nullptr;  // whom the history is about
    RetryHistory history;
    int64_t first_ms = 0;
    int64_t not_before_ms = 0;
    std::string last_failure;
    std::optional<Flight> flight;
  };
  enum class Wait { kNone, kGate, kRetry, kMoney, kPaused };
  struct Obstacle {
    Wait wait = Wait::kNone;
    std::optional<int64_t> wait_ms;
    Model* model = nullptr;  // who is asked, null if all are paused
    Spent need;
  };

  static int64_t bytes_of(const Conversation& conversation);
  static int64_t most_tokens(const Conversation& conversation, const ModelConfig& config);
  static int64_t likely_tokens(const Conversation& conversation, const ModelConfig& config);

  Obstacle obstacle(const Entry& entry, int64_t now_ms, bool money_blocked) const;
  Model* available(const Wanted& wanted) const;
  std::string explain(const Entry& entry, const Obstacle& way, int64_t now_ms) const;
  ModelStanding standing_of(const Model& model, int64_t now_ms) const;
  Admitted admit_one(Entry& entry, const Obstacle& way, int64_t now_ms);
  void take(Completion completion, int64_t now_ms, std::vector<std::variant<Answered, AttemptFailed>>& done);
  Usage assumed_usage(const Flight& flight, const Call& call, const Reply& reply) const;
  Answered settle_reply(Entry& entry, Reply reply);
  AttemptFailed settle_failure(Entry& entry, Failure failure, int64_t now_ms);
  void decide_next(Entry& entry, Model& model, AttemptFailed& failed, int64_t gate_attempt, int64_t now_ms);
  void pause(Model& model, const PauseEndpoint& pause);
  void warn_of_reply(Model& model, const Entry& entry, const Usage& usage, const Spent& actual,
                     const Spent& reserved);

  Ledger ledger_;
  uint64_t seed_;
  bool admitting_ = true;
  std::map<std::string, std::unique_ptr<Model>> models_;
  std::vector<std::shared_ptr<Provider>> providers_;    // distinct, in the order of their models
  std::map<std::string, std::shared_ptr<Gate>> gates_;  // by account and model
  std::map<Key, Entry> entries_;
  std::vector<std::variant<Answered, AttemptFailed>> ready_;
  std::vector<std::string> warnings_;
};

}  // namespace warpwright::llm
