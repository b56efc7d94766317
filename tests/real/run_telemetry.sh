#!/usr/bin/env bash
# What prony reads of a real llama.cpp server's /metrics: hit ratios from its counters and from `usage`
# agree within a point, its queue shows when streams outnumber slots.
#   run_telemetry.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"
port=$(free_port)
server=$("$here/llama.sh" "$port" 4 1024)
trap 'kill "$server" 2>/dev/null || true' EXIT
SERVER_URL=http://127.0.0.1:$port/v1 STREAMS=8 SLOTS=4 "$prony" run "$here/telemetry.yaml" --results "$out/results"
python3 "$here/check_telemetry.py" "$out/results/latest" llama.cpp
