// Text as lines and characters, for replies and sources.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warpwright::prompt {

using Lines = std::vector<std::string_view>;

// Without their line ends; "\r\n" counts as one. A text that ends in a newline has no empty last line.
Lines split_lines(std::string_view text);
// Lines [begin, end), each with a newline behind it.
std::string join_lines(const Lines& lines, size_t begin, size_t end);

std::string_view trim(std::string_view text);        // spaces, tabs and carriage returns on both sides
std::string_view trim_right(std::string_view text);  // on the right
std::string_view indent_of(std::string_view line);   // the spaces and tabs it begins with
bool is_blank(std::string_view text);                // nothing but spaces, tabs and line ends
std::string lower_case(std::string_view text);       // of ASCII letters

// Equal but for space at the end of lines and blank lines at the end, which no compiler sees and models
// rarely keep.
bool same_text(std::string_view a, std::string_view b);

// The character that `text` (not empty) begins with and how many bytes it takes (Unicode 15, table 3-7).
// A byte that begins none is broken and takes one.
struct Character {
  char32_t value = 0;
  size_t bytes = 1;
  bool broken = false;
};
Character first_character(std::string_view text);

}  // namespace warpwright::prompt
