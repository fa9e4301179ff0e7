// What a kernel does, apart from what it is called: the compiler's half of a program's identity.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::compile {

// A hash (64 hexadecimal digits) over the machine code, constants, relocations, attributes and static shared
// memory of the given kernels (symbols, in the caller's order) and of every function they call, plus the
// module's global data. Independent of symbol names, line information, comments and the order of sections.
// Error: not a cubin, or a kernel is not in it.
Result<std::string> code_identity(std::string_view cubin, const std::vector<std::string>& kernels);

}  // namespace warpwright::compile
