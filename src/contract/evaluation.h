// What crosses the border between orchestrator and evaluator about one candidate: the request and the report.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/base/json.h"
#include "src/contract/duel.h"
#include "src/contract/race.h"
#include "src/contract/status.h"

namespace warpwright {

// The stages in order; a request names the last one wanted. Each stage can end an evaluation. With a rival a
// duel follows the last one.
enum class Stage { kPlan, kCompile, kSmoke, kValidate, kTime };
std::string_view to_string(Stage stage);  // "plan", "compile", "smoke", "validate", "time"
std::optional<Stage> stage_from_string(std::string_view text);

struct EvaluationLimits {
  uint64_t warp_instructions = 500'000'000;  // simulator, per call; deterministic; tens of seconds
  int64_t compile_deadline_ms = 60'000;
  int64_t evaluation_deadline_ms = 600'000;  // wall clock of everything after compile
  int64_t call_deadline_ms = 20'000;         // wall clock of one checked call on a device
};

struct EvaluationRequest {
  std::string id;                            // chosen by the caller, echoed in every answer
  std::string source;                        // the candidate's .cu text
  std::string source_name = "candidate.cu";  // for messages only
  std::string definition;                    // name
  std::string target = "auto";    // sm_100a, ...; auto: of the GPU that runs it, sm_100a on the simulator
  std::string executor = "auto";  // auto | sim | cuda
  std::string device = "auto";    // model of configs/devices/; auto: of the GPU, b200 on the simulator
  KnobValues knobs;               // overrides of the declared defaults
  // auto (sim on the simulator, all on a GPU) | smoke | sim | all | adversarial | workload indices "0,3"
  std::string selection = "auto";
  Stage last_stage = Stage::kTime;
  uint64_t seed = 0;
  std::string timing_profile = "contest";  // contest | strict
  EvaluationLimits limits;
  bool profile = false;        // fill WorkloadReport::profile (simulator only; stage time)
  std::optional<Rival> rival;  // then `source`, once it passed, is held against it: EvaluationReport::duel
  std::optional<Race> race;    // stopped early once it is clearly lost; part of the result key
  int min_samples = 0;  // timed samples of every workload at least (finalists); 0: the profile's own count
};

struct KernelReport {
  std::string name;     // as the plan writes it, "gdn_decode<4, 2>"
  int registers = 0;    // per thread
  int spill_bytes = 0;  // stores + loads
  int static_shared_bytes = 0;
  int dynamic_shared_bytes = 0;   // largest over the bound workloads
  int max_threads_per_block = 0;  // largest block launched
  // The static mix of its PTX, each instruction counted once: what kind of kernel it is, not what it costs.
  int instructions = 0;
  int tensor_instructions = 0;   // mma, wgmma, wmma, tcgen05.mma
  int64_t float_operations = 0;  // per thread; a fused multiply-add is 2, an mma its m n k 2 / 32
  int64_t global_bytes = 0;      // per thread; loads, stores, atomics, copies to and from global memory
};

// Statistics of one distinct workload (equal axes and random inputs are run once; `uuids` says whom it stands
// for).
struct WorkloadReport {
  std::vector<std::string> uuids;
  std::map<std::string, int64_t> axes;
  std::string band;
  Status status = Status::kPassed;
  double weight = 1;  // how many workloads of the dataset it stands for
  double max_abs = 0, max_rel = 0, scaled_rms = 0;
  double latency_us = 0;  // 0: not timed
  double spread_us = 0;   // robust: 0.7413 times the interquartile range of the samples kept
  int samples = 0;        // kept
  int dropped = 0;        // throttled or invalid ones
  double clock_mhz = 0;   // SM clock, median of the samples kept; 0: unknown
  // By output: a hash of the bytes that the first validated call left in it, on any executor: equal bits,
  // equal hash (16 hexadecimal digits). Empty: not validated.
  std::map<std::string, std::string> outputs_hash;
  Json counters;  // of the simulator: {"launches": [{"estimate", "counters"}]}; may be null
  // With EvaluationRequest::profile: [{"label", "lines", "findings", ...}], one per kernel; null otherwise.
  Json profile;
};

struct TimingReport {
  std::string method;   // cupti | events | sim-estimate; empty: not timed
  std::string profile;  // contest | strict
  std::string device;
  std::string clocks;
  std::string calibration;  // of an estimate: identity of the weights; empty for measured times
  // The second clock (CUDA events) against the first (CUPTI), the worst over the workloads; 0 if one is
  // missing.
  double clock_difference_us = 0;  // median of events - CUPTI
  double clock_disagreement = 0;   // share of samples that differ by more than max(2 us, 10 %)
};

struct EvaluationReport {
  std::string id;
  Status status = Status::kWorkerLost;
  Stage stage = Stage::kPlan;         // the last stage that ran; it failed unless status is kPassed
  std::string rule;                   // of a REJECTED, e.g. "out-of-bounds-read"
  std::string message;                // one line a programmer can act on; empty if passed
  std::vector<std::string> evidence;  // bounded: compiler log, first wrong elements, sanitizer findings
  std::vector<std::string> warnings;  // what was not checked, what is suspicious though passed
  std::string identity;               // program identity (contracts.md 4); empty before compile
  std::string result_key;  // identity plus executor, device, evaluator version, rules, inputs, selection
  // Hash of the normalised PTX and the bound plans: equal for programs that differ in names, order of
  // declarations and numbering of registers only. Empty before compile. `sketch`: a MinHash of its
  // instruction sequences, 32 values of 16 bits as hexadecimal digits; programs are as alike as the share of
  // equal values.
  std::string fingerprint, sketch;
  bool lost_race = false;  // PASSED as far as it got: `workloads` holds those that were run
  double race_bound = 0;   // of a lost one: its score is not above this
  std::vector<KernelReport> kernels;
  int launches = 0;  // of the largest bound plan
  std::vector<WorkloadReport> workloads;
  TimingReport timing;
  // synthetic: drawn | captured: tensors of the dataset's files | captured and synthetic
  std::string inputs = "synthetic";
  std::string dataset;                          // folder the definition came from
  std::map<std::string, int64_t> constants;     // of the selection, in place of the definition's own
  std::map<std::string, double> cost_s;         // seconds per stage
  std::map<std::string, std::string> versions;  // evaluator, nvrtc, ...
  std::optional<DuelReport> duel;               // the candidate passed, and the request named a rival
};

inline constexpr size_t kMaxEvidenceBytes = 64 * 1024;

Json to_json(const EvaluationRequest& request);
Json to_json(const EvaluationReport& report);
Result<EvaluationRequest> evaluation_request_from_json(const Json& json);
Result<EvaluationReport> evaluation_report_from_json(const Json& json);

}  // namespace warpwright
