// tcgen05.cp and tcgen05.shift.
//
// cp takes rows of 16 or 32 bytes, laid out in shared memory as a K-major matrix of bytes, to lanes:
//   128x256b, 128x128b: row r to lane r           4x256b: row r to lane 32 r, from the address's lane on
//   64x128b.warpx2::02_13: row r to lanes r and r + 64
//   64x128b.warpx2::01_23: row r to lanes r % 32 + 64 (r / 32) and 32 further
//   32x128b.warpx4: row r to lane r of each quarter
// With cta_group::2 each block of the pair copies from its own memory to its own. Decompressing, 16 elements
// packed in the low bytes of each 16 become bytes, as kind::f8f6f4 takes them. shift moves each of a
// quarter's lanes but the first, 8 columns wide, to the lane below it.
#include <fmt/format.h>

#include <array>
#include <cstring>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/matrix_tile.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/ops/tensor.h"
#include "evaluator/sim/shared_descriptor.h"
#include "evaluator/sim/tensor_issue.h"

namespace warpwright::sim {
namespace {

constexpr double kCopyBytesPerCycle = 128;
constexpr uint32_t kQuarter = 32, kShiftedColumns = 8, kChunkBytes = 16;

struct CopyForm {
  int rows, chunks;  // of 16 bytes to a row
};
CopyForm form_of(TensorCopyShape shape) {
  switch (shape) {
    case TensorCopyShape::k128x256b:
      return {128, 2};
    case TensorCopyShape::k4x256b:
      return {4, 2};
    case TensorCopyShape::k128x128b:
      return {128, 1};
    case TensorCopyShape::k64x128bRows02:
    case TensorCopyShape::k64x128bRows01:
      return {64, 1};
    case TensorCopyShape::k32x128b:
      return {32, 1};
  }
  return {0, 0};
}

// Lanes that get a row, of a copy at lane 0.
std::vector<uint32_t> lanes_of(TensorCopyShape shape, uint32_t row) {
  switch (shape) {
    case TensorCopyShape::k128x256b:
    case TensorCopyShape::k128x128b:
      return {row};
    case TensorCopyShape::k4x256b:
      return {kQuarter * row};
    case TensorCopyShape::k64x128bRows02:
      return {row, row + 2 * kQuarter};
    case TensorCopyShape::k64x128bRows01:
      return {row % kQuarter + 2 * kQuarter * (row / kQuarter),
              row % kQuarter + 2 * kQuarter * (row / kQuarter) + kQuarter};
    case TensorCopyShape::k32x128b:
      return {row, row + kQuarter, row + 2 * kQuarter, row + 3 * kQuarter};
  }
  return {};
}

std::array<uint32_t, 4> unpack(const std::byte* chunk, uint8_t bits) {
  std::array<uint32_t, 4> words;
  std::memcpy(words.data(), chunk, kChunkBytes);
  if (bits == kNoUnpack) return words;
  const std::array<uint32_t, 4> packed = words;
  words = {};
  for (uint32_t i = 0; i < 16; ++i) {
    const uint32_t at = i * bits;
    const uint64_t two = packed[at / 32] | uint64_t{at / 32 < 3 ? packed[at / 32 + 1] : 0} << 32;
    const uint32_t code = static_cast<uint32_t>(two >> at % 32) & ((1u << bits) - 1);
    words[i / 4] |= (bits == kUnpackFour ? code << 2 : code) << 8 * (i % 4);
  }
  return words;
}

class CopyWork final : public TensorWork {
 public:
  CopyWork(Warp& w, const Op* issued_by, int by_lane) : TensorWork(w, issued_by, by_lane) {}

  void run() override {
    const CopyForm form = form_of(shape);
    for (Block* block : pair) {
      TensorMemory& memory = tensor_memory(*block);
      const std::byte* shared = block->warps.front().shared;
      for (std::size_t k = 0; k < chunks.size(); ++k) {
        const auto row = static_cast<uint32_t>(k) / static_cast<uint32_t>(form.chunks);
        const auto words = unpack(shared + chunks[k], op->flags & 7);
        const uint32_t first = column + 4 * (static_cast<uint32_t>(k) % static_cast<uint32_t>(form.chunks));
        for (const uint32_t to : lanes_of(shape, row)) {
          for (uint32_t c = 0; c < 4; ++c) memory.column(first + c)[first_lane + to] = words[c];
        }
      }
    }
  }

  TensorCopyShape shape = TensorCopyShape::k128x256b;
  std::vector<Block*> pair;
  std::vector<uint32_t> chunks;
  uint32_t first_lane = 0, column = 0;
};

class ShiftWork final : public TensorWork {
 public:
  ShiftWork(Warp& w, const Op* issued_by, int by_lane) : TensorWork(w, issued_by, by_lane) {}

  void run() override {
    for (const TensorTarget& target : targets) {
      for (uint32_t c = 0; c < kShiftedColumns; ++c) {
        uint32_t* cells = tensor_memory(*target.block).column(target.region.column + c) + first_lane;
        std::memmove(cells, cells + 1, (kQuarter - 1) * sizeof *cells);
      }
    }
  }

  uint32_t first_lane = 0;
};

bool refuse(Warp& w, const Op* op, int lane, Finding::Kind kind, const std::string& what) {
  fault(w, op, lane, kind, what);
  return false;
}

bool issue_copy(Warp& w, const Op* op, int lane) {
  auto work = std::make_unique<CopyWork>(w, op, lane);
  work->shape = static_cast<TensorCopyShape>(op->count);
  const CopyForm form = form_of(work->shape);
  const uint32_t address = lane_word(w, op->s[0], lane) + static_cast<uint32_t>(op->immediate);
  work->first_lane = address >> 16;
  work->column = address & 0xffff;
  const bool is_four = work->shape == TensorCopyShape::k4x256b;
  if (is_four ? work->first_lane >= kQuarter : work->first_lane != 0) {
    return refuse(w, op, lane, Finding::Kind::kTensorMemory,
                  fmt::format("copies to lane {}: this shape begins at lane 0{}", work->first_lane,
                              is_four ? " to 31" : ""));
  }
  TileLayout layout;
  const uint64_t bits = lane_wide(w, op->s[1], lane);
  if (const std::string why = parse_shared_descriptor(bits, true, layout); !why.empty())
    return refuse(w, op, lane, Finding::Kind::kBadDescriptor,
                  fmt::format("the descriptor {:#018x}: {}", bits, why));
  work->chunks = tile_chunks(layout, {ElementType::kU8, false, form.rows, 16 * form.chunks});
  if (const auto error = check_tile(layout, work->chunks, w.shared_bytes, "the source"))
    return refuse(w, op, lane, error->kind, error->what);
  if (!find_pair(w, op, lane, static_cast<int>(op->d), work->pair)) return false;
  const uint32_t owner = TensorMemory::issue_owner(w, lane);
  for (Block* block : work->pair) {
    TensorRegion region{kAllSpans, work->column, 4 * static_cast<uint32_t>(form.chunks)};
    if (is_four) {
      region.spans = 0;
      for (uint32_t q = 0; q < 4; ++q) region.spans |= spans_of_lanes(work->first_lane + kQuarter * q, 1);
    }
    if (!check_tensor_write(w, op, lane, *block, region, owner)) return false;
    for (const ByteRange& range : tile_ranges(work->chunks))
      work->sources.push_back({{block, range.offset}, range.bytes});
    work->targets.push_back({block, region});
  }
  work->cycles = 16.0 * form.rows * form.chunks / kCopyBytesPerCycle;
  issue(std::move(work));
  return true;
}

bool issue_shift(Warp& w, const Op* op, int lane) {
  auto work = std::make_unique<ShiftWork>(w, op, lane);
  const uint32_t address = lane_word(w, op->s[0], lane) + static_cast<uint32_t>(op->immediate);
  work->first_lane = address >> 16;
  if (work->first_lane % kQuarter != 0 || work->first_lane >= kTensorLanes)
    return refuse(w, op, lane, Finding::Kind::kTensorMemory,
                  fmt::format("shifts from lane {}: a multiple of 32 below 128", work->first_lane));
  std::vector<Block*> pair;
  if (!find_pair(w, op, lane, static_cast<int>(op->d), pair)) return false;
  const uint32_t owner = TensorMemory::issue_owner(w, lane);
  const TensorRegion region{spans_of_lanes(work->first_lane, kQuarter), address & 0xffff, kShiftedColumns};
  for (Block* block : pair) {
    if (!check_tensor_read(w, op, lane, *block, region, owner) ||
        !check_tensor_write(w, op, lane, *block, region, owner))
      return false;
    work->targets.push_back({block, region});
  }
  work->cycles = kQuarter;
  issue(std::move(work));
  return true;
}

}  // namespace

const Op* copy_tensor(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    if (!issue_copy(w, op, __builtin_ctz(left))) return nullptr;
  }
  return op + 1;
}

const Op* shift_tensor(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    if (!issue_shift(w, op, __builtin_ctz(left))) return nullptr;
  }
  return op + 1;
}

}  // namespace warpwright::sim
