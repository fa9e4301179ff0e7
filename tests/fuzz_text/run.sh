#!/bin/sh
# Runs one text fuzzer of the preset `fuzz`: run.sh NAME SECONDS. New inputs go to build-fuzz/corpus/NAME; an input that
# fails to build-fuzz/NAME-crash-..., and `build-fuzz/NAME_fuzz FILE` runs it again.
set -eu
cd "$(dirname "$0")/../.."
name="$1"
seconds="$2"
here="tests/fuzz_text"
mkdir -p "build-fuzz/corpus/$name"
if ! "build-fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=20 -max_len=6000 -print_final_stats=1 \
    -dict="$here/$name.dict" -artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" "$here/corpus/$name" \
    >"build-fuzz/$name.log" 2>&1; then
  tail -n 40 "build-fuzz/$name.log" >&2
  exit 1
fi
echo "$name: $(grep -o 'cov: [0-9]* ft: [0-9]*' "build-fuzz/$name.log" | tail -n 1), $(tail -n 20 "build-fuzz/$name.log" |
  sed -n 's/^stat::number_of_executed_units: */executions: /p'), no failure in $seconds s"
