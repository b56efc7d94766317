#!/usr/bin/env bash
# Two llama.cpp servers with equal settings, compared live: nothing regressed and nothing improved. Then one of
# them behind a proxy that makes its first tokens 25 % later: TTFT regressed, TPOT did not.
#   run_ab.sh PRONY_BINARY OUT_FOLDER [TIMES=1]
set -euo pipefail
. "$(dirname "$0")/begin.sh"
times=${3:-1}
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done' EXIT
a=$(free_port) b=$(free_port) proxy=$(free_port)
pids+=("$("$here/llama.sh" "$a" 1 512)")
pids+=("$("$here/llama.sh" "$b" 1 512)")
python3 "$here/slow_first.py" "$proxy" "$b" 0.25 &
pids+=($!)
compare() {
  "$prony" compare --ab "$1" "$2" --suite "$here/ab.yaml" --tolerance "$3" --results "$out/results" "${@:4}"
}
at() { echo "http://127.0.0.1:$1/v1"; }

for i in $(seq "$times"); do
  code=0
  compare "$(at "$a")" "$(at "$b")" 5% >"$out/same-$i" || code=$?
  cat "$out/same-$i"
  [ "$code" = 0 ] || { echo "WRONG equal servers: exit code $code"; exit 1; }
  grep -q 'ttft.p50' "$out/same-$i" || { echo "WRONG nothing was compared"; exit 1; }
  if grep -Eq ': (regressed|improved)' "$out/same-$i"; then echo "WRONG equal servers differ"; exit 1; fi
done
echo "ok    equal servers: within tolerance or undecided, $times of $times"

# What starts differ by is known to be nothing here: it is the same server, with and without the proxy.
code=0
compare "$(at "$b")" "$(at "$proxy")" 5% --noise 1% --repeats 8 >"$out/slower" || code=$?
cat "$out/slower"
[ "$code" = 101 ] || { echo "WRONG ttft +25 %: exit code $code"; exit 1; }
grep -Eq 'ttft.p50 .*: regressed' "$out/slower" || { echo "WRONG ttft.p50 did not regress"; exit 1; }
if grep -Eq 'tpot.p50 .*: regressed' "$out/slower"; then echo "WRONG tpot.p50 regressed"; exit 1; fi
echo "ok    ttft +25 % behind a proxy: ttft regressed, tpot did not"
