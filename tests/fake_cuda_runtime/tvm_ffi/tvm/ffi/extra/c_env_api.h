// The caller's current stream: a number the test sets.
#pragma once

#include <cstdint>

namespace fake_cuda {
inline void*& current_stream() {
  static void* stream = nullptr;
  return stream;
}
}  // namespace fake_cuda

inline void* TVMFFIEnvGetStream(int32_t, int32_t) {
  return fake_cuda::current_stream();
}
