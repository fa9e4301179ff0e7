#include "src/prompt/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "src/prompt/lines.h"

namespace warpwright::prompt {
namespace {

constexpr size_t kMostLines = 4000;

std::vector<std::string_view> program_lines(std::string_view text) {
  std::vector<std::string_view> lines = split_lines(text);
  for (std::string_view& line : lines) line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
  return lines;
}

// common[i][j]: the length of a longest common subsequence of a[i..] and b[j..].
class Common {
 public:
  Common(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b)
      : width_(b.size() + 1), length_((a.size() + 1) * width_, 0) {
    for (size_t i = a.size(); i-- > 0;)
      for (size_t j = b.size(); j-- > 0;)
        length_[i * width_ + j] =
            a[i] == b[j] ? static_cast<uint16_t>(of(i + 1, j + 1) + 1) : std::max(of(i + 1, j), of(i, j + 1));
  }
  uint16_t of(size_t i, size_t j) const { return length_[i * width_ + j]; }

 private:
  size_t width_;
  std::vector<uint16_t> length_;
};

}  // namespace

Difference difference(std::string_view from, std::string_view to) {
  const std::vector<std::string_view> a = program_lines(from), b = program_lines(to);
  const size_t longer = std::max(a.size(), b.size());
  if (longer == 0 || longer > kMostLines) return {};
  const Common common(a, b);
  Difference result;
  result.equal_share = static_cast<double>(common.of(0, 0)) / static_cast<double>(longer);
  bool in_hunk = false;
  for (size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      in_hunk = false;
      ++i, ++j;
      continue;
    }
    if (!in_hunk) result.text += fmt::format("@@ line {}\n", j + 1);
    in_hunk = true;
    const bool is_removed = i < a.size() && (j == b.size() || common.of(i + 1, j) >= common.of(i, j + 1));
    result.text += fmt::format("{}{}\n", is_removed ? '-' : '+', is_removed ? a[i] : b[j]);
    ++(is_removed ? i : j);
  }
  return result;
}

}  // namespace warpwright::prompt
