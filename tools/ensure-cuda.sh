#!/bin/sh
# Succeeds if NVRTC 12.8 or newer and the CUDA headers can be found; else fetches them from PyPI into .cuda/.
# The program looks in the same places, and in a few more (evaluator/compile/toolkit.h).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

# The builtins library is the one whose file name has the minor version: libnvrtc-builtins.so.13.0.
has_nvrtc() {
  [ -e "$1/include/cuda_bf16.h" ] || return 1
  for library in "$1"/lib64/libnvrtc-builtins.so.* "$1"/lib/libnvrtc-builtins.so.* \
      "$1"/targets/*-linux/lib/libnvrtc-builtins.so.*; do
    [ -e "$library" ] || continue
    version=${library##*.so.}
    major=${version%%.*} minor=${version#*.}
    minor=${minor%%.*}
    [ "$major" -gt 12 ] 2>/dev/null && return 0
    [ "$major" -eq 12 ] 2>/dev/null && [ "$minor" -ge 8 ] 2>/dev/null && return 0
  done
  return 1
}

nvcc=$(readlink -f "$(command -v nvcc 2>/dev/null || echo /nonexistent/bin/nvcc)" || true)
for candidate in "${CUDA_HOME:-}" "${CUDA_PATH:-}" "${nvcc%/bin/nvcc}" \
    /usr/local/cuda /usr/local/cuda-* /opt/cuda; do
  [ -n "$candidate" ] && has_nvrtc "$candidate" && exit 0
done
exec "$root/tools/get-cuda-wheels.sh"
