// The text that NVRTC compiles before a candidate's own.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "src/plan/knob.h"
#include "src/plan/names.h"
#include "src/plan/plan.h"

namespace warpwright::plan {
namespace {

// NVRTC has no standard headers. The types are those of <cuda/std/cstdint>, which may be included after this:
// naming one type twice is no error. CUtensorMap has the tag of cuda.h, which <cuda/barrier> declares too.
constexpr std::string_view kCommon = R"(#ifdef __CUDACC_RTC__
using int8_t = signed char;
using int16_t = signed short;
using int32_t = signed int;
using int64_t = signed long long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long long;
struct CUtensorMap_st {
  alignas(64) unsigned long long opaque[16];
};
typedef struct CUtensorMap_st CUtensorMap;
#else
#include <cstdint>
#if __has_include("cuda.h")
#include "cuda.h"
#endif
#endif
)";

// Names of a dataset's definition need not be C++'s.
bool is_cpp_name(const std::string& name) {
  const auto good = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), good) && !is_cpp_keyword(name);
}

std::string integer_constant(const std::string& name, int64_t value) {
  const bool fits = value == static_cast<int32_t>(value);
  return fmt::format("[[maybe_unused]] constexpr {} {} = {};\n", fits ? "int" : "long long", name, value);
}

std::string knob_constant(const Knob& knob, const std::string& value) {
  switch (type_of(knob)) {
    case Type::kInt:
      return fmt::format("[[maybe_unused]] constexpr int {} = {};\n", knob.name, value);
    case Type::kBool:
      return fmt::format("[[maybe_unused]] constexpr bool {} = {};\n", knob.name, value);
    case Type::kFloat:
      break;
  }
  return fmt::format("[[maybe_unused]] constexpr float {} = {}f;\n", knob.name, value);
}

}  // namespace

std::string make_prelude(const trace::Definition& definition, const std::vector<Knob>& knobs,
                         const KnobValues& values) {
  std::string text(kCommon);
  text += "namespace axis {\n";
  for (const trace::Axis& axis : definition.axes) {
    if (axis.is_constant && is_cpp_name(axis.name)) text += integer_constant(axis.name, axis.value);
  }
  text += "}\nnamespace knob {\n";
  for (const Knob& knob : knobs) {
    // Only declared values become device code: an override is text from outside.
    const auto given = values.find(knob.name);
    const auto found = find_knob_value(knob, given == values.end() ? knob.default_value : given->second);
    text += knob_constant(knob, found ? *found : knob.default_value);
  }
  text += "}\n";
  return text;
}

}  // namespace warpwright::plan
