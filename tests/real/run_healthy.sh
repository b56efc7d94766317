#!/usr/bin/env bash
# How often a client that could carry its load is called invalid all the same: 100 cases over TCP, of which at most one may be.
# What the assertions say of the engine does not matter here.
#   run_healthy.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"

port=$(free_port)
"$prony" sim --listen "127.0.0.1:$port" >"$out/engine.log" 2>&1 &
engine=$!
trap 'kill "$engine" 2>/dev/null || true' EXIT
until grep -q "$port" "$out/engine.log"; do sleep 0.1; done
HEALTHY_URL=http://127.0.0.1:$port/v1 "$prony" run "$here/healthy.yaml" --results "$out" --quiet || true
python3 - "$out/latest/summary.json" <<'PY'
import collections
import json
import sys

cases = json.load(open(sys.argv[1]))["cases"]
verdicts = collections.Counter(case["verdict"] for case in cases)
print(f"{len(cases)} cases of a healthy client: {dict(verdicts)}")
assert len(cases) == 100 and verdicts["error"] == 0, verdicts
assert verdicts["invalid"] <= 1, f"{verdicts['invalid']} of 100 called invalid"
PY
