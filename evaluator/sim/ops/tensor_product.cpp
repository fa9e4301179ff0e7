// tcgen05.mma.
//
// Where D is (PTX ISA, "Data Path Layout Organization"; row r, column n of the block's part of D):
//   one block, M = 128: lane r, column n                 one block, M = 64: lane r % 16 + 32 (r / 16), column
//   n a pair, M = 256:    rows 128 to a block, as M = 128 a pair, M = 128:    rows 64 to a block: lane r + 64
//   (n / (N / 2)), column n % (N / 2)
// A pair takes A's rows and B's columns half from the even block's memory, half from the odd one's. A in
// tensor memory lies in the lanes of D's rows, 8 columns of 32 bits. Scales: those of row r (of B: column n)
// are in lane r % 32 of every quarter, column r / 32, one byte each from the byte that the descriptor names;
// with a pair and M = 128 those of B's halves are in lanes 0 to 63 and 64 to 127.
//
// Sums are in f32 in increasing k (matrix_tile.h); f16 results are rounded once from it; scaling by powers of
// two applies to the operands.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/instruction_descriptor.h"
#include "evaluator/sim/matrix_tile.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/ops/tensor.h"
#include "evaluator/sim/shared_descriptor.h"
#include "evaluator/sim/tensor_issue.h"

namespace warpwright::sim {
namespace {

using T = ElementType;

constexpr uint32_t kAColumns = 8;  // of A in tensor memory: 32 bytes to a row
constexpr uint32_t kQuarter = 32;  // lanes
constexpr uint32_t kScaleLane =
    0x3fff'ffff;  // the upper two bits of a scale's address name its byte elsewhere

struct TensorPlace {
  uint32_t lane = 0, column = 0;
};
TensorPlace place_of(uint32_t address) {
  return {address >> 16, address & 0xffff};
}

// An operand in the shared memory of one block.
struct Tile {
  TileLayout layout;
  TileShape shape;
  std::vector<uint32_t> chunks;
};

// A rectangle of D: rows and columns of the block's product, and where they are.
struct Part {
  uint32_t lane = 0, row = 0, rows = 0, first = 0, columns = 0;
};

// By whose rate a kind multiplies.
TensorType rated_as(TensorKind kind) {
  switch (kind) {
    case TensorKind::kTf32:
      return TensorType::kTf32;
    case TensorKind::kF16:
      return TensorType::kF16;
    case TensorKind::kF8f6f4:
    case TensorKind::kI8:
    case TensorKind::kMxf8f6f4:
      return TensorType::kF8;
    case TensorKind::kMxf4:
    case TensorKind::kMxf4nvf4:
      return TensorType::kF4;
  }
  return TensorType::kF16;
}

// Of an SM: two operations each.
double products_per_cycle(const Kernel& kernel, TensorKind kind) {
  return kernel.tensor_flops_per_cycle / 2 / kF16Equivalents[static_cast<std::size_t>(rated_as(kind))];
}

TensorType counted_as(T type) {
  if (type == T::kF16) return TensorType::kF16;
  if (type == T::kBf16) return TensorType::kBf16;
  if (type == T::kTf32) return TensorType::kTf32;
  if (type == T::kE2m3 || type == T::kE3m2) return TensorType::kF6;
  if (type == T::kE2m1 || type == T::kE2m1Packed) return TensorType::kF4;
  return type == T::kS8 || type == T::kU8 ? TensorType::kInt : TensorType::kF8;
}

class ProductWork final : public TensorWork {
 public:
  ProductWork(Warp& w, const Op* issued_by, int by_lane) : TensorWork(w, issued_by, by_lane) {}

  void run() override {
    thread_local std::vector<float> b;
    b.resize(static_cast<std::size_t>(p.n) * static_cast<std::size_t>(p.k));
    const std::size_t half = b.size() / pair.size();
    for (std::size_t i = 0; i < pair.size(); ++i)
      load_tile(shared_of(*pair[i]), b_tiles[i].layout, b_tiles[i].shape, b_tiles[i].chunks,
                b.data() + i * half);
    if (p.negate_b) negate(b);
    for (std::size_t i = 0; i < pair.size(); ++i) run_block(i, b);
  }

  int rows() const { return p.m / static_cast<int>(pair.size()); }  // of a block
  std::vector<Part> parts() const {
    const auto n = static_cast<uint32_t>(p.n);
    if (p.m == 128 && pair.size() == 2) return {{0, 0, 64, 0, n / 2}, {64, 0, 64, n / 2, n / 2}};
    if (p.m != 64) return {{0, 0, 128, 0, n}};
    std::vector<Part> parts;
    for (uint32_t q = 0; q < 4; ++q) parts.push_back({kQuarter * q + d.lane, 16 * q, 16, 0, n});
    return parts;
  }
  uint32_t spans() const {
    uint32_t spans = 0;
    for (const Part& part : parts()) spans |= spans_of_lanes(part.lane, part.rows);
    return spans;
  }
  bool is_split() const {
    return p.m == 128 && pair.size() == 2;
  }  // D's columns over the halves of the lanes
  uint32_t d_columns() const { return static_cast<uint32_t>(is_split() ? p.n / 2 : p.n); }
  TensorRegion d_region() const { return {spans(), d.column, d_columns()}; }
  TensorRegion a_region() const { return {spans(), a.column, kAColumns}; }
  TensorRegion scale_region(bool of_a) const {
    const auto count = of_a ? static_cast<uint32_t>(rows()) : d_columns();
    return {kAllSpans, (of_a ? scale_a : scale_b).column, (count + kQuarter - 1) / kQuarter};
  }

  TensorProduct p;
  std::vector<Block*> pair;
  TensorPlace d, a, scale_a, scale_b;
  bool a_in_tensor_memory = false, adds = false;
  int divides = 0;                        // D by 2 to this power, first
  std::vector<Tile> a_tiles, b_tiles;     // by block of the pair
  std::array<uint32_t, 8> disabled = {};  // bits of lanes; of the second block from [4]

 private:
  static const std::byte* shared_of(const Block& block) { return block.warps.front().shared; }
  static void negate(std::vector<float>& values) {
    for (float& value : values) value = -value;
  }

  void run_block(std::size_t i, const std::vector<float>& b) const {
    thread_local std::vector<float> a_rows, scaled;
    Block& block = *pair[i];
    TensorMemory& memory = tensor_memory(block);
    load_a(i, memory, a_rows);
    if (p.negate_a) negate(a_rows);
    const std::vector<float>* columns = &b;
    if (p.scales != 0) {
      scale_rows(block, memory, a_rows);
      scaled = b;
      scale_columns(block, memory, scaled);
      columns = &scaled;
    }
    for (const Part& part : parts()) {
      const float* from =
          a_rows.data() +
          static_cast<std::size_t>(a_in_tensor_memory ? part.lane : part.row) * static_cast<std::size_t>(p.k);
      run_part(i, memory, part, from,
               columns->data() + std::size_t{part.first} * static_cast<std::size_t>(p.k));
    }
  }

  // By row of the block, or, from tensor memory, by lane.
  void load_a(std::size_t i, TensorMemory& memory, std::vector<float>& out) const {
    if (!a_in_tensor_memory) {
      out.resize(static_cast<std::size_t>(rows()) * static_cast<std::size_t>(p.k));
      load_tile(shared_of(*pair[i]), a_tiles[i].layout, a_tiles[i].shape, a_tiles[i].chunks, out.data());
      return;
    }
    TileLayout layout;
    layout.leading_bytes = 16;
    layout.stride_bytes = 8 * 4 * kAColumns;
    TileShape shape{p.a, false, static_cast<int>(kTensorLanes), p.k};
    std::vector<uint32_t> words(std::size_t{kTensorLanes} * kAColumns), chunks;
    for (uint32_t row = 0; row < kTensorLanes; ++row) {
      for (uint32_t c = 0; c < kAColumns; ++c) words[row * kAColumns + c] = memory.column(a.column + c)[row];
      chunks.push_back(row * 4 * kAColumns);
      chunks.push_back(row * 4 * kAColumns + 16);
    }
    out.resize(std::size_t{kTensorLanes} * static_cast<std::size_t>(p.k));
    load_tile(reinterpret_cast<const std::byte*>(words.data()), layout, shape, chunks, out.data());
  }

  // A scale of line `index` (row of A, column of B, counted in its half of the lanes); the copies in the
  // quarters from `first` on, `copies` of them, have to agree.
  float scale_at(const Block& block, TensorMemory& memory, const TensorPlace& at, uint32_t index,
                 uint32_t byte, uint32_t first, uint32_t copies) const {
    const uint32_t* cells = memory.column(at.column + index / kQuarter);
    const auto code = [&](uint32_t quarter) {
      return cells[quarter * kQuarter + index % kQuarter] >> 8 * byte & 0xff;
    };
    for (uint32_t q = first + 1; q < first + copies; ++q) {
      if (code(q) == code(first)) continue;
      report(warp, op, lane, Finding::Kind::kTensorMemory,
             fmt::format(
                 "the scales in tensor memory column {} differ between lanes {} and {}{}: every quarter of "
                 "32 lanes needs them all (tcgen05.cp.32x128b.warpx4 writes all four)",
                 at.column + index / kQuarter, first * kQuarter + index % kQuarter,
                 q * kQuarter + index % kQuarter, &block == warp.block ? "" : " of the pair's other block"));
      break;
    }
    return static_cast<float>(decode_element(p.scale, code(first)));
  }

  void scale_line(float* line, const float* scales) const {
    const int each = p.k / p.scales;
    for (int i = 0; i < p.k; ++i) line[i] *= scales[i / each];
  }

  void scale_rows(const Block& block, TensorMemory& memory, std::vector<float>& out) const {
    const auto k = static_cast<std::size_t>(p.k);
    for (std::size_t line = 0; line * k < out.size(); ++line) {
      const auto row = static_cast<uint32_t>(line) % static_cast<uint32_t>(rows());
      float scales[4] = {};
      for (int s = 0; s < p.scales; ++s)
        scales[s] = scale_at(block, memory, scale_a, row, p.a_scale_byte + static_cast<uint32_t>(s), 0, 4);
      scale_line(out.data() + line * k, scales);
    }
  }

  void scale_columns(const Block& block, TensorMemory& memory, std::vector<float>& out) const {
    const uint32_t half = d_columns(), copies = is_split() ? 2 : 4;
    for (uint32_t n = 0; n < static_cast<uint32_t>(p.n); ++n) {
      float scales[4] = {};
      for (int s = 0; s < p.scales; ++s)
        scales[s] = scale_at(block, memory, scale_b, n % half, p.b_scale_byte + static_cast<uint32_t>(s),
                             n / half * 2, copies);
      scale_line(out.data() + std::size_t{n} * static_cast<std::size_t>(p.k), scales);
    }
  }

  bool is_disabled(std::size_t i, uint32_t at_lane) const {
    return (disabled[4 * i + at_lane / 32] >> at_lane % 32 & 1) != 0;
  }

  void run_part(std::size_t i, TensorMemory& memory, const Part& part, const float* from,
                const float* b) const {
    uint32_t* cells = memory.column(d.column) + part.lane;
    const int m = static_cast<int>(part.rows), n = static_cast<int>(part.columns);
    const bool masks = std::any_of(disabled.begin(), disabled.end(), [](uint32_t bits) { return bits != 0; });
    if (p.d == T::kF32 && !masks) {
      prepare(reinterpret_cast<float*>(cells), part, kTensorLanes);
      multiply_tile(m, n, p.k, from, b, reinterpret_cast<float*>(cells), kTensorLanes);
      return;
    }
    thread_local std::vector<uint32_t> results;
    results.resize(std::size_t{part.rows} * part.columns);
    for (uint32_t c = 0; c < part.columns; ++c) {
      for (uint32_t r = 0; r < part.rows; ++r)
        results[c * part.rows + r] = read_result(cells[c * kTensorLanes + r]);
    }
    if (p.d == T::kS32) {
      auto* sums = reinterpret_cast<int32_t*>(results.data());
      if (!adds) std::fill(results.begin(), results.end(), 0);
      multiply_tile(m, n, p.k, from, b, sums, part.rows, p.saturate);
    } else {
      auto* sums = reinterpret_cast<float*>(results.data());
      prepare(sums, part, part.rows);
      multiply_tile(m, n, p.k, from, b, sums, part.rows);
    }
    for (uint32_t c = 0; c < part.columns; ++c) {
      for (uint32_t r = 0; r < part.rows; ++r) {
        if (!is_disabled(i, part.lane + r))
          cells[c * kTensorLanes + r] = write_result(results[c * part.rows + r]);
      }
    }
  }

  void prepare(float* sums, const Part& part, std::size_t stride) const {
    if (adds && divides == 0) return;
    const float factor = std::ldexp(1.0f, -divides);
    for (uint32_t c = 0; c < part.columns; ++c) {
      for (uint32_t r = 0; r < part.rows; ++r) {
        float& sum = sums[c * stride + r];
        sum = adds ? sum * factor : 0;
      }
    }
  }

  uint32_t read_result(uint32_t cell) const {
    if (p.d != T::kF16) return cell;
    const auto value = static_cast<float>(decode_element(T::kF16, cell & 0xffff));
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return bits;
  }
  uint32_t write_result(uint32_t bits) const {
    if (p.d != T::kF16) return bits;
    float value;
    std::memcpy(&value, &bits, 4);
    return static_cast<uint32_t>(encode_f16(static_cast<double>(value)));
  }
};

// One lane's mma, from its operands to its place in the queue.
class Issue {
 public:
  Issue(Warp& w, const Op* op, int lane)
      : w_(w),
        op_(op),
        lane_(lane),
        list_(w.lists + op->list),
        work_(std::make_unique<ProductWork>(w, op, lane)) {}

  bool run() {
    ProductWork& work = *work_;
    const auto group = static_cast<int>(op_->d);
    if (!find_pair(w_, op_, lane_, group, work.pair) || !read_descriptor(group)) return false;
    work.d = place_of(address(kMmaD));
    work.a_in_tensor_memory = (op_->flags & kTensorA) != 0;
    if (work.a_in_tensor_memory) work.a = place_of(address(kMmaA));
    work.adds = (predicate_bits(w_, list_[kMmaEnable]) >> lane_ & 1) != 0;
    work.divides = static_cast<int>(op_->immediate);
    read_masks(group);
    if (op_->size != 0) {
      work.scale_a = place_of(address(kMmaScaleA) & kScaleLane);
      work.scale_b = place_of(address(kMmaScaleB) & kScaleLane);
    }
    if (!check_lanes() || !find_tiles() || !check_memory()) return false;
    count();
    issue(std::move(work_));
    return true;
  }

 private:
  uint32_t address(uint32_t at) const { return lane_word(w_, list_[at], lane_) + list_[at + 1]; }

  bool refuse(Finding::Kind kind, const std::string& what) {
    fault(w_, op_, lane_, kind, what);
    return false;
  }

  bool read_descriptor(int group) {
    const uint32_t bits = lane_word(w_, list_[kMmaDescriptor], lane_);
    const std::string why =
        parse_descriptor(bits, static_cast<TensorKind>(op_->count), group, op_->size, work_->p);
    return why.empty() || refuse(Finding::Kind::kBadDescriptor,
                                 fmt::format("the instruction descriptor {:#010x}: {}", bits, why));
  }

  void read_masks(int group) {
    if ((op_->flags & kDisablesLanes) == 0) return;
    for (std::size_t k = 0; k < 4u * static_cast<std::size_t>(group); ++k)
      work_->disabled[k] = lane_word(w_, list_[kMmaLanes + k], lane_);
  }

  bool check_lanes() {
    const ProductWork& work = *work_;
    const bool halves = work.p.m == 64;
    if (work.d.lane != 0 && !(halves && work.d.lane == 16))
      return refuse(Finding::Kind::kTensorMemory,
                    fmt::format("D at lane {}: it begins at lane 0{}", work.d.lane, halves ? " or 16" : ""));
    if (work.a_in_tensor_memory && work.a.lane != work.d.lane)
      return refuse(
          Finding::Kind::kTensorMemory,
          fmt::format("A at lane {}: it lies in the lanes of D, from {} on", work.a.lane, work.d.lane));
    if (work.a_in_tensor_memory && !work.p.a_k_major)
      return refuse(Finding::Kind::kBadDescriptor, "A in tensor memory cannot be transposed (bit 15)");
    if (op_->size != 0 && (work.scale_a.lane != 0 || work.scale_b.lane != 0))
      return refuse(Finding::Kind::kTensorMemory,
                    fmt::format("scales at lanes {} and {}: they begin at lane 0", work.scale_a.lane,
                                work.scale_b.lane));
    return true;
  }

  bool find_tiles() {
    ProductWork& work = *work_;
    const TensorProduct& p = work.p;
    const int blocks = static_cast<int>(work.pair.size());
    for (Block* block : work.pair) {
      if (!work.a_in_tensor_memory && !find_tile(*block, kMmaA, {p.a, p.is_padded(p.a), p.m / blocks, p.k},
                                                 p.a_k_major, "A", work.a_tiles))
        return false;
      if (!find_tile(*block, kMmaB, {p.b, p.is_padded(p.b), p.n / blocks, p.k}, p.b_k_major, "B",
                     work.b_tiles))
        return false;
    }
    return true;
  }

  bool find_tile(Block& block, uint32_t at, const TileShape& shape, bool k_major, const char* name,
                 std::vector<Tile>& tiles) {
    const uint64_t bits = lane_wide(w_, list_[at], lane_);
    Tile tile;
    tile.shape = shape;
    if (const std::string why = parse_shared_descriptor(bits, k_major, tile.layout); !why.empty())
      return refuse(Finding::Kind::kBadDescriptor,
                    fmt::format("matrix {}'s descriptor {:#018x}: {}", name, bits, why));
    tile.chunks = tile_chunks(tile.layout, shape);
    const auto error = check_tile(tile.layout, tile.chunks, w_.shared_bytes, fmt::format("matrix {}", name));
    if (error) return refuse(error->kind, error->what);
    for (const ByteRange& range : tile_ranges(tile.chunks))
      work_->sources.push_back({{&block, range.offset}, range.bytes});
    tiles.push_back(std::move(tile));
    return true;
  }

  bool check_memory() {
    ProductWork& work = *work_;
    const uint32_t owner = TensorMemory::issue_owner(w_, lane_);
    for (Block* block : work.pair) {
      const TensorRegion d = work.d_region();
      if (work.adds && !check_tensor_read(w_, op_, lane_, *block, d, owner)) return false;
      if (!check_tensor_write(w_, op_, lane_, *block, d, owner)) return false;
      if (work.a_in_tensor_memory && !check_tensor_read(w_, op_, lane_, *block, work.a_region(), owner))
        return false;
      for (const bool of_a : {true, false}) {
        if (op_->size != 0 && !check_tensor_read(w_, op_, lane_, *block, work.scale_region(of_a), owner))
          return false;
      }
      work.targets.push_back({block, d});
    }
    return true;
  }

  void count() {
    ProductWork& work = *work_;
    const TensorProduct& p = work.p;
    const double products = static_cast<double>(p.m) * p.n * p.k;
    w_.counters->tensor_flops_by_type[static_cast<std::size_t>(counted_as(p.a))] += 2 * products;
    const double rows = work.pair.size() == 1 ? kTensorLanes : p.m / 2.0;
    work.cycles = rows * p.n * p.k / products_per_cycle(*w_.kernel, static_cast<TensorKind>(op_->count));
    w_.counters->tensor_pipe_cycles += work.cycles * static_cast<double>(work.pair.size());
  }

  Warp& w_;
  const Op* op_;
  int lane_;
  const uint32_t* list_;
  std::unique_ptr<ProductWork> work_;
};

}  // namespace

const Op* multiply_tensor(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    if (!Issue(w, op, __builtin_ctz(left)).run()) return nullptr;
  }
  return op + 1;
}

}  // namespace warpwright::sim
