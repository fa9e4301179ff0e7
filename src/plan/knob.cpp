#include "src/plan/knob.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace warpwright::plan {

std::string knob_text(Type type, const KnobLiteral& literal) {
  switch (type) {
    case Type::kInt:
      return fmt::format("{}", literal.integer);
    case Type::kBool:
      return literal.integer != 0 ? "true" : "false";
    case Type::kFloat:
      break;
  }
  std::string text = fmt::format("{}", literal.number);  // the shortest that reads back as the same double
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::optional<KnobLiteral> parse_knob_text(Type type, std::string_view text) {
  KnobLiteral literal;
  literal.type = type;
  const char* last = text.data() + text.size();
  if (type == Type::kBool) {
    if (text != "true" && text != "false" && text != "1" && text != "0") return std::nullopt;
    literal.integer = text == "true" || text == "1" ? 1 : 0;
    return literal;
  }
  if (type == Type::kInt) {
    const auto [end, error] = std::from_chars(text.data(), last, literal.integer);
    if (error != std::errc() || end != last) return std::nullopt;
    literal.number = static_cast<double>(literal.integer);
    return literal;
  }
  const auto [end, error] = std::from_chars(text.data(), last, literal.number);
  if (error != std::errc() || end != last || !std::isfinite(literal.number)) return std::nullopt;
  return literal;
}

Type type_of(const Knob& knob) {
  if (knob.type == "float") return Type::kFloat;
  return knob.type == "bool" ? Type::kBool : Type::kInt;
}

tl::expected<std::string, std::string> find_knob_value(const Knob& knob, std::string_view text) {
  const Type type = type_of(knob);
  if (const std::optional<KnobLiteral> literal = parse_knob_text(type, text)) {
    const std::string wanted = knob_text(type, *literal);
    for (const std::string& value : knob.values) {
      if (value == wanted) return value;
    }
  }
  constexpr size_t kShown = 40;
  return tl::unexpected(fmt::format("knob '{}' cannot be {}: its values are {{{}}}", knob.name,
                                    text.substr(0, kShown), fmt::join(knob.values, ", ")));
}

}  // namespace warpwright::plan
