#!/usr/bin/env python3
"""Alternates two programs that time the same workloads, and prints the ratio of their times.

  compare.py --a 'build/sim_bench --repeats 1 --no-races --only {}' \\
             --b 'other {}' --pattern-b '^(?P<name>\\w+) .*run (?P<seconds>[\\d.]+) s' \\
             --each sgemm,topk --pairs 5

Each line of a command's output that its pattern finds is a measurement: the groups `name` and `seconds`. The
default pattern reads sim_bench's table. With --each the commands are run once for each word in place of `{}`, so
that the two runs of a pair lie seconds apart. The ratio is the median of the pairs' ratios, A over B.
"""
import argparse
import re
import statistics
import subprocess
import sys

SIM_BENCH = r"^(?P<name>\w+)\s+(?P<seconds>\d+\.\d+)"


def measure(command, pattern):
    done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE)
    if done.returncode != 0:
        print(f"exit code {done.returncode}: {command}", file=sys.stderr)
    found = (re.match(pattern, line) for line in done.stdout.splitlines())
    return {m["name"]: float(m["seconds"]) for m in found if m and m["name"] != "all"}


def collect(arguments):
    pairs = {}  # name -> [(seconds of a, seconds of b)]
    for word in arguments.each.split(",") if arguments.each else [""]:
        for _ in range(arguments.pairs):
            a = measure(arguments.a.replace("{}", word), arguments.pattern_a)
            b = measure(arguments.b.replace("{}", word), arguments.pattern_b)
            for name in a:
                if name in b:
                    pairs.setdefault(name, []).append((a[name], b[name]))
                else:
                    print(f"{name}: only A measured it", file=sys.stderr)
    return pairs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--a", required=True, help="a shell command")
    parser.add_argument("--b", required=True, help="the command it is compared with")
    parser.add_argument("--pattern-a", default=SIM_BENCH)
    parser.add_argument("--pattern-b", default=SIM_BENCH)
    parser.add_argument("--each", default="", help="words for `{}`, separated by commas")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    pairs = collect(arguments)
    if not pairs:
        sys.exit("no workload was measured by both")
    print(f"{'workload':<12} {'A s':>9} {'B s':>9} {'A/B':>7} {'lowest':>7} {'highest':>7}")
    for name, times in pairs.items():
        ratios = [a / b for a, b in times if b > 0] or [float("nan")]
        a, b = (statistics.median(t[i] for t in times) for i in (0, 1))
        print(f"{name:<12} {a:9.4f} {b:9.4f} {statistics.median(ratios):7.2f} {min(ratios):7.2f} {max(ratios):7.2f}")


if __name__ == "__main__":
    main()
