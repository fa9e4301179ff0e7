// The state of one evaluation as it passes through the stages. Each stage fills its part and returns the
// failure that ends the evaluation, or nothing.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "evaluator/compile/compiler.h"
#include "evaluator/exec/executor.h"
#include "evaluator/ptx/module.h"
#include "evaluator/reference/oracle.h"
#include "evaluator/service/evaluator.h"
#include "src/contract/evaluation.h"
#include "src/plan/plan.h"
#include "src/rules/device.h"
#include "src/rules/rules.h"

namespace warpwright::service {

// What ends an evaluation: the candidate's fault with its evidence. The machine's faults are Result errors.
struct Ending {
  Status status = Status::kCompileError;
  std::string rule;
  std::string message;
  std::vector<std::string> evidence;
  bool needs_confirmation =
      false;  // exec::Failure's: not charged before a fresh device process shows it again
};
using StageResult = Result<std::optional<Ending>>;
inline const std::optional<Ending> kGoOn = std::nullopt;

// One selected workload with its bound plan.
struct BoundWorkload {
  rules::SelectedWorkload selected;
  plan::BoundPlan plan;
  WorkloadReport report;
  std::vector<exec::OperationWork> work;  // of a passed call; feeds the estimate
  bool passed = false;
};

using Modules = std::map<std::string, ptx::Module>;  // parsed PTX, by unit

struct Evaluation {
  const EvaluationRequest& request;
  const EvaluationHooks& hooks;
  int64_t deadline_ms;  // of the monotonic clock
  EvaluationReport report = {};

  // prepare
  exec::Executor* executor = nullptr;
  int64_t waited_before_ms =
      0;  // executor->waited_ms() at the start: waiting for the GPU is no candidate's time
  trace::LoadedDefinition loaded = {};
  rules::Rules rules = {};
  rules::DeviceModel device = {};  // the request's model; where a GPU runs, its own counts and sizes
  std::string target = {};         // resolved
  std::string selection = {};      // resolved
  plan::CandidateSource split = {};
  std::optional<plan::Plan> plan = {};
  KnobValues knobs = {};                        // complete
  std::set<std::string> asked_kernels = {};     // those whose resident_blocks the plan asks for
  std::vector<BoundWorkload> workloads = {};    // the selection
  std::optional<Race> race = {};                // race_run.h; none: every workload is run
  std::vector<BoundWorkload> adversarial = {};  // correctness only, strict rules only; reported if they fail

  // compile
  compile::CompiledProgram program = {};
  std::unique_ptr<exec::LoadedProgram> loaded_program = {};

  bool deadline_passed() const;
  bool measures() const { return executor->device() != nullptr; }  // REQUIRES: prepared
};

// What outlives an evaluation.
struct Resources {
  EvaluatorOptions options;
  trace::DatasetPath datasets;
  compile::Compiler compiler;
  std::map<std::string, std::unique_ptr<exec::Executor>> executors;  // by name; see executor_of
  reference::OracleCache oracles;
  // Inputs that no candidate can have seen: drawn from the operating system once per worker, so that their
  // reference outputs are computed once and not for every candidate.
  std::array<uint64_t, 2> secret_seeds = {};
  std::map<std::string, std::string> executor_alias = {};  // "auto" -> "sim"
  // An executor whose machine failed an evaluation: renewed before the next one, which must not pay for it.
  exec::Executor* suspect = nullptr;
};

// The executor of a request, opened when it is first asked for.
Result<exec::Executor*> executor_of(Resources& resources, const std::string& kind);
// The model that "auto" means on this executor; on a GPU with the GPU's own counts and sizes.
Result<rules::DeviceModel> device_model_of(const exec::Executor& executor, const std::string& model);
std::string target_of(const rules::DeviceModel& device, const std::string& target);

// Runs a check of one workload; what needs confirmation is charged only when a fresh device process shows it
// again. Error: the device does not work.
StageResult confirmed(Evaluation& evaluation, const std::function<StageResult()>& check);

// TIMEOUT, or a request that was cancelled.
std::optional<Ending> out_of_time(const Evaluation& evaluation);

// Stage plan: definition, rules, selection; the plan split, parsed and bound for every selected workload.
StageResult prepare(Evaluation& evaluation, Resources& resources);
// Binds every plan again, now that resident_blocks can be answered.
std::optional<Ending> bind_with_occupancy(Evaluation& evaluation);
// Stage compile: NVRTC, hardware limits, the scan for state between calls, arguments; identity and result
// key.
StageResult compile_candidate(Evaluation& evaluation, Resources& resources);
// "batch_size=3, inputs 'gates'"
std::string axes_text(const BoundWorkload& workload);
// What the executors load.
std::vector<exec::CodeUnit> code_units(const Evaluation& evaluation);
// Fresh memory with the workload's inputs.
Result<std::unique_ptr<exec::Session>> open_session(const Evaluation& evaluation,
                                                    const exec::LoadedProgram& program,
                                                    const BoundWorkload& workload,
                                                    const reference::ReferenceCase& reference);
// Of smoke on a device: plans with [[pdl]] on the simulator too.
StageResult check_dependent_launches(Evaluation& evaluation, Resources& resources);
// Stages smoke and validate: calls on checked memory, held against the oracle.
StageResult smoke(Evaluation& evaluation, Resources& resources);
StageResult validate(Evaluation& evaluation, Resources& resources);
// Its time by what the simulator counted, once; nothing for a workload that did not pass. REQUIRES: not
// measures().
void estimate_time(const Evaluation& evaluation, BoundWorkload& workload);
// Stage time: microseconds per workload.
StageResult time_workloads(Evaluation& evaluation, Resources& resources);

// Fills the report's fingerprint and sketch, and the static mix of its kernels, from the PTX of the kernels
// that the plans reach. REQUIRES: the modules of all units, and report.kernels.
void describe_code(Evaluation& evaluation, const Modules& modules);

// Program identity (contracts of the project, src/README.md): code of the kernels each workload launches,
// without their names, and the bound plans; and the key under which the result is kept.
Result<std::string> program_identity(const Evaluation& evaluation);
std::string result_key(const Evaluation& evaluation, std::string_view executor);

}  // namespace warpwright::service
