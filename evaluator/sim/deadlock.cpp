#include "evaluator/sim/deadlock.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "evaluator/sim/barrier.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/atomics.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr std::size_t kShown = 6;    // kinds of waits in the message
constexpr std::size_t kTraced = 64;  // spinning warps that are followed around their loops
constexpr int kTraceOps = 8192;

// One way of waiting, and who waits so.
struct Wait {
  int rank = 0;  // more telling ones first
  const Op* at = nullptr;
  std::string what;
  Warp* first = nullptr;
  uint32_t lanes = 0;  // of the first warp
  std::size_t warps = 0;
};
using Waits = std::vector<Wait>;

void add(Waits& waits, int rank, Warp& w, const Op* at, uint32_t lanes, std::string what) {
  for (Wait& wait : waits) {
    if (wait.at != at || wait.what != what) continue;
    ++wait.warps;
    return;
  }
  waits.push_back({rank, at, std::move(what), &w, lanes, 1});
}

std::string source_place(const Warp& w, const Op* op) {
  const InstructionInfo& info = w.kernel->instructions[static_cast<std::size_t>(op->instruction)];
  return fmt::format("{}{}PTX line {}, {}", info.source, info.source.empty() ? "" : ", ", info.ptx_line,
                     info.text);
}

std::string hexadecimal(const std::byte* bytes, std::size_t count) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, std::min<std::size_t>(count, 8));
  return fmt::format("{:#x}", value);
}

// "flags + 4, which holds 0x0"
std::string describe_target(const Warp& w, const Op* op, uint64_t address) {
  const std::string& text = w.kernel->instructions[static_cast<std::size_t>(op->instruction)].text;
  const std::size_t bytes = std::max<std::size_t>(op->size, 1);
  const bool in_window = address >= kSharedWindow && address < kSharedWindow + kSharedWindowBytes;
  if (in_window || text.find(".shared") != std::string::npos) {
    const uint64_t offset = (in_window ? address - kSharedWindow : address) - w.shared_begin;
    if (offset > w.shared_bytes || bytes > w.shared_bytes - offset) return "shared memory";
    return fmt::format("shared memory + {}, which holds {}", offset, hexadecimal(w.shared + offset, bytes));
  }
  const Buffer* buffer = w.block->memory->find(address);
  if (buffer == nullptr || !buffer->contains(address, bytes)) return "memory";
  return fmt::format("{}, which holds {}", w.block->memory->describe(address, bytes),
                     hexadecimal(buffer->host(address), bytes));
}

struct Traced {
  const Op* op = nullptr;
  std::string target;
  uint32_t lanes = 0;
};

}  // namespace

// Follows a warp through a copy of the kernel's code in which every operation comes here first.
struct Tracer {
  explicit Tracer(const Kernel& kernel) : original(kernel.code), code(kernel.code) {
    for (Op& op : code) op.run = step;
  }
  // Runs the warp on until it reads something that others may write. Its state repeats, so nothing new
  // happens.
  Traced follow(Warp& w) {
    w.block->launch->tracer = this;
    const auto moved = [&](const Op* pc) { return pc == nullptr ? nullptr : code.data() + (pc - w.code); };
    w.pc = moved(w.pc);
    for (int k = 0; k < w.group_count; ++k) {
      Group& g = w.groups[static_cast<std::size_t>(k)];
      g.pc = moved(g.pc);
    }
    w.code = code.data();
    w.slice = kTraceOps;
    found = {};
    left = kTraceOps;
    best_level().handlers.run_warp(w, w.pc != nullptr ? w.pc : next_group(w));
    return found;
  }

  static const Op* step(Warp& w, const Op* op) {
    Tracer& tracer = *w.block->launch->tracer;
    const Op& real = tracer.original[static_cast<std::size_t>(op - tracer.code.data())];
    if (--tracer.left < 0) return nullptr;
    if (real.site >= 0 || real.run == atomic_op) {
      const bool synchronises = real.run == atomic_op || (real.flags & kSynchronises) != 0;
      if (synchronises || tracer.found.op == nullptr) {
        const uint64_t address = lane_address(w, op, __builtin_ctz(w.mask));
        tracer.found = {&real, describe_target(w, &real, address), w.mask};
      }
      if (synchronises) return nullptr;
    }
    return real.run(w, op);
  }

  const std::vector<Op>& original;
  std::vector<Op> code;
  Traced found;
  int left = 0;
  std::size_t warps = 0;  // followed so far
};

namespace {

void add_spin(Waits& waits, Warp& w, Tracer& tracer) {
  if (++tracer.warps > kTraced) return;
  const Op* place = w.pc;
  const uint32_t mask = w.mask;
  const Traced traced = tracer.follow(w);
  if (traced.op != nullptr) {
    add(waits, 0, w, traced.op, traced.lanes,
        fmt::format("reads {} again and again, and nothing that still runs will change it", traced.target));
  } else {
    add(waits, 0, w, place, mask, "is in a loop that does not end and changes nothing");
  }
}

void add_parts(Waits& waits, Warp& w, bool spins) {
  for (int k = 0; k < w.group_count; ++k) {
    const Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.state == Group::State::kAtBarrier) {
      add(waits, 1, w, g.waiting, g.mask, describe_barrier(*w.block, g.barrier));
    } else if (g.state == Group::State::kAtSync && spins) {
      add(waits, 2, w, g.waiting, g.mask,
          fmt::format("waits for lanes {:#x} of its warp, which the member mask names", w.live & ~g.mask));
    }
  }
}

std::string describe(const Wait& wait) {
  const Warp& w = *wait.first;
  const auto& b = w.block->index;
  std::string text = fmt::format("warp {} of block ({}, {}, {})", w.index, b[0], b[1], b[2]);
  if (wait.lanes != w.live && wait.lanes != 0) text += fmt::format(", lanes {:#x},", wait.lanes);
  if (wait.warps > 1) text += fmt::format(" (and {} more warps)", wait.warps - 1);
  return fmt::format("{} at {}: {}", text, source_place(w, wait.at), wait.what);
}

}  // namespace

void report_deadlock(LaunchState& launch, const std::vector<Block*>& blocks, uint64_t unstarted) {
  const std::size_t findings = launch.findings.size();
  launch.budget = INT64_MAX / 2;
  Waits waits;
  Tracer tracer(*launch.kernel);
  std::size_t exited = 0;
  bool split = false;
  for (Block* block : blocks) {
    for (Warp& w : block->warps) {
      const bool spins = w.state == WarpState::kYielded;
      exited += w.state == WarpState::kDone;
      if (w.state == WarpState::kDone) continue;
      split |= !spins && w.group_count > 1;
      add_parts(waits, w, spins);
      if (spins) add_spin(waits, w, tracer);
    }
  }
  launch.findings.resize(findings);
  std::stable_sort(waits.begin(), waits.end(), [](const Wait& a, const Wait& b) { return a.rank < b.rank; });
  std::string text;
  for (std::size_t k = 0; k < waits.size() && k < kShown; ++k)
    text += (k == 0 ? "" : "; ") + describe(waits[k]);
  if (waits.size() > kShown) text += fmt::format("; and {} other ways of waiting", waits.size() - kShown);
  if (exited > 0) text += fmt::format("; {} warps of these blocks have ended", exited);
  if (unstarted > 0) text += fmt::format("; {} blocks have not started: the device has no room", unstarted);
  Warp& first = waits.empty() ? blocks.front()->warps.front() : *waits.front().first;
  const Op* at = waits.empty() ? first.code : waits.front().at;
  fault(first, at, -1, split ? Finding::Kind::kDivergentBarrier : Finding::Kind::kDeadlock,
        "the launch can never go on: " + text);
}

}  // namespace warpwright::sim
