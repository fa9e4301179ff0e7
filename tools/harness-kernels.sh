#!/bin/bash
# Compiles evaluator/cuda/kernels/harness.cu to harness.ptx, which is checked in. Needs a CUDA toolkit.
# The PTX names the oldest version and target that its instructions permit, so that old drivers take it too.
set -euo pipefail
cd "$(dirname "$0")/../evaluator/cuda/kernels"
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$nvcc" -std=c++17 --ptx -arch=compute_75 harness.cu -o "$work/raw.ptx"
# Without the compiler's comments, which name its version.
sed -e '/^\/\//d' -e '/^$/d' -e 's/[[:space:]]*\/\/.*$//' -e 's/^\.version .*/.version 6.3/' "$work/raw.ptx" > "$work/harness.ptx"
for arch in sm_75 sm_80 sm_90 sm_100; do
  "$(dirname "$nvcc")/ptxas" -arch=$arch "$work/harness.ptx" -o "$work/harness.cubin"
done
mv "$work/harness.ptx" harness.ptx
