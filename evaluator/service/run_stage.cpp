#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/service/admission.h"
#include "evaluator/service/evaluation.h"
#include "evaluator/service/race_run.h"
#include "evaluator/validate/compare.h"
#include "evaluator/validate/poison.h"
#include "evaluator/validate/trivial.h"
#include "evaluator/validate/unchanged.h"
#include "src/base/check.h"
#include "src/base/hash.h"

namespace warpwright::service {

std::string axes_text(const BoundWorkload& workload) {
  std::string text;
  for (const auto& [name, value] : workload.report.axes)
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, value);
  if (!workload.selected.profile.empty()) text += fmt::format(", inputs '{}'", workload.selected.profile);
  return text;
}

Result<std::unique_ptr<exec::Session>> open_session(const Evaluation& evaluation,
                                                    const exec::LoadedProgram& program,
                                                    const BoundWorkload& workload,
                                                    const reference::ReferenceCase& reference) {
  auto session = program.open_session();
  for (const auto& [name, tensor] : reference.inputs.tensors) TRY(session->set_input(name, tensor.data));
  for (const trace::Tensor& output : evaluation.loaded.definition.outputs) {
    TRY_ASSIGN(const int64_t bytes, evaluation.loaded.definition.bytes_of(output, workload.report.axes));
    TRY(session->add_buffer(output.name, exec::BufferRole::kOutput, bytes));
  }
  for (const plan::BoundWorkspace& workspace : workload.plan.workspaces)
    TRY(session->add_buffer(
        workspace.name, workspace.self_clean ? exec::BufferRole::kSelfClean : exec::BufferRole::kWorkspace,
        workspace.bytes));
  return session;
}

namespace {

using exec::BufferRole;
using validate::Poison;
using validate::TensorView;

// One call on fresh, poisoned memory.
struct Call {
  std::unique_ptr<exec::Session> session;
  exec::CallReport report;
};

// The second call differs from the first in everything that a right kernel does not depend on: poison, order
// of blocks (simulator), addresses, and on a device what lies beside the buffers: nothing, so that an overrun
// faults.
enum class Turn { kFirst, kSecond };

exec::CallOptions call_options(const Evaluation& evaluation) {
  exec::CallOptions options;
  options.deadline_ms = evaluation.request.limits.call_deadline_ms;
  options.warp_instruction_budget = evaluation.request.limits.warp_instructions;
  options.resident_blocks = [&](const plan::BoundLaunch& launch) -> uint64_t {
    const KernelUse use = find_kernel(evaluation.program, launch.unit, launch.name_expression);
    if (use.resources == nullptr || !use.resources->has_resources) return 0;
    return static_cast<uint64_t>(resident_blocks(evaluation.device, launch, *use.resources));
  };
  return options;
}

Result<Call> call_once(const Evaluation& evaluation, const BoundWorkload& workload,
                       const reference::ReferenceCase& reference, Turn turn) {
  Call call;
  TRY_ASSIGN(call.session, open_session(evaluation, *evaluation.loaded_program, workload, reference));
  exec::CallOptions options = call_options(evaluation);
  const bool nan_first = validate::telling_poison(evaluation.loaded.definition) == Poison::kNan;
  options.fill = (turn == Turn::kFirst) == nan_first ? exec::Fill::kNan : exec::Fill::kFinite;
  options.guards = turn == Turn::kFirst ? cuda::GuardKind::kZones : cuda::GuardKind::kUnmapped;
  options.reverse_order = turn == Turn::kSecond;
  options.profile = evaluation.request.profile && turn == Turn::kFirst;  // its work is kept
  TRY_ASSIGN(call.report, call.session->call(workload.plan, options));
  return call;
}

Ending ending_of(const BoundWorkload& workload, Status status, std::string rule, const std::string& message,
                 std::vector<std::string> evidence) {
  return {status, std::move(rule), fmt::format("{} ({})", message, axes_text(workload)), std::move(evidence),
          false};
}

Ending ending_of(const BoundWorkload& workload, const exec::Failure& failure,
                 const exec::CallReport& report) {
  std::vector<std::string> evidence;
  for (const exec::Failure& finding : report.findings) evidence.push_back(finding.message);
  Ending ending = ending_of(workload, failure.status, failure.rule, failure.message, std::move(evidence));
  ending.needs_confirmation = failure.needs_confirmation;
  return ending;
}

Ending ending_of(const BoundWorkload& workload, const validate::Verdict& verdict) {
  return ending_of(workload, verdict.status, verdict.rule, verdict.message, verdict.evidence);
}

constexpr std::string_view kUninitialised = "uninitialised-read";

// What ended the call, then the rules that it broke while it ran on. A read of memory that nobody wrote
// counts only if it reaches an output, which the callers find out.
std::optional<Ending> judge_run(const BoundWorkload& workload, const Call& call) {
  if (call.report.failure) return ending_of(workload, *call.report.failure, call.report);
  for (const exec::Failure& finding : call.report.findings)
    if (finding.rule != kUninitialised) return ending_of(workload, finding, call.report);
  return std::nullopt;
}

StageResult judge_self_clean(const BoundWorkload& workload, const Call& call) {
  for (const plan::BoundWorkspace& workspace : workload.plan.workspaces) {
    if (!workspace.self_clean) continue;
    TRY_ASSIGN(const auto content, call.session->read(workspace.name));
    const auto dirty =
        std::find_if(content.begin(), content.end(), [](std::byte b) { return b != std::byte{0}; });
    if (dirty == content.end()) continue;
    return ending_of(
        workload, Status::kRejected, "self-clean-broken",
        fmt::format("workspace {} is declared self_clean, but byte {} is {} after the call; write zero "
                    "back to what the call used, or drop `= self_clean` and clear it with memset",
                    workspace.name, dirty - content.begin(), static_cast<int>(*dirty)),
        {});
  }
  return kGoOn;
}

Result<TensorView> view_output(const Evaluation& evaluation, const BoundWorkload& workload,
                               const trace::Tensor& output, const Call& call) {
  TRY_ASSIGN(auto shape, evaluation.loaded.definition.shape_of(output, workload.report.axes));
  TRY_ASSIGN(const auto content, call.session->read(output.name));
  return TensorView{output.name, output.dtype, std::move(shape), content};
}

// The outputs against the oracle. `strict_only` for adversarial cases.
StageResult judge_outputs(const Evaluation& evaluation, BoundWorkload& workload, const Call& call,
                          const reference::ReferenceCase& reference, validate::RuleSet rule_set) {
  for (const trace::Tensor& output : evaluation.loaded.definition.outputs) {
    TRY_ASSIGN(const TensorView view, view_output(evaluation, workload, output, call));
    const Poison poison = validate::telling_poison(evaluation.loaded.definition);
    if (auto verdict = validate::find_unwritten(view, poison); !verdict.passed())
      return ending_of(workload, verdict);
  }
  auto read = [&](const std::string& name) { return call.session->read(name); };
  TRY_ASSIGN(const validate::Comparison comparison,
             validate::compare_outputs(evaluation.loaded.definition, workload.report.axes, read,
                                       reference.outputs, evaluation.rules, rule_set));
  workload.report.max_abs = comparison.statistics.max_abs;
  workload.report.max_rel = comparison.statistics.max_rel;
  workload.report.scaled_rms = comparison.statistics.scaled_rms;
  if (!comparison.verdict.passed()) return ending_of(workload, comparison.verdict);
  for (const trace::Tensor& output : evaluation.loaded.definition.outputs) {
    TRY_ASSIGN(const auto content, call.session->read(output.name));
    const std::string_view bytes(reinterpret_cast<const char*>(content.data()), content.size());
    workload.report.outputs_hash[output.name] = sha256_hex(bytes).substr(0, 16);
  }
  return kGoOn;
}

// Wrong outputs of a call that read what nobody wrote: that is the cause to name.
std::optional<Ending> name_the_cause(const BoundWorkload& workload, const Call& call,
                                     std::optional<Ending> ending) {
  const exec::Failure* uninitialised = call.report.find(kUninitialised);
  if (!ending || uninitialised == nullptr) return ending;
  Ending cause = ending_of(workload, *uninitialised, call.report);
  cause.evidence.push_back(ending->message);
  return cause;
}

using Reference = std::shared_ptr<const reference::ReferenceCase>;

Result<Reference> reference_of(const Evaluation& evaluation, Resources& resources,
                               const BoundWorkload& workload) {
  return resources.oracles.get(evaluation.loaded.definition, workload.selected.group.workload,
                               evaluation.rules, workload.selected.profile, evaluation.request.seed);
}

uint64_t work_of(const exec::CallReport& report) {
  uint64_t instructions = 0;
  for (const exec::OperationWork& operation : report.operations)
    instructions += operation.counters.warp_instructions;
  return instructions;
}

Result<exec::CallReport> call_on_what_is_there(const Evaluation& evaluation, const BoundWorkload& workload,
                                               exec::Session& session, bool reverse_order) {
  exec::CallOptions options = call_options(evaluation);
  options.keep_contents = true;
  options.reverse_order = reverse_order;
  return session.call(workload.plan, options);
}

// For a call that read what nobody wrote: calls on the same memory, as a careless benchmark makes them. What
// a call leaves behind (results, marks, counters of calls) may not change what a later one does. The order of
// blocks turns each time, so that each call begins with the block whose shared memory was left last.
StageResult rehearse(const Evaluation& evaluation, const BoundWorkload& workload, const Call& seen,
                     const reference::ReferenceCase& reference) {
  constexpr int kCalls = 64;  // more than the warm-up and the samples of usual benchmarks
  constexpr uint64_t kMostWork = 40'000'000;
  const exec::Failure* finding = seen.report.find(kUninitialised);
  if (finding == nullptr) return kGoOn;
  uint64_t fresh_work[2] = {0, 0}, total = 0;  // in order, in reverse
  for (const bool reverse_order : {false, true}) {
    TRY_ASSIGN(const auto session, open_session(evaluation, *evaluation.loaded_program, workload, reference));
    TRY_ASSIGN(const auto report, call_on_what_is_there(evaluation, workload, *session, reverse_order));
    if (report.failure) return ending_of(workload, *report.failure, report);
    fresh_work[reverse_order ? 1 : 0] = work_of(report);
  }
  TRY_ASSIGN(const auto session, open_session(evaluation, *evaluation.loaded_program, workload, reference));
  for (int k = 0; k < kCalls && (k <= 3 || total <= kMostWork); ++k) {
    TRY_ASSIGN(const auto report, call_on_what_is_there(evaluation, workload, *session, k % 2 == 1));
    if (report.failure) return ending_of(workload, *report.failure, report);
    const uint64_t work = work_of(report);
    total += work;
    if (work == fresh_work[k % 2]) continue;
    return ending_of(
        workload, Status::kRejected, "residue-dependence",
        fmt::format(
            "call {} on the same memory took {} warp instructions, a call on fresh memory {}: what an "
            "earlier call left behind decides what is done. {}. Write before you read, or clear it "
            "with memset",
            k + 1, work, fresh_work[k % 2], finding->message),
        {finding->message});
  }
  return kGoOn;
}

// Everything that one call on fresh memory shows. A workload that passes keeps the call's work for the
// estimate.
StageResult judge_call(Evaluation& evaluation, BoundWorkload& workload, Call& call,
                       const reference::ReferenceCase& reference, validate::RuleSet rule_set) {
  if (auto ending = judge_run(workload, call)) return ending;
  TRY_ASSIGN(auto ending, judge_outputs(evaluation, workload, call, reference, rule_set));
  if (ending) return name_the_cause(workload, call, std::move(ending));
  TRY_ASSIGN(auto dirty, judge_self_clean(workload, call));
  if (dirty) return dirty;
  TRY_ASSIGN(auto remembers, rehearse(evaluation, workload, call, reference));
  if (remembers) return remembers;
  if (const exec::Failure* finding = call.report.find(kUninitialised))
    evaluation.report.warnings.push_back(finding->message + "; it does not reach an output");
  workload.work = std::move(call.report.operations);
  workload.passed = true;
  return kGoOn;
}

StageResult check_once(Evaluation& evaluation, Resources& resources, BoundWorkload& workload,
                       validate::RuleSet rule_set) {
  TRY_ASSIGN(const Reference reference, reference_of(evaluation, resources, workload));
  TRY_ASSIGN(Call call, call_once(evaluation, workload, *reference, Turn::kFirst));
  return judge_call(evaluation, workload, call, *reference, rule_set);
}

// A second call on other poison, with blocks and warps in reverse order: its bits may differ from the first
// call's only as far as the tolerance goes, and only if nothing unwritten was read.
StageResult check_again(Evaluation& evaluation, const BoundWorkload& workload, const Call& first,
                        const reference::ReferenceCase& reference) {
  TRY(evaluation.loaded_program->reload());
  TRY_ASSIGN(const Call second, call_once(evaluation, workload, reference, Turn::kSecond));
  if (auto ending = judge_run(workload, second)) return ending;
  for (const trace::Tensor& output : evaluation.loaded.definition.outputs) {
    TRY_ASSIGN(const TensorView before, view_output(evaluation, workload, output, first));
    TRY_ASSIGN(const TensorView after, view_output(evaluation, workload, output, second));
    if (auto verdict = validate::find_unwritten(before, after); !verdict.passed())
      return ending_of(workload, verdict);
    const auto verdict = validate::check_equal_calls(before, after, "order-dependence");
    if (verdict.passed()) continue;
    if (second.report.find(kUninitialised) != nullptr)
      return name_the_cause(workload, second, ending_of(workload, verdict));
    auto read = [&](const std::string& name) { return second.session->read(name); };
    TRY_ASSIGN(
        const auto comparison,
        validate::compare_outputs(evaluation.loaded.definition, workload.report.axes, read, reference.outputs,
                                  evaluation.rules, validate::RuleSet::kOfficialAndStrict));
    if (!comparison.verdict.passed()) return ending_of(workload, verdict);
    evaluation.report.warnings.push_back(
        fmt::format("{} differs in its last bits when blocks run in another order", output.name));
  }
  if (evaluation.measures()) return kGoOn;  // the device process compares hashes of its inputs itself
  for (const auto& [name, tensor] : reference.inputs.tensors) {
    TRY_ASSIGN(const auto now, second.session->read(name));
    if (auto verdict = validate::check_unchanged(name, tensor, now); !verdict.passed())
      return ending_of(workload, verdict);
  }
  return kGoOn;
}

// Exempt from the screen by its profile; load_rules sees to it that others stand beside it.
bool has_trivial_answer(const Evaluation& evaluation, const BoundWorkload& workload) {
  const rules::InputProfile* profile = evaluation.rules.find_profile(workload.selected.profile);
  return profile != nullptr && profile->answer_is_trivial;
}

// The workload must be able to tell a right answer from none.
Result<void> screen(const Evaluation& evaluation, const BoundWorkload& workload,
                    const reference::ReferenceCase& reference) {
  if (evaluation.rules.strict.empty()) return {};
  if (has_trivial_answer(evaluation, workload)) return {};
  const auto trivial = validate::find_trivial_answer(evaluation.loaded.definition, workload.report.axes,
                                                     reference, evaluation.rules, nullptr);
  if (trivial)
    return infrastructure_error(fmt::format("workload ({}) proves nothing: {}; mend its input profile in {}",
                                            axes_text(workload), *trivial, evaluation.rules.source_path));
  return {};
}

// The cheapest selected workload of each band, by the bytes of its inputs, that can tell a right answer from
// none.
std::vector<BoundWorkload*> cheapest_of_each_band(Evaluation& evaluation) {
  auto bytes_of = [&](const BoundWorkload& workload) {
    int64_t total = 0;
    for (const trace::Tensor& input : evaluation.loaded.definition.inputs)
      total += evaluation.loaded.definition.bytes_of(input, workload.report.axes).value_or(0);
    return total;
  };
  std::map<std::string, BoundWorkload*> cheapest;
  for (BoundWorkload& workload : evaluation.workloads) {
    BoundWorkload*& best = cheapest[workload.report.band];
    const bool better = best == nullptr || has_trivial_answer(evaluation, *best) ||
                        (!has_trivial_answer(evaluation, workload) && bytes_of(workload) < bytes_of(*best));
    if (better) best = &workload;
  }
  std::vector<BoundWorkload*> workloads;
  for (const auto& [band, workload] : cheapest) workloads.push_back(workload);
  return workloads;
}

}  // namespace

std::optional<Ending> out_of_time(const Evaluation& evaluation) {
  if (evaluation.hooks.cancelled()) return Ending{Status::kWorkerLost, "", "cancelled", {}};
  if (evaluation.deadline_passed())
    return Ending{Status::kTimeout,
                  "",
                  fmt::format("the evaluation took more than {} s of wall clock",
                              evaluation.request.limits.evaluation_deadline_ms / 1000),
                  {}};
  return std::nullopt;
}

namespace {

// A band's cheapest workload: twice, and the workload itself is put to the test.
StageResult smoke_one(Evaluation& evaluation, Resources& resources, BoundWorkload& workload) {
  TRY_ASSIGN(const Reference reference, reference_of(evaluation, resources, workload));
  TRY(screen(evaluation, workload, *reference));
  TRY_ASSIGN(Call first, call_once(evaluation, workload, *reference, Turn::kFirst));
  TRY_ASSIGN(auto ending,
             judge_call(evaluation, workload, first, *reference, validate::RuleSet::kOfficialAndStrict));
  if (ending) return ending;
  return check_again(evaluation, workload, first, *reference);
}

using Check = std::function<StageResult(BoundWorkload&)>;

// Each workload in turn, until one fails.
template <class Workloads>
StageResult check_each(Evaluation& evaluation, Workloads&& workloads, const Check& check) {
  for (BoundWorkload* workload : workloads) {
    if (workload->passed) continue;
    if (auto ending = out_of_time(evaluation)) return ending;
    TRY_ASSIGN(auto ending, confirmed(evaluation, [&] { return check(*workload); }));
    if (!ending) continue;
    workload->report.status = ending->status;
    workload->passed = false;
    return ending;
  }
  return kGoOn;
}

std::vector<BoundWorkload*> all_of(std::vector<BoundWorkload>& workloads) {
  std::vector<BoundWorkload*> pointers;
  for (BoundWorkload& workload : workloads) pointers.push_back(&workload);
  return pointers;
}

}  // namespace

StageResult smoke(Evaluation& evaluation, Resources& resources) {
  TRY_ASSIGN(auto ending,
             check_each(evaluation, cheapest_of_each_band(evaluation),
                        [&](BoundWorkload& workload) { return smoke_one(evaluation, resources, workload); }));
  if (ending || !evaluation.measures()) return ending;
  return check_dependent_launches(evaluation, resources);
}

namespace {

// The workloads one by one, each estimated as soon as it passed, until the race is lost or all are done.
StageResult race_on_simulator(Evaluation& evaluation, const Check& check) {
  const std::vector<BoundWorkload*> order = in_race_order(evaluation);
  for (BoundWorkload* workload : order) estimate_time(evaluation, *workload);  // those of smoke
  for (BoundWorkload* workload : order) {
    if (is_race_lost(evaluation)) return kGoOn;
    TRY_ASSIGN(auto ending, check_each(evaluation, std::vector{workload}, check));
    if (ending) return ending;
    estimate_time(evaluation, *workload);
  }
  return kGoOn;
}

}  // namespace

StageResult validate(Evaluation& evaluation, Resources& resources) {
  const auto check_with = [&](validate::RuleSet rule_set) {
    return [&, rule_set](BoundWorkload& workload) {
      return check_once(evaluation, resources, workload, rule_set);
    };
  };
  const Check check = check_with(validate::RuleSet::kOfficialAndStrict);
  TRY_ASSIGN(auto ending, evaluation.race && !evaluation.measures()
                              ? race_on_simulator(evaluation, check)
                              : check_each(evaluation, all_of(evaluation.workloads), check));
  if (ending || evaluation.report.lost_race) return ending;
  return check_each(evaluation, all_of(evaluation.adversarial), check_with(validate::RuleSet::kStrictOnly));
}

}  // namespace warpwright::service
