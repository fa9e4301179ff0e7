// What the fake runtime should have written down of an exported solution's call: the operations of the bound
// plan.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/base/json.h"
#include "src/plan/plan.h"
#include "src/trace/definition.h"

namespace warpwright::exporter {

// The workspaces that a call allocated, and what is left of its records without that.
struct Allocations {
  std::map<std::string, uint64_t> addresses;  // by name in the bound plan
  std::vector<Json> operations;
  std::vector<Json> attributes;
};

// On a stream that was never used, every workspace of the plan is allocated in order, and zeroed at once if
// it is self_clean; failures are the running test's.
Allocations split_records(const std::vector<Json>& records, const plan::BoundPlan& bound);

std::vector<Json> expected_operations(const plan::BoundPlan& bound, const trace::Definition& definition,
                                      const std::map<std::string, uint64_t>& workspaces, int stream);

}  // namespace warpwright::exporter
