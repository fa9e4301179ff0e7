#!/bin/sh
# Model endpoints that others wrote (mock servers from PyPI), called through llm_probe: every wire format, streamed and
# whole, with usage and faults. Skips, with the reason, where PyPI cannot be reached. Usage: tools/llm-mocks.sh [BUILD]
set -eu
build=${1:-build}
venv=build/llm-venv
packages="llmock==0.2.2 fakellm==0.3.5 llm-mock-api==0.1.2"
if [ ! -x "$venv/bin/llmock" ] || [ ! -x "$venv/bin/fakellm" ] || [ ! -x "$venv/bin/llm-mock-api" ]; then
  mkdir -p build
  python3 -m venv "$venv" || { echo "llm-check: skipped: python3 has no venv (Debian: apt install python3-venv)"; exit 0; }
  # shellcheck disable=SC2086
  "$venv/bin/pip" install --quiet --timeout 20 --retries 1 $packages ||
    { echo "llm-check: skipped: PyPI cannot be reached, or lacks one of: $packages"; exit 0; }
fi
exec "$venv/bin/python" tools/llm_mocks.py "$build/llm_probe" "$venv/bin"
