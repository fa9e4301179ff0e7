// What can be wrong in an asynchronous kernel beside a missing call: phases, byte counts, fields of
// descriptors, the order of commits and of giving memory back.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tests/golden_kernels/mutation.h"
#include "tests/golden_kernels/workload.h"

namespace warpwright::golden {

// In each place of the file's text, headers included, where `text` is found.
struct Substitution {
  std::vector<const char*> files;  // kernels/FILE.cu
  const char* text;
  const char* replacement;
};
std::span<const Substitution> substitutions();

// Whether the mutant's line is of a header's function that the file's kernels do not call: it changes nothing.
bool is_unused_code(const std::string& file, const Mutant& mutant);

// The workload with another tensor map for one of its arguments.
struct MapMutant {
  std::string what;
  Workload workload;
};
std::vector<MapMutant> map_mutants_of(const Workload& workload);

}  // namespace warpwright::golden
