#!/usr/bin/env bash
# The main job on real input: a latency and a throughput suite against llama.cpp with a real model, and
# prony's records held against the server's own account of the same requests.
#   run_llama.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"
server_port=$(free_port)
tee_port=$(free_port)

server=$("$here/llama.sh" "$server_port" 4 1024)
python3 "$here/tee.py" "$tee_port" "$server_port" "$out/tee.jsonl" >"$out/tee.log" 2>&1 &
tee=$!
trap 'kill "$server" "$tee" 2>/dev/null || true' EXIT
for _ in $(seq 100); do grep -q listening "$out/tee.log" 2>/dev/null && break; sleep 0.05; done

export LLAMA_URL=http://127.0.0.1:$tee_port/v1
"$prony" run "$here/llama.yaml" --results "$out/results" --junit "$out/junit.xml"
python3 "$here/check_llama.py" "$out/results/latest" "$out/tee.jsonl"
