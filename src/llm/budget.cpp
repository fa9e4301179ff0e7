#include "src/llm/budget.h"

#include <fmt/format.h>

#include "src/base/check.h"

namespace warpwright::llm {
namespace {

bool within(const Budget& budget, const Spent& sum) {
  return (budget.max_microdollars <= 0 || sum.microdollars <= budget.max_microdollars) &&
         (budget.max_tokens <= 0 || sum.tokens <= budget.max_tokens) &&
         (budget.max_calls <= 0 || sum.calls <= budget.max_calls);
}

// "the budget of $1.00 is used: $0.93 spent, $0.05 reserved by calls in flight, the next call may cost up to
// $0.12"
std::string line(const std::string& cap, const std::string& spent, const std::string& reserved,
                 const std::string& need, bool is_over_cap) {
  if (is_over_cap)
    return fmt::format(
        "the budget of {} does not cover one call, which may take up to {}: raise the budget or lower "
        "max_output_tokens",
        cap, need);
  return fmt::format("the budget of {} is used: {} spent, {}the next call may take up to {}", cap, spent,
                     reserved.empty() ? "" : reserved + " reserved by calls in flight, ", need);
}

}  // namespace

Spent& Spent::operator+=(const Spent& other) {
  microdollars += other.microdollars;
  tokens += other.tokens;
  calls += other.calls;
  return *this;
}

Spent& Spent::operator-=(const Spent& other) {
  microdollars -= other.microdollars;
  tokens -= other.tokens;
  calls -= other.calls;
  return *this;
}

Spent operator+(Spent a, const Spent& b) {
  return a += b;
}

std::string dollars(int64_t microdollars) {
  const bool whole_cents = microdollars % 10'000 == 0 || microdollars >= 10'000'000;
  return fmt::format("${:.{}f}", static_cast<double>(microdollars) / 1e6, whole_cents ? 2 : 4);
}

Result<void> check_budget(const Budget& budget, const ModelConfig& model, const std::optional<Price>& price) {
  const bool is_bounded = model.max_output_tokens && model.token_cap_field != "none";
  const bool costs = !model.is_free && !(price && price->input == 0 && price->output == 0);
  if (budget.max_microdollars > 0 && costs) {
    if (!price)
      return usage_error(
          fmt::format("models.{}: the budget is in dollars, but the price of '{}' is not known: write "
                      "price = {{ input = ..., output = ... }} (dollars per million tokens), or "
                      "price = \"free\"",
                      model.name, model.model.empty() ? model.name : model.model));
    if (!is_bounded)
      return usage_error(
          fmt::format("models.{}: the budget is in dollars, so a call's worst case must be known: write "
                      "max_output_tokens, and do not set token_cap_field = \"none\"",
                      model.name));
  }
  if (budget.max_tokens > 0 && !is_bounded)
    return usage_error(
        fmt::format("models.{}: the budget is in tokens, so a call's worst case must be known: write "
                    "max_output_tokens, and do not set token_cap_field = \"none\"",
                    model.name));
  return {};
}

bool Ledger::fits(const Spent& need) const {
  return within(budget_, spent_ + reserved_ + need);
}

void Ledger::settle(const Spent& reserved, const Spent& actual) {
  reserved_ -= reserved;
  CHECK(reserved_.microdollars >= 0 && reserved_.tokens >= 0 && reserved_.calls >= 0);
  spent_ += actual;
}

std::string Ledger::refusal(const Spent& need) const {
  const Spent sum = spent_ + reserved_ + need;
  const auto refused = [&](int64_t Spent::*part, int64_t cap) { return cap > 0 && sum.*part > cap; };
  const auto say = [&](int64_t Spent::*part, int64_t cap, auto&& text) {
    return line(text(cap), text(spent_.*part), reserved_.*part > 0 ? text(reserved_.*part) : "",
                text(need.*part), need.*part > cap);
  };
  if (refused(&Spent::microdollars, budget_.max_microdollars))
    return say(&Spent::microdollars, budget_.max_microdollars, dollars);
  if (refused(&Spent::tokens, budget_.max_tokens))
    return say(&Spent::tokens, budget_.max_tokens, [](int64_t n) { return fmt::format("{} tokens", n); });
  CHECK(refused(&Spent::calls, budget_.max_calls));
  return fmt::format("the budget of {} calls is used", budget_.max_calls);
}

}  // namespace warpwright::llm
