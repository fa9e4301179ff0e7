// What one program has that another has not, as lines: for programs that are nearly each other again.
#pragma once

#include <string>
#include <string_view>

namespace warpwright::prompt {

struct Difference {
  double equal_share = 0;  // lines of the longer one that stand in both, in order
  std::string text;        // "@@ line 12" of `to`, then "-" lines of `from` and "+" lines of `to`
};
// A longest common subsequence of lines; space at line ends does not count. Programs of more than 4000 lines
// count as different.
Difference difference(std::string_view from, std::string_view to);

}  // namespace warpwright::prompt
