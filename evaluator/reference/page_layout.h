// Where the pages of sequences lie in a paged cache. Private to reference.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/rng.h"

namespace warpwright::reference {

// For each row `needs[row]` distinct page numbers below num_pages. A row is one run of neighbours with
// probability `one_run`, else several of one to four pages. No two rows share a page if there are enough.
// REQUIRES: no row needs more than num_pages.
std::vector<std::vector<int64_t>> place_pages(std::span<const int64_t> needs, int64_t num_pages,
                                              double one_run, Rng& rng);

}  // namespace warpwright::reference
