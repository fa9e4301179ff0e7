// What the bandit goes by (ensemble.h): what each operator made of each model, with a memory that fades. A
// pull counts `memory` times less after every later pull of its role (SearchSettings::bandit_memory; 1: all
// alike), so that a model which got worse, or whose gains are used up, is found out. The whole run's totals
// stand in RunView::arms.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace warpwright::search {

struct ArmTotals {
  double pulls = 0, gain = 0, microdollars = 0;
  double dollars() const { return microdollars / 1e6; }
};

class ArmMemory {
 public:
  void record(const std::string& role, const std::string& op, const std::string& model, double gain,
              int64_t microdollars, double memory);

  ArmTotals of(const std::string& op, const std::string& model) const;
  ArmTotals of_operator(const std::string& op) const;  // over its models
  std::string text() const;                            // all of it, exactly, for digests

 private:
  struct Entry {
    std::string role;
    ArmTotals totals;
  };
  std::map<std::pair<std::string, std::string>, Entry> arms_;  // by (operator, model)
};

}  // namespace warpwright::search
