#!/bin/sh
# check_notes.sh GOLDEN_KERNELS_TEST HOME: the least kernels of prompts/knowledge, each put in the place of the golden
# kernel of its name, are right and without a finding. They have that kernel's parameters, tiles and grid.
set -e
test=$1 home=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tests/golden_kernels/kernels"
for entry in "$home"/*; do
  [ "$(basename "$entry")" = tests ] || ln -s "$entry" "$work/"
done
status=0
# note, source file of the golden kernel, its test
while read -r note source kernel; do
  {
    echo 'struct alignas(64) CUtensorMap { unsigned char bytes[128]; };'
    echo 'using uint64_t = unsigned long long;'
    sed -n '/^```cuda/,/^```$/p' "$home/prompts/knowledge/$note.md" | sed '/^```/d; s/^__global__/extern "C" __global__/'
  } >"$work/tests/golden_kernels/kernels/$source.cu"
  WARPWRIGHT_HOME=$work "$test" --gtest_filter="*/$kernel" >"$work/output" 2>&1 || status=1
  if ! grep -q "\[  PASSED  \] 1 test" "$work/output" && ! grep -q SKIPPED "$work/output"; then
    echo "prompts/knowledge/$note.md: $kernel:"
    cat "$work/output"
    status=1
  fi
done <<END
tma-and-mbarrier tma_gemm tma_gemm
wgmma-with-descriptors wgmma_gemm wgmma_bf16
tcgen05-and-tmem tcgen05_gemm tcgen05_bf16
clusters-and-distributed-shared-memory cluster_softmax cluster_softmax
END
exit $status
