// What a pattern of addresses costs, and the bookkeeping of global accesses. Called by the memory handlers of
// every level; compiled once.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Fill the site with the pattern of these addresses. Cost: distinct 32-byte sectors; wavefronts, that is, for
// each part of the warp that one wavefront can serve (32 lanes up to 4 bytes, 16 at 8, 8 at 16) the most
// distinct words in one of 32 banks.
void learn_global(AccessSite& site, const uint64_t* addresses, uint32_t mask, uint32_t bytes);
// The same pattern at another place in its sectors.
void recount_global(AccessSite& site, const uint64_t* addresses, uint32_t bytes);
void learn_shared(AccessSite& site, const uint64_t* addresses, uint32_t mask, uint32_t bytes);
// True if the site remembers this pattern, wherever it starts.
bool same_pattern(const AccessSite& site, const uint64_t* addresses, uint32_t mask);

Buffer* find_buffer(Warp& w, uint64_t address,
                    uint64_t bytes);         // the buffer that holds all of it, or nullptr
std::byte* origin_of(const Buffer& buffer);  // host address of device address 0

// Footprint and written marks of lanes' accesses in one buffer; reports reads of unwritten bytes.
void note_global(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask,
                 uint32_t bytes, bool is_load);
// Races of a plain or volatile access to a buffer that kernels may write. REQUIRES: races are looked for.
void check_global(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask,
                  uint32_t bytes, bool is_load);
void check_global_atomic(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask);
void note_written_range(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask,
                        uint64_t low, uint64_t span, uint32_t bytes, bool is_load);

}  // namespace warpwright::sim
