#!/usr/bin/env bash
# Kind `disaggregation` on two llama.cpp servers, one of them behind a proxy that holds every request back:
# prony has to say which is slower, and by how much within 10 %.
#   run_disaggregation.sh PRONY_BINARY OUT_FOLDER [MILLISECONDS=400]
set -euo pipefail
prony=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
delay=${3:-400}
here=$(cd "$(dirname "$0")" && pwd)

free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
started=()
trap 'kill "${started[@]}" 2>/dev/null || true' EXIT
near=$(free)
started+=("$("$here/llama.sh" "$near" 1 512)")
behind=$(free)
started+=("$("$here/llama.sh" "$behind" 1 512)")
far=$(free)
python3 "$here/delay_proxy.py" "$far" "$behind" "$delay" &
started+=($!)
code=0
NEAR_URL=http://127.0.0.1:$near/v1 FAR_URL=http://127.0.0.1:$far/v1 \
  "$prony" run "$here/disaggregation.yaml" --results "$out" || code=$?
[ "$code" = 101 ] || { echo "exit code $code, not 101"; exit 1; }
python3 "$here/check_disaggregation.py" "$out/latest" "$delay"
