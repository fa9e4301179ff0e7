// Timed calls of one or several contenders, in one of the two profiles:
//
//   kContest   the procedure of FlashInfer's bench_gpu_time_with_cupti: one set of buffers at fixed
//   addresses;
//              before each shot a buffer of twice the L2 is filled with zeros and the device synchronised;
//              the call is launched live, so the gaps between its launches count. When a shot wants other
//              contents than are in place, they are copied in place before the flush, and outputs and
//              workspaces get random contents; otherwise these are as the shot before left them, as they are
//              there. Without CUPTI, as its fallback: events round the call, queued right behind the flush.
//   kStrict    buffer sets at different addresses, together at least three times the L2, each used once a
//              round in an order drawn from the secret seed; wanted contents copied in place; outputs and
//              workspaces random before every shot; lines that persist in L2 given up; twice the L2 written
//              with non-zero data; then the call queued behind the closed gate (harness.h), so that launch
//              latency is not in the time of calls of several kernels. A contender's first shot is preceded
//              by a call that is not timed.
//
// In both, after every shot: guards of the set used, its inputs and self-clean workspaces are checked,
// outputs hashed. After a batch: those of all sets.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <vector>

#include "evaluator/cuda/engine.h"
#include "evaluator/cuda/guarded_buffers.h"
#include "evaluator/cuda/prepared_call.h"
#include "evaluator/cuda/shot_timer.h"

namespace warpwright::cuda {

// What samplers work with; outlives them.
struct SamplerHost {
  const Driver& driver;
  abi::Device device;
  const Stream& stream;
  Harness& harness;
  ShotTimer& timer;
  int64_t l2_bytes;
};

class DeviceSampler {
 public:
  // `programs`: of the contenders, in order; kept alive. What the driver refuses of a call (a tensor
  // map, too much shared memory) is a fault of the first `take`.
  static Result<std::unique_ptr<DeviceSampler>> open(const SamplerHost& host, const SamplerSpec& spec,
                                                     const std::vector<std::shared_ptr<Program>>& programs);
  const SamplerInfo& info() const { return info_; }

  Result<void> write_version(int version, int input, std::span<const std::byte> content);
  Result<Outcome<std::vector<Sample>>> take(std::span<const Shot> shots);
  Result<void> read_kept(int shot, int index, std::span<std::byte> content) const;

 private:
  // A place where calls run.
  struct Set {
    BufferSet tensors;
    std::vector<BufferSet> workspaces;  // by contender
    std::vector<PreparedCall> calls;    // by contender
    int version = -1, contender = -1;   // of the contents in place; who ran here last
  };
  // An input's content, to be copied in place.
  struct Master {
    DeviceMemory on_device;
    std::vector<std::byte> on_host;  // where the device has no room
    uint64_t hash = 0;
    bool is_written = false;
  };
  DeviceSampler(const SamplerHost& host, const SamplerSpec& spec)
      : host_(host), spec_(spec), rng_(spec.secret_seed), hash_key_(draw_key(rng_)) {}

  Result<void> plan_memory();
  void write_note();
  Judgement open_set();
  Result<void> check_shots(std::span<const Shot> shots) const;
  Set& next_set();
  Result<void> place(Set& set, const Shot& shot);
  Result<void> randomise(Set& set, int contender);
  Judgement warm_up(int contender, PreparedCall& call);
  // Appends a sample, unless there is a fault.
  Judgement shoot(const Shot& shot, std::vector<Sample>& samples);
  // Guards, inputs and self-clean workspaces of a set; `contender` -1: of all contenders.
  Judgement inspect(Set& set, int contender, uint64_t* output_hash);
  Judgement inspect_guards(Set& set, int contender);
  Judgement inspect_contents(Set& set, uint64_t* output_hash);
  const Master& master(int version, int input) const;

  SamplerHost host_;
  SamplerSpec spec_;
  std::vector<std::shared_ptr<Program>> programs_;
  SamplerInfo info_;
  Rng rng_;
  uint64_t hash_key_ = 0;
  std::optional<DeviceFault> refused_;
  bool masters_on_device_ = true, is_over_ = false;
  std::vector<std::vector<Master>> masters_;  // by version, then index into inputs_and_outputs
  std::vector<Set> sets_;
  std::vector<int> round_;  // sets not used yet, the next one last
  int last_set_ = -1;
  std::set<int> warm_;                                     // contenders that ran
  std::vector<std::vector<std::vector<std::byte>>> kept_;  // by shot, then index; empty: not kept
};

}  // namespace warpwright::cuda
