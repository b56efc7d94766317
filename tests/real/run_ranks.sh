#!/usr/bin/env bash
# vLLM with two data-parallel ranks on one page of metrics: both are told apart, and how evenly they were used.
#   run_ranks.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"
port=$(free_port)
# vLLM's threads spin on every core they may have: one is prony's.
server=$(taskset --cpu-list "1-$(($(nproc) - 1))" "$here/vllm.sh" "$port" --data-parallel-size 2)
trap 'kill "$server" 2>/dev/null || true' EXIT
SERVER_URL=http://127.0.0.1:$port/v1 taskset --cpu-list 0 "$prony" run "$here/ranks.yaml" --results "$out"
python3 - "$out/latest" <<'PY'
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
case = json.loads((folder / "summary.json").read_text())["cases"][0]
looks = [json.loads(line) for line in (folder / "cases" / case["slug"] / "telemetry.jsonl").read_text().splitlines()]
ranks = {name: r["values"]["server_generation_tokens"] for name, r in looks[-1]["replicas"].items()}
skew = case["phases"][0]["metrics"]["replica_skew"]["value"]
print(f"generated since the start, by rank: {ranks}; skew of the window {skew:.3f}")
assert len(ranks) == 2 and min(ranks.values()) > 0, ranks
assert 1 <= skew < 1.3, skew
PY
