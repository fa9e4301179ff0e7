// What a run may spend on models, and the ledger that keeps it: money, tokens and calls are reserved at their
// worst case before an attempt goes out, so that spent + reserved never exceeds a cap.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/llm/model_config.h"

namespace warpwright::llm {

struct Budget {
  int64_t max_microdollars = 0, max_tokens = 0, max_calls = 0;  // 0: no cap
};

// Also what one attempt costs, or may cost. An attempt that was surely not billed (refused with a 429, never
// connected) is no call.
struct Spent {
  int64_t microdollars = 0, tokens = 0, calls = 0;

  Spent& operator+=(const Spent& other);
  Spent& operator-=(const Spent& other);
  bool operator==(const Spent&) const = default;
};
Spent operator+(Spent a, const Spent& b);

// A cap can only be kept if the worst case of a call is known: its price, and max_output_tokens. Usage error
// otherwise. `price` as settled for this model: its own, that of the price table, zero if it is free.
Result<void> check_budget(const Budget& budget, const ModelConfig& model, const std::optional<Price>& price);

class Ledger {
 public:
  Ledger(const Budget& budget, const Spent& spent) : budget_(budget), spent_(spent) {}

  bool fits(const Spent& need) const;
  void reserve(const Spent& need) { reserved_ += need; }
  void settle(const Spent& reserved, const Spent& actual);

  // One line for a person: why `need` does not fit. REQUIRES: !fits(need).
  std::string refusal(const Spent& need) const;

  const Budget& budget() const { return budget_; }
  const Spent& spent() const { return spent_; }
  const Spent& reserved() const { return reserved_; }

 private:
  Budget budget_;
  Spent spent_, reserved_;
};

std::string dollars(int64_t microdollars);  // "$1.00", "$0.0123"

}  // namespace warpwright::llm
