#include "evaluator/sim/ops/calls.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/local_memory.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

// The lanes of `mask` whose value is that of the first of them.
template <class Value>
uint32_t alike(uint32_t mask, Value value) {
  const auto first = value(__builtin_ctz(mask));
  uint32_t together = 0;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    together |= static_cast<uint32_t>(value(lane) == first) << lane;
  }
  return together;
}

// Marks the function as called by the lanes; false if one of them is in it already.
bool enter(Warp& w, const Op* op, uint32_t return_row, uint32_t mask) {
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    if (lane_word(w, return_row, lane) != 0) {
      fault(w, op, lane, Finding::Kind::kUnsupported,
            "recursion is not supported by the simulator: rewrite the function as a loop");
      return false;
    }
    set_lane(w, return_row, lane, static_cast<uint64_t>(op + 1 - w.code), 4);
  }
  return true;
}

void copy_slots(Warp& w, uint32_t mask, const std::vector<FrameSlot>& from,
                const std::vector<FrameSlot>& to) {
  for (std::size_t k = 0; k < std::min(from.size(), to.size()); ++k) {
    const std::size_t bytes = std::min(from[k].size, to[k].size);
    for (uint32_t left = mask; left != 0; left &= left - 1) {
      copy_in_frame(w, __builtin_ctz(left), to[k].offset, from[k].offset, bytes);
    }
  }
}

const Callee* find_callee(const Kernel& kernel, uint64_t pointer) {
  const auto found =
      std::lower_bound(kernel.callees.begin(), kernel.callees.end(), pointer,
                       [](const Callee& callee, uint64_t value) { return callee.pointer < value; });
  return found != kernel.callees.end() && found->pointer == pointer ? &*found : nullptr;
}

}  // namespace

const Op* call(Warp& w, const Op* op) {
  return enter(w, op, op->s[0], w.mask) ? w.code + op->target : nullptr;
}

const Op* call_indirect(Warp& w, const Op* op) {
  const IndirectCall& site = w.kernel->indirect_calls[op->list];
  for (uint32_t left = w.mask; left != 0;) {
    const int first = __builtin_ctz(left);
    const uint64_t pointer = lane_wide(w, op->s[0], first);
    const Callee* callee = find_callee(*w.kernel, pointer);
    if (callee == nullptr) {
      return fault(w, op, first, Finding::Kind::kTrap,
                   fmt::format("calls a function through {:#x}, which is not a function's address", pointer));
    }
    const uint32_t together = alike(left, [&](int lane) { return lane_wide(w, op->s[0], lane); });
    if (!enter(w, op, callee->return_row, together)) return nullptr;
    copy_slots(w, together, site.arguments, callee->parameters);
    add_group(w, w.code + callee->entry, together);
    left &= ~together;
  }
  return next_group(w);
}

const Op* take_results(Warp& w, const Op* op) {
  const IndirectCall& site = w.kernel->indirect_calls[op->list];
  for (uint32_t left = site.results.empty() ? 0 : w.mask; left != 0;) {
    const Callee* callee = find_callee(*w.kernel, lane_wide(w, op->s[0], __builtin_ctz(left)));
    const uint32_t together = alike(left, [&](int lane) { return lane_wide(w, op->s[0], lane); });
    if (callee != nullptr) copy_slots(w, together, callee->results, site.results);
    left &= ~together;
  }
  return op + 1;
}

const Op* return_lanes(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0;) {
    const uint32_t target = lane_word(w, op->s[0], __builtin_ctz(left));
    const uint32_t together = alike(left, [&](int lane) { return lane_word(w, op->s[0], lane); });
    add_group(w, w.code + target, together);
    left &= ~together;
  }
  for (uint32_t left = w.mask; left != 0; left &= left - 1) set_lane(w, op->s[0], __builtin_ctz(left), 0, 4);
  return next_group(w);
}

const Op* branch_indexed(Warp& w, const Op* op) {
  const auto& table = w.kernel->branch_tables[op->list];
  for (uint32_t left = w.mask; left != 0;) {
    const int first = __builtin_ctz(left);
    const uint32_t index = lane_word(w, op->s[0], first);
    if (index >= table.size()) {
      return fault(w, op, first, Finding::Kind::kTrap,
                   fmt::format("brx.idx jumps to entry {} of a table of {}", index, table.size()));
    }
    const uint32_t together = alike(left, [&](int lane) { return lane_word(w, op->s[0], lane); });
    add_group(w, w.code + table[index], together);
    left &= ~together;
  }
  return next_group(w);
}

const Op* allocate_local(Warp& w, const Op* op) {
  const auto alignment = static_cast<uint64_t>(op->immediate);
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t bytes = lane_value(w, op->s[0], lane, op->size);
    const uint64_t begin = (lane_word(w, op->s[1], lane) + alignment - 1) / alignment * alignment;
    if (bytes > kAllocaBytes || begin + bytes > w.kernel->local_bytes) {
      return fault(
          w, op, lane, Finding::Kind::kUnsupported,
          fmt::format("alloca of {} bytes: the simulator gives a thread {} bytes in all, until its end",
                      bytes, kAllocaBytes));
    }
    set_lane(w, op->s[1], lane, begin + bytes, 4);
    set_lane(w, op->d, lane, begin, op->size);
  }
  return op + 1;
}

}  // namespace warpwright::sim
