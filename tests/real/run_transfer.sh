#!/usr/bin/env bash
# Kind `disaggregation` on two real vLLM servers, one of which takes its prompts' KV from a connector instead of computing it, as a
# decode instance does: whose prompts were transferred, and that they are no cache hits.
#   run_transfer.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"

started=()
trap 'kill "${started[@]}" 2>/dev/null || true' EXIT
# vLLM's threads spin on every core they may have: one is prony's.
theirs=1-$(($(nproc) - 1))
whole=$(free_port)
started+=("$(taskset --cpu-list "$theirs" "$here/vllm.sh" "$whole")")
decode=$(free_port)
connector='{"kv_connector": "DecodeBenchConnector", "kv_role": "kv_both"}'
started+=("$(taskset --cpu-list "$theirs" "$here/vllm.sh" "$decode" --kv-transfer-config "$connector")")
WHOLE_URL=http://127.0.0.1:$whole/v1 DECODE_URL=http://127.0.0.1:$decode/v1 \
  taskset --cpu-list 0 "$prony" run "$here/transfer.yaml" --results "$out"
python3 "$here/check_transfer.py" "$out/latest"
