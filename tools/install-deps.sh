#!/bin/sh
# Installs the Debian packages that warpwright builds with. Does nothing (and asks for nothing) when all are there.
# `install-deps.sh fuzz`: also clang with libFuzzer, which `make fuzz` needs.
set -eu
packages="g++ cmake ninja-build pkg-config make git ca-certificates
  nlohmann-json3-dev libfmt-dev libspdlog-dev libexpected-dev libcli11-dev libtomlplusplus-dev libyaml-cpp-dev
  libsqlite3-dev libssl-dev libcurl4-openssl-dev libgtest-dev"

if [ "${1:-}" = fuzz ]; then
  # Debian and Ubuntu have the sanitizers' runtime in a package of clang's version.
  version="$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)"
  packages="$packages clang libclang-rt-${version:-14}-dev"
fi

missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "warpwright: missing packages:$missing" >&2
  echo "warpwright: no apt-get here; install their counterparts with your package manager" >&2
  exit 3
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "warpwright: run as root: apt-get install$missing" >&2; exit 3; }
  as_root="sudo"
fi
echo "warpwright: installing$missing" >&2
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
