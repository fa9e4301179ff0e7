#include "evaluator/ptx/scopes.h"

#include <charconv>

namespace warpwright::ptx {

void Scopes::open() {
  scopes_.emplace_back();
  scopes_.back().number = next_number_++;
}

std::string Scopes::unique_name(std::string_view name) const {
  const int number = scopes_.back().number;
  return number == 0 ? std::string(name) : std::string(name) + "@" + std::to_string(number);
}

void Scopes::declare_register(std::string_view name, RegisterClass cls) {
  scopes_.back().registers[name] = static_cast<int>(function_.registers.size());
  function_.registers.push_back({unique_name(name), cls});
}

void Scopes::declare_registers(std::string_view prefix, int count, RegisterClass cls) {
  scopes_.back().ranges[prefix] = {static_cast<int>(function_.registers.size()), count};
  for (int i = 0; i < count; ++i) {
    function_.registers.push_back({unique_name(std::string(prefix) + std::to_string(i)), cls});
  }
}

int Scopes::find_register(std::string_view name) const {
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  const std::string_view prefix = name.substr(0, digits);
  int index = -1;
  if (digits < name.size()) std::from_chars(name.data() + digits, name.data() + name.size(), index);
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const auto found = scope->registers.find(name); found != scope->registers.end()) return found->second;
    const auto range = index < 0 ? scope->ranges.end() : scope->ranges.find(prefix);
    if (range != scope->ranges.end() && index < range->second.count) return range->second.first + index;
  }
  return -1;
}

std::string Scopes::declare_variable(std::string_view name) {
  std::string unique = unique_name(name);
  scopes_.back().variables[name] = unique;
  return unique;
}

const std::string* Scopes::find_variable(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const auto found = scope->variables.find(name); found != scope->variables.end())
      return &found->second;
  }
  return nullptr;
}

}  // namespace warpwright::ptx
