#!/usr/bin/env bash
# A search over a matrix of an argument of `launch`: which llama.cpp server serves the most within a limit, one with
# one slot or one with four.
#   run_matrix.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"
{ read -r LLAMA_PYTHON; read -r LLAMA_MODEL; } < <("$here/install_llama.sh")
export LLAMA_PYTHON LLAMA_MODEL

"$prony" run "$here/matrix.yaml" --results "$out" | tee "$out/console.txt"
"$prony" report "$out/latest" --format markdown >"$out/markdown.txt"
python3 "$here/check_matrix.py" "$out/latest" "$out/console.txt"
