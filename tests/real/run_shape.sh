#!/usr/bin/env bash
# The same suite on llama.cpp with four slots and on the engine's preset `cpu-small` in virtual time: do
# both have the same shape?   run_shape.sh PRONY_BINARY OUT_FOLDER [PASSES=1]
# A pass takes a little over a minute on two idle cores. With several the medians over them are used.
set -euo pipefail
. "$(dirname "$0")/begin.sh"

"$prony" run --virtual "$here/shape.yaml" --results "$out/virtual"
port=$(free_port)
server=$("$here/llama.sh" "$port" 4 2048)
trap 'kill "$server" 2>/dev/null || true' EXIT
real=()
for pass in $(seq "${3:-1}"); do
  SHAPE_URL=http://127.0.0.1:$port/v1 "$prony" run "$here/shape.yaml" --results "$out/real-$pass"
  real+=("$out/real-$pass/latest")
done
python3 "$here/check_shape.py" "${real[@]}" -- "$out/virtual/latest"
