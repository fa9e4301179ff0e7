// Timed calls of one workload on a device, under suspicion: while times are taken, the outputs of secretly
// chosen calls are held against the oracle, and all others against the hashes of those that were right. A
// kernel that works only while it is checked, or that answers from memory, gives itself away here. Used by
// the time stage (one contender) and by duels (several).
//
// Inputs come in versions: the request's own, and others that no candidate can have seen.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "evaluator/service/evaluation.h"
#include "evaluator/timing/samples.h"
#include "src/base/rng.h"

namespace warpwright::service {

inline constexpr std::string_view kWrongWhenTimed = "wrong-when-timed";

class TimedCalls {
 public:
  struct Contender {
    const Evaluation* evaluation = nullptr;   // compiled, for the same definition and executor
    const BoundWorkload* workload = nullptr;  // of this evaluation
  };
  struct Failed {
    exec::Failure failure;
    int contender = -1;  // -1: a fault of a batch of several, nobody knows whose
    std::vector<std::string> evidence;
  };

  // All contenders are bound for the same workload. `evaluation` asks for the timing; contenders must outlive
  // this. Error: the machine's.
  static Result<std::unique_ptr<TimedCalls>> open(const Evaluation& evaluation, Resources& resources,
                                                  std::vector<Contender> contenders,
                                                  cuda::TimingProfile profile);

  int versions() const { return static_cast<int>(references_.size()); }

  // For the drivers of evaluator/timing. An error is the machine's, unless failed() is set.
  timing::TakeBatch take();
  const std::optional<Failed>& failed() const { return failed_; }

 private:
  TimedCalls(const Evaluation& evaluation, std::vector<Contender> contenders);
  using Shots = std::span<const cuda::Shot>;
  using Samples = std::vector<cuda::Sample>;
  using Version = std::pair<int, int>;  // contender, version
  Result<Samples> take_watched(std::vector<cuda::Shot> shots);
  Result<Samples> take_plain(Shots shots);
  void choose_kept(std::vector<cuda::Shot>& shots);
  Result<void> check_kept(Shots shots, const Samples& samples);
  Result<void> check_outputs(const cuda::Shot& shot, int index);
  std::map<Version, int> find_deviants(Shots shots, const Samples& samples) const;
  Result<void> look_at_deviants(Version version, int count, size_t of);
  tl::unexpected<Error> fail(exec::Failure failure, int contender, std::vector<std::string> evidence);

  const Evaluation& evaluation_;
  std::vector<Contender> contenders_;
  std::vector<std::shared_ptr<const reference::ReferenceCase>> references_;  // one per version of the inputs
  std::unique_ptr<exec::Sampler> sampler_;
  std::optional<Failed> failed_;
  std::map<Version, std::set<uint64_t>> right_;  // hashes of outputs that were looked at
  std::set<int> varies_;  // contenders whose right outputs differ from call to call in their last bits
  size_t most_kept_ = 1;  // outputs of one batch
  Rng secret_;
};

// The seeds of the versions: the request's, and those that no candidate can have seen.
std::vector<uint64_t> timed_seeds(const Evaluation& evaluation, const Resources& resources);

}  // namespace warpwright::service
