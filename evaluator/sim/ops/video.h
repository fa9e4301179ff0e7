// Video instructions: scalar (vadd, vsub, vabsdiff, vmin, vmax, vshl, vshr, vset, vmad) and of two or four
// elements (vadd2 ... vset4). PTX ISA manual, "Scalar Video Instructions", "SIMD Video Instructions".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

enum class VideoOperation : uint8_t {
  kAdd,
  kSub,
  kAbsDiff,
  kMin,
  kMax,
  kAverage,
  kShiftLeft,
  kShiftRight,
  kMultiplyAdd,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual
};
enum class VideoSecond : uint8_t { kNone, kAdd, kMin, kMax };

// What one instruction does.
struct VideoForm {
  static constexpr uint8_t kASigned = 1, kBSigned = 2, kResultSigned = 4, kSaturate = 8, kWrap = 16,
                           kNegateProduct = 32, kNegateC = 64, kPlusOne = 128;
  VideoOperation operation = VideoOperation::kAdd;
  uint8_t flags = 0;
  uint8_t elements = 1;  // 1, 2 or 4
  VideoSecond second = VideoSecond::kNone;
  // elements > 1: a nibble per element, lowest first, that picks from the elements of {b, a}.
  // Scalar: 0 the word, 1 to 4 a byte, 5 and 6 a half.
  uint16_t a_select = 0, b_select = 0;
  // elements > 1: which elements of the result are written. Scalar: as a_select; 0 no merge.
  uint8_t destination = 0;
  uint8_t scale = 0;  // vmad: the right shift, 0, 7 or 15
};

// The form that the parts of an opcode name, with default selectors; nothing if they name none.
std::optional<VideoForm> parse_video(const std::vector<std::string>& parts);
// Reads ".b0", ".h1" (without the dot) of a scalar operand; ".b3210" or ".h10" of a packed one; a mask of
// elements. Empty text: the default.
std::optional<uint16_t> parse_video_selector(const VideoForm& form, std::string_view text, bool is_b);
std::optional<uint8_t> parse_video_destination(const VideoForm& form, std::string_view text);

// One lane.
uint32_t video_result(const VideoForm& form, uint32_t a, uint32_t b, uint32_t c);

// Op: d, s[0 .. 2] (s[2] kNoRow: none), list = index into Kernel::videos.
const Op* video_op(Warp& w, const Op* op);

}  // namespace warpwright::sim
