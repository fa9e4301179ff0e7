// A workload of FlashInfer Trace: concrete axes, and where each input's values come from.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/trace/definition.h"

namespace warpwright::trace {

struct WorkloadInput {
  enum class Kind { kRandom, kScalar, kSafetensors };
  Kind kind = Kind::kRandom;
  double scalar = 0;  // kScalar (integers up to 2^53 are exact)
  bool scalar_is_null = false;
  std::string path;        // kSafetensors: file below the dataset's folder
  std::string tensor_key;  // kSafetensors
  std::string dataset;     // kSafetensors: the dataset's folder
  bool operator==(const WorkloadInput&) const = default;
};

struct Workload {
  std::string uuid;
  Axes axes;                                    // variable axes only
  std::map<std::string, WorkloadInput> inputs;  // by name; an optional input that is not here is absent
  int index = 0;                                // position in the file
};

// Workloads that cannot differ in outcome: equal axes, equal scalars and only random tensors. Run once,
// counted `weight` times. Workloads with safetensors are groups of one.
struct WorkloadGroup {
  Workload workload;  // the first of the group
  std::vector<std::string> uuids;
  double weight() const { return static_cast<double>(uuids.size()); }
};

// One JSON line each. Errors name path and line number; a duplicate uuid is one. `dataset`: the folder that
// safetensors paths are below.
Result<std::vector<Workload>> parse_workloads(std::string_view jsonl, const Definition& definition,
                                              const std::string& path, const std::string& dataset = "");
std::vector<WorkloadGroup> group_workloads(const std::vector<Workload>& workloads);

}  // namespace warpwright::trace
