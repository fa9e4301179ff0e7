// The desk between wanted and answered: order, money, retries, pauses, draining.
#include "src/llm/call_desk.h"

#include <gtest/gtest.h>

#include "src/base/rng.h"
#include "src/llm/fake_provider.h"
#include "src/llm/prices.h"

namespace warpwright::llm {
namespace {

using Outcome = std::variant<Answered, AttemptFailed>;

ModelConfig model_config(const std::string& name, const std::string& base_url = "https://a.example/v1") {
  ModelConfig config;
  config.name = name;
  config.model = name + "-1";
  config.base_url = base_url;
  config.max_output_tokens = 1'000;
  return config;
}

Wanted wanted(int64_t ticket, std::vector<std::string> models = {"m"}, size_t prompt_bytes = 1'000) {
  Wanted wanted;
  wanted.call.ticket = ticket;
  wanted.call.conversation.messages = {{Message::Role::kUser, std::string(prompt_bytes, 'x')}};
  wanted.models = std::move(models);
  return wanted;
}

class CallDeskTest : public ::testing::Test {
 protected:
  static constexpr double kDollarsPerMillion = 10;  // a call of `wanted` costs up to about $0.02

  void open(Budget budget = {}, Spent spent = {}) { desk = std::make_unique<CallDesk>(budget, spent, 1); }
  std::shared_ptr<FakeProvider> add(const ModelConfig& config,
                                    std::optional<Price> price = Price{
                                        kDollarsPerMillion, kDollarsPerMillion, {}, {}}) {
    auto provider = std::make_shared<FakeProvider>();
    EXPECT_TRUE(desk->add_model(config, provider, price));
    return provider;
  }
  // As the engine does; returns the tickets that went out.
  std::vector<int64_t> pump() {
    std::vector<int64_t> tickets;
    for (const Admitted& admitted : desk->admit(now_ms)) {
      tickets.push_back(admitted.call.ticket);
      desk->send(admitted, now_ms);
    }
    return tickets;
  }
  Outcome only_outcome() {
    auto done = desk->poll(now_ms);
    EXPECT_EQ(done.size(), 1u);
    return done.at(0);
  }
  AttemptFailed only_failure() { return std::get<AttemptFailed>(only_outcome()); }

  std::unique_ptr<CallDesk> desk;
  int64_t now_ms = 1'000;
};

TEST_F(CallDeskTest, CallsGoInTicketOrderAndComeBackWithTheirCost) {
  open();
  auto provider = add(model_config("m"));
  for (int64_t ticket : {5, 3, 4}) desk->want(wanted(ticket));
  EXPECT_EQ(pump(), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(provider->out.at(0).id(), "t3.0.0");
  provider->complete(1, reply_of("hello", 400, 60));
  const auto answered = std::get<Answered>(only_outcome());
  EXPECT_EQ(answered.ticket, 4);
  EXPECT_EQ(answered.model, "m");
  EXPECT_EQ(answered.reply.text, "hello");
  EXPECT_EQ(answered.cost_microdollars, 4'600);
  EXPECT_EQ(answered.tokens, 460);
  EXPECT_FALSE(answered.cost_is_estimate);
  EXPECT_EQ(desk->standing(now_ms).spent, (Spent{4'600, 460, 1}));
  EXPECT_EQ(desk->standing(now_ms).in_flight, 2);
}

TEST_F(CallDeskTest, TheProvidersOwnWordOnCostWinsAndNonsenseDoesNot) {
  open();
  auto provider = add(model_config("m"));
  for (int64_t ticket : {0, 1, 2}) desk->want(wanted(ticket));
  pump();
  Reply told = reply_of("x", 400, 60);
  told.cost_dollars = 0.5;
  Reply nonsense = told;
  nonsense.cost_dollars = -1e300;
  provider->complete(0, told);
  provider->complete(0, nonsense);
  provider->complete(0, reply_of("x"));  // says neither cost nor usage
  const auto done = desk->poll(now_ms);
  EXPECT_EQ(std::get<Answered>(done.at(0)).cost_microdollars, 500'000);
  EXPECT_EQ(std::get<Answered>(done.at(1)).cost_microdollars, 4'600);
  EXPECT_TRUE(std::get<Answered>(done.at(2)).cost_is_estimate);
  const auto worst = worst_case_microdollars(wanted(2).call.conversation, model_config("m"),
                                             {kDollarsPerMillion, kDollarsPerMillion, {}, {}});
  EXPECT_EQ(std::get<Answered>(done.at(2)).cost_microdollars, *worst);
}

TEST_F(CallDeskTest, OneRateLimitHoldsAllBackAndTheCallsGoOnAfterwards) {
  open();
  auto provider = add(model_config("m"));
  for (int64_t ticket : {0, 1}) desk->want(wanted(ticket));
  pump();
  Failure limited = failure_of(FailureClass::kRateLimited, "429: slow down");
  limited.retry_after_ms = 8'000;
  provider->complete(0, limited);
  const AttemptFailed failed = only_failure();
  EXPECT_FALSE(failed.final);
  EXPECT_EQ(failed.retry_in_ms, 8'000);
  EXPECT_EQ(failed.charged_microdollars, 0);
  EXPECT_FALSE(failed.counted);
  desk->want(wanted(2));
  EXPECT_TRUE(pump().empty()) << "ticket 2 has done nothing wrong, but the endpoint wants patience";
  WaitSet waits;
  desk->wait_on(waits, now_ms);
  EXPECT_EQ(waits.timeout_ms, 8'000);
  EXPECT_EQ(desk->standing(now_ms).waiting_gate, 1);
  EXPECT_EQ(desk->standing(now_ms).waiting_retry, 1);
  now_ms += 8'000;
  EXPECT_TRUE(pump().empty()) << "half as wide as before, and ticket 1 is still out";
  EXPECT_EQ(desk->standing(now_ms).why, "m has 1 in flight, as many as it may");
  provider->complete(0, reply_of("x", 10, 10));
  EXPECT_TRUE(std::holds_alternative<Answered>(only_outcome()));
  EXPECT_EQ(pump(), (std::vector<int64_t>{0, 2})) << "an answer widens it again";
  EXPECT_EQ(provider->out.at(0).attempt, 1);
}

TEST_F(CallDeskTest, AttemptsEndAndOnlyTheLastIsFinal) {
  open();
  ModelConfig config = model_config("m");
  config.max_attempts = 3;
  auto provider = add(config);
  desk->want(wanted(7));
  for (int attempt = 0; attempt < 3; ++attempt) {
    ASSERT_EQ(pump(), (std::vector<int64_t>{7}));
    provider->complete(0, failure_of(FailureClass::kServer, "500"));
    const AttemptFailed failed = only_failure();
    EXPECT_EQ(failed.attempt, attempt);
    EXPECT_EQ(failed.final, attempt == 2);
    if (failed.retry_in_ms && *failed.retry_in_ms > 0) {
      --(now_ms += *failed.retry_in_ms);
      EXPECT_TRUE(pump().empty()) << "a millisecond early";
      ++now_ms;
    }
  }
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(desk->standing(now_ms).waiting() + desk->standing(now_ms).in_flight, 0);
  desk->want(wanted(7));  // a ticket may be wanted again once it has ended
}

TEST_F(CallDeskTest, AttemptsOfAResumedRunAreNumberedOn) {
  open();
  auto provider = add(model_config("m"));
  Wanted again = wanted(7);
  again.attempts_made = 2;
  desk->want(again);
  pump();
  EXPECT_EQ(provider->out.at(0).id(), "t7.0.2");
}

TEST_F(CallDeskTest, MoneyPausesTheKeyAndAStandInTakesOver) {
  open();
  auto first = add(model_config("m"));
  auto sibling = add(model_config("sibling"));  // the same address and key
  auto other = add(model_config("other", "https://b.example/v1"));
  desk->want(wanted(0, {"m", "sibling", "other"}));
  desk->want(wanted(1, {"m"}));
  pump();
  first->complete(0, failure_of(FailureClass::kBilling, "credit_balance_exhausted"));
  const AttemptFailed failed = only_failure();
  EXPECT_FALSE(failed.final);
  EXPECT_EQ(failed.retry_in_ms, 0) << "a stand-in is there";
  first->complete(0, failure_of(FailureClass::kBilling, "credit_balance_exhausted"));
  EXPECT_EQ(only_failure().retry_in_ms, std::nullopt) << "nobody stands in";
  EXPECT_EQ(pump(), (std::vector<int64_t>{0}));
  EXPECT_EQ(sibling->started, 0);
  ASSERT_EQ(other->out.size(), 1u);
  EXPECT_EQ(desk->standing(now_ms).waiting_paused, 1);
  EXPECT_FALSE(desk->standing(now_ms).all_paused) << "one is in flight";
  other->complete(0, reply_of("x", 1, 1));
  EXPECT_EQ(std::get<Answered>(only_outcome()).model, "other");
  const Standing standing = desk->standing(now_ms);
  EXPECT_EQ(standing.all_paused,
            "paused: m at https://a.example/v1: the provider asks for money: credit_balance_exhausted");
  WaitSet waits;
  desk->wait_on(waits, now_ms);
  EXPECT_EQ(waits.timeout_ms, -1) << "time does not heal it";
  desk->resume_model("m");
  EXPECT_EQ(pump(), (std::vector<int64_t>{1}));
}

TEST_F(CallDeskTest, AForbiddenModelDoesNotPauseItsSiblings) {
  open();
  auto first = add(model_config("m"));
  auto sibling = add(model_config("sibling"));
  desk->want(wanted(0, {"m", "sibling"}));
  pump();
  Failure forbidden = failure_of(FailureClass::kUnauthorized, "no access to this model");
  forbidden.http_status = 403;
  first->complete(0, forbidden);
  (void)only_failure();
  pump();
  EXPECT_EQ(sibling->out.size(), 1u);
}

TEST_F(CallDeskTest, TwoEntriesOfOneModelShareItsGate) {
  open();
  ModelConfig quick = model_config("quick"), deep = model_config("deep");
  deep.model = quick.model;
  quick.max_in_flight = 8;
  deep.max_in_flight = 2;
  add(quick);
  add(deep);
  for (int64_t ticket = 0; ticket < 4; ++ticket)
    desk->want(wanted(ticket, {ticket % 2 == 0 ? "quick" : "deep"}));
  EXPECT_EQ(pump(), (std::vector<int64_t>{0, 1}));
}

TEST_F(CallDeskTest, AFailureThatMayHaveBeenBilledIsChargedItsReservation) {
  open({10'000'000, 0, 0});
  auto provider = add(model_config("m"));
  desk->want(wanted(0));
  const auto admitted = desk->admit(now_ms);
  desk->send(admitted.at(0), now_ms);
  EXPECT_EQ(desk->standing(now_ms).reserved.microdollars, admitted[0].reserved_microdollars);
  provider->complete(0, failure_of(FailureClass::kTransport, "cut", true));
  const AttemptFailed cut = only_failure();
  EXPECT_EQ(cut.charged_microdollars, admitted[0].reserved_microdollars);
  EXPECT_TRUE(cut.counted);
  now_ms += *cut.retry_in_ms;
  pump();
  Failure told = failure_of(FailureClass::kTransport, "cut", true);
  told.usage = reply_of("", 100, 5).usage;
  provider->complete(0, told);
  EXPECT_EQ(only_failure().charged_microdollars, 1'050) << "the server said how much it was";
  EXPECT_EQ(desk->standing(now_ms).spent,
            (Spent{admitted[0].reserved_microdollars + 1'050, admitted[0].reserved_tokens + 105, 2}));
  EXPECT_EQ(desk->standing(now_ms).reserved, Spent{});
}

TEST_F(CallDeskTest, TheUsedBudgetIsSaidInOneLine) {
  open({1'000'000, 0, 0}, {985'000, 0, 0});
  add(model_config("m"));
  desk->want(wanted(0));
  EXPECT_TRUE(pump().empty());
  const Standing standing = desk->standing(now_ms);
  ASSERT_TRUE(standing.budget_used);
  EXPECT_EQ(standing.budget_used->find(
                "the budget of $1.00 is used: $0.9850 spent, the next call may take up to $0.02"),
            0u)
      << *standing.budget_used;
  EXPECT_EQ(standing.waiting_money, 1);
}

TEST_F(CallDeskTest, ABudgetBelowOneCallNamesTheMend) {
  open({10'000, 0, 0});
  add(model_config("m"));
  desk->want(wanted(0));
  EXPECT_TRUE(pump().empty());
  EXPECT_NE(desk->standing(now_ms).budget_used.value().find("raise the budget or lower max_output_tokens"),
            std::string::npos);
}

TEST_F(CallDeskTest, WhileMoneyMayComeBackTheRunIsNotAtItsEnd) {
  open({25'000, 0, 0});
  auto provider = add(model_config("m"));
  desk->want(wanted(0));
  desk->want(wanted(1));
  EXPECT_EQ(pump(), (std::vector<int64_t>{0}));
  EXPECT_FALSE(desk->standing(now_ms).budget_used);
  EXPECT_NE(desk->standing(now_ms).why.find("reserved by calls in flight"), std::string::npos);
  provider->complete(0, reply_of("x", 10, 10));
  (void)only_outcome();
  EXPECT_EQ(pump(), (std::vector<int64_t>{1}));
}

TEST_F(CallDeskTest, AnExpensiveCallIsNotStarvedByCheapOnesAndFreeOnesPass) {
  open({60'000, 0, 0});
  auto provider = add(model_config("m"));
  ModelConfig local = model_config("local", "http://127.0.0.1:8000/v1");
  local.is_free = true;
  add(local, std::nullopt);
  desk->want(wanted(0, {"m"}, 2'500));
  EXPECT_EQ(pump(), (std::vector<int64_t>{0}));
  desk->want(wanted(1, {"m"}, 2'500));
  desk->want(wanted(2, {"m"}, 10));
  desk->want(wanted(3, {"local"}));
  EXPECT_EQ(pump(), (std::vector<int64_t>{3})) << "2 could be paid, but 1 comes first";
  provider->complete(0, reply_of("x", 1, 1));
  (void)only_outcome();
  EXPECT_EQ(pump(), (std::vector<int64_t>{1, 2}));
}

TEST_F(CallDeskTest, TokensAndCallsHaveCapsToo) {
  open({0, 0, 2});
  auto provider = add(model_config("m"));
  for (int64_t ticket : {0, 1, 2}) desk->want(wanted(ticket));
  EXPECT_EQ(pump(), (std::vector<int64_t>{0, 1}));
  provider->complete(0, failure_of(FailureClass::kNoAnswer));  // surely not billed: gives its call back
  provider->complete(0, reply_of("x", 1, 1));
  (void)desk->poll(now_ms);
  EXPECT_EQ(pump(), (std::vector<int64_t>{2}));
  provider->complete(0, reply_of("x", 1, 1));
  (void)desk->poll(now_ms);
  desk->want(wanted(3));
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(desk->standing(now_ms).budget_used, "the budget of 2 calls is used");

  open({0, 3'000, 0});
  provider = add(model_config("m"));
  for (int64_t ticket : {0, 1}) desk->want(wanted(ticket));
  EXPECT_EQ(pump(), (std::vector<int64_t>{0}));
  provider->complete(0, reply_of("x"));  // usage unknown: booked as its worst case
  EXPECT_GE(std::get<Answered>(only_outcome()).tokens, 2'000);
  EXPECT_TRUE(pump().empty());
}

TEST_F(CallDeskTest, ACapNeedsPriceAndOutputLimit) {
  const auto refusal = [](Budget budget, const ModelConfig& config, std::optional<Price> price) {
    const auto checked = check_budget(budget, config, price);
    return checked ? std::string("fine") : checked.error().message;
  };
  const Budget dollar{1'000'000, 0, 0}, tokens{0, 1'000, 0};
  ModelConfig config = model_config("m");
  EXPECT_EQ(refusal({}, config, std::nullopt), "fine");
  EXPECT_NE(refusal(dollar, config, std::nullopt).find("price = { input"), std::string::npos);
  EXPECT_EQ(refusal(dollar, config, Price{1, 1, {}, {}}), "fine");
  config.token_cap_field = "none";
  EXPECT_NE(refusal(dollar, config, Price{1, 1, {}, {}}).find("token_cap_field"), std::string::npos)
      << "never sent";
  config.token_cap_field.clear();
  config.max_output_tokens.reset();
  EXPECT_NE(refusal(dollar, config, Price{1, 1, {}, {}}).find("max_output_tokens"), std::string::npos);
  EXPECT_NE(refusal(tokens, config, Price{}).find("max_output_tokens"), std::string::npos);
  EXPECT_EQ(refusal(dollar, config, Price{}), "fine");
  config.is_free = true;
  EXPECT_EQ(refusal(dollar, config, std::nullopt), "fine");
  open(dollar);
  EXPECT_FALSE(desk->add_model(model_config("m"), std::make_shared<FakeProvider>(), std::nullopt));
}

TEST_F(CallDeskTest, DrainingSendsNothingNewAndLosesNothing) {
  open();
  auto provider = add(model_config("m"));
  for (int64_t ticket : {0, 1}) desk->want(wanted(ticket));
  pump();
  desk->stop_admitting();
  desk->want(wanted(2));
  provider->complete(0, failure_of(FailureClass::kServer));
  EXPECT_FALSE(only_failure().final);
  now_ms += 1'000'000;
  EXPECT_TRUE(pump().empty());
  provider->complete(0, reply_of("late", 1, 1));
  WaitSet waits;
  desk->wait_on(waits, now_ms);
  EXPECT_EQ(waits.timeout_ms, 0);
  EXPECT_EQ(std::get<Answered>(only_outcome()).reply.text, "late");
  EXPECT_EQ(desk->standing(now_ms).in_flight, 0);
  WaitSet idle;
  desk->wait_on(idle, now_ms);
  EXPECT_EQ(idle.timeout_ms, -1);
}

TEST_F(CallDeskTest, CancellingKeepsWhatHasComeAndChargesWhatWasOut) {
  open({10'000'000, 0, 0});
  auto provider = add(model_config("m"));
  for (int64_t ticket : {0, 1, 2}) desk->want(wanted(ticket));
  const auto admitted = desk->admit(now_ms);
  desk->send(admitted.at(0), now_ms);
  desk->send(admitted.at(1), now_ms);
  provider->complete(0, reply_of("paid for", 1, 1));
  desk->cancel_all(now_ms);
  EXPECT_EQ(provider->cancelled, (std::set<int64_t>{1}));
  const auto done = desk->poll(now_ms);
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(std::get<Answered>(done[0]).reply.text, "paid for");
  const auto& out = std::get<AttemptFailed>(done[1]);
  EXPECT_EQ(out.failure.kind, FailureClass::kCancelled);
  EXPECT_EQ(out.charged_microdollars, admitted[1].reserved_microdollars);
  EXPECT_FALSE(out.final) << "a later process may ask again";
  EXPECT_EQ(std::get<AttemptFailed>(done[2]).charged_microdollars, 0) << "admitted, never sent";
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(desk->standing(now_ms).reserved, Spent{});
}

TEST_F(CallDeskTest, ACompletionThatNobodyWaitsForIsIgnoredAndSaid) {
  open();
  auto provider = add(model_config("m"));
  provider->start(wanted(9).call);  // not through the desk
  provider->complete(0, reply_of("who?"));
  EXPECT_TRUE(desk->poll(now_ms).empty());
  EXPECT_EQ(desk->take_warnings().size(), 1u);
  EXPECT_TRUE(desk->take_warnings().empty());
}

TEST_F(CallDeskTest, APromptThatTheServerCutsIsWarnedOfOnce) {
  open();
  auto provider = add(model_config("m"));
  for (int64_t ticket : {0, 1}) desk->want(wanted(ticket, {"m"}, 100'000));
  desk->want(wanted(2, {"m"}, 100'000));
  pump();
  provider->complete(2, reply_of("x", 25'000, 1));
  (void)desk->poll(now_ms);
  EXPECT_TRUE(desk->take_warnings().empty());
  provider->complete(0, reply_of("x", 4'096, 1));
  provider->complete(0, reply_of("x", 4'096, 1));
  (void)desk->poll(now_ms);
  const auto warnings = desk->take_warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("counts 4096 input tokens for a prompt of 100000 bytes"), std::string::npos);
}

TEST_F(CallDeskTest, ACallThatCostsMoreThanItsWorstCaseIsBookedAndWarnedOf) {
  open({1'000'000, 0, 0});
  auto provider = add(model_config("m"));
  desk->want(wanted(0));
  pump();
  provider->complete(0, reply_of("x", 300, 90'000));
  EXPECT_EQ(std::get<Answered>(only_outcome()).cost_microdollars, 903'000);
  ASSERT_EQ(desk->take_warnings().size(), 1u);
}

// 1 dollar, 16 in flight, prompts of all sizes, every kind of ending in any order: what was really billed
// never exceeds the cap, every call ends exactly once, and the money is really used.
TEST_F(CallDeskTest, RandomSchedulesNeverSpendMoreThanTheCap) {
  constexpr int64_t kCap = 1'000'000;
  int64_t max_out = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const bool limits = seed % 2 == 0;  // a server that says 429 is asked less at a time
    open({kCap, 0, 0});
    const Price price{5, 15, {}, {}};
    auto provider = add(model_config("m"), price);
    int64_t billed = 0, wanted_count = 0, ended = 0;
    std::set<int64_t> answered;
    for (int step = 0; step < 3'000 && !desk->standing(now_ms).budget_used; ++step) {
      now_ms += static_cast<int64_t>(rng.below(3'000));
      if (wanted_count - ended < 24) desk->want(wanted(wanted_count++, {"m"}, rng.below(4'000)));
      pump();
      max_out = std::max<int64_t>(max_out, static_cast<int64_t>(provider->out.size()));
      if (!provider->out.empty() && rng.below(2) == 0) {
        const size_t index = rng.below(provider->out.size());
        size_t bytes = provider->out[index].conversation.messages[0].text.size();
        const Reply reply = reply_of("x", static_cast<int64_t>(rng.below(bytes + 1)) + 1,
                                     static_cast<int64_t>(rng.below(1'001)));
        const int64_t cost = cost_microdollars(reply.usage, price);
        switch (rng.below(6)) {
          case 0:
            provider->complete(index,
                               failure_of(limits ? FailureClass::kRateLimited : FailureClass::kBadReply));
            break;
          case 1:  // billed, and nobody says how much
            billed += cost;
            provider->complete(index, failure_of(FailureClass::kTransport, "cut", true));
            break;
          default:
            billed += cost;
            provider->complete(index, reply);
        }
      }
      for (const Outcome& outcome : desk->poll(now_ms)) {
        if (const auto* reply = std::get_if<Answered>(&outcome)) {
          EXPECT_TRUE(answered.insert(reply->ticket).second);
          ++ended;
        } else {
          ended += std::get<AttemptFailed>(outcome).final;
        }
      }
      const Standing standing = desk->standing(now_ms);
      ASSERT_LE(billed, standing.spent.microdollars);
      ASSERT_LE(standing.spent.microdollars + standing.reserved.microdollars, kCap);
      ASSERT_EQ(standing.in_flight, static_cast<int64_t>(provider->out.size()));
      ASSERT_EQ(standing.in_flight + standing.waiting(), wanted_count - ended);
    }
    EXPECT_TRUE(desk->standing(now_ms).budget_used);
    EXPECT_GT(desk->standing(now_ms).spent.microdollars, kCap * 85 / 100);
  }
  EXPECT_EQ(max_out, 16);
}

TEST_F(CallDeskTest, TheSameScheduleGivesTheSameRetryTimes) {
  std::vector<int64_t> waits_ms[2];
  for (auto& waits : waits_ms) {
    open();
    auto provider = add(model_config("m"));
    desk->want(wanted(3));
    for (int i = 0; i < 5; ++i) {
      pump();
      provider->complete(0, failure_of(FailureClass::kBadReply));
      waits.push_back(only_failure().retry_in_ms.value());
      now_ms += 200'000;
    }
  }
  EXPECT_EQ(waits_ms[0], waits_ms[1]);
  EXPECT_NE(waits_ms[0][3], waits_ms[0][4]) << "jitter";
}

}  // namespace
}  // namespace warpwright::llm
