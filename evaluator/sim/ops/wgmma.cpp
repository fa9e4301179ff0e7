#include "evaluator/sim/ops/wgmma.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/async_copy.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/shared_proxy.h"

namespace warpwright::sim {
namespace {

constexpr int kWarps = 4;  // of a warpgroup
constexpr int kRows = 16;  // of the product, a warp
constexpr int kProductRows = kWarps * kRows;
constexpr double kDrainCycles = 30;  // from the last product's end to the waiting warp's next instruction
constexpr std::size_t kCachedTiles = 256;
// Beyond these, a kernel that never waits, or warps that never follow, is stopped.
constexpr std::size_t kMostUnderWay = 1 << 12, kMostLogged = 1 << 20;

Wgmmas& state_of(Warp& w) {
  if (w.copies == nullptr) w.copies = std::make_shared<AsyncCopies>();
  if (w.copies->wgmmas == nullptr) w.copies->wgmmas = std::make_shared<Wgmmas>();
  return *w.copies->wgmmas;
}
Wgmmas* find_state(const Warp& w) {
  return w.copies == nullptr ? nullptr : w.copies->wgmmas.get();
}

// --- operand tiles, by where they lie: a kernel goes round few of them

struct TileKey {
  TileLayout layout;
  ElementType type = ElementType::kF16;
  int rows = 0, k = 0;
  auto tie() const {
    return std::tuple(layout.start, layout.leading_bytes, layout.stride_bytes, layout.swizzle,
                      layout.base_offset, layout.k_major, type, rows, k);
  }
  bool operator<(const TileKey& other) const { return tie() < other.tie(); }
};
struct CachedTile {
  std::vector<uint32_t> chunks;
  std::vector<ByteRange> ranges;
  uint64_t hash = 0;  // of the bytes that `values` were made of
  std::vector<float> values;
};

CachedTile& tile_of(const TileKey& key) {
  thread_local std::map<TileKey, CachedTile> tiles;
  if (const auto found = tiles.find(key); found != tiles.end()) return found->second;
  if (tiles.size() >= kCachedTiles) tiles.clear();
  CachedTile& tile = tiles[key];
  tile.chunks = tile_chunks(key.layout, {key.type, false, key.rows, key.k});
  tile.ranges = tile_ranges(tile.chunks);
  return tile;
}

uint64_t hash_of(const Warp& w, const CachedTile& tile) {
  uint64_t hash = 1;
  for (const ByteRange& range : tile.ranges) hash = hash_shared({w.block, range.offset}, range.bytes, hash);
  return hash;
}

// As the block's memory has it now.
const std::vector<float>& load(const Warp& w, const TileKey& key, CachedTile& tile, uint64_t hash) {
  if (!tile.values.empty() && tile.hash == hash) return tile.values;
  tile.values.resize(static_cast<std::size_t>(key.rows) * static_cast<std::size_t>(key.k));
  load_tile(w.shared, key.layout, {key.type, false, key.rows, key.k}, tile.chunks, tile.values.data());
  tile.hash = hash;
  return tile.values;
}

// The part of A that a warp multiplies: rows from 16 i on.
TileLayout rows_of_warp(TileLayout layout, ElementType type, int warp) {
  const auto first = static_cast<uint32_t>(warp * kRows);
  if (layout.k_major) {
    layout.start += first / 8 * layout.stride_bytes;
    return layout;
  }
  const uint32_t chunk = first / static_cast<uint32_t>(128 / bits_of(type));
  const uint32_t width = layout.swizzle == TileSwizzle::kNone ? 1
                         : layout.swizzle == TileSwizzle::k32 ? 2
                         : layout.swizzle == TileSwizzle::k64 ? 4
                                                              : 8;
  layout.start +=
      width == 1 ? chunk * layout.stride_bytes : chunk % width * 16 + chunk / width * layout.leading_bytes;
  return layout;
}

// --- fragments

// Where element `r` (of its low half, for f16) of a lane's accumulators lies in the sums.
std::size_t place_of(const WgmmaAccumulator& acc, int r, int lane, int half) {
  const bool is_half = acc.type == ElementType::kF16;
  const int octet = is_half ? r / 2 : r / 4, lower = is_half ? r % 2 : r % 4 / 2;
  const int column = 8 * octet + 2 * (lane % 4) + (is_half ? half : r % 2);
  return static_cast<std::size_t>(column * kRows + lane / 4 + 8 * lower);
}

float half_value(uint32_t bits) {
  return static_cast<float>(decode_element(ElementType::kF16, bits & 0xffff));
}

void read_accumulator(const Warp& w, const uint32_t* rows, WgmmaAccumulator& acc) {
  for (int r = 0; r < static_cast<int>(acc.rows.size()); ++r) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint32_t word = lane_word(w, rows[r], lane);
      const std::size_t at = place_of(acc, r, lane, 0);
      if (acc.type == ElementType::kS32) {
        acc.integers[at] = static_cast<int32_t>(word);
      } else if (acc.type == ElementType::kF16) {
        acc.sums[at] = half_value(word);
        acc.sums[place_of(acc, r, lane, 1)] = half_value(word >> 16);
      } else {
        std::memcpy(&acc.sums[at], &word, 4);
      }
    }
  }
}

bool is_poisoned(const Warp& w, uint32_t row) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane_word(w, row, lane) != kWgmmaPoison) return false;
  }
  return true;
}

void poison(Warp& w, uint32_t row) {
  for (int lane = 0; lane < kLanes; ++lane) set_lane(w, row, lane, kWgmmaPoison, 4);
}

uint32_t result_word(const WgmmaAccumulator& acc, int r, int lane) {
  const std::size_t at = place_of(acc, r, lane, 0);
  if (acc.type == ElementType::kS32) return static_cast<uint32_t>(acc.integers[at]);
  if (acc.type == ElementType::kF16)
    return static_cast<uint32_t>(encode_f16(acc.sums[at]) | encode_f16(acc.sums[place_of(acc, r, lane, 1)])
                                                                << 16);
  uint32_t word;
  std::memcpy(&word, &acc.sums[at], 4);
  return word;
}

// Registers that no longer hold the poison belong to other values by now.
void write_accumulator(Warp& w, const WgmmaAccumulator& acc) {
  for (int r = 0; r < static_cast<int>(acc.rows.size()); ++r) {
    for (const uint32_t row : acc.rows[static_cast<std::size_t>(r)]) {
      if (!is_poisoned(w, row)) continue;
      for (int lane = 0; lane < kLanes; ++lane) set_lane(w, row, lane, result_word(acc, r, lane), 4);
    }
  }
}

// A from registers: 16 rows of k.
std::vector<float> read_factor(const Warp& w, const uint32_t* rows, const WgmmaForm& form) {
  std::vector<float> factor(static_cast<std::size_t>(kRows * form.k));
  const int bits = bits_of(form.a), per = 32 / bits;
  for (int r = 0; r < kWgmmaARegisters; ++r) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint32_t word = lane_word(w, rows[r], lane);
      const int row = lane / 4 + 8 * (r % 2), column = per * (lane % 4) + 4 * per * (r / 2);
      for (int e = 0; e < per; ++e) {
        const uint32_t code = bits == 32 ? word : word >> (bits * e) & ((1u << bits) - 1);
        factor[static_cast<std::size_t>(row * form.k + column + e)] =
            form.a == ElementType::kB1 ? static_cast<float>(code)
                                       : static_cast<float>(decode_element(form.a, code));
      }
    }
  }
  return factor;
}

// --- issue

bool is_warpgroup(Warp& w, const Op* op, const Op** next) {
  if (w.mask != kFullMask && !whole_warp(w, op, next)) return false;
  const uint64_t threads = w.block->launch->launch->block.count();
  const bool is_whole = static_cast<uint64_t>(w.index / kWarps + 1) * kWarps * kLanes <= threads;
  if (is_whole) return true;
  *next = fault(
      w, op, 0, Finding::Kind::kDivergentSync,
      fmt::format("wgmma takes whole warpgroups of 4 warps, and the block has {} threads: launch a multiple "
                  "of 128",
                  threads));
  return false;
}

bool uniform_descriptor(Warp& w, const Op* op, uint32_t row, const std::string& operand, uint64_t& value) {
  value = lane_wide(w, row, 0);
  for (int lane = 1; lane < kLanes; ++lane) {
    if (lane_wide(w, row, lane) == value) continue;
    fault(w, op, lane, Finding::Kind::kBadDescriptor,
          fmt::format(
              "the descriptor of matrix {} is {:#x} in lane {} and {:#x} in lane 0: it must be the same in "
              "all lanes (compute it from values that do not depend on the thread)",
              operand, lane_wide(w, row, lane), lane, value));
    return false;
  }
  return true;
}

// All four warps issue the same products, in the same order. False: a fault.
bool agree(Warp& w, const Wgmmas& own, const Wgmmas::Issue& issue) {
  Warp& first = w.block->warps[static_cast<std::size_t>(w.index / kWarps * kWarps)];
  Wgmmas& shared = state_of(first);
  const uint64_t at = own.issued - shared.first_logged;
  if (at == kMostLogged) {
    fault(w, issue.op, 0, Finding::Kind::kDivergentSync,
          fmt::format("a warp of the warpgroup has issued {} wgmma more than another one", kMostLogged));
    return false;
  }
  if (at == shared.log.size()) {
    shared.log.push_back(issue);
  } else {
    const Wgmmas::Issue& other = shared.log[at];
    if (other.op != issue.op || other.a != issue.a || other.b != issue.b ||
        other.accumulates != issue.accumulates) {
      fault(w, issue.op, 0, Finding::Kind::kBadDescriptor,
            other.op != issue.op
                ? fmt::format(
                      "the warps of a warpgroup execute different wgmma instructions: another warp's is{}",
                      instruction_place(*w.kernel, static_cast<uint64_t>(other.op - w.code)))
                : fmt::format(
                      "the warps of a warpgroup issue this wgmma with different operands (descriptors {:#x} "
                      "and {:#x} here, {:#x} and {:#x} in another warp; scale-d {} and {})",
                      issue.a, issue.b, other.a, other.b, issue.accumulates, other.accumulates));
      return false;
    }
  }
  uint64_t slowest = ~uint64_t{0};
  for (int i = 0; i < kWarps; ++i) {
    const Warp& member = w.block->warps[static_cast<std::size_t>(first.index + i)];
    const Wgmmas* state = find_state(member);
    const uint64_t passed = state == nullptr ? 0 : state->issued + (&member == &w ? 1 : 0);
    slowest = std::min(slowest, passed);
  }
  for (; shared.first_logged < slowest; ++shared.first_logged) shared.log.pop_front();
  return true;
}

// The accumulators in flight that these rows hold, all of them and in this order; null: none of them is.
std::shared_ptr<WgmmaAccumulator> find_accumulator(const Warp& w, const Wgmmas& state, const uint32_t* rows,
                                                   const WgmmaForm& form, bool& mixed) {
  mixed = false;
  const auto count = static_cast<std::size_t>(form.result_registers());
  if (!is_poisoned(w, rows[0])) return nullptr;
  for (auto at = state.under_way.rbegin(); at != state.under_way.rend(); ++at) {
    const WgmmaAccumulator& acc = *at->accumulator;
    if (acc.type != form.d || acc.n != form.n) continue;
    bool same = true;
    for (std::size_t r = 0; r < count && same; ++r)
      same = std::find(acc.rows[r].begin(), acc.rows[r].end(), rows[r]) != acc.rows[r].end() &&
             (r == 0 || is_poisoned(w, rows[r]));
    if (same) return at->accumulator;
  }
  mixed = true;
  return nullptr;
}

std::shared_ptr<WgmmaAccumulator> take_accumulator(Warp& w, const Op* op, const WgmmaForm& form,
                                                   bool accumulates) {
  const uint32_t* rows = w.lists + op->list;
  bool mixed = false;
  if (auto found = find_accumulator(w, state_of(w), rows, form, mixed)) return found;
  if (mixed && accumulates)
    report(w, op, 0, Finding::Kind::kAsyncRead,
           "accumulates on registers that a wgmma of another shape, or on other registers, is still writing: "
           "wgmma.wait_group comes first");
  auto acc = std::make_shared<WgmmaAccumulator>();
  acc->n = form.n;
  acc->type = form.d;
  const auto elements = static_cast<std::size_t>(form.n * kRows);
  if (form.d == ElementType::kS32) {
    acc->integers.resize(elements);
  } else {
    acc->sums.resize(elements);
  }
  for (int r = 0; r < form.result_registers(); ++r) acc->rows.push_back({rows[r]});
  if (accumulates) read_accumulator(w, rows, *acc);
  for (int r = 0; r < form.result_registers(); ++r) poison(w, rows[r]);
  return acc;
}

// The tile's bytes are the tensor core's from now on. False: a fault.
bool begin_read(Warp& w, const Op* op, const TileKey& key, const std::string& operand, uint64_t& hash) {
  CachedTile& tile = tile_of(key);
  if (const auto error = check_tile(key.layout, tile.chunks, w.shared_bytes, operand)) {
    fault(w, op, 0, error->kind, error->what);
    return false;
  }
  for (const ByteRange& range : tile.ranges) check_proxy_read(w, op, 0, {w.block, range.offset}, range.bytes);
  hash = hash_of(w, tile);
  return true;
}

TileKey key_of_a(const WgmmaProduct& p, const WgmmaForm& form) {
  return {p.a, form.a, kRows, form.k};
}
TileKey key_of_b(const WgmmaProduct& p, const WgmmaForm& form) {
  return {p.b, form.b, form.n, form.k};
}

// m64nNk at 32 bytes of K: N / 2 cycles of a warp's tensor core, whatever the type (4096 dense f16 operations
// a cycle and SM).
void spend_cycles(Warp& w, WgmmaProduct& product, int n) {
  Warp& of_core = w.block->warps[static_cast<std::size_t>(w.index % kWarps)];
  double& busy = state_of(of_core).busy_until;
  busy = product.cycles = std::max(busy, w.cycles) + n / 2.0;
}

// --- landing

std::vector<float> negated(const std::vector<float>& values) {
  std::vector<float> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), [](float x) { return -x; });
  return out;
}

const std::vector<float>& land_operand(Warp& w, const WgmmaProduct& p, const TileKey& key, uint64_t issued,
                                       const std::string& operand) {
  CachedTile& tile = tile_of(key);
  const uint64_t hash = hash_of(w, tile);
  if (hash != issued)
    report(w, p.op, 0, Finding::Kind::kAsyncOverwrite,
           fmt::format("matrix {} at shared memory + {} was overwritten before this wgmma was waited for "
                       "(wgmma.wait_group): its result is undefined",
                       operand, key.layout.start));
  return load(w, key, tile, hash);
}

void round_to_half(WgmmaAccumulator& acc) {
  for (float& sum : acc.sums) sum = half_value(static_cast<uint32_t>(encode_f16(sum)));
}

void land(Warp& w, const WgmmaProduct& p) {
  const WgmmaForm form = WgmmaForm::unpack(p.op->immediate);
  WgmmaAccumulator& acc = *p.accumulator;
  if (!p.accumulates) {
    std::fill(acc.sums.begin(), acc.sums.end(), 0.0f);
    std::fill(acc.integers.begin(), acc.integers.end(), 0);
  }
  std::vector<float> a =
      form.a_in_registers ? p.factor : land_operand(w, p, key_of_a(p, form), p.hash_a, "A");
  if (form.negate_a != form.negate_b) a = negated(a);
  const std::vector<float>& b = land_operand(w, p, key_of_b(p, form), p.hash_b, "B");
  if (form.d == ElementType::kS32) {
    multiply_tile(kRows, form.n, form.k, a.data(), b.data(), acc.integers.data(), kRows, form.satfinite);
  } else {
    multiply_tile(kRows, form.n, form.k, a.data(), b.data(), acc.sums.data(), kRows);
    if (form.d == ElementType::kF16) round_to_half(acc);
  }
  if (--acc.under_way == 0) write_accumulator(w, acc);
}

}  // namespace

int64_t WgmmaForm::pack() const {
  const auto bit = [](bool value, int at) { return static_cast<int64_t>(value) << at; };
  return int64_t{n} | int64_t{k} << 10 | static_cast<int64_t>(a) << 20 | static_cast<int64_t>(b) << 28 |
         static_cast<int64_t>(d) << 36 | bit(satfinite, 44) | bit(negate_a, 45) | bit(negate_b, 46) |
         bit(a_is_transposed, 47) | bit(b_is_transposed, 48) | bit(a_in_registers, 49);
}

WgmmaForm WgmmaForm::unpack(int64_t bits) {
  const auto field = [&](int at, int64_t mask) { return static_cast<int>(bits >> at & mask); };
  WgmmaForm form;
  form.n = field(0, 1023);
  form.k = field(10, 1023);
  form.a = static_cast<ElementType>(field(20, 255));
  form.b = static_cast<ElementType>(field(28, 255));
  form.d = static_cast<ElementType>(field(36, 255));
  form.satfinite = field(44, 1) != 0;
  form.negate_a = field(45, 1) != 0;
  form.negate_b = field(46, 1) != 0;
  form.a_is_transposed = field(47, 1) != 0;
  form.b_is_transposed = field(48, 1) != 0;
  form.a_in_registers = field(49, 1) != 0;
  return form;
}

const Op* multiply_warpgroup(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!is_warpgroup(w, op, &next)) return next;
  const WgmmaForm form = WgmmaForm::unpack(op->immediate);
  Wgmmas& state = state_of(w);
  *w.budget -= form.n;  // about what it takes, in plain instructions
  if (state.under_way.size() >= kMostUnderWay)
    return fault(
        w, op, 0, Finding::Kind::kBudget,
        fmt::format("{} wgmma are under way: wgmma.wait_group belongs into the loop", kMostUnderWay));
  Wgmmas::Issue issue{op, 0, 0, (predicate_bits(w, op->s[2]) & 1) != 0};
  if ((!form.a_in_registers && !uniform_descriptor(w, op, op->s[0], "A", issue.a)) ||
      !uniform_descriptor(w, op, op->s[1], "B", issue.b) || !agree(w, state, issue))
    return nullptr;
  if (op->flags & kUnfencedRegisters)
    report(w, op, 0, Finding::Kind::kMissingFence,
           "accumulators, or registers of A, of this wgmma may have been written" +
               (op->s[3] == 0 ? std::string(" before any wgmma.fence")
                              : fmt::format(" (PTX line {}) since the last wgmma.fence", op->s[3])) +
               ": wgmma.fence.sync.aligned belongs between");
  WgmmaProduct p;
  p.op = op;
  p.group = state.committed + 1;
  p.accumulates = issue.accumulates;
  if (form.a_in_registers) {
    p.factor = read_factor(w, w.lists + op->list + form.result_registers(), form);
  } else {
    p.a = rows_of_warp(wgmma_layout(issue.a, !form.a_is_transposed), form.a, w.index % kWarps);
    if (!begin_read(w, op, key_of_a(p, form), "matrix A", p.hash_a)) return nullptr;
  }
  p.b = wgmma_layout(issue.b, !form.b_is_transposed);
  if (!begin_read(w, op, key_of_b(p, form), "matrix B", p.hash_b)) return nullptr;
  p.accumulator = take_accumulator(w, op, form, p.accumulates);
  ++p.accumulator->under_way;
  spend_cycles(w, p, form.n);
  ++state.issued;
  state.under_way.push_back(std::move(p));
  return op + 1;
}

const Op* fence_wgmma(Warp& w, const Op* op) {
  const Op* next = nullptr;
  return is_warpgroup(w, op, &next) ? op + 1 : next;
}

const Op* commit_wgmma(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!is_warpgroup(w, op, &next)) return next;
  ++state_of(w).committed;
  return op + 1;
}

const Op* wait_wgmma(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!is_warpgroup(w, op, &next)) return next;
  Wgmmas& state = state_of(w);
  const uint64_t left = static_cast<uint64_t>(op->immediate);
  while (!state.under_way.empty() && state.under_way.front().group + left <= state.committed) {
    const WgmmaProduct product = std::move(state.under_way.front());
    state.under_way.pop_front();
    w.cycles = std::max(w.cycles, product.cycles + kDrainCycles);
    land(w, product);
  }
  return op + 1;
}

const Op* check_wgmma_registers(Warp& w, const Op* op) {
  const Wgmmas* state = find_state(w);
  if (state == nullptr || state->under_way.empty()) return op + 1;
  const uint32_t* list = w.lists + op->list;
  for (uint32_t k = 0; k < list[0]; ++k) {
    const uint32_t row = list[1 + 2 * k], touch = list[2 + 2 * k];
    for (const WgmmaProduct& p : state->under_way) {
      const WgmmaForm form = WgmmaForm::unpack(p.op->immediate);
      const uint32_t* factors = w.lists + p.op->list + form.result_registers();
      bool hit = false;
      if (touch == kWritesFactor) {
        hit = form.a_in_registers &&
              std::find(factors, factors + kWgmmaARegisters, row) != factors + kWgmmaARegisters;
      } else {
        for (const auto& rows : p.accumulator->rows)
          hit |= std::find(rows.begin(), rows.end(), row) != rows.end();
        hit = hit && is_poisoned(w, row);
      }
      if (!hit) continue;
      const std::string issued = instruction_place(*w.kernel, static_cast<uint64_t>(p.op - w.code));
      if (touch == kReadsResult) {
        report(w, op, 0, Finding::Kind::kAsyncRead,
               "reads an accumulator of a wgmma under way" + issued +
                   ": wgmma.commit_group and a wgmma.wait_group that covers it come first");
      } else {
        report(w, op, 0, Finding::Kind::kAsyncOverwrite,
               (touch == kWritesResult ? "writes an accumulator of a wgmma under way"
                                       : "writes a register of A of a wgmma under way") +
                   issued + ": a wgmma.wait_group that covers it comes first");
      }
      return op + 1;
    }
  }
  return op + 1;
}

const Op* note_copy(Warp& w, const Op* op) {
  const Wgmmas* state = find_state(w);
  if (state == nullptr || w.mask != kFullMask || !is_poisoned(w, op->s[0])) return op + 1;
  for (const WgmmaProduct& p : state->under_way) {
    for (auto& rows : p.accumulator->rows) {
      if (std::find(rows.begin(), rows.end(), op->s[0]) == rows.end()) continue;
      if (std::find(rows.begin(), rows.end(), op->d) == rows.end()) rows.push_back(op->d);
      return op + 1;
    }
  }
  return op + 1;
}

void end_wgmmas(Block& block) {
  for (std::size_t first = 0; first + kWarps <= block.warps.size(); first += kWarps) {
    uint64_t least = ~uint64_t{0}, most = 0;
    std::size_t with_most = first;
    for (std::size_t i = first; i < first + kWarps; ++i) {
      const Wgmmas* state = find_state(block.warps[i]);
      const uint64_t issued = state == nullptr ? 0 : state->issued;
      least = std::min(least, issued);
      if (issued > most) with_most = i;
      most = std::max(most, issued);
    }
    if (least == most) continue;
    Warp& w = block.warps[with_most];
    const Wgmmas* log = find_state(block.warps[first]);
    const Op* op = log == nullptr || log->log.empty() ? w.code : log->log.back().op;
    report(w, op, 0, Finding::Kind::kDivergentSync,
           fmt::format("a warp of the warpgroup issued {} wgmma, another one {}: all four execute each", most,
                       least));
  }
}

}  // namespace warpwright::sim
