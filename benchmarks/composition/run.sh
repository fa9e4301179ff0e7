#!/usr/bin/env bash
# The best composed candidate against the best single one, each found with the same budget of evaluations.
#   benchmarks/composition/run.sh NAME [OUT]        NAME: dsa_sparse_attention | gdn_prefill
# No GPU, no model: times are estimates of the simulator. Some minutes on two idle cores. WARPWRIGHT names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=${1:?which: dsa_sparse_attention or gdn_prefill}
out=${2:-runs/composition-$name}
warpwright=${WARPWRIGHT:-warpwright}
definition=$(sed -n 's/^definition = "\(.*\)"/\1/p' "benchmarks/composition/${name}_composed.toml")

for kind in single composed; do
  "$warpwright" evolve --config "benchmarks/composition/${name}_$kind.toml" --run-dir "$out/$kind"
done
"$warpwright" replay --run "$out/composed"
"$warpwright" compare "$out/composed/best.cu" "$out/single/best.cu" --definition "$definition" --executor sim --seed 1
"$warpwright" evaluate "$out/composed/best.cu" --definition "$definition" --executor sim --workloads adversarial
"$warpwright" export --run "$out/composed" --out "$out/solution"
for kind in single composed; do
  echo "$kind: $(grep -A1 '^best candidate' "$out/$kind/report.txt" | tail -1)"
done
