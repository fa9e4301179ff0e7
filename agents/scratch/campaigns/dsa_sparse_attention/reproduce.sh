#!/bin/sh
# Replays this campaign offline and compares its best with the seeds. Needs `make build`; no key, no network, no GPU.
#   ./reproduce.sh              every decision and reading of an answer anew, recorded evaluations: a second
#   ./reproduce.sh --evaluate   every kernel compiled, checked and estimated again as well: some minutes
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
warpwright=${WARPWRIGHT:-$root/build/warpwright}
definition=dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64
WARPWRIGHT_HOME=${WARPWRIGHT_HOME:-$root}
export WARPWRIGHT_HOME

"$warpwright" replay --run "$here" --recorded-prompts "$@"
for seed in plain split_merge; do
  echo "== best.cu against the seed $seed"
  "$warpwright" compare "$here/best.cu" "$root/seeds/$definition/$seed.cu" --definition "$definition" --executor sim 2>/dev/null |
    grep -v warning
done
