#include "evaluator/sim/faults.h"

#include <fmt/format.h>

#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

std::string thread_name(const Warp& w, int lane) {
  const Dim3& block = w.block->launch->launch->block;
  const uint32_t thread = static_cast<uint32_t>(w.index) * kLanes + static_cast<uint32_t>(lane);
  return fmt::format("({}, {}, {})", thread % block.x, thread / block.x % block.y,
                     thread / (block.x * block.y));
}

void add_finding(Warp& w, Finding::Kind kind, std::string message, bool fatal) {
  LaunchState& launch = *w.block->launch;
  uint32_t& count = launch.finding_count[static_cast<std::size_t>(kind)];
  if (++count > launch.options->max_findings && !fatal) return;
  launch.findings.push_back({kind, std::string(rule_name(kind)), std::move(message), fatal});
}

std::string shared_place(const Warp& w, uint64_t address) {
  return fmt::format("shared memory + {} (the block has {} bytes)", address, w.shared_bytes);
}

// Why one lane's access is not allowed; empty if it is.
struct Verdict {
  Finding::Kind kind = Finding::Kind::kTrap;
  std::string what;
};
Verdict judge_global(const Warp& w, uint64_t address, uint32_t bytes, bool is_load) {
  const Memory::Impl& memory = *w.block->memory;
  const Buffer* buffer = memory.find(address);
  const char* verb = is_load ? "reads" : "writes";
  if (buffer == nullptr || !buffer->contains(address, bytes)) {
    return {is_load ? Finding::Kind::kOutOfBoundsRead : Finding::Kind::kOutOfBoundsWrite,
            fmt::format("{} {} bytes at {}", verb, bytes, memory.describe(address, bytes))};
  }
  if (address % bytes != 0) {
    return {Finding::Kind::kMisaligned, fmt::format("{} {} bytes at {}, which is not a multiple of {}", verb,
                                                    bytes, memory.describe(address, bytes), bytes)};
  }
  if (!is_load && buffer->access == Access::kReadOnly) {
    return {Finding::Kind::kWriteToReadOnly,
            fmt::format("writes {} bytes at {}, which is an input", bytes, memory.describe(address, bytes))};
  }
  return {};
}
Verdict judge_window(uint64_t address, uint32_t bytes, bool is_load, uint64_t size, const char* space) {
  const char* verb = is_load ? "reads" : "writes";
  if (bytes > size || address > size - bytes) {
    return {is_load ? Finding::Kind::kOutOfBoundsRead : Finding::Kind::kOutOfBoundsWrite,
            fmt::format("{} {} bytes at {} memory + {}, which is {} bytes long", verb, bytes, space,
                        static_cast<int64_t>(address), size)};
  }
  if (address % bytes != 0) {
    return {Finding::Kind::kMisaligned,
            fmt::format("{} {} bytes at {} memory + {}, which is not a multiple of {}", verb, bytes, space,
                        address, bytes)};
  }
  return {};
}

void report_in_flight(Warp& w, const Op* op, int lane, uint64_t address, bool reads) {
  report(w, op, lane, reads ? Finding::Kind::kAsyncRead : Finding::Kind::kAsyncOverwrite,
         fmt::format(
             "{} {}, into which a cp.async is still copying: the thread that issued the copy has to wait "
             "for it first (cp.async.wait_group, __pipeline_wait_prior), and a barrier has to follow",
             reads ? "reads" : "writes", shared_place(w, address)));
}

}  // namespace

std::string place(const Warp& w, const Op* op, int lane) {
  const Kernel& kernel = *w.kernel;
  std::string text = kernel.display_name;
  if (op->instruction >= 0) {
    const InstructionInfo& info = kernel.instructions[static_cast<std::size_t>(op->instruction)];
    const std::string source = info.source.empty() ? "" : info.source + ", ";
    text += fmt::format(" ({}PTX line {}, {})", source, info.ptx_line, info.text);
  }
  const auto& b = w.block->index;
  text += fmt::format(", block ({}, {}, {})", b[0], b[1], b[2]);
  return text +
         (lane < 0 ? fmt::format(", warp {}", w.index) : fmt::format(", thread {}", thread_name(w, lane)));
}

const Op* fault(Warp& w, const Op* op, int lane, Finding::Kind kind, const std::string& what) {
  add_finding(w, kind, place(w, op, lane) + ": " + what, true);
  w.state = WarpState::kFaulted;
  w.block->launch->faulted = true;
  return nullptr;
}

void report(Warp& w, const Op* op, int lane, Finding::Kind kind, const std::string& what) {
  LaunchState& launch = *w.block->launch;
  if (launch.finding_count[static_cast<std::size_t>(kind)] >= launch.options->max_findings) return;
  add_finding(w, kind, place(w, op, lane) + ": " + what, false);
}

const Op* budget_fault(Warp& w, const Op* op) {
  return fault(
      w, op, -1, Finding::Kind::kBudget,
      fmt::format("the launch used up its budget of {} warp instructions; a loop may not end, or waits for "
                  "a block that has not started",
                  w.block->launch->options->warp_instruction_budget));
}

namespace {

// Whether every lane stays inside a window of `size` bytes, aligned.
bool window_holds(const uint64_t* addresses, uint32_t mask, uint32_t bytes, uint64_t size) {
  if (bytes > size) return false;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint64_t address = addresses[__builtin_ctz(left)];
    if (address > size - bytes || address % bytes != 0) return false;
  }
  return true;
}

}  // namespace

bool access_fault(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, uint32_t bytes,
                  bool is_load, MemorySpace space) {
  if (space == MemorySpace::kShared && window_holds(addresses, mask, bytes, w.shared_bytes)) return false;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t address = addresses[lane];
    const Verdict verdict = space == MemorySpace::kGlobal ? judge_global(w, address, bytes, is_load)
                            : space == MemorySpace::kShared
                                ? judge_window(address, bytes, is_load, w.shared_bytes, "shared")
                                : judge_window(address, bytes, is_load, w.kernel->local_bytes, "local");
    if (verdict.what.empty()) continue;
    fault(w, op, lane, verdict.kind, verdict.what);
    return true;
  }
  return false;
}

void report_uninitialised(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, uint32_t bytes) {
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const Buffer* buffer = w.block->memory->find(addresses[lane]);
    if (buffer == nullptr || buffer->is_written(addresses[lane], bytes)) continue;
    report(w, op, lane, Finding::Kind::kUninitialisedRead,
           fmt::format("reads {} bytes at {}, which nothing has written", bytes,
                       w.block->memory->describe(addresses[lane], bytes)));
    return;
  }
}

void check_shared(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, uint32_t bytes,
                  SharedUse use) {
  RaceShadow& shadow = *w.shadow;
  const int me = w.index;
  const bool reads = use == SharedUse::kRead || use == SharedUse::kAtomicRead;
  const bool atomic = use == SharedUse::kAtomic || use == SharedUse::kAtomicRead;
  bool race = false, unwritten = false;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t address = addresses[lane];
    if (atomic && shadow.tracks_releases) shadow.synchronise(me, address);
    for (uint64_t cell = address >> shadow.granule_shift;
         cell <= (address + bytes - 1) >> shadow.granule_shift; ++cell) {
      const uint32_t tag = shadow.write_tag[cell], stamp = tag >> RaceShadow::kStampShift, writer = tag & 31u;
      const bool both_atomic = atomic && (tag & RaceShadow::kAtomicBit) != 0;
      int other = -1;
      if (tag == RaceShadow::kInFlight) {
        report_in_flight(w, op, lane, address, reads);
        continue;
      }
      if (stamp < shadow.block_start) {
        if (use == SharedUse::kRead && !unwritten) {
          unwritten = true;
          report(w, op, lane, Finding::Kind::kUninitialisedRead,
                 fmt::format("reads {}, which no thread of the block has written", shared_place(w, address)));
        }
      } else if (!both_atomic && !shadow.is_ordered(me, writer, stamp)) {
        other = static_cast<int>(writer);
      }
      const char* before = "wrote";
      const uint32_t read_stamp = shadow.read_stamp[cell];
      if (!reads && other < 0 && read_stamp >= shadow.block_start) {
        for (int v = 0; v < shadow.warps; ++v) {
          const bool read = shadow.readers[cell] >> v & 1;
          if (!read || shadow.is_ordered(me, static_cast<uint32_t>(v), read_stamp)) continue;
          other = v;
          before = "read";
        }
      }
      if (other >= 0 && !race) {
        race = true;
        report(w, op, lane, Finding::Kind::kSharedRace,
               fmt::format("{} {}, which warp {} {} with no barrier in between", reads ? "reads" : "writes",
                           shared_place(w, address), other, before));
      }
      const uint32_t clock = shadow.clock[static_cast<std::size_t>(me)];
      if (use == SharedUse::kRead) {
        shadow.readers[cell] = (shadow.read_stamp[cell] == clock ? shadow.readers[cell] : 0) | 1u << me;
        shadow.read_stamp[cell] = clock;
      } else if (!reads) {
        shadow.write_tag[cell] = clock << RaceShadow::kStampShift | (atomic ? RaceShadow::kAtomicBit : 0) |
                                 static_cast<uint32_t>(me);
      }
    }
  }
}

}  // namespace warpwright::sim
