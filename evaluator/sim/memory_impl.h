// What the interpreter sees of sim::Memory: buffers by address, the marks of written bytes, footprints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "evaluator/sim/memory.h"

namespace warpwright::sim {

inline constexpr uint64_t kGlobalBase = 0x7f00'0000'0000;
inline constexpr uint64_t kGuardBytes = 64 * 1024;
// Windows of the generic address space, as far from global memory as from each other.
inline constexpr uint64_t kSharedWindow = 0x0100'0000'0000;
inline constexpr uint64_t kLocalWindow = 0x0200'0000'0000;
inline constexpr uint64_t kParamWindow = 0x0300'0000'0000;
inline constexpr uint64_t kSharedWindowBytes = 0x1000'0000;  // of 16 ranks
inline constexpr int kSectorBytes = 32;

struct AlignedDelete {
  bool is_owner = true;
  void operator()(std::byte* p) const;
};

// Who wrote and read a buffer's bytes last in the current launch, see global_races.h.
struct FreeCells {
  void operator()(uint64_t* cells) const;
};
struct GlobalCells {
  using Cells = std::unique_ptr<uint64_t[], FreeCells>;
  Cells writes, reads;  // null until needed
  uint32_t granule_shift = 2;
  void refine(uint64_t bytes, uint32_t shift);
};

struct Buffer {
  std::string name;
  uint64_t base = 0, size = 0;
  Access access = Access::kReadWrite;
  bool initialised = false;  // wholly; else `written` says which bytes
  std::unique_ptr<std::byte[], AlignedDelete> storage;
  std::vector<uint8_t> written;                         // one entry per 4-byte word, a bit per byte
  std::vector<uint64_t> sectors_read, sectors_written;  // bitmaps of the current launch; empty until touched

  GlobalCells cells;

  std::byte* host(uint64_t address) const { return storage.get() + (address - base); }
  bool contains(uint64_t address, uint64_t bytes) const {
    return address >= base && bytes <= size && address - base <= size - bytes;
  }
  void mark_written(uint64_t address, uint64_t bytes);
  bool is_written(uint64_t address, uint64_t bytes) const;
  // Adds the bytes' sectors to the launch's footprint.
  void touch(std::vector<uint64_t>& bitmap, uint64_t address, uint64_t bytes) {
    if (bitmap.empty()) start_footprint(bitmap);
    const uint64_t first = (address - base) / kSectorBytes,
                   last = (address - base + bytes - 1) / kSectorBytes;
    uint64_t* words = bitmap.data();
    const uint64_t from = ~uint64_t{0} << first % 64, to = ~uint64_t{0} >> (63 - last % 64);
    if (first / 64 == last / 64) {
      words[first / 64] |= from & to;
      return;
    }
    words[first / 64] |= from;
    for (uint64_t word = first / 64 + 1; word < last / 64; ++word) words[word] = ~uint64_t{0};
    words[last / 64] |= to;
  }
  void start_footprint(std::vector<uint64_t>& bitmap) const;
};

// Variables of a module live as long as the memory they were placed in, as on a GPU.
struct ModuleImage {
  std::map<std::string, uint64_t, std::less<>> addresses;
};

struct Memory::Impl {
  std::vector<std::unique_ptr<Buffer>> buffers;  // by address
  uint64_t next = kGlobalBase;
  uint32_t next_segment = 1;      // of GlobalRaces
  uint32_t first_unfinished = 1;  // segment of the launches that a programmatic one runs beside
  std::vector<std::byte> shared_residue, local_residue;  // what the last launch left, see BlockRunner
  std::map<uint64_t, ModuleImage> images;                // by Program::Impl::id

  Buffer* at(uint64_t base);             // exactly that base, or nullptr
  Buffer* find(uint64_t address) const;  // the buffer that holds the address, or nullptr
  std::string describe(uint64_t address, uint64_t bytes) const;  // "q + 8192, 0 bytes past its end"
  void reset_footprint();
};

}  // namespace warpwright::sim
