// What a kernel did wrong, as findings. Cold paths of the handlers.
#pragma once

#include <string>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

enum class MemorySpace { kGlobal, kShared, kLocal };

// Each fatal report marks the warp and the launch as faulted and returns nullptr, for `return fault(...)`.
[[gnu::cold]] const Op* fault(Warp& w, const Op* op, int lane, Finding::Kind kind, const std::string& what);
// Reports an access that goes on.
[[gnu::cold]] void report(Warp& w, const Op* op, int lane, Finding::Kind kind, const std::string& what);

// For the first lane of `mask` whose access is not allowed: out of its buffer, misaligned, or a write to a
// read-only buffer. Returns false if all lanes are fine.
[[gnu::cold]] bool access_fault(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask,
                                uint32_t bytes, bool is_load, MemorySpace space);
// Whether every lane stays inside a window of `size` bytes, aligned. `bytes` is a power of two. The warm half
// of access_fault for shared memory.
bool window_holds(const uint64_t* addresses, uint32_t mask, uint32_t bytes, uint64_t size);
// Reports the first lane that reads unwritten bytes of a buffer.
[[gnu::cold]] void report_uninitialised(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask,
                                        uint32_t bytes);
[[gnu::cold]] const Op* budget_fault(Warp& w, const Op* op);

// "kernel f (f.cu:12, PTX line 40, ld.global.u32), block (0, 0, 0), thread (5, 0, 0)"; lane -1 names the warp
// instead.
std::string place(const Warp& w, const Op* op, int lane);
// " (f.cu:12, PTX line 40, ld.global.u32)" of the operation with this index in Kernel::code; empty if
// unknown.
std::string instruction_place(const Kernel& kernel, uint64_t op);
std::string thread_name(const Warp& w, int warp, int lane);  // "(5, 0, 0)"

// Race and initialisation checks of shared accesses that the fast path could not clear.
enum class SharedUse { kRead, kWrite, kAtomicRead, kAtomic };
[[gnu::cold]] void check_shared(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask,
                                uint32_t bytes, SharedUse use);
// Whether the operation is a plain st, whose lists and size say where the lanes' values are.
bool is_plain_store(const Warp& w, const Op* op);
// Whether a lane of a plain store leaves the bytes at `memory` as they are; false for other operations.
bool stores_what_is_there(const Warp& w, const Op* op, int lane, const std::byte* memory, uint32_t bytes);
// Lanes of one store that write different values to the same place ("shared" or "global" memory).
[[gnu::cold]] void check_overlapping_stores(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask,
                                            uint32_t bytes, const std::string& space);

}  // namespace warpwright::sim
