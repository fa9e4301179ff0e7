#include "evaluator/sim/faults.h"

#include <fmt/format.h>

#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

void add_finding(Warp& w, Finding::Kind kind, std::string message, bool fatal) {
  LaunchState& launch = *w.block->launch;
  uint32_t& count = launch.finding_count[static_cast<std::size_t>(kind)];
  if (++count > launch.options->max_findings && !fatal) return;
  launch.findings.push_back({kind, std::string(rule_name(kind)), std::move(message), fatal});
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

}  // namespace

std::string thread_name(const Warp& w, int warp, int lane) {
  const Dim3& block = w.block->launch->launch->block;
  const uint32_t thread = static_cast<uint32_t>(warp) * kLanes + static_cast<uint32_t>(lane);
  return fmt::format("({}, {}, {})", thread % block.x, thread / block.x % block.y,
                     thread / (block.x * block.y));
}

std::string instruction_place(const Kernel& kernel, uint64_t op) {
  if (op >= kernel.code.size() || kernel.code[op].instruction < 0) return {};
  const InstructionInfo& info = kernel.instructions[static_cast<std::size_t>(kernel.code[op].instruction)];
  const std::string source = info.source.empty() ? "" : info.source + ", ";
  return fmt::format(" ({}PTX line {}, {})", source, info.ptx_line, info.text);
}

std::string place(const Warp& w, const Op* op, int lane) {
  const Kernel& kernel = *w.kernel;
  std::string text = kernel.display_name;
  if (op->instruction >= 0) text += instruction_place(kernel, static_cast<uint64_t>(op - w.code));
  const auto& b = w.block->index;
  text += fmt::format(", block ({}, {}, {})", b[0], b[1], b[2]);
  return text + (lane < 0 ? fmt::format(", warp {}", w.index)
                          : fmt::format(", thread {}", thread_name(w, w.index, lane)));
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

bool window_holds(const uint64_t* addresses, uint32_t mask, uint32_t bytes, uint64_t size) {
  if (bytes > size) return false;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint64_t address = addresses[__builtin_ctz(left)];
    if (address > size - bytes || (address & (bytes - 1)) != 0) return false;
  }
  return true;
}

bool access_fault(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, uint32_t bytes,
                  bool is_load, MemorySpace space) {
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

}  // namespace warpwright::sim
