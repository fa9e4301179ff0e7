// tcgen05: the fifth generation's tensor instructions (PTX ISA, "TensorCore 5th Generation Family
// Instructions"). What the manual says, as executed here; not verified on hardware.
//
// alloc, dealloc, ld, st and wait take the whole warp; mma, cp, shift and commit are issued by each active
// lane, usually one. What a thread issues forms a queue in order, carried out when somebody waits for the
// mbarrier of a later commit (tensor_issue.h). ld fills its registers at once, although the rules let them
// arrive as late as wait::ld: compilers (Triton's) move uses of them before the wait, and ptxas keeps track.
// A load that no wait::ld follows is reported, and so is a write over what it reads before that.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// An address operand in tensor memory, in Op::list: the row, then the offset.
struct TensorOperand {
  uint32_t row = kNoRow;
  int32_t offset = 0;
};

// alloc. Op: s[0] + immediate = where the address goes, s[1] = columns, flags: kAddress32, kGenericAddress;
// count = cta_group. dealloc: s[0] = address, s[1] = columns, count = cta_group.
const Op* allocate_tensor(Warp& w, const Op* op);
const Op* free_tensor(Warp& w, const Op* op);
const Op* relinquish_tensor(Warp& w, const Op* op);

// Shapes of ld and st. Register r of lane t holds, with R registers to a repetition and j = r / R, i = r % R:
//   32x32b:    lane t, column r
//   16x64b:    lane t / 4 + 8 (t % 2), column 2 r + t / 2 % 2
//   16x128b:   lane t / 4 + 8 i, column 4 j + t % 4
//   16x256b:   lane t / 4 + 8 (i / 2), column 8 j + 2 (t % 4) + i % 2
//   16x32bx2:  lane t % 16, column r, for t >= 16 behind the given split
// of the warp's quarter, or of its half where the address says. With pack::16b (st: unpack::16b) a register
// holds the lower halves of two columns: r's column c stands for columns 2 c and 2 c + 1.
enum class TensorShape : uint8_t { k32x32b, k16x64b, k16x128b, k16x256b, k16x32bx2 };
// Op: s[0] + immediate = address, list = rows, target of st and ld: count = registers (0: 256), size = shape,
// flags: kPacked; d = the split of 16x32bx2.
inline constexpr uint8_t kPacked = 1;
const Op* load_tensor(Warp& w, const Op* op);
const Op* store_tensor(Warp& w, const Op* op);
const Op* wait_tensor_loads(Warp& w, const Op* op);
const Op* wait_tensor_stores(Warp& w, const Op* op);
const Op* fence_tensor_before(Warp& w, const Op* op);
const Op* fence_tensor_after(Warp& w, const Op* op);

// cp. Op: s[0] + immediate = address, s[1] = descriptor, count = TensorCopyShape, size = multicast bits as
// below, flags = decompression, d = cta_group.
enum class TensorCopyShape : uint8_t {
  k128x256b,
  k4x256b,
  k128x128b,
  k64x128bRows02,
  k64x128bRows01,
  k32x128b
};
enum TensorUnpack : uint8_t { kNoUnpack = 0, kUnpackSix = 6, kUnpackFour = 4 };
const Op* copy_tensor(Warp& w, const Op* op);
// shift. Op: s[0] + immediate = address, d = cta_group.
const Op* shift_tensor(Warp& w, const Op* op);

// commit. Op: s[0] + immediate = mbarrier, s[1] = CTA mask or kNoRow, d = cta_group, flags: kAddress32,
// kGenericAddress.
const Op* commit_tensor(Warp& w, const Op* op);

// mma. Op: count = TensorKind, size = scales along k (0, 1, 2, 4), flags below, d = cta_group, immediate =
// scale-input-d (0: none), list: see MmaList.
enum class TensorKind : uint8_t { kF16, kTf32, kF8f6f4, kI8, kMxf8f6f4, kMxf4, kMxf4nvf4 };
inline constexpr uint8_t kTensorA = 1;        // A is in tensor memory
inline constexpr uint8_t kDisablesLanes = 2;  // 4 or 8 rows of lane masks follow
inline constexpr uint8_t kShiftsA = 4;        // .ashift
enum MmaList : uint32_t {
  kMmaD,
  kMmaDOffset,
  kMmaA,
  kMmaAOffset,
  kMmaB,
  kMmaDescriptor,
  kMmaEnable,
  kMmaScaleA,
  kMmaScaleAOffset,
  kMmaScaleB,
  kMmaScaleBOffset,
  kMmaLanes
};
const Op* multiply_tensor(Warp& w, const Op* op);

}  // namespace warpwright::sim
