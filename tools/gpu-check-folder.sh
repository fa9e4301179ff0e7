#!/bin/sh
# Makes FOLDER (default build/gpu-check): all that `warpwright gpu-check` needs, to be carried to a machine that has
# a driver and a GPU but no toolkit, compiler or package manager. Under 60 MB. There: ./run.sh
#
#   tools/gpu-check-folder.sh [FOLDER]
#
# BUILD names the folder with the programs (default: build); TARGETS what kernels are compiled for.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$root/build}
folder=${1:-$build/gpu-check}
targets=${TARGETS:-sm_90a sm_100a}
most_mb=60

fail() {
  echo "warpwright: $1" >&2
  exit 3
}

for program in warpwright warpwright-worker; do
  [ -x "$build/$program" ] || fail "$build/$program is missing; run make gpu-check-folder, or make build"
done
rm -rf "$folder"
mkdir -p "$folder/lib"
folder=$(cd "$folder" && pwd)

# Programs, stripped, and their libraries but those of the C library, which must fit the kernel and loader there.
for program in warpwright warpwright-worker cuda_test cuda_engine_test; do
  [ -x "$build/$program" ] || continue
  cp "$build/$program" "$folder/$program"
  strip "$folder/$program"
  ldd "$folder/$program" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' |
    grep -Ev '/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*)\.so' | while read -r library; do
    cp -L "$library" "$folder/lib/"
  done
done

# CUPTI, from the toolkit that there is; without it times come from events.
for place in "${CUDA_HOME:-/nowhere}" /usr/local/cuda /usr/local/cuda-* "$root/.cuda/nvidia/cu13"; do
  for library in "$place"/lib64/libcupti.so.1[234] "$place"/extras/CUPTI/lib64/libcupti.so.1[234] \
    "$place"/lib/libcupti.so.1[234]; do
    [ -e "$library" ] || continue
    cp -L "$library" "$folder/"
    break 2
  done
done
ls "$folder"/libcupti.so.* >/dev/null 2>&1 ||
  echo "warpwright: no CUPTI found to take along; where there is none either, times come from events" >&2

cp -r "$root/configs" "$root/seeds" "$folder/"
mkdir -p "$folder/evaluator/testdata"
for kernels in villains honest; do
  [ ! -d "$root/evaluator/testdata/$kernels" ] || cp -r "$root/evaluator/testdata/$kernels" "$folder/evaluator/testdata/"
done

mkdir -p "$folder/tests/cuda_engine"
cp -r "$root/tests/cuda_engine/testdata" "$folder/tests/cuda_engine/" # what the test program loads

# Everything that a check compiles, whole and quick, for machines without NVRTC.
for target in $targets; do
  for extent in "" --quick; do
    # shellcheck disable=SC2086  # none or one word
    WARPWRIGHT_HOME="$folder" LD_LIBRARY_PATH="$folder/lib" "$folder/warpwright" gpu-check $extent \
      --precompile "$folder/precompiled" --target "$target" >"$folder/precompile.log" 2>&1 ||
      fail "precompiling for $target: $(tail -n 1 "$folder/precompile.log")"
  done
done
rm -f "$folder/precompile.log"
results=$(find "$folder/precompiled" -type f | wc -l)
tar -C "$folder" -cf - precompiled | gzip -9 >"$folder/precompiled.tar.gz" # PTX and cubins shrink to a sixth
rm -rf "$folder/precompiled"

cat >"$folder/run.sh" <<'RUN'
#!/bin/sh
# warpwright gpu-check with what lies in this folder. Documents go to $OUT, or ./out; options are handed on:
#   ./run.sh --quick      ./run.sh --only seeds,duels
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export WARPWRIGHT_HOME="$here"
export WARPWRIGHT_CACHE="${WARPWRIGHT_CACHE:-${TMPDIR:-/tmp}/warpwright-gpu-check-$(id -u)}"
# Unpacked where there is room to write: the folder itself may be read-only.
export WARPWRIGHT_PRECOMPILED="$WARPWRIGHT_CACHE/precompiled"
mkdir -p "$WARPWRIGHT_CACHE" && tar -C "$WARPWRIGHT_CACHE" -xzf "$here/precompiled.tar.gz" || {
  echo "run.sh: cannot unpack precompiled.tar.gz into $WARPWRIGHT_CACHE; set WARPWRIGHT_CACHE to a writable folder" >&2
  exit 3
}
exec "$here/warpwright" gpu-check --out "${OUT:-./out}" "$@"
RUN
chmod +x "$folder/run.sh"

kilobytes=$(du -sk "$folder" | cut -f1)
echo "$folder: $((kilobytes / 1024)) MB, $results compile results for $targets"
[ "$kilobytes" -le $((most_mb * 1024)) ] || fail "$folder is larger than $most_mb MB"
