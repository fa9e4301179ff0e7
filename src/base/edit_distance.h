// How far two names are apart, for "did you mean" and lists of what there is, nearest first.
#pragma once

#include <cstddef>
#include <string_view>

namespace warpwright {

// Levenshtein distance in bytes. Costs |a| * |b|: callers bound what a stranger may pass.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace warpwright
