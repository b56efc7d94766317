#!/usr/bin/env bash
# Kind `cache` on llama.cpp with a real model: with its prompt cache it has to find at least 90 % of what
# prompts share, and without it (`cache_prompt: false`) the same suite has to fail for that.
#   run_cache.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"

port=$(free_port)
server=$("$here/llama.sh" "$port" 2 1024)
trap 'kill "$server" 2>/dev/null || true' EXIT
code=0
CACHE_URL=http://127.0.0.1:$port/v1 "$prony" run "$here/cache.yaml" --results "$out" || code=$?
[ "$code" = 101 ] || { echo "exit code $code, not 101"; exit 1; }
python3 "$here/check_cache.py" "$out/latest"
