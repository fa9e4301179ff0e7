// Tables of plain operations: name, handler, and what kinds of rows it takes. One line of a table is one
// opcode.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace warpwright::sim {

struct Warp;
struct Op;

enum class RowKind : uint8_t { kNone, kPredicate, k8, k16, k32, k64 };

struct OpEntry {
  // The opcode without modifiers that do not change the result here ("add.f32" for add.rn.f32), see
  // decode/names.h.
  std::string_view name;
  const Op* (*run)(Warp&, const Op*) = nullptr;
  RowKind result = RowKind::kNone;
  std::array<RowKind, 4> sources = {};
};

// Handlers whose form depends on operands; the decoder picks them by field. All are per instruction-set
// level.
struct MemoryHandlers {
  using Run = const Op* (*)(Warp&, const Op*);
  // [element bytes: 1, 2, 4, 8][count: 1, 2, 4, 8]; null where PTX has no such form.
  Run load_global[4][4] = {}, store_global[4][4] = {};
  Run load_shared[4][4] = {}, store_shared[4][4] = {};
  Run load_generic[4][4] = {}, store_generic[4][4] = {};
  Run load_matrix = nullptr, store_matrix = nullptr;
  Run multiply_tile[5] = {};  // by elements: tf32, f16, bf16, of 8 bits, of 4 bits; see ops/matrix.h
  Run shuffle = nullptr, shuffle_fixed = nullptr;
  void (*run_warp)(Warp&, const Op*) = nullptr;
  Run leader = nullptr, guard = nullptr, unguard = nullptr, branch = nullptr, branch_if = nullptr;
};

struct IsaLevel {
  std::string_view name;
  std::span<const OpEntry> arithmetic;
  std::span<const OpEntry> floating;
  MemoryHandlers handlers;
};

}  // namespace warpwright::sim
