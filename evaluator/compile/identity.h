// What a kernel does, apart from what it is called: the compiler's half of a program's identity.
#pragma once

#include <string>
#include <vector>

#include "evaluator/compile/compiler.h"
#include "src/base/result.h"

namespace warpwright::compile {

// A hash (64 hexadecimal digits) over the machine code of the given kernels (symbols, in the caller's order)
// and of every function they call, with the constants, relocations, launch attributes, shared memory and
// global data that they reach. Independent of symbol names, line information, comments, unused constants'
// values and the order of sections. Without a cubin (compute_XX) the PTX is hashed as it is. Error: a
// malformed cubin, or a kernel that is not in it.
Result<std::string> code_identity(const CompiledUnit& unit, const std::vector<std::string>& kernels);

}  // namespace warpwright::compile
