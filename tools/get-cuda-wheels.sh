#!/bin/sh
# Takes NVRTC, the CUDA headers and CUPTI from PyPI's wheels into FOLDER (default: .cuda/ beside this script's folder),
# where the program finds them (evaluator/compile/toolkit.h). About 110 MB to fetch, no driver and no GPU needed.
# Does nothing when it has run before.
#
#   tools/get-cuda-wheels.sh [FOLDER]
#
# PYTHON names the interpreter whose pip fetches (default: python3). These wheels are under NVIDIA's licence.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/.cuda}
python=${PYTHON:-python3}
# One release of CUDA, pinned: the PTX that the tests know. crt has <crt/mma.h>, cccl <cuda/std/...>;
# cupti times kernels where there is a GPU.
wheels="nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-runtime==13.0.88
  nvidia-cuda-crt==13.0.88 nvidia-cuda-cccl==13.0.85
  nvidia-cuda-cupti==13.0.85"

fail() {
  echo "warpwright: cannot take NVRTC and the CUDA headers from PyPI: $1" >&2
  echo "warpwright: install a CUDA toolkit 12.8 or newer instead, and set CUDA_HOME to it" >&2
  exit 3
}

# A Debian without pip has it in python3-venv.
make_pip() {
  "$python" -m venv "$stage/venv" >"$stage/log" 2>&1 && return 0
  [ "$python" = python3 ] || return 1
  as_root=""
  [ "$(id -u)" = 0 ] || as_root="sudo"
  command -v apt-get >/dev/null 2>&1 || return 1
  [ -z "$as_root" ] || command -v sudo >/dev/null 2>&1 || return 1
  echo "warpwright: installing python3-venv" >&2
  $as_root apt-get update -qq >>"$stage/log" 2>&1 || true
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends python3-venv \
    >>"$stage/log" 2>&1 || return 1
  rm -rf "$stage/venv"
  "$python" -m venv "$stage/venv" >>"$stage/log" 2>&1
}

[ "$(cat "$folder/.complete" 2>/dev/null)" = "$wheels" ] && exit 0

mkdir -p "$folder" 2>/dev/null || fail "cannot create $folder"
stage=$(mktemp -d "$folder/stage-XXXXXX") || fail "cannot write in $folder"
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT TERM

echo "warpwright: taking NVRTC and the CUDA headers from PyPI into $folder (once, about 110 MB)" >&2
make_pip || fail "no pip: $python -m venv fails ($(tail -n 1 "$stage/log" 2>/dev/null)); install python3-venv"
# shellcheck disable=SC2086  # one word per wheel
"$stage/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --target "$stage/wheels" $wheels >"$stage/log" 2>&1 ||
  fail "$(grep -m 1 -i error "$stage/log" || tail -n 1 "$stage/log")"
ls "$stage"/wheels/nvidia/cu13/lib/libnvrtc.so.* >/dev/null 2>&1 || fail "the wheels have another layout than expected"

# The whole tree at once: a broken run leaves nothing that looks complete.
rm -rf "$folder/nvidia" "$folder/.complete"
mv "$stage/wheels/nvidia" "$folder/nvidia"
echo "$wheels" >"$folder/.complete"
