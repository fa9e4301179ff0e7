// A prompt's template: text with named fields, `{parent}`. Only a name alone in braces is a field, so that
// CUDA code needs no escapes: `{ return x; }`, `{0}` and `{}` are text; `{{name}}` is the text `{name}`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::prompt {

class Template {
 public:
  // Errors (usage) name file and line: a field that is not one of `known` (names the nearest), a field's name
  // with one brace missing.
  static Result<Template> parse(std::string_view text, const std::string& path,
                                const std::vector<std::string>& known);

  // A field without a value is empty. A line that holds nothing but empty fields vanishes, with one empty
  // line after it, and so does a heading that has only such lines below it.
  std::string render(const std::map<std::string, std::string>& values) const;

  bool uses(std::string_view field) const;
  const std::vector<std::string>& fields() const { return fields_; }  // in their order, each once
  const std::string& path() const { return path_; }

 private:
  struct Piece {
    bool is_field = false;
    std::string text;  // or the field's name
  };
  using Line = std::vector<Piece>;
  using Values = std::map<std::string, std::string>;
  static std::string render_line(const Line& line, const Values& values);
  static bool is_vanishing(const Line& line, const Values& values);
  size_t heading_level(size_t index) const;
  bool heads_nothing(size_t heading, const Values& values) const;
  std::string path_;
  std::vector<Line> lines_;
  std::vector<std::string> fields_;
};

}  // namespace warpwright::prompt
