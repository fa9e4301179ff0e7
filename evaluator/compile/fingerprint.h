// Kernels as their PTX describes them: what makes two of them the same program though their texts differ, how
// alike two are, and what kind of instructions they consist of.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/ptx/module.h"

namespace warpwright::compile {

// Each instruction counted once, of the kernel and of all functions that it reaches. The units are those of
// KernelReport (src/contract/evaluation.h).
struct StaticMix {
  int instructions = 0;
  int tensor_instructions = 0;
  int64_t float_operations = 0;  // of a tcgen05.mma, whose shape is data: as m128n128k16
  int64_t global_bytes = 0;      // without copies whose size is data (TMA)
};

// How often each sequence of kGramLength opcodes (with their modifiers and types) stands in some code.
using OpcodeGrams = std::map<uint64_t, int>;  // hash of the sequence -> count
inline constexpr size_t kGramLength = 4;

struct KernelCode {
  // A hash of the normalised PTX: registers, labels, functions and variables by the order in which they are
  // met, no names, positions, comments or declarations of what is not used. Opcodes, types, constants, sizes,
  // launch bounds and pragmas count. 64 hexadecimal digits.
  std::string fingerprint;
  StaticMix mix;
  OpcodeGrams grams;
};

// Reads kernels of one module. Both arguments must outlive this.
class KernelReader {
 public:
  // `text` is what `module` was parsed from: it has what the simulator needs not know of (pragmas, .maxnreg).
  KernelReader(const ptx::Module& module, std::string_view text);
  // REQUIRES: the module has this entry, with a body.
  KernelCode read(const std::string& entry) const;

 private:
  struct Directive {
    int line = 0;
    std::string text;
  };
  friend class KernelNormaliser;

  const ptx::Module& module_;
  std::vector<Directive> directives_;  // by line
};

// A MinHash (Broder, "On the resemblance and containment of documents", 1997) of 32 values of 16 bits, as 128
// hexadecimal digits: the share of equal values estimates the share of sequences that two programs have in
// common. A sequence that stands in the code twice as often is another one, so that unrolling shows.
std::string sketch_of(const OpcodeGrams& grams);

}  // namespace warpwright::compile
