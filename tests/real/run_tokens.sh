#!/usr/bin/env bash
# Made-up prompts against the servers' own counts: the embedded engine over TCP, then llama.cpp with a
# real model, chat and plain completions, with and without prefixes.
#   run_tokens.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"

TOKENS_URL=sim:// TOKENS_REQUESTS=200 "$prony" run "$here/tokens.yaml" --results "$out/engine"
python3 "$here/check_tokens.py" "$out/engine/latest"

port=$(free_port)
server=$("$here/llama.sh" "$port" 2 1024)
trap 'kill "$server" 2>/dev/null || true' EXIT
TOKENS_URL=http://127.0.0.1:$port/v1 "$prony" run "$here/tokens.yaml" --results "$out/llama"
python3 "$here/check_tokens.py" "$out/llama/latest"
