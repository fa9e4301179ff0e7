#include "evaluator/service/timed_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "evaluator/validate/compare.h"
#include "src/base/check.h"

namespace warpwright::service {
namespace {

constexpr int64_t kTakeDeadlineMs = 30'000;
constexpr uint64_t kOneKeptOf = 12;            // timed calls whose outputs are looked at
constexpr size_t kDeviantsLookedAt = 16;       // calls repeated when hashes differ
constexpr int64_t kMostKeptBytes = 256 << 20;  // outputs of one batch

Result<std::vector<exec::SamplerSetup::Tensor>> tensors_of(const Evaluation& evaluation,
                                                           const BoundWorkload& workload,
                                                           const reference::Inputs& inputs) {
  std::vector<exec::SamplerSetup::Tensor> tensors;
  for (const auto& [name, tensor] : inputs.tensors)
    tensors.push_back({name, exec::BufferRole::kInput, static_cast<int64_t>(tensor.data.size())});
  for (const trace::Tensor& output : evaluation.loaded.definition.outputs) {
    TRY_ASSIGN(const int64_t bytes, evaluation.loaded.definition.bytes_of(output, workload.report.axes));
    tensors.push_back({output.name, exec::BufferRole::kOutput, bytes});
  }
  return tensors;
}

}  // namespace

std::vector<uint64_t> timed_seeds(const Evaluation& evaluation, const Resources& resources) {
  std::vector<uint64_t> seeds = {evaluation.request.seed};
  seeds.insert(seeds.end(), resources.secret_seeds.begin(), resources.secret_seeds.end());
  return seeds;
}

TimedCalls::TimedCalls(const Evaluation& evaluation, std::vector<Contender> contenders)
    : evaluation_(evaluation),
      contenders_(std::move(contenders)),
      secret_(uint64_t{std::random_device{}()} << 32 | std::random_device{}()) {}

Result<std::unique_ptr<TimedCalls>> TimedCalls::open(const Evaluation& evaluation, Resources& resources,
                                                     std::vector<Contender> contenders,
                                                     cuda::TimingProfile profile) {
  CHECK(!contenders.empty() && evaluation.measures());
  std::unique_ptr<TimedCalls> calls(new TimedCalls(evaluation, std::move(contenders)));
  const BoundWorkload& workload = *calls->contenders_.front().workload;
  exec::SamplerSetup setup;
  for (const uint64_t seed : timed_seeds(evaluation, resources)) {
    TRY_ASSIGN(auto reference,
               resources.oracles.get(evaluation.loaded.definition, workload.selected.group.workload,
                                     evaluation.rules, workload.selected.profile, seed));
    std::map<std::string, std::span<const std::byte>> contents;
    for (const auto& [name, tensor] : reference->inputs.tensors) contents[name] = tensor.data;
    setup.versions.push_back(std::move(contents));
    calls->references_.push_back(std::move(reference));
  }
  for (const Contender& contender : calls->contenders_)
    setup.contenders.push_back({contender.evaluation->loaded_program.get(), &contender.workload->plan});
  TRY_ASSIGN(setup.tensors, tensors_of(evaluation, workload, calls->references_.front()->inputs));
  setup.profile = profile;
  int64_t output_bytes = 1;
  for (const auto& tensor : setup.tensors)
    if (tensor.role == exec::BufferRole::kOutput) output_bytes += tensor.bytes;
  calls->most_kept_ = std::max<size_t>(1, static_cast<size_t>(kMostKeptBytes / output_bytes));
  setup.secret_seed = calls->secret_.next();
  setup.deadline_ms = kTakeDeadlineMs;
  TRY_ASSIGN(calls->sampler_, evaluation.executor->open_sampler(setup));
  return calls;
}

timing::TakeBatch TimedCalls::take() {
  return [this](std::span<const cuda::Shot> shots) {
    return take_watched(std::vector<cuda::Shot>(shots.begin(), shots.end()));
  };
}

Result<TimedCalls::Samples> TimedCalls::take_watched(std::vector<cuda::Shot> shots) {
  choose_kept(shots);
  TRY_ASSIGN(const Samples samples, take_plain(shots));
  TRY(check_kept(shots, samples));
  for (const auto& [version, count] : find_deviants(shots, samples))
    TRY(look_at_deviants(version, count, shots.size()));
  return samples;
}

Result<TimedCalls::Samples> TimedCalls::take_plain(Shots shots) {
  if (evaluation_.hooks.cancelled()) return infrastructure_error("cancelled");
  if (evaluation_.deadline_passed())
    return infrastructure_error(fmt::format("the evaluation took more than {} s of wall clock",
                                            evaluation_.request.limits.evaluation_deadline_ms / 1000));
  TRY_ASSIGN(exec::Sampler::Batch batch, sampler_->take(shots));
  if (batch.failure) return fail(std::move(*batch.failure), batch.contender, {});
  return std::move(batch.samples);
}

// One call in twelve, and one of every version that has not been looked at yet, drawn at random.
void TimedCalls::choose_kept(std::vector<cuda::Shot>& shots) {
  size_t kept = 0;
  std::map<Version, std::vector<size_t>> unseen;
  for (size_t k = 0; k < shots.size(); ++k) {
    const Version version{shots[k].contender, shots[k].version};
    if (!right_.contains(version)) unseen[version].push_back(k);
    if (kept >= most_kept_ || secret_.below(kOneKeptOf) != 0) continue;
    shots[k].keep_outputs = true;
    ++kept;
  }
  for (const auto& [version, places] : unseen)
    shots[places[secret_.below(places.size())]].keep_outputs = true;
}

Result<void> TimedCalls::check_kept(Shots shots, const Samples& samples) {
  for (size_t k = 0; k < samples.size(); ++k) {
    if (!shots[k].keep_outputs) continue;
    TRY(check_outputs(shots[k], static_cast<int>(k)));
    right_[{shots[k].contender, shots[k].version}].insert(samples[k].output_hash);
  }
  return {};
}

Result<void> TimedCalls::check_outputs(const cuda::Shot& shot, int index) {
  const BoundWorkload& workload = *contenders_[static_cast<size_t>(shot.contender)].workload;
  const auto read = [&](const std::string& name) { return sampler_->read_kept(index, name); };
  TRY_ASSIGN(validate::Comparison comparison,
             validate::compare_outputs(evaluation_.loaded.definition, workload.report.axes, read,
                                       references_[static_cast<size_t>(shot.version)]->outputs,
                                       evaluation_.rules, validate::RuleSet::kOfficialAndStrict));
  validate::Verdict& verdict = comparison.verdict;
  if (verdict.passed()) return {};
  return fail(
      {Status::kRejected, std::string(kWrongWhenTimed),
       fmt::format("right when it was checked, wrong when it was timed: {}; an output must depend on the "
                   "inputs of its own call alone",
                   verdict.message),
       false},
      shot.contender, std::move(verdict.evidence));
}

// Calls whose outputs have a hash that none of the right ones has.
std::map<TimedCalls::Version, int> TimedCalls::find_deviants(Shots shots, const Samples& samples) const {
  std::map<Version, int> deviants;
  for (size_t k = 0; k < samples.size(); ++k) {
    const Version version{shots[k].contender, shots[k].version};
    if (varies_.contains(shots[k].contender)) continue;
    if (!right_.at(version).contains(samples[k].output_hash)) ++deviants[version];
  }
  return deviants;
}

// They are sums in another order, or something that nobody looked at. The same calls again, with all their
// outputs: if these are right and vary, the program is of the first kind.
Result<void> TimedCalls::look_at_deviants(Version version, int count, size_t of) {
  const std::vector<cuda::Shot> again(std::clamp<size_t>(most_kept_, 2, kDeviantsLookedAt),
                                      {version.first, version.second, true});
  TRY_ASSIGN(const Samples samples, take_plain(again));
  TRY(check_kept(again, samples));
  std::set<uint64_t> hashes;
  for (const cuda::Sample& sample : samples) hashes.insert(sample.output_hash);
  if (hashes.size() > 1) {
    varies_.insert(version.first);
    return {};
  }
  return fail({Status::kRejected, std::string(kWrongWhenTimed),
               fmt::format("{} of {} timed calls gave other outputs than those that were checked, which all "
                           "agree; an output must depend on the inputs of its own call alone",
                           count, of),
               false},
              version.first, {});
}

tl::unexpected<Error> TimedCalls::fail(exec::Failure failure, int contender,
                                       std::vector<std::string> evidence) {
  Error error{ErrorKind::kInfrastructure, failure.message};
  failed_ = Failed{std::move(failure), contender, std::move(evidence)};
  return tl::unexpected(std::move(error));
}

}  // namespace warpwright::service
