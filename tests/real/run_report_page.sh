#!/usr/bin/env bash
# report.html in a real browser: the report of the demonstration suites (in virtual time, so that nothing
# depends on this machine), and one of a run that failed, opened from disk in headless Chromium.
#   bash tests/real/run_report_page.sh PRONY OUT
# Leaves screenshots, the printed PDF and the pages in OUT.
set -euo pipefail
cd "$(dirname "$0")/../.."
prony=$1 out=$2
cache=${PRONY_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/prony-engines}/browser
mkdir -p "$out" "$cache"

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ]; then
  (apt-get update -qq && apt-get install -y -qq chromium) >"$out/apt.log" 2>&1 || true
  chromium=$(command -v chromium) || { echo "no chromium, and Debian's package could not be installed: $out/apt.log"; exit 1; }
fi
wanted="puppeteer-core@25.16.0 axe-core@4.14.1 html-validate@11.18.0"
if [ "$(cat "$cache/wanted" 2>/dev/null)" != "$wanted" ]; then
  # shellcheck disable=SC2086
  npm install --silent --no-audit --no-fund --prefix "$cache" $wanted
  echo "$wanted" >"$cache/wanted"
fi

"$prony" run suites --virtual --results "$out/results" >"$out/run.log" || { cat "$out/run.log"; exit 1; }
cp "$out/results/latest/report.html" "$out/demonstration.html"

# The same against limits that cannot hold, with a baseline accepted before: a page with failures, changes
# and a case that regressed.
mkdir -p "$out/suites"
sed 's/ttft.p95 < 500ms/ttft.p95 > 5s/; s/> 5\/s/> 5000\/s/' suites/chat.yaml >"$out/suites/chat.yaml"
cat >"$out/suites/gate.yaml" <<'YAML'
target: { url: "sim://", sim: { regression.ttft: 0 } }
defaults: { warmup: 1s, prompts: { type: synthetic, input_tokens: 200, output_tokens: 24 } }
scenarios:
  - name: accepted
    kind: latency
    load: { rate: 20/s, arrivals: poisson }
    requests: 200
    repeats: 5
    restart: repeat
    sla: [ttft.p99 < 5s]
    baseline: { ttft.p50: 10%, ttft.p99: 25%, tpot.p50: 10% }
YAML
files=(--baselines "$out/baselines" --virtual --results "$out/failing")
"$prony" run "$out/suites/gate.yaml" "${files[@]}" --update-baselines >"$out/accept.log" || { cat "$out/accept.log"; exit 1; }
sed -i "s/regression.ttft: 0/regression.ttft: 0.5/" "$out/suites/gate.yaml"
"$prony" run "$out/suites" "${files[@]}" >"$out/fail.log" && { echo "what had to fail did not"; exit 1; }
cp "$out/failing/latest/report.html" "$out/failing.html"

# Configurations side by side.
cat >"$out/sizing.yaml" <<'YAML'
defaults: { warmup: 1s, scrape: off, prompts: { type: synthetic, input_tokens: 64, output_tokens: 8 } }
scenarios:
  - name: batch
    matrix: { seqs: [2, 8], gpus: [1, 4] }
    kind: throughput
    target:
      url: "sim://exact"
      gpus: ${matrix.gpus}
      sim:
        scheduler.max_num_seqs: ${matrix.seqs}
    search: { maximize: rate, from: 10/s, to: 200/s, precision: 20%, subject_to: [ttft.p95 < 100ms] }
    duration: 10s
    measure_only: true
YAML
"$prony" run "$out/sizing.yaml" --virtual --results "$out/sizing" >"$out/sizing.log" || { cat "$out/sizing.log"; exit 1; }
cp "$out/sizing/latest/report.html" "$out/configurations.html"

# A server whose every word wants to be more than a word.
rm -f "$out/port"
node tests/real/hostile_server.mjs "$out/port" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do [ -s "$out/port" ] && break; sleep 0.1; done
"$prony" run "http://127.0.0.1:$(cat "$out/port")/v1" --concurrency 2 --duration 1s --label 'commit=</script><img src=x onerror=alert(3)>' \
  --results "$out/hostile" >"$out/hostile.log" 2>&1 && { echo "half of the requests failed, and the run did not"; exit 1; }
cp "$out/hostile/latest/report.html" "$out/hostile.html"

# Both side by side.
"$prony" report "$out/results/latest" "$out/failing/latest" --format html -o "$out/runs.html" >"$out/runs.log"

CHROMIUM=$chromium MODULES=$cache/node_modules node tests/real/check_report_page.mjs "$out"
