// The bytes that bulk copies move, and what is noted of them. Internal to bulk_copy.cpp and its siblings.
#pragma once

#include "evaluator/sim/bulk_copy.h"

namespace warpwright::sim {

// Counts the copy's sectors and footprint; of a load also races and bytes that nothing has written.
void note_global_runs(Warp& w, const Op* op, int lane, const CopyPlan& plan, bool is_load);
// What the engine reads of the box: the runs, where their swizzle puts them.
void check_box_read(Warp& w, const Op* op, int lane, const CopyPlan& plan, const SharedPlace& from);

// Global memory into the box: the runs, and the fill beside them.
void move_into_box(const CopyPlan& plan, const SharedPlace& to);
// The box, whose region's bytes are `region`, into global memory: marks and races, then the data.
void move_out_of_box(Warp& w, const Op* op, int lane, const CopyPlan& plan, const SharedPlace& from,
                     const std::byte* region);

// Element by element, as red does; `is_global` sums of f32 take denormals for zeros.
void reduce_bytes(const AtomicKind& kind, std::byte* to, const std::byte* from, uint32_t bytes,
                  bool is_global);

void report_overwritten_source(Warp& w, const Op* op, int lane, const SharedPlace& from);
void add_bulk_store(Warp& w, BulkStore store);  // to the lane's group under way

}  // namespace warpwright::sim
