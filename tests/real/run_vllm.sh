#!/usr/bin/env bash
# What prony reads of a real vLLM's /metrics: hit ratios from its counters and from `usage` agree within a
# point, its queue shows when streams outnumber its batch, its own times are no longer than prony's.
#   run_vllm.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"
port=$(free_port)
# vLLM's threads spin on every core they may have: one is prony's.
server=$(taskset --cpu-list "1-$(($(nproc) - 1))" "$here/vllm.sh" "$port" --max-num-seqs 4)
trap 'kill "$server" 2>/dev/null || true' EXIT
SERVER_URL=http://127.0.0.1:$port/v1 STREAMS=16 SLOTS=4 REQUESTS=64 TOKENS=48 taskset --cpu-list 0 "$prony" run "$here/telemetry.yaml" --results "$out/results"
python3 "$here/check_telemetry.py" "$out/results/latest" vllm
