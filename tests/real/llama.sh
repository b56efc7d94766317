#!/usr/bin/env bash
# Starts a real llama.cpp server with a real 270M model on 127.0.0.1 and prints its pid once it is
# ready:  llama.sh PORT [SLOTS=4] [CONTEXT_PER_SLOT=2048]
# What it needs is installed once by install_llama.sh.
set -euo pipefail
port=${1:?usage: llama.sh PORT [SLOTS] [CONTEXT_PER_SLOT]}
slots=${2:-4}
context=${3:-2048}
here=$(dirname "$0")
{ read -r python; read -r model; } < <("$here/install_llama.sh")
log=$(dirname "$model")/llama-$port.log

setsid "$python" "$here/llama_server.py" "$model" "$port" "$slots" "$context" >"$log" 2>&1 </dev/null &
pid=$!
deadline=$((SECONDS + 90))
while [ "$SECONDS" -lt "$deadline" ]; do
  if ! kill -0 "$pid" 2>/dev/null; then
    tail -n 20 "$log" >&2
    echo "llama.sh: the server ended before it was ready" >&2
    exit 1
  fi
  if [ "$(curl -s -o /dev/null -m 2 -w '%{http_code}' "http://127.0.0.1:$port/health")" = 200 ]; then
    echo "$pid"
    exit 0
  fi
  sleep 0.2
done
kill "$pid"
echo "llama.sh: not ready within 90 s; its log is $log" >&2
exit 1
