#include "evaluator/compile/static_mix.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace warpwright::compile {
namespace {

using ptx::Instruction;
using ptx::Operand;

template <size_t N>
bool is_one_of(std::string_view text, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

// Values of one register of a floating-point type; 0 of any other type.
int lanes_of(std::string_view type) {
  static constexpr std::string_view kOne[] = {"f16", "bf16", "f32", "f64"};
  static constexpr std::string_view kTwo[] = {"f16x2", "bf16x2", "f32x2"};
  return is_one_of(type, kOne) ? 1 : is_one_of(type, kTwo) ? 2 : 0;
}

bool is_tensor(const Instruction& instruction) {
  const std::string& base = instruction.base();
  if (base == "mma") return true;
  if (base != "wgmma" && base != "wmma" && base != "tcgen05") return false;
  return instruction.parts.size() > 1 && instruction.parts[1].starts_with("mma");
}

// m * n * k of a part such as "m16n8k16"; 0 if it is none.
int64_t volume_of(std::string_view part) {
  int64_t volume = 1;
  for (const char letter : {'m', 'n', 'k'}) {
    if (!part.starts_with(letter)) return 0;
    int64_t extent = 0;
    const auto [rest, error] = std::from_chars(part.data() + 1, part.data() + part.size(), extent);
    if (error != std::errc() || extent <= 0 || extent > 4096) return 0;
    volume *= extent;
    part.remove_prefix(static_cast<size_t>(rest - part.data()));
  }
  return part.empty() ? volume : 0;
}

// Per thread: shared by a warp, of wgmma and tcgen05 by the four warps that hold the result.
int64_t tensor_operations(const Instruction& instruction) {
  constexpr int64_t kUnknownVolume = 128 * 128 * 16;
  int64_t volume = 0;
  for (const std::string& part : instruction.parts) volume = std::max(volume, volume_of(part));
  const std::string& base = instruction.base();
  const int64_t threads = base == "wgmma" || base == "tcgen05" ? 128 : 32;
  return (volume == 0 ? kUnknownVolume : volume) * 2 / threads;
}

int64_t float_operations(const Instruction& instruction) {
  static constexpr std::string_view kSingle[] = {"add", "sub", "mul", "div", "rcp", "sqrt", "rsqrt",
                                                 "ex2", "lg2", "sin", "cos", "min", "max",  "tanh"};
  if (is_tensor(instruction)) return tensor_operations(instruction);
  const std::string& base = instruction.base();
  const int lanes = lanes_of(instruction.type());
  if (base == "fma" || base == "mad") return 2 * lanes;
  return is_one_of(base, kSingle) ? lanes : 0;
}

// Bytes of one access: element times vector.
int64_t access_bytes(const Instruction& instruction) {
  int64_t element = 0, count = 1;
  for (const std::string& part : instruction.parts) {
    if (part == "v2" || part == "v4" || part == "v8") count = part[1] - '0';
    if (const int size = ptx::type_size(part); size > 0) element = size;  // the last one is the type's
  }
  return element * count;
}

// The size that an asynchronous copy states: its third operand.
int64_t copied_bytes(const Instruction& instruction) {
  if (instruction.operands.size() < 3) return 0;
  const Operand& size = instruction.operands[2];
  return size.kind == Operand::Kind::kImmediate ? static_cast<int64_t>(size.bits & 0xffffffff) : 0;
}

int64_t global_bytes(const Instruction& instruction) {
  static constexpr std::string_view kAccesses[] = {"ld", "ldu", "st", "atom", "red"};
  static constexpr std::string_view kElsewhere[] = {
      "shared", "local", "param", "const", "shared::cta", "shared::cluster", "param::entry", "param::func"};
  const std::string& base = instruction.base();
  const bool copies = base == "cp" && instruction.has("async") && instruction.has("global");
  if (copies && !instruction.has("prefetch") && !instruction.has("tensor")) return copied_bytes(instruction);
  if (!is_one_of(base, kAccesses)) return 0;
  // A generic address is a global one as a rule: what the compiler knows to be shared it says.
  for (const std::string& part : instruction.parts)
    if (is_one_of(part, kElsewhere)) return 0;
  return access_bytes(instruction);
}

}  // namespace

void add_mix(const ptx::Function& function, StaticMix& mix) {
  for (const Instruction& instruction : function.code) {
    ++mix.instructions;
    mix.tensor_instructions += is_tensor(instruction) ? 1 : 0;
    mix.float_operations += float_operations(instruction);
    mix.global_bytes += global_bytes(instruction);
  }
}

}  // namespace warpwright::compile
