#pragma once

#include <optional>

namespace tvm::ffi {
template <class T>
using Optional = std::optional<T>;
}  // namespace tvm::ffi
