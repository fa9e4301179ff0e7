#include "evaluator/sim/ops/video.h"

#include <map>

#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {
namespace {

__extension__ using Int128 = __int128;

int64_t extend(uint32_t value, int bits, bool is_signed) {
  if (!is_signed) return value & ((uint64_t{1} << bits) - 1);
  const int shift = 64 - bits;
  return static_cast<int64_t>(uint64_t{value} << shift) >> shift;
}

int64_t clamp(int64_t value, int bits, bool is_signed) {
  const int64_t low = is_signed ? -(int64_t{1} << (bits - 1)) : 0;
  const int64_t high = (int64_t{1} << (is_signed ? bits - 1 : bits)) - 1;
  return value < low ? low : value > high ? high : value;
}

int64_t combine(VideoOperation operation, bool wraps, int64_t a, int64_t b) {
  const int64_t count = wraps ? b & 31 : b > 32 ? 32 : b;
  switch (operation) {
    case VideoOperation::kAdd:
      return a + b;
    case VideoOperation::kSub:
      return a - b;
    case VideoOperation::kAbsDiff:
      return a > b ? a - b : b - a;
    case VideoOperation::kMin:
      return a < b ? a : b;
    case VideoOperation::kMax:
      return a > b ? a : b;
    case VideoOperation::kAverage:  // rounds half away from zero
      return a + b >= 0 ? (a + b + 1) >> 1 : (a + b) >> 1;
    case VideoOperation::kShiftLeft:
      return static_cast<int64_t>(static_cast<Int128>(a) << count);
    case VideoOperation::kShiftRight:
      return a >> count;
    case VideoOperation::kEqual:
      return a == b;
    case VideoOperation::kNotEqual:
      return a != b;
    case VideoOperation::kLess:
      return a < b;
    case VideoOperation::kLessEqual:
      return a <= b;
    case VideoOperation::kGreater:
      return a > b;
    case VideoOperation::kGreaterEqual:
      return a >= b;
    case VideoOperation::kMultiplyAdd:  // has its own function
      return 0;
  }
  return 0;
}

// Scalar selectors: position and width of a part.
struct Part {
  int shift = 0, bits = 32;
};
Part part_of(unsigned select) {
  if (select == 0) return {};
  if (select <= 4) return {static_cast<int>(8 * (select - 1)), 8};
  return {static_cast<int>(16 * (select - 5)), 16};
}
int64_t pick(uint32_t value, unsigned select, bool is_signed) {
  const Part part = part_of(select);
  return extend(value >> part.shift, part.bits, is_signed);
}

uint32_t multiply_add(const VideoForm& f, uint32_t a, uint32_t b, uint32_t c) {
  const bool a_signed = f.flags & VideoForm::kASigned, b_signed = f.flags & VideoForm::kBSigned;
  const bool negates_product = f.flags & VideoForm::kNegateProduct, negates_c = f.flags & VideoForm::kNegateC;
  const bool is_signed = a_signed || b_signed || negates_product || negates_c;
  Int128 sum = static_cast<Int128>(pick(a, f.a_select, a_signed)) * pick(b, f.b_select, b_signed);
  Int128 addend = is_signed ? static_cast<Int128>(static_cast<int32_t>(c)) : static_cast<Int128>(c);
  if (f.flags & VideoForm::kPlusOne) {
    addend += 1;
  } else if (negates_product) {
    sum = -sum;
  } else if (negates_c) {
    addend = -addend;
  }
  sum = (sum + addend) >> f.scale;
  if (!(f.flags & VideoForm::kSaturate)) return static_cast<uint32_t>(sum);
  const Int128 low = is_signed ? INT32_MIN : 0, high = is_signed ? INT32_MAX : UINT32_MAX;
  return static_cast<uint32_t>(sum < low ? low : sum > high ? high : sum);
}

uint32_t second_result(VideoSecond second, bool is_signed, uint32_t value, uint32_t c) {
  const int64_t x = extend(value, 32, is_signed), y = extend(c, 32, is_signed);
  switch (second) {
    case VideoSecond::kNone:
      return value;
    case VideoSecond::kAdd:
      return value + c;
    case VideoSecond::kMin:
      return x < y ? value : c;
    case VideoSecond::kMax:
      return x > y ? value : c;
  }
  return value;
}

uint32_t scalar_result(const VideoForm& f, uint32_t a, uint32_t b, uint32_t c) {
  const int64_t x = pick(a, f.a_select, f.flags & VideoForm::kASigned);
  const int64_t y = pick(b, f.b_select, f.flags & VideoForm::kBSigned);
  const bool is_signed = f.flags & VideoForm::kResultSigned;
  const Part to = part_of(f.destination);
  int64_t result = combine(f.operation, f.flags & VideoForm::kWrap, x, y);
  if (f.flags & VideoForm::kSaturate) result = clamp(result, to.bits, is_signed);
  const auto word = static_cast<uint32_t>(result);
  if (f.destination == 0) return second_result(f.second, is_signed, word, c);
  const uint32_t mask = ((to.bits == 32 ? 0u : 1u << to.bits) - 1) << to.shift;
  return (c & ~mask) | (word << to.shift & mask);
}

uint32_t packed_result(const VideoForm& f, uint32_t a, uint32_t b, uint32_t c) {
  const int bits = 32 / f.elements;
  const uint64_t pool = uint64_t{b} << 32 | a;
  const uint32_t mask = (uint32_t{1} << bits) - 1;
  uint32_t accumulated = c, merged = 0;
  for (int k = 0; k < f.elements; ++k) {
    const auto element = [&](uint16_t select, bool is_signed) {
      return extend(static_cast<uint32_t>(pool >> (bits * (select >> (4 * k) & 15))), bits, is_signed);
    };
    const int64_t x = element(f.a_select, f.flags & VideoForm::kASigned);
    const int64_t y = element(f.b_select, f.flags & VideoForm::kBSigned);
    int64_t result = combine(f.operation, false, x, y);
    if (f.flags & VideoForm::kSaturate) result = clamp(result, bits, f.flags & VideoForm::kResultSigned);
    const bool writes = f.destination >> k & 1;
    const auto word = static_cast<uint32_t>(result);
    if (writes) accumulated += word;
    merged |= ((writes ? word : c >> (bits * k)) & mask) << (bits * k);
  }
  return f.second == VideoSecond::kAdd ? accumulated : merged;
}

const std::map<std::string, VideoOperation>& operations() {
  static const std::map<std::string, VideoOperation> kOperations = {
      {"vadd", VideoOperation::kAdd},         {"vsub", VideoOperation::kSub},
      {"vabsdiff", VideoOperation::kAbsDiff}, {"vmin", VideoOperation::kMin},
      {"vmax", VideoOperation::kMax},         {"vavrg", VideoOperation::kAverage},
      {"vshl", VideoOperation::kShiftLeft},   {"vshr", VideoOperation::kShiftRight},
      {"vmad", VideoOperation::kMultiplyAdd}, {"vset", VideoOperation::kEqual},
      {"eq", VideoOperation::kEqual},         {"ne", VideoOperation::kNotEqual},
      {"lt", VideoOperation::kLess},          {"le", VideoOperation::kLessEqual},
      {"gt", VideoOperation::kGreater},       {"ge", VideoOperation::kGreaterEqual}};
  return kOperations;
}

// The parts behind the types.
bool apply_modifier(VideoForm& f, const std::string& part) {
  if (part == "sat")
    f.flags |= VideoForm::kSaturate;
  else if (part == "wrap")
    f.flags |= VideoForm::kWrap;
  else if (part == "po")
    f.flags |= VideoForm::kPlusOne;
  else if (part == "add")
    f.second = VideoSecond::kAdd;
  else if (part == "min")
    f.second = VideoSecond::kMin;
  else if (part == "max")
    f.second = VideoSecond::kMax;
  else if (part == "shr7")
    f.scale = 7;
  else if (part == "shr15")
    f.scale = 15;
  else
    return part == "clamp";
  return true;
}

}  // namespace

std::optional<VideoForm> parse_video(const std::vector<std::string>& parts) {
  VideoForm f;
  std::string base = parts[0];
  if (base.back() == '2' || base.back() == '4') {
    f.elements = static_cast<uint8_t>(base.back() - '0');
    base.pop_back();
  }
  const auto operation = operations().find(base);
  if (operation == operations().end() || !base.starts_with('v')) return std::nullopt;
  f.operation = operation->second;
  const bool compares = base == "vset";
  const std::size_t types = compares ? 2 : 3;  // a comparison's result is unsigned
  if (parts.size() < 1 + types) return std::nullopt;
  const uint8_t flags[] = {VideoForm::kResultSigned, VideoForm::kASigned, VideoForm::kBSigned};
  for (std::size_t k = 0; k < types; ++k) {
    const std::string& type = parts[1 + k];
    if (type != "u32" && type != "s32") return std::nullopt;
    if (type == "s32") f.flags |= flags[k + 3 - types];
  }
  for (std::size_t k = 1 + types; k < parts.size(); ++k) {
    const auto comparison = operations().find(parts[k]);
    if (compares && k == 1 + types && comparison != operations().end()) {
      f.operation = comparison->second;
    } else if (!apply_modifier(f, parts[k])) {
      return std::nullopt;
    }
  }
  return f;
}

std::optional<uint16_t> parse_video_selector(const VideoForm& f, std::string_view text, bool is_b) {
  if (f.elements == 1) {
    if (text.empty()) return uint16_t{0};
    if (text.size() != 2) return std::nullopt;
    const int index = text[1] - '0';
    if (text[0] == 'b' && index >= 0 && index < 4) return static_cast<uint16_t>(1 + index);
    if (text[0] == 'h' && index >= 0 && index < 2) return static_cast<uint16_t>(5 + index);
    return std::nullopt;
  }
  if (text.empty()) text = f.elements == 2 ? (is_b ? "h32" : "h10") : is_b ? "b7654" : "b3210";
  if (text.size() != 1u + f.elements || text[0] != (f.elements == 2 ? 'h' : 'b')) return std::nullopt;
  uint16_t result = 0;
  for (const char c : text.substr(1)) {  // the highest element is written first
    if (c < '0' || c >= '0' + 2 * f.elements) return std::nullopt;
    result = static_cast<uint16_t>(result << 4 | (c - '0'));
  }
  return result;
}

std::optional<uint8_t> parse_video_destination(const VideoForm& f, std::string_view text) {
  if (f.elements == 1) {
    const auto select = parse_video_selector(f, text, false);
    return select ? std::optional(static_cast<uint8_t>(*select)) : std::nullopt;
  }
  if (text.empty()) return static_cast<uint8_t>((1 << f.elements) - 1);
  uint8_t mask = 0;
  for (const char c : text.substr(1)) {
    if (c < '0' || c >= '0' + f.elements) return std::nullopt;
    mask |= static_cast<uint8_t>(1 << (c - '0'));
  }
  return mask;
}

uint32_t video_result(const VideoForm& form, uint32_t a, uint32_t b, uint32_t c) {
  if (form.elements > 1) return packed_result(form, a, b, c);
  return form.operation == VideoOperation::kMultiplyAdd ? multiply_add(form, a, b, c)
                                                        : scalar_result(form, a, b, c);
}

const Op* video_op(Warp& w, const Op* op) {
  const VideoForm& form = w.kernel->videos[op->list];
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint32_t c = op->s[2] == kNoRow ? 0 : lane_word(w, op->s[2], lane);
    const uint32_t a = lane_word(w, op->s[0], lane), b = lane_word(w, op->s[1], lane);
    set_lane(w, op->d, lane, video_result(form, a, b, c), 4);
  }
  return op + 1;
}

}  // namespace warpwright::sim
