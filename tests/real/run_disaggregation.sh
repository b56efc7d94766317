#!/usr/bin/env bash
# Kind `disaggregation` on two llama.cpp servers, one of them behind a proxy that holds every request back:
# prony has to say which is slower, and by how much within 10 %.
#   run_disaggregation.sh PRONY_BINARY OUT_FOLDER [MILLISECONDS=400]
set -euo pipefail
. "$(dirname "$0")/begin.sh"
delay=${3:-400}

started=()
trap 'kill "${started[@]}" 2>/dev/null || true' EXIT
near=$(free_port)
started+=("$("$here/llama.sh" "$near" 1 512)")
behind=$(free_port)
started+=("$("$here/llama.sh" "$behind" 1 512)")
far=$(free_port)
python3 "$here/delay_proxy.py" "$far" "$behind" "$delay" &
started+=($!)
code=0
NEAR_URL=http://127.0.0.1:$near/v1 FAR_URL=http://127.0.0.1:$far/v1 \
  "$prony" run "$here/disaggregation.yaml" --results "$out" || code=$?
[ "$code" = 101 ] || { echo "exit code $code, not 101"; exit 1; }
python3 "$here/check_disaggregation.py" "$out/latest" "$delay"
