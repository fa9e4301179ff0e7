// Device buffers between guards that are read back: what a kernel writes beside a buffer shows.
//
//   kZones     [ pattern >= 64 KiB | buffer | pattern >= 64 KiB ], all of a set in one allocation; up to 2
//   MiB
//              beside large buffers, and a random multiple of 256 bytes more before each, so that addresses
//              differ each time
//   kUnmapped  | unmapped | pattern | buffer | < 256 bytes of pattern | unmapped |
#pragma once

#include <string>
#include <vector>

#include "evaluator/cuda/harness.h"
#include "evaluator/cuda/resources.h"
#include "evaluator/cuda/work.h"
#include "src/base/rng.h"

namespace warpwright::cuda {

struct Guard {
  ByteRange range;
  int buffer = 0;  // index into its set
  bool is_after = false;
};

class BufferSet {
 public:
  // Self-clean buffers are zeroed, guards written (queued); other contents are undefined. The references
  // outlive it. kUnmapped needs a device with virtual memory management.
  static Result<BufferSet> open(const Driver& driver, abi::Device device, const Stream& stream,
                                Harness& harness, const std::vector<BufferSpec>& specs, GuardKind guards,
                                Rng& rng);
  // Device bytes that a buffer takes at most, with its zones.
  static uint64_t footprint(const BufferSpec& spec);

  int size() const { return static_cast<int>(buffers_.size()); }
  const BufferSpec& spec(int index) const { return at(index).spec; }
  abi::DevicePointer address(int index) const { return at(index).address; }
  // All of a buffer, for fills, checks and hashes.
  ByteRange whole(int index, uint64_t key) const { return {address(index), 0, spec(index).bytes, key}; }
  std::vector<Guard> guards() const;

  // REQUIRE that `content` has the buffer's size. Wait.
  Result<void> write(int index, std::span<const std::byte> content);
  Result<void> read(int index, std::span<std::byte> content) const;
  // Queued.
  Result<void> copy_from(int index, const DeviceMemory& content);
  Result<void> fill(int index, Fill fill, Rng& rng);
  Result<void> restore(const Guard& guard);

 private:
  struct Buffer {
    BufferSpec spec;
    VirtualRange mapped;                                 // kUnmapped
    abi::DevicePointer address = 0, begin = 0, end = 0;  // of the buffer; of what kernels can reach round it
    uint64_t key = 0;
  };
  const Buffer& at(int index) const;
  Result<void> allocate_unmapped(abi::Device device, Rng& rng);
  Result<void> allocate_zones(Rng& rng);

  const Driver* driver_ = nullptr;
  const Stream* stream_ = nullptr;
  Harness* harness_ = nullptr;
  DeviceMemory zones_;  // kZones
  std::vector<Buffer> buffers_;
};

// Draws a key that is not 0, which would be the pattern of zeros.
uint64_t draw_key(Rng& rng);

// "workspace part of 1024 bytes: 12 bytes after its end were overwritten, the first at offset 1024": what a
// check of the guard found. REQUIRES: found.count > 0.
std::string describe_broken_guard(const Guard& guard, const BufferSpec& spec, const FoundInRange& found);

}  // namespace warpwright::cuda
