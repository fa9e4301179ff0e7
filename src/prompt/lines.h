// Text as lines, for replies and sources.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warpwright::prompt {

// Without their line ends; "\r\n" counts as one. A text that ends in a newline has no empty last line.
std::vector<std::string_view> split_lines(std::string_view text);

std::string_view trim(std::string_view text);        // spaces, tabs and carriage returns on both sides
std::string_view trim_right(std::string_view text);  // on the right

}  // namespace warpwright::prompt
