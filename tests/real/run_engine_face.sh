#!/usr/bin/env bash
# `prony sim` as others see it: the openai Python client, and a real Prometheus with its promtool.
#   run_engine_face.sh PRONY_BINARY OUT_FOLDER
# Installs what it needs: the client into a virtual environment in $PRONY_ENGINES (default: a folder in
# the user's cache), Prometheus as Debian's package where it is missing.
set -euo pipefail
. "$(dirname "$0")/begin.sh"
home=${PRONY_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/prony-engines}
python=$home/openai/bin/python

if [ ! -x "$python" ] || [ "$("$python" -c 'import openai; print(openai.__version__)' 2>/dev/null)" != 3.51.0 ]; then
  mkdir -p "$home"
  rm -rf "$home/openai"
  python3 -m venv "$home/openai"
  "$python" -m pip install --quiet --only-binary :all: openai==3.51.0
fi
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
  # A refresh of the lists that fails is told by the install that follows.
  apt-get update -qq || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >"$out/apt.log" 2>&1 ||
    { tail -n 20 "$out/apt.log" >&2; exit 1; }
fi

"$prony" sim --listen 127.0.0.1:0 >"$out/sim.log" 2>&1 &
sim=$!
server=
trap 'kill "$sim" $server 2>/dev/null || true' EXIT
for _ in $(seq 200); do grep -q '^serving ' "$out/sim.log" && break; sleep 0.05; done
base=$(sed -n 's/^serving \(http[^ ]*\).*/\1/p' "$out/sim.log")
[ -n "$base" ] || { cat "$out/sim.log" >&2; echo "prony sim did not start" >&2; exit 1; }
address=${base#http://}
address=${address%%/*}

"$python" "$here/openai_client.py" "$base"

echo "promtool check metrics, after load:"
curl -sf "http://$address/metrics" >"$out/metrics.txt"
# promtool reads the exposition (exit 1 where it cannot) and then lints the names (exit 3). What it has
# against names is what vLLM's own have: a colon, and a histogram called iteration_tokens_total.
lint=0
promtool check metrics <"$out/metrics.txt" >"$out/promtool.txt" 2>&1 || lint=$?
[ "$lint" = 0 ] || [ "$lint" = 3 ] || { cat "$out/promtool.txt" >&2; echo "WRONG promtool cannot read it" >&2; exit 1; }
if grep -Ev "^vllm:[a-z0-9_]+ metric names should not contain ':'$|^vllm:iteration_tokens_total non-counter metrics should not have \"_total\" suffix$" "$out/promtool.txt"; then
  echo "WRONG promtool complains of more than vLLM's names" >&2
  exit 1
fi
echo "ok    $(grep -c '^# TYPE' "$out/metrics.txt") families, $(grep -vc '^#' "$out/metrics.txt") samples"

cat >"$out/prometheus.yml" <<YAML
global: { scrape_interval: 200ms, scrape_timeout: 200ms }
scrape_configs:
  - job_name: prony-sim
    static_configs: [{ targets: ["$address"] }]
YAML
promtool check config "$out/prometheus.yml"
port=$(free_port)
prometheus --config.file="$out/prometheus.yml" --storage.tsdb.path="$out/prometheus" \
  --web.listen-address="127.0.0.1:$port" >"$out/prometheus.log" 2>&1 &
server=$!
for _ in $(seq 300); do curl -sf "http://127.0.0.1:$port/-/ready" >/dev/null && break; sleep 0.1; done
python3 "$here/check_prometheus.py" "http://127.0.0.1:$port" "$base"
