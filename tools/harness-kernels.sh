#!/bin/bash
# Compiles evaluator/cuda/kernels/harness.cu, and the kernels of its tests, to the PTX that is checked in beside
# them. Needs a CUDA toolkit. The harness's PTX names the oldest version and target that its instructions permit,
# so that old drivers take it too.
set -euo pipefail
cd "$(dirname "$0")/.."
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The first line says of which source it was made, which a test compares.
# compile SOURCE TARGET VERSION: without the compiler's comments, which name its version.
compile() {
  "$nvcc" -std=c++17 --ptx -arch="compute_$2" "$1.cu" -o "$work/raw.ptx"
  echo "// of $(basename "$1").cu, sha256 $(sha256sum "$1.cu" | cut -d' ' -f1)" > "$work/done.ptx"
  sed -e '/^\/\//d' -e '/^$/d' -e 's/[[:space:]]*\/\/.*$//' -e "s/^\.version .*/.version $3/" "$work/raw.ptx" >> "$work/done.ptx"
  for arch in "$2" 90 100; do
    "$(dirname "$nvcc")/ptxas" -arch="sm_$arch" "$work/done.ptx" -o "$work/done.cubin"
  done
  mv "$work/done.ptx" "$1.ptx"
}
compile evaluator/cuda/kernels/harness 75 6.3
compile tests/cuda_engine/testdata/kernels 90 7.8
