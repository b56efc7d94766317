#!/usr/bin/env bash
# llama.cpp with a real model, started and stopped by prony: anew for every repeat, gone afterwards; and
# killed by hand while it is measured.
#   run_launch.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"
{ read -r LLAMA_PYTHON; read -r LLAMA_MODEL; } < <("$here/install_llama.sh")
LLAMA_PORT=$(free_port)
LLAMA_PID=$out/server.pid
export LLAMA_PYTHON LLAMA_MODEL LLAMA_PORT LLAMA_PID

# Nothing of this test's own servers may be left: no process, nobody at the port.
nothing_left() {
  local pid
  for pid in $(grep -lzs "^LLAMA_PID=$LLAMA_PID\$" /proc/[0-9]*/environ | cut -d/ -f3); do
    if [ "$pid" != $$ ] && { tr "\0" " " <"/proc/$pid/cmdline"; } 2>/dev/null | grep -q llama_server.py; then
      echo "WRONG $1: process $pid is left" >&2
      exit 1
    fi
  done
  if python3 -c "import socket; socket.create_connection(('127.0.0.1', $LLAMA_PORT), 2)" 2>/dev/null; then
    echo "WRONG $1: somebody listens at $LLAMA_PORT" >&2
    exit 1
  fi
  echo "ok    $1: processes and port are gone"
}

"$prony" run "$here/launch.yaml" --results "$out/results" --junit "$out/junit.xml"
nothing_left "after a run"

rm -f "$LLAMA_PID"
set +e
"$prony" run "$here/launch_killed.yaml" --results "$out/killed" --junit "$out/killed.xml" >"$out/killed.txt" 2>&1 &
run=$!
set -e
for _ in $(seq 1200); do
  if grep -qs first_us "$out"/killed/latest/cases/*/requests.jsonl; then break; fi
  if ! kill -0 "$run" 2>/dev/null; then break; fi
  sleep 0.1
done
kill -KILL "$(cat "$LLAMA_PID")"
code=0
wait "$run" || code=$?
nothing_left "after the server was killed"
python3 "$here/check_launch.py" "$out/results/latest" "$out/killed/latest" "$code"
