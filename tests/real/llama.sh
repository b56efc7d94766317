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

. "$here/serve.sh"
serve "$port" "$log" 90 "$python" "$here/llama_server.py" "$model" "$port" "$slots" "$context"
