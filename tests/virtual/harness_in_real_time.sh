#!/usr/bin/env bash
# PRONY_VIRTUAL=0 makes the suites of `cargo test` run over TCP in real time, and nothing else does.
#   harness_in_real_time.sh     in the repository's root, after `cargo test` was built
set -euo pipefail
transport() {
  cargo test --quiet --test suites -- "$1" --exact >/dev/null
  python3 -c '
import json
summary = json.load(open("results/latest/summary.json"))
print(" ".join(sorted({p["client"]["transport"] for c in summary["cases"] for p in c["phases"]})))'
}
in_virtual=$(transport traffic::burst)
in_real=$(PRONY_VIRTUAL=0 transport traffic::burst)
echo "by default: $in_virtual; with PRONY_VIRTUAL=0: $in_real"
[ "$in_virtual" = "in process" ] && [ "$in_real" = lean ]
