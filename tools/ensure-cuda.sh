#!/bin/sh
# Succeeds if NVRTC and the CUDA headers (12.8 or newer) can be found; else fetches them from PyPI into .cuda/.
# The program looks in the same places (evaluator/compile/toolkit.h).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

has_nvrtc() {
  for folder in "$1/lib64" "$1/lib" "$1/targets/x86_64-linux/lib"; do
    ls "$folder"/libnvrtc.so* >/dev/null 2>&1 && [ -e "$1/include/cuda_bf16.h" ] && return 0
  done
  return 1
}

for candidate in "${CUDA_HOME:-}" "${CUDA_PATH:-}" \
    "$(dirname "$(dirname "$(command -v nvcc 2>/dev/null || echo /nonexistent/bin/nvcc)")")" /usr/local/cuda*; do
  [ -n "$candidate" ] && has_nvrtc "$candidate" && exit 0
done
[ -e "$root/.cuda/.complete" ] && exit 0
exec "$root/tools/get-cuda-wheels.sh"
