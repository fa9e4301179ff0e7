// Independent rows on all cores. Private to reference.
#pragma once

#include <cstdint>
#include <functional>

namespace warpwright::reference {

// Calls work(row) once for each row below `rows`, in any order, on several threads. Rows may not share what
// they write, so results do not depend on the number of threads.
void for_each_row(int64_t rows, const std::function<void(int64_t)>& work);

// Never more threads than this, from now on; 0: one per core, at most 16.
void limit_threads(int threads);

}  // namespace warpwright::reference
