// Values of knobs. Each has one text: "16", "0.5", "true".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/plan/ast.h"

namespace warpwright::plan {

struct KnobLiteral {
  Type type = Type::kInt;
  int64_t integer = 0;  // kInt; kBool: 0 or 1
  double number = 0;    // kFloat; also set for kInt
  Position at;
};

std::string knob_text(Type type, const KnobLiteral& literal);

// Reads "16", "-4", "0.5", "true"; booleans also as "0" and "1". None if the text is not of the type.
std::optional<KnobLiteral> parse_knob_text(Type type, std::string_view text);

Type type_of(const Knob& knob);

// The declared value that `text` means, or an error that lists the declared ones.
tl::expected<std::string, std::string> find_knob_value(const Knob& knob, std::string_view text);

}  // namespace warpwright::plan
