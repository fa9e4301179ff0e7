// Text that others wrote (compiler logs, names and messages of candidates) made fit to be shown as data: to a
// terminal, in a file, to a model.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace warpwright {

// Well-formed UTF-8 without control characters (terminal escapes begin with one), line separators, marks that
// turn the direction of writing, and characters without width; a byte that belongs to no character becomes
// '?'. At most `max_bytes`, then " [cut]".
std::string quotable_line(std::string_view text, size_t max_bytes);  // line ends and tabs become spaces
std::string quotable_text(std::string_view text, size_t max_bytes);  // keeps line ends and tabs

}  // namespace warpwright
