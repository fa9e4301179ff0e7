// Declarations: tune, require, const, workspace, tensormap.
#include <fmt/format.h>

#include <algorithm>

#include "src/plan/names.h"
#include "src/plan/parser.h"

namespace warpwright::plan {
namespace {

constexpr std::string_view kFlags[] = {
    "swizzle_none", "swizzle_32b", "swizzle_64b",    "swizzle_128b",   "l2_64b",
    "l2_128b",      "l2_256b",     "interleave_16b", "interleave_32b", "oob_nan",
};

// "swizzle" of "swizzle_128b": of each family a map has at most one flag.
std::string_view family(std::string_view flag) {
  return flag.substr(0, flag.find('_'));
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

Parsed<KnobLiteral> Parser::parse_knob_literal() {
  KnobLiteral literal;
  literal.at = peek().at;
  const bool negative = accept("-");
  const Token& token = peek();
  if (token.kind == TokenKind::kInteger) {
    literal.integer = negative ? -token.integer : token.integer;
    literal.number = static_cast<double>(literal.integer);
  } else if (token.kind == TokenKind::kFloat) {
    literal.type = Type::kFloat;
    literal.number = negative ? -token.number : token.number;
  } else if (!negative && (next_is("true") || next_is("false"))) {
    literal.type = Type::kBool;
    literal.integer = next_is("true") ? 1 : 0;
  } else {
    return fail_here("a literal such as 16, 0.5 or true");
  }
  take();
  return literal;
}

// tune NAME = default in {a, b, c};
Parsed<Tune> Parser::parse_tune() {
  take();
  Tune tune;
  if ((next_is("int") || next_is("float") || next_is("bool")) && next_is_name(1)) {
    return fail(peek().at, "a knob takes its type from its values: write tune NAME = default in {a, b};");
  }
  TRY_ASSIGN(const Token name, expect_name("the knob's name"));
  tune.knob.name = name.text;
  tune.knob.at = name.at;
  TRY(expect("=", "and a default after the knob's name"));
  TRY_ASSIGN(const KnobLiteral first, parse_knob_literal());
  TRY(expect("in", "{values} after the knob's default"));
  TRY(expect("{", "before the knob's values"));
  std::vector<KnobLiteral> literals = {first};
  do {
    TRY_ASSIGN(const KnobLiteral value, parse_knob_literal());
    literals.push_back(value);
  } while (accept(","));
  TRY(expect("}", "after the knob's values"));
  TRY(expect(";", "after the knob"));
  TRY(set_knob_values(tune, literals));
  return tune;
}

// literals[0] is the default, the rest the declared set.
Parsed<void> Parser::set_knob_values(Tune& tune, const std::vector<KnobLiteral>& literals) {
  const std::string& name = tune.knob.name;
  const bool is_bool = literals[0].type == Type::kBool;
  tune.type = literals[0].type;
  for (const KnobLiteral& literal : literals) {
    if ((literal.type == Type::kBool) != is_bool) {
      return fail(literal.at, fmt::format("the values of knob '{}' mix bool with numbers", name));
    }
    if (literal.type == Type::kFloat) tune.type = Type::kFloat;
  }
  tune.knob.type = to_string(tune.type);
  std::vector<std::string> values;
  for (auto literal = literals.begin() + 1; literal != literals.end(); ++literal) {
    const std::string text = knob_text(tune.type, *literal);
    if (tune.type == Type::kInt && literal->integer != static_cast<int32_t>(literal->integer)) {
      return fail(literal->at, fmt::format("{} does not fit in the int that knob::{} is", text, name));
    }
    if (contains(values, text)) {
      return fail(literal->at, fmt::format("value {} of knob '{}' is given twice", text, name));
    }
    values.push_back(text);
  }
  tune.knob.default_value = knob_text(tune.type, literals[0]);
  if (!contains(values, tune.knob.default_value)) {
    return fail(literals[0].at, fmt::format("the default {} of knob '{}' is not one of its values {{{}}}",
                                            tune.knob.default_value, name, fmt::join(values, ", ")));
  }
  tune.knob.values = std::move(values);
  return {};
}

// require condition [else "message"];
Parsed<Require> Parser::parse_require() {
  take();
  Require require;
  TRY_ASSIGN(require.condition, parse_expression());
  if (accept("else")) {
    if (peek().kind != TokenKind::kString) return fail_here("a \"message\" after else");
    require.message = take().text;
  }
  TRY(expect(";", "after require"));
  return require;
}

// const int NAME = expression;
Parsed<Constant> Parser::parse_constant() {
  take();
  Constant constant;
  TRY_ASSIGN(const Token type, expect_name("int, float or bool after const"));
  if (type.text == "float") {
    constant.type = Type::kFloat;
  } else if (type.text == "bool") {
    constant.type = Type::kBool;
  } else if (type.text != "int") {
    const bool is_float = type.text == "double";
    return fail(type.at,
                fmt::format("a const is int (64-bit), float (a double) or bool: write const {} instead "
                            "of const {}",
                            is_float ? "float" : "int", type.text));
  }
  TRY_ASSIGN(const Token name, expect_name("the constant's name"));
  constant.name = name.text;
  TRY(expect("=", "after the constant's name"));
  TRY_ASSIGN(constant.value, parse_expression());
  TRY(expect(";", "after the constant"));
  return constant;
}

// workspace type NAME[elements] [= self_clean];
Parsed<Workspace> Parser::parse_workspace() {
  take();
  Workspace workspace;
  TRY_ASSIGN(workspace.element_type, parse_element_type(&workspace.element_bits));
  TRY_ASSIGN(const Token name, expect_name("the workspace's name"));
  workspace.name = name.text;
  TRY(expect("[", "and the number of elements after the workspace's name"));
  TRY_ASSIGN(workspace.count, parse_expression());
  TRY(expect("]", "after the number of elements"));
  if (next_is("[")) return fail(peek().at, "a workspace has one size: write the product of its sizes");
  if (accept("=")) {
    if (!next_is("self_clean"))
      return fail_here("self_clean (contents are otherwise unspecified: use memset)");
    take();
    workspace.self_clean = true;
  }
  TRY(expect(";", "after the workspace"));
  return workspace;
}

// tensormap NAME = tiled[<type>](view, dims = {...}, box = {...}, ..., flag, ...);
Parsed<TensorMap> Parser::parse_tensor_map() {
  take();
  TensorMap map;
  TRY_ASSIGN(const Token name, expect_name("the tensor map's name"));
  map.name = name.text;
  TRY(expect("=", "after the tensor map's name"));
  TRY(expect("tiled", "(tiled maps are the only kind)"));
  if (accept("<")) {
    TRY_ASSIGN(map.element_type, parse_element_type(&map.element_bits));
    TRY(expect(">", "after tiled<type"));
  }
  TRY(expect("(", "after tiled"));
  TRY_ASSIGN(map.base, parse_view());
  while (accept(",")) TRY(parse_tensor_map_option(map));
  TRY(expect(")", "or ',' in the tensor map"));
  TRY(expect(";", "after the tensor map"));
  if (map.dims.empty() || map.box.empty()) {
    return fail(
        name.at,
        fmt::format("tensor map '{}' needs dims = {{...}} and box = {{...}}, innermost first", map.name));
  }
  return map;
}

Parsed<void> Parser::parse_tensor_map_option(TensorMap& map) {
  TRY_ASSIGN(const Token name, expect_name("dims, strides_bytes, box, elem_strides or a flag"));
  Extent* list = nullptr;
  if (name.text == "dims") list = &map.dims;
  if (name.text == "strides_bytes") list = &map.strides_bytes;
  if (name.text == "box") list = &map.box;
  if (name.text == "elem_strides") list = &map.elem_strides;
  if (list != nullptr) {
    if (!list->empty()) return fail(name.at, fmt::format("'{}' is given twice", name.text));
    TRY(expect("=", fmt::format("after {}", name.text)));
    TRY(expect("{", fmt::format("after {} =", name.text)));
    TRY_ASSIGN(*list, parse_expressions("}"));
    if (list->empty()) return fail(name.at, fmt::format("'{}' is empty: leave it out", name.text));
    return {};
  }
  const std::string flag(name.text);
  if (std::find(std::begin(kFlags), std::end(kFlags), flag) == std::end(kFlags)) {
    std::vector<std::string> known(std::begin(kFlags), std::end(kFlags));
    known.insert(known.end(), {"dims", "strides_bytes", "box", "elem_strides"});
    const std::string near = did_you_mean(flag, known);
    return fail(name.at,
                fmt::format("'{}' is no option of a tensor map{}", flag,
                            near.empty() ? fmt::format("; there are {}", fmt::join(known, " ")) : near));
  }
  for (const std::string& other : map.flags) {
    if (family(other) == family(flag))
      return fail(name.at, fmt::format("'{}' contradicts '{}'", flag, other));
  }
  map.flags.push_back(flag);
  return {};
}

}  // namespace warpwright::plan
