// The harness's own kernels on the device: patterns and hashes of buffers, the flush of the cache, the gate
// that holds a stream back, clock stamps. Device code: kernels/harness.cu.
//
// All work goes to the one stream. Errors are the machine's: REQUIRES that the stream was synchronised after
// a candidate's last operation, but for what says otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "evaluator/cuda/harness_layout.h"
#include "evaluator/cuda/resources.h"

namespace warpwright::cuda {

extern const std::string_view kHarnessPtx;

// As ww_hash computes it of a buffer that begins at a multiple of 8.
uint64_t hash_on_host(std::span<const std::byte> content, uint64_t key);

class Harness {
 public:
  // `driver` and `stream` outlive it.
  static Result<std::unique_ptr<Harness>> load(const Driver& driver, const Stream& stream, int sm_count);

  // Queued: writes the pattern of each range.
  Result<void> fill(std::span<const ByteRange> ranges);
  // Wait: how each range differs from its pattern; the hash of each range under its key.
  Result<std::vector<FoundInRange>> check(std::span<const ByteRange> ranges);
  Result<std::vector<uint64_t>> hash(std::span<const ByteRange> ranges);
  // Queued: overwrites all of `target`; `value` 0 writes zeros, any other one no zero word.
  Result<void> flush(const DeviceMemory& target, uint64_t value);

  // Queued: holds the stream back until open_gate, or until the limit is over, so that what is queued behind
  // it runs without waiting for the host. At most kMaxBehindGate operations fit behind it.
  Result<void> close_gate(uint64_t limit_ns);
  void open_gate();
  bool gate_timed_out() const;  // the last one; after the stream was synchronised
  static constexpr size_t kMaxBehindGate = 24;

  // Queued: SM 0 writes down both its clocks at place 0 or 1. The code of a failure may be a candidate's, if
  // its work is in flight.
  int stamp(int place);
  // Waits. MHz of SM 0 between the stamps at 0 and 1; 0: not known.
  Result<double> sm_clock_mhz();

 private:
  Harness(const Driver& driver, const Stream& stream, int sm_count)
      : driver_(driver), stream_(stream), sm_count_(sm_count) {}
  Result<void> prepare();
  template <class Parameters>
  int launch(abi::Function function, uint32_t blocks_x, uint32_t blocks_y, uint32_t threads,
             const Parameters& parameters) const;
  Result<std::vector<FoundInRange>> search(abi::Function function, std::span<const ByteRange> ranges);

  const Driver& driver_;
  const Stream& stream_;
  int sm_count_ = 0;
  Module module_;
  abi::Function fill_ = nullptr, check_ = nullptr, hash_ = nullptr, flush_ = nullptr, block_ = nullptr,
                stamp_ = nullptr;
  DeviceMemory found_, stamps_;
  PinnedMemory found_on_host_, gate_;
  uint32_t gate_ticket_ = 0;
  uint64_t stamp_tickets_[2] = {0, 0}, last_stamp_ticket_ = 0;
};

}  // namespace warpwright::cuda
