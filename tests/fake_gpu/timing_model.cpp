#include "tests/fake_gpu/timing_model.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "evaluator/sim/memory_impl.h"

namespace warpwright::fake_gpu {

bool L2::touch(uint64_t line) {
  const auto found = places_.find(line);
  if (found != places_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return true;
  }
  order_.push_front(line);
  places_[line] = order_.begin();
  if (order_.size() > capacity_) {
    places_.erase(order_.back());
    order_.pop_back();
  }
  return false;
}

TimingModel::TimingModel(const Settings& settings)
    : settings_(settings), random_(settings.seed), l2_(settings.l2_bytes) {}

bool TimingModel::is_throttled(uint64_t now_ns) const {
  const double ms = static_cast<double>(now_ns) / 1e6, from = settings_.throttle_from_ms;
  return from >= 0 && ms >= from && ms < from + settings_.throttle_ms;
}

double TimingModel::sm_mhz(uint64_t now_ns) const {
  return settings_.sm_mhz * (is_throttled(now_ns) ? settings_.throttle_share : 1);
}

uint64_t TimingModel::sm_cycles(uint64_t now_ns) const {
  const double now_us = static_cast<double>(now_ns) / 1000;
  double slow_us = 0;
  if (settings_.throttle_from_ms >= 0)
    slow_us = std::clamp(now_us - settings_.throttle_from_ms * 1000, 0.0, settings_.throttle_ms * 1000);
  return static_cast<uint64_t>(settings_.sm_mhz * (now_us - slow_us * (1 - settings_.throttle_share)));
}

double TimingModel::noise() {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const double factor = std::exp(settings_.noise * normal(random_));
  return uniform(random_) < settings_.outlier_share ? factor * settings_.outlier_factor : factor;
}

// The longest of: blocks in waves, issue slots, bytes.
uint64_t TimingModel::kernel_ns(const sim::Counters& counters, uint64_t threads_per_block,
                                const Traffic& traffic, uint64_t start_ns) {
  const double sms = settings_.sm_count, mhz = sm_mhz(start_ns);
  const auto blocks_per_sm = static_cast<double>(std::clamp<uint64_t>(2048 / threads_per_block, 1, 32));
  const double path_us =
      std::max(counters.critical_path_cycles, counters.total_block_cycles / (sms * blocks_per_sm)) / mhz;
  const double busy_sms = std::min(sms, static_cast<double>(std::max<uint64_t>(1, counters.blocks)));
  const double issue_us = counters.issue_slots / (4 * busy_sms) / mhz;
  const double memory_us =
      (static_cast<double>(traffic.cold_bytes) + static_cast<double>(traffic.warm_bytes) / kL2Speedup) /
      settings_.bytes_per_us;
  const double us = kKernelFloorUs + std::max({path_us, issue_us, memory_us});
  return static_cast<uint64_t>(std::llround(us * 1000 * noise()));
}

uint64_t TimingModel::transfer_ns(uint64_t device_bytes, uint64_t host_bytes) {
  const double us = kTransferFloorUs + static_cast<double>(device_bytes) / settings_.bytes_per_us +
                    static_cast<double>(host_bytes) / kHostBytesPerUs;
  return static_cast<uint64_t>(std::llround(us * 1000));
}

Traffic TimingModel::pass_through_l2(sim::Memory& memory) {
  constexpr uint64_t kWords = L2::kLineBytes / sim::kSectorBytes / 64;  // of the bitmaps, to a line
  Traffic traffic;
  for (const auto& buffer : memory.impl().buffers) {
    const auto& read = buffer->sectors_read;
    const auto& written = buffer->sectors_written;
    const std::size_t words = std::max(read.size(), written.size());
    for (std::size_t first = 0; first < words; first += kWords) {
      int sectors = 0;
      for (std::size_t k = first; k < std::min(first + kWords, words); ++k)
        sectors += std::popcount((k < read.size() ? read[k] : 0) | (k < written.size() ? written[k] : 0));
      if (sectors == 0) continue;
      const bool warm = l2_.touch(buffer->base / L2::kLineBytes + first / kWords);
      (warm ? traffic.warm_bytes : traffic.cold_bytes) += static_cast<uint64_t>(sectors) * sim::kSectorBytes;
    }
  }
  return traffic;
}

void TimingModel::touch(uint64_t address, uint64_t bytes) {
  if (bytes == 0) return;
  for (uint64_t line = address / L2::kLineBytes; line <= (address + bytes - 1) / L2::kLineBytes; ++line)
    l2_.touch(line);
}

}  // namespace warpwright::fake_gpu
