// Kernels with one synchronisation taken out: a barrier, a fence, a wait; or with one thing put wrong.
#pragma once

#include <string>
#include <vector>

namespace warpwright::golden {

struct Mutant {
  int line = 0;         // of the removed call, from 1
  std::string removed;  // as written
  std::string before;   // the next line of code after it, trimmed: with `removed`, names the place
  std::string text;     // the source without it; line numbers stay
};

// One for each call in `source` that only orders: __syncthreads, __syncwarp, __threadfence*, a group's sync,
// waits for asynchronous copies, and the same as inline assembly. Comments are not searched.
std::vector<Mutant> mutants_of(const std::string& source);

// One for each call of a function of kernels/async.cuh or kernels/tcgen05.cuh that starts, orders or awaits
// asynchronous work, and for each griddepcontrol.wait.
std::vector<Mutant> async_mutants_of(const std::string& source);

// One for each place of `text` in `source`, with `replacement` there. `removed` is "text => replacement".
std::vector<Mutant> substitutes_of(const std::string& source, const std::string& text,
                                   const std::string& replacement);

// A mutant that is not wrong, and why.
struct EquivalentMutant {
  std::string file, removed, before, reason;
};
// Lines "file | removed | before | reason"; empty lines and those that start with # are skipped.
std::vector<EquivalentMutant> read_equivalent_mutants(const std::string& text);

}  // namespace warpwright::golden
