#include "evaluator/cuda/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "src/base/check.h"

namespace warpwright::cuda {
namespace {

constexpr int kMaxSets = 64, kFewestSets = 2;  // strict
constexpr int64_t kSetsOverL2 = 3;
// Of the device's free memory: what sets may take, and what the contents to be copied in place may.
constexpr double kShareOfSets = 0.5, kShareOfMasters = 0.3;

uint64_t total_bytes(const std::vector<BufferSpec>& specs) {
  uint64_t total = 0;
  for (const BufferSpec& spec : specs) total += spec.bytes;
  return total;
}
uint64_t total_footprint(const std::vector<BufferSpec>& specs) {
  uint64_t total = 0;
  for (const BufferSpec& spec : specs) total += BufferSet::footprint(spec);
  return total;
}

}  // namespace

Result<std::unique_ptr<DeviceSampler>> DeviceSampler::open(
    const SamplerHost& host, const SamplerSpec& spec, const std::vector<std::shared_ptr<Program>>& programs) {
  CHECK(!spec.contenders.empty() && programs.size() == spec.contenders.size() && spec.versions > 0);
  std::unique_ptr<DeviceSampler> sampler(new DeviceSampler(host, spec));
  sampler->programs_ = programs;
  TRY(sampler->plan_memory());
  for (int i = 0; i < sampler->info_.buffer_sets && !sampler->refused_; ++i) {
    TRY_ASSIGN(sampler->refused_, sampler->open_set());
  }
  TRY(host.stream.synchronize());
  sampler->write_note();
  return sampler;
}

// What differs from the profile as it is described.
void DeviceSampler::write_note() {
  if (spec_.profile == TimingProfile::kContest || sets_.empty()) return;
  for (const PreparedCall& call : sets_.front().calls)
    if (const std::string why = host_.timer.why_not_gated(call); !why.empty())
      info_.note += "not queued behind the gate (" + why + "); ";
  if (info_.bytes_per_set * info_.buffer_sets < kSetsOverL2 * host_.l2_bytes)
    info_.note +=
        fmt::format("{} buffer sets are less than {} times the L2; ", info_.buffer_sets, kSetsOverL2);
  if (!masters_on_device_) info_.note += "inputs are copied from the host before each shot; ";
  if (!info_.note.empty()) info_.note.resize(info_.note.size() - 2);
}

// How many sets, and where the contents of the versions are kept.
Result<void> DeviceSampler::plan_memory() {
  uint64_t inputs = 0, set_bytes = total_bytes(spec_.inputs_and_outputs),
           footprint = total_footprint(spec_.inputs_and_outputs);
  for (const BufferSpec& spec : spec_.inputs_and_outputs)
    if (spec.role == BufferRole::kInput) inputs += spec.bytes;
  uint64_t least_workspaces = ~uint64_t{0};  // a contender touches its own ones only
  for (const SamplerSpec::Contender& contender : spec_.contenders) {
    least_workspaces = std::min(least_workspaces, total_bytes(contender.workspaces));
    footprint += total_footprint(contender.workspaces);
  }
  set_bytes += least_workspaces;
  info_.bytes_per_set = static_cast<int64_t>(set_bytes);

  size_t free_bytes = 0, all_bytes = 0;
  TRY(host_.driver->cuMemGetInfo_v2(&free_bytes, &all_bytes));
  const double free = static_cast<double>(free_bytes);
  masters_on_device_ = static_cast<double>(inputs) * spec_.versions <= free * kShareOfMasters;
  masters_.resize(static_cast<size_t>(spec_.versions));
  for (auto& version : masters_) version.resize(spec_.inputs_and_outputs.size());
  if (spec_.profile == TimingProfile::kContest) return {};
  const int64_t wanted =
      (kSetsOverL2 * host_.l2_bytes + info_.bytes_per_set - 1) / std::max<int64_t>(info_.bytes_per_set, 1);
  const auto affordable =
      static_cast<int64_t>(free * kShareOfSets / static_cast<double>(std::max<uint64_t>(footprint, 1)));
  info_.buffer_sets = static_cast<int>(std::max<int64_t>(
      1, std::min<int64_t>(std::clamp<int64_t>(wanted, kFewestSets, kMaxSets), affordable)));
  return {};
}

Judgement DeviceSampler::open_set() {
  Set set;
  const auto open = [this](const std::vector<BufferSpec>& specs) {
    return BufferSet::open(host_.driver, host_.device, host_.stream, host_.harness, specs, GuardKind::kZones,
                           rng_);
  };
  TRY_ASSIGN(set.tensors, open(spec_.inputs_and_outputs));
  for (size_t i = 0; i < spec_.contenders.size(); ++i) {
    const SamplerSpec::Contender& contender = spec_.contenders[i];
    TRY_ASSIGN(auto workspaces, open(contender.workspaces));
    std::vector<abi::DevicePointer> addresses;
    for (int b = 0; b < set.tensors.size(); ++b) addresses.push_back(set.tensors.address(b));
    for (int b = 0; b < workspaces.size(); ++b) addresses.push_back(workspaces.address(b));
    set.workspaces.push_back(std::move(workspaces));
    TRY_ASSIGN(auto call, PreparedCall::prepare(host_.driver, *programs_[i], contender.work, addresses));
    if (call.fault) return call.fault;
    TRY_ASSIGN(auto fault, call.value.configure());
    if (fault) return fault;
    set.calls.push_back(std::move(call.value));
  }
  sets_.push_back(std::move(set));
  return std::optional<DeviceFault>();
}

const DeviceSampler::Master& DeviceSampler::master(int version, int input) const {
  return masters_[static_cast<size_t>(version)][static_cast<size_t>(input)];
}

Result<void> DeviceSampler::write_version(int version, int input, std::span<const std::byte> content) {
  CHECK(version >= 0 && version < spec_.versions && input >= 0 &&
        static_cast<size_t>(input) < spec_.inputs_and_outputs.size());
  const BufferSpec& spec = spec_.inputs_and_outputs[static_cast<size_t>(input)];
  CHECK(spec.role == BufferRole::kInput && content.size() == spec.bytes);
  Master& master = masters_[static_cast<size_t>(version)][static_cast<size_t>(input)];
  if (masters_on_device_) {
    if (!master.is_written) {
      TRY_ASSIGN(master.on_device, DeviceMemory::allocate(host_.driver, content.size()));
    }
    if (!content.empty())
      TRY(host_.driver->cuMemcpyHtoDAsync_v2(master.on_device.get(), content.data(), content.size(),
                                             host_.stream.get()));
    const ByteRange range{master.on_device.get(), 0, content.size(), hash_key_};
    TRY_ASSIGN(const auto hashes, host_.harness.hash({&range, 1}));  // waits
    master.hash = hashes[0];
  } else {
    master.on_host.assign(content.begin(), content.end());
    master.hash = hash_on_host(content, hash_key_);
  }
  master.is_written = true;
  for (Set& set : sets_)
    if (set.version == version) set.version = -1;
  return {};
}

Result<void> DeviceSampler::check_shots(std::span<const Shot> shots) const {
  if (is_over_) return infrastructure_error("this sampler ended with a fault");
  for (const Shot& shot : shots) {
    CHECK(shot.contender >= 0 && static_cast<size_t>(shot.contender) < spec_.contenders.size());
    CHECK(shot.version >= 0 && shot.version < spec_.versions);
    for (size_t i = 0; i < spec_.inputs_and_outputs.size(); ++i) {
      const BufferSpec& spec = spec_.inputs_and_outputs[i];
      if (spec.role == BufferRole::kInput && !master(shot.version, static_cast<int>(i)).is_written)
        return infrastructure_error(
            fmt::format("version {} of input {} was not written", shot.version, spec.name));
    }
  }
  return {};
}

Result<Outcome<std::vector<Sample>>> DeviceSampler::take(std::span<const Shot> shots) {
  if (refused_) {
    Outcome<std::vector<Sample>> outcome{refused_, {}};
    outcome.fault->shot = 0;
    return outcome;
  }
  TRY(check_shots(shots));
  kept_.assign(shots.size(), {});
  Outcome<std::vector<Sample>> outcome;
  is_over_ = true;  // until all went well
  for (size_t i = 0; i < shots.size(); ++i) {
    TRY_ASSIGN(outcome.fault, shoot(shots[i], outcome.value));
    if (!outcome.fault) continue;
    outcome.fault->shot = static_cast<int>(i);
    return outcome;
  }
  // What a stray store did to a set that was not in use: of all sets, at once.
  for (Set& set : sets_) {
    if (sets_.size() == 1) break;
    TRY_ASSIGN(outcome.fault, inspect(set, -1, nullptr));
    if (outcome.fault) return outcome;
  }
  is_over_ = false;
  return outcome;
}

DeviceSampler::Set& DeviceSampler::next_set() {
  if (round_.empty()) {
    round_.resize(sets_.size());
    std::iota(round_.begin(), round_.end(), 0);
    for (size_t i = round_.size(); i > 1; --i) std::swap(round_[i - 1], round_[rng_.below(i)]);
    // Not the same one twice in a row.
    if (round_.back() == last_set_) std::swap(round_.back(), round_.front());
  }
  last_set_ = round_.back();
  round_.pop_back();
  return sets_[static_cast<size_t>(last_set_)];
}

Result<void> DeviceSampler::place(Set& set, const Shot& shot) {
  const bool is_contest = spec_.profile == TimingProfile::kContest;
  const bool is_new = set.version != shot.version, is_other = set.contender != shot.contender;
  set.contender = shot.contender;
  // In the contest's procedure outputs stay; but never another contender's.
  if (is_contest && (is_new || is_other)) TRY(randomise(set, shot.contender));
  if (!is_new) return {};
  for (int i = 0; i < set.tensors.size(); ++i) {
    if (set.tensors.spec(i).role != BufferRole::kInput) continue;
    const Master& content = master(shot.version, i);
    TRY(masters_on_device_ ? set.tensors.copy_from(i, content.on_device)
                           : set.tensors.write(i, content.on_host));
  }
  set.version = shot.version;
  return {};
}

Result<void> DeviceSampler::randomise(Set& set, int contender) {
  for (BufferSet* buffers : {&set.tensors, &set.workspaces[static_cast<size_t>(contender)]})
    for (int i = 0; i < buffers->size(); ++i) {
      const BufferRole role = buffers->spec(i).role;
      if (role == BufferRole::kOutput || role == BufferRole::kWorkspace)
        TRY(buffers->fill(i, Fill::kRandom, rng_));
    }
  return {};
}

// A contender's first call of all: the driver may load code or enlarge the stack for it, which waits for the
// device and would wait for the gate. The contest's procedure has its own warm-up, which the caller asks for.
Judgement DeviceSampler::warm_up(int contender, PreparedCall& call) {
  if (spec_.profile == TimingProfile::kContest || !warm_.insert(contender).second)
    return std::optional<DeviceFault>();
  TRY_ASSIGN(auto refused, call.enqueue(host_.stream));
  TRY_ASSIGN(auto fault, judge(host_.driver->cuStreamSynchronize.code(host_.stream.get()), call.label()));
  return refused ? refused : fault;
}

Judgement DeviceSampler::shoot(const Shot& shot, std::vector<Sample>& samples) {
  const bool strict = spec_.profile == TimingProfile::kStrict;
  Set& set = strict ? next_set() : sets_.front();
  PreparedCall& call = set.calls[static_cast<size_t>(shot.contender)];
  TRY(place(set, shot));
  TRY_ASSIGN(auto cold, warm_up(shot.contender, call));
  if (cold) return cold;
  TRY_ASSIGN(auto refused, call.configure());  // modules may have been loaded anew
  if (refused) return refused;
  if (strict) TRY(randomise(set, shot.contender));
  TRY_ASSIGN(ShotTimer::Timed timed,
             strict ? host_.timer.time_strict(call, rng_.next() | 1) : host_.timer.time_contest(call));
  if (timed.fault) return timed.fault;
  TRY_ASSIGN(auto fault, inspect(set, shot.contender, &timed.sample.output_hash));
  if (fault) return fault;
  if (shot.keep_outputs) {
    auto& kept = kept_[samples.size()];
    kept.resize(static_cast<size_t>(set.tensors.size()));
    for (int i = 0; i < set.tensors.size(); ++i) {
      if (set.tensors.spec(i).role != BufferRole::kOutput) continue;
      kept[static_cast<size_t>(i)].resize(set.tensors.spec(i).bytes);
      TRY(set.tensors.read(i, kept[static_cast<size_t>(i)]));
    }
  }
  samples.push_back(std::move(timed.sample));
  return std::optional<DeviceFault>();
}

Judgement DeviceSampler::inspect(Set& set, int contender, uint64_t* output_hash) {
  TRY_ASSIGN(auto fault, inspect_guards(set, contender));
  if (fault) return fault;
  return inspect_contents(set, output_hash);
}

// Also the self-clean workspaces: they must hold what they held before, zeros.
Judgement DeviceSampler::inspect_guards(Set& set, int contender) {
  struct Suspect {
    const BufferSet* buffers;
    Guard guard;
    bool is_self_clean;
  };
  std::vector<Suspect> suspects;
  const auto add = [&suspects](const BufferSet& buffers) {
    for (const Guard& guard : buffers.guards()) suspects.push_back({&buffers, guard, false});
    for (int i = 0; i < buffers.size(); ++i)
      if (buffers.spec(i).role == BufferRole::kSelfClean)
        suspects.push_back({&buffers, {buffers.whole(i, 0), i, false}, true});
  };
  add(set.tensors);
  for (size_t i = 0; i < set.workspaces.size(); ++i)
    if (contender < 0 || static_cast<size_t>(contender) == i) add(set.workspaces[i]);
  std::vector<ByteRange> ranges;
  for (const Suspect& suspect : suspects) ranges.push_back(suspect.guard.range);
  TRY_ASSIGN(const auto found, host_.harness.check(ranges));
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].count == 0) continue;
    const Suspect& suspect = suspects[i];
    const BufferSpec& spec = suspect.buffers->spec(suspect.guard.buffer);
    if (!suspect.is_self_clean)
      return std::optional(DeviceFault{.kind = DeviceFault::Kind::kGuardBroken,
                                       .message = describe_broken_guard(suspect.guard, spec, found[i])});
    return std::optional(DeviceFault{
        .kind = DeviceFault::Kind::kSelfCleanBroken,
        .message =
            fmt::format("workspace {} is declared self_clean, but {} bytes are not zero after the call, the "
                        "first at offset {}; write zero back to what the call used",
                        spec.name, found[i].count, ~found[i].complement_of_first)});
  }
  return std::optional<DeviceFault>();
}

Judgement DeviceSampler::inspect_contents(Set& set, uint64_t* output_hash) {
  std::vector<ByteRange> ranges;
  for (int i = 0; i < set.tensors.size(); ++i) ranges.push_back(set.tensors.whole(i, hash_key_));
  TRY_ASSIGN(const auto hashes, host_.harness.hash(ranges));
  uint64_t outputs = 0;
  for (int i = 0; i < set.tensors.size(); ++i) {
    const uint64_t hash = hashes[static_cast<size_t>(i)];
    const BufferSpec& spec = set.tensors.spec(i);
    if (spec.role == BufferRole::kOutput) outputs = mix_bits(outputs ^ hash);
    if (spec.role == BufferRole::kInput && set.version >= 0 && hash != master(set.version, i).hash)
      return std::optional(
          DeviceFault{.kind = DeviceFault::Kind::kInputModified,
                      .message = fmt::format("input {} was written by the call", spec.name)});
  }
  if (output_hash != nullptr) *output_hash = outputs;
  return std::optional<DeviceFault>();
}

Result<void> DeviceSampler::read_kept(int shot, int index, std::span<std::byte> content) const {
  if (shot < 0 || static_cast<size_t>(shot) >= kept_.size() || index < 0 ||
      static_cast<size_t>(index) >= kept_[static_cast<size_t>(shot)].size())
    return infrastructure_error(fmt::format("shot {} kept no output {}", shot, index));
  const auto& kept = kept_[static_cast<size_t>(shot)][static_cast<size_t>(index)];
  CHECK(content.size() == kept.size());
  if (!kept.empty()) std::memcpy(content.data(), kept.data(), kept.size());
  return {};
}

}  // namespace warpwright::cuda
