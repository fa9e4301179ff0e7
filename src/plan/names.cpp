#include "src/plan/names.h"
#include "src/base/edit_distance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "src/plan/ast.h"

namespace warpwright::plan {
namespace {

constexpr ElementType kElementTypes[] = {
    {"float", 32, true, true},         {"double", 64, true, true},       {"__half", 16, true, true},
    {"__nv_bfloat16", 16, true, true}, {"__nv_fp8_e4m3", 8, true, true}, {"__nv_fp8_e5m2", 8, true, true},
    {"__nv_fp8_e8m0", 8, true, true},  {"int8_t", 8, true, false},       {"int16_t", 16, true, false},
    {"int32_t", 32, true, false},      {"int64_t", 64, true, false},     {"uint8_t", 8, true, false},
    {"uint16_t", 16, true, false},     {"uint32_t", 32, true, false},    {"uint64_t", 64, true, false},
    {"int", 32, true, false},          {"char", 8, true, false},         {"bool", 8, true, false},
    {"float2", 64, false, true},       {"float4", 128, false, true},     {"int2", 64, false, false},
    {"int4", 128, false, false},       {"uint2", 64, false, false},      {"uint4", 128, false, false},
};

constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"half", "__half"},
    {"nv_bfloat16", "__nv_bfloat16"},
    {"uint", "uint32_t"},
};

// What people write by habit, and what to write instead.
constexpr std::pair<std::string_view, std::string_view> kHabits[] = {
    {"bf16", "__nv_bfloat16"},
    {"bfloat16", "__nv_bfloat16"},
    {"fp16", "__half"},
    {"f16", "__half"},
    {"float16", "__half"},
    {"f32", "float"},
    {"fp32", "float"},
    {"float32", "float"},
    {"f64", "double"},
    {"float64", "double"},
    {"fp8", "__nv_fp8_e4m3"},
    {"e4m3", "__nv_fp8_e4m3"},
    {"fp8_e4m3", "__nv_fp8_e4m3"},
    {"float8_e4m3fn", "__nv_fp8_e4m3"},
    {"i32", "int"},
    {"int32", "int"},
    {"i64", "int64_t"},
    {"int64", "int64_t"},
    {"long", "int64_t"},
    {"size_t", "uint64_t"},
    {"unsigned", "uint32_t"},
    {"uint32", "uint32_t"},
    {"u32", "uint32_t"},
    {"uint64", "uint64_t"},
    {"u64", "uint64_t"},
    {"uint8", "uint8_t"},
    {"u8", "uint8_t"},
    {"int8", "int8_t"},
    {"i8", "int8_t"},
    {"short", "int16_t"},
};

constexpr std::string_view kReserved[] = {
    "tune",    "require",  "const",       "workspace", "tensormap", "if",   "else",       "memset",
    "copy",    "in",       "tiled",       "bytes",     "dim3",      "true", "false",      "int",
    "float",   "bool",     "min",         "max",       "ceil_div",  "has",  "round_up",   "arch",
    "log2e",   "sm_count", "i32",         "i64",       "f32",       "f64",  "self_clean", "resident_blocks",
    "cluster", "pdl",      "cooperative", "carveout",
};

constexpr std::string_view kCppKeywords[] = {
    "alignas",  "alignof", "and",      "asm",       "auto",     "bool",      "break",     "case",
    "catch",    "char",    "class",    "concept",   "const",    "constexpr", "continue",  "decltype",
    "default",  "delete",  "do",       "double",    "else",     "enum",      "explicit",  "export",
    "extern",   "false",   "float",    "for",       "friend",   "goto",      "if",        "inline",
    "int",      "long",    "mutable",  "namespace", "new",      "noexcept",  "not",       "nullptr",
    "operator", "or",      "private",  "protected", "public",   "register",  "requires",  "return",
    "short",    "signed",  "sizeof",   "static",    "struct",   "switch",    "template",  "this",
    "throw",    "true",    "try",      "typedef",   "typename", "union",     "unsigned",  "using",
    "virtual",  "void",    "volatile", "while",     "xor",      "warpSize",  "threadIdx", "blockIdx",
    "blockDim", "gridDim",
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Names longer than this are not compared, so that the cost is bounded.
constexpr size_t kMaxCompared = 64;
}  // namespace

const ElementType* find_element_type(std::string_view name) {
  for (const auto& [alias, target] : kAliases) {
    if (name == alias) name = target;
  }
  const auto* found = std::find_if(std::begin(kElementTypes), std::end(kElementTypes),
                                   [&](const ElementType& type) { return type.name == name; });
  return found == std::end(kElementTypes) ? nullptr : found;
}

std::string element_type_hint(std::string_view name) {
  for (const auto& [habit, target] : kHabits) {
    if (name == habit) return fmt::format("; write {}", target);
  }
  std::vector<std::string> known;
  for (const ElementType& type : kElementTypes) known.emplace_back(type.name);
  const std::string near = did_you_mean(name, known);
  return near.empty() ? fmt::format("; types are {}", fmt::join(known, " ")) : near;
}

bool is_reserved(std::string_view name) {
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

bool is_cpp_keyword(std::string_view name) {
  return std::find(std::begin(kCppKeywords), std::end(kCppKeywords), name) != std::end(kCppKeywords);
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > kMaxCompared) return {};
  const std::string wanted = lower(name);
  const std::string* best = nullptr;
  size_t best_distance = name.size() <= 2 ? 1 : name.size() / 3 + 1;  // farther is no help
  if (name.size() <= 1) best_distance = 0;
  for (const std::string& candidate : known) {
    if (candidate.size() > kMaxCompared || candidate == name) continue;
    const size_t distance = edit_distance(wanted, lower(candidate));
    if (distance > best_distance || (best != nullptr && distance == best_distance)) continue;
    best = &candidate;
    best_distance = distance;
  }
  return best == nullptr ? std::string() : fmt::format("; did you mean '{}'?", *best);
}

std::string_view to_string(Type type) {
  switch (type) {
    case Type::kInt:
      return "int";
    case Type::kFloat:
      return "float";
    case Type::kBool:
      return "bool";
  }
  return "";
}

std::string_view to_string(Operator op) {
  switch (op) {
    case Operator::kNegate:
      return "-";
    case Operator::kPlus:
      return "+";
    case Operator::kNot:
      return "!";
    case Operator::kAdd:
      return "+";
    case Operator::kSubtract:
      return "-";
    case Operator::kMultiply:
      return "*";
    case Operator::kDivide:
      return "/";
    case Operator::kRemainder:
      return "%";
    case Operator::kShiftLeft:
      return "<<";
    case Operator::kShiftRight:
      return ">>";
    case Operator::kLess:
      return "<";
    case Operator::kLessEqual:
      return "<=";
    case Operator::kGreater:
      return ">";
    case Operator::kGreaterEqual:
      return ">=";
    case Operator::kEqual:
      return "==";
    case Operator::kNotEqual:
      return "!=";
    case Operator::kAnd:
      return "&&";
    case Operator::kOr:
      return "||";
  }
  return "";
}

std::string_view to_string(Function function) {
  switch (function) {
    case Function::kMin:
      return "min";
    case Function::kMax:
      return "max";
    case Function::kCeilDiv:
      return "ceil_div";
    case Function::kRoundUp:
      return "round_up";
  }
  return "";
}

std::string_view to_string(Cast cast) {
  switch (cast) {
    case Cast::kI32:
      return "i32";
    case Cast::kI64:
      return "i64";
    case Cast::kF32:
      return "f32";
    case Cast::kF64:
      return "f64";
  }
  return "";
}

}  // namespace warpwright::plan
