#include "evaluator/cuda/harness.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "src/base/check.h"

namespace warpwright::cuda {
namespace {

constexpr uint32_t kThreads = 256;
constexpr size_t kMaxSearched = 1024;  // ranges of which results are read back at once

struct SearchParameters {
  ByteRanges ranges;
  abi::DevicePointer found;
};
struct FlushParameters {
  abi::DevicePointer target;
  uint64_t pairs, value;
};
struct GateParameters {
  abi::DevicePointer flag, timed_out;
  uint32_t ticket, padding;
  uint64_t limit_ns;
};
struct StampParameters {
  abi::DevicePointer stamp;
  uint64_t ticket;
};

uint64_t words_of(const ByteRange& range) {
  return (range.end + 7) / 8 - range.begin / 8;
}

// Enough blocks for the longest range, shared fairly with the others.
uint32_t blocks_for(std::span<const ByteRange> ranges, int sm_count) {
  uint64_t words = 0;
  for (const ByteRange& range : ranges) words = std::max(words, words_of(range));
  const uint64_t wanted = (words + kThreads * 4 - 1) / (kThreads * 4);
  const uint64_t share = static_cast<uint64_t>(sm_count) * 8 / ranges.size() + 1;
  return static_cast<uint32_t>(std::clamp<uint64_t>(wanted, 1, share));
}

ByteRanges packed(std::span<const ByteRange> ranges) {
  ByteRanges result = {};
  std::copy(ranges.begin(), ranges.end(), result.at);
  return result;
}

Result<void> checked(int code, const char* what) {
  if (code == 0) return {};
  return infrastructure_error(describe_failure(what, code));
}

}  // namespace

uint64_t hash_on_host(std::span<const std::byte> content, uint64_t key) {
  uint64_t sum = 0;
  for (size_t at = 0; at < content.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, content.data() + at, std::min<size_t>(8, content.size() - at));
    sum += mix_bits(word ^ pattern_word(key, at / 8));
  }
  return sum;
}

Result<std::unique_ptr<Harness>> Harness::load(const Driver& driver, const Stream& stream, int sm_count) {
  std::unique_ptr<Harness> harness(new Harness(driver, stream, sm_count));
  if (auto done = harness->prepare(); !done) return add_context(done.error(), "the harness's own kernels");
  return harness;
}

Result<void> Harness::prepare() {
  TRY_ASSIGN(auto module, Module::load(driver_, std::string(kHarnessPtx)));
  if (module.fault) return infrastructure_error(module.fault->message);
  module_ = std::move(module.value);
  const std::pair<const char*, abi::Function*> functions[] = {{"ww_fill", &fill_},   {"ww_check", &check_},
                                                              {"ww_hash", &hash_},   {"ww_flush", &flush_},
                                                              {"ww_block", &block_}, {"ww_stamp", &stamp_}};
  for (const auto& [name, function] : functions) {
    TRY_ASSIGN(auto found, module_.function(name));
    if (found.fault) return infrastructure_error(found.fault->message);
    *function = found.value;
  }
  TRY_ASSIGN(found_, DeviceMemory::allocate(driver_, kMaxSearched * sizeof(FoundInRange)));
  TRY_ASSIGN(found_on_host_, PinnedMemory::allocate(driver_, kMaxSearched * sizeof(FoundInRange)));
  TRY_ASSIGN(stamps_, DeviceMemory::allocate(driver_, 2 * sizeof(ClockStamp)));
  TRY_ASSIGN(gate_, PinnedMemory::allocate(driver_, 2 * sizeof(uint32_t)));
  std::memset(gate_.host(), 0, 2 * sizeof(uint32_t));
  TRY(driver_->cuMemsetD8Async(stamps_.get(), 0, stamps_.bytes(), stream_.get()));
  return stream_.synchronize();
}

template <class Parameters>
int Harness::launch(abi::Function function, uint32_t blocks_x, uint32_t blocks_y, uint32_t threads,
                    const Parameters& parameters) const {
  abi::LaunchConfig config = {};
  config.grid_x = blocks_x;
  config.grid_y = blocks_y;
  config.block_x = threads;
  config.grid_z = config.block_y = config.block_z = 1;
  config.stream = stream_.get();
  size_t size = sizeof parameters;
  void* extra[] = {abi::kLaunchBufferPointer, const_cast<Parameters*>(&parameters), abi::kLaunchBufferSize,
                   &size, abi::kLaunchEnd};
  return driver_->cuLaunchKernelEx.code(&config, function, nullptr, extra);
}

Result<void> Harness::fill(std::span<const ByteRange> ranges) {
  for (size_t first = 0; first < ranges.size(); first += kMaxRanges) {
    const auto piece = ranges.subspan(first, std::min<size_t>(kMaxRanges, ranges.size() - first));
    TRY(checked(launch(fill_, blocks_for(piece, sm_count_), static_cast<uint32_t>(piece.size()), kThreads,
                       packed(piece)),
                "ww_fill"));
  }
  return {};
}

Result<std::vector<FoundInRange>> Harness::search(abi::Function function, std::span<const ByteRange> ranges) {
  std::vector<FoundInRange> results(ranges.size());
  for (size_t first = 0; first < ranges.size(); first += kMaxSearched) {
    const size_t count = std::min(kMaxSearched, ranges.size() - first), bytes = count * sizeof(FoundInRange);
    TRY(driver_->cuMemsetD8Async(found_.get(), 0, bytes, stream_.get()));
    for (size_t at = 0; at < count; at += kMaxRanges) {
      const auto piece = ranges.subspan(first + at, std::min<size_t>(kMaxRanges, count - at));
      TRY(checked(launch(function, blocks_for(piece, sm_count_), static_cast<uint32_t>(piece.size()),
                         kThreads, SearchParameters{packed(piece), found_.get() + at * sizeof(FoundInRange)}),
                  "ww_check or ww_hash"));
    }
    TRY(driver_->cuMemcpyDtoHAsync_v2(found_on_host_.host(), found_.get(), bytes, stream_.get()));
    TRY(stream_.synchronize());
    std::memcpy(results.data() + first, found_on_host_.host(), bytes);
  }
  return results;
}

Result<std::vector<FoundInRange>> Harness::check(std::span<const ByteRange> ranges) {
  return search(check_, ranges);
}

Result<std::vector<uint64_t>> Harness::hash(std::span<const ByteRange> ranges) {
  TRY_ASSIGN(const auto found, search(hash_, ranges));
  std::vector<uint64_t> hashes;
  for (const FoundInRange& one : found) hashes.push_back(one.count);
  return hashes;
}

Result<void> Harness::flush(const DeviceMemory& target, uint64_t value) {
  const uint64_t pairs = target.bytes() / 16;
  const uint64_t blocks =
      std::clamp<uint64_t>(pairs / (kThreads * 4), 1, static_cast<uint64_t>(sm_count_) * 8);
  return checked(
      launch(flush_, static_cast<uint32_t>(blocks), 1, kThreads, FlushParameters{target.get(), pairs, value}),
      "ww_flush");
}

Result<void> Harness::close_gate(uint64_t limit_ns) {
  ++gate_ticket_;
  return checked(
      launch(block_, 1, 1, 1,
             GateParameters{gate_.device(), gate_.device() + sizeof(uint32_t), gate_ticket_, 0, limit_ns}),
      "ww_block");
}

void Harness::open_gate() {
  std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(gate_.host())).store(gate_ticket_);
}

bool Harness::gate_timed_out() const {
  return std::atomic_ref<uint32_t>(reinterpret_cast<uint32_t*>(gate_.host())[1]).load() == gate_ticket_;
}

int Harness::stamp(int place) {
  CHECK(place == 0 || place == 1);
  stamp_tickets_[place] = ++last_stamp_ticket_;
  // Twice as many blocks as SMs, so that SM 0 surely gets one.
  return launch(stamp_, static_cast<uint32_t>(sm_count_) * 2, 1, 32,
                StampParameters{stamps_.get() + static_cast<size_t>(place) * sizeof(ClockStamp),
                                stamp_tickets_[place]});
}

Result<double> Harness::sm_clock_mhz() {
  TRY(driver_->cuMemcpyDtoHAsync_v2(found_on_host_.host(), stamps_.get(), stamps_.bytes(), stream_.get()));
  TRY(stream_.synchronize());
  ClockStamp stamps[2];
  std::memcpy(stamps, found_on_host_.host(), sizeof stamps);
  for (int place = 0; place < 2; ++place)
    if (stamps[place].ticket != stamp_tickets_[place]) return 0.0;
  if (stamps[1].timer_ns <= stamps[0].timer_ns || stamps[1].clock <= stamps[0].clock) return 0.0;
  return 1e3 * static_cast<double>(stamps[1].clock - stamps[0].clock) /
         static_cast<double>(stamps[1].timer_ns - stamps[0].timer_ns);
}

}  // namespace warpwright::cuda
