#include "evaluator/ptx/module.h"

#include <algorithm>

namespace warpwright::ptx {
namespace {

template <class T>
const T* find_named(const std::vector<T>& items, std::string_view name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

bool Instruction::has(std::string_view modifier) const {
  return std::find(parts.begin() + 1, parts.end(), modifier) != parts.end();
}

const Function* Module::find_function(std::string_view wanted) const {
  return find_named(functions, wanted);
}
const Variable* Module::find_variable(std::string_view wanted) const {
  return find_named(variables, wanted);
}

int type_size(std::string_view type) {
  struct Entry {
    std::string_view name;
    int size;
  };
  static constexpr Entry kTypes[] = {
      {"b32", 4},    {"u32", 4},    {"s32", 4},    {"f32", 4},    {"b64", 8},     {"u64", 8},
      {"s64", 8},    {"b16", 2},    {"u16", 2},    {"s16", 2},    {"f16", 2},     {"bf16", 2},
      {"b8", 1},     {"u8", 1},     {"s8", 1},     {"f64", 8},    {"pred", 1},    {"b128", 16},
      {"f16x2", 4},  {"bf16x2", 4}, {"tf32", 4},   {"e4m3", 1},   {"e5m2", 1},    {"e4m3x2", 2},
      {"e5m2x2", 2}, {"e4m3x4", 4}, {"e5m2x4", 4}, {"e2m1x2", 1}, {"e2m3", 1},    {"e3m2", 1},
      {"e2m1", 1},   {"e2m3x2", 2}, {"e3m2x2", 2}, {"ue8m0", 1},  {"ue8m0x2", 2}, {"e2m1x4", 2},
      {"e2m3x4", 4}, {"e3m2x4", 4}, {"u16x2", 4},  {"s16x2", 4},  {"f32x2", 8},   {"u8x4", 4},
      {"s8x4", 4}};
  for (const Entry& entry : kTypes) {
    if (entry.name == type) return entry.size;
  }
  return 0;
}

}  // namespace warpwright::ptx
