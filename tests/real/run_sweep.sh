#!/usr/bin/env bash
# A sweep of kind `scalability` on llama.cpp with four slots: its own queue is first above 0 past four
# requests in flight.
#   run_sweep.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"

port=$(free_port)
server=$("$here/llama.sh" "$port" 4 512)
trap 'kill "$server" 2>/dev/null || true' EXIT
SWEEP_URL=http://127.0.0.1:$port/v1 "$prony" run "$here/sweep.yaml" --results "$out"
python3 "$here/check_sweep.py" "$out/latest" 4
