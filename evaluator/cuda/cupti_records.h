// From CUPTI's records to traces by id; no CUPTI needed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "evaluator/cuda/cupti.h"
#include "evaluator/cuda/cupti_abi.h"

namespace warpwright::cuda {

// Records come in any order: a kernel's may precede the one that tells its id.
class TraceAssembler {
 public:
  void expect(uint64_t id) { traces_[id]; }
  // Copies what it needs. Records of other kinds, and work of no id, are passed over.
  void add(const abi::ActivityRecord* record);
  // Something is missing, it is not known where: no trace of this batch counts.
  void lose(const std::string& reason);
  bool complete() const;               // every id has an activity
  std::map<uint64_t, Trace> finish();  // and starts anew

 private:
  struct Pending {
    uint32_t correlation_id = 0;
    Activity activity;
  };
  std::map<uint64_t, Trace> traces_;
  std::unordered_map<uint32_t, uint64_t> ids_;  // by correlation id
  std::vector<Pending> pending_;
  std::string loss_;
};

}  // namespace warpwright::cuda
