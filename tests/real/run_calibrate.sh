#!/usr/bin/env bash
# Noise of llama.cpp with a real model over runs and server starts, then pairs of sides that are the same,
# judged at the tolerances that come out: none may be taken for a regression.
#   run_calibrate.sh PRONY_BINARY OUT_FOLDER [SESSIONS=3] [RUNS=3] [PAIRS=2]
set -euo pipefail
. "$(dirname "$0")/begin.sh"
sessions=${3:-3} runs=${4:-3} pairs=${5:-2}
{ read -r LLAMA_PYTHON; read -r LLAMA_MODEL; } < <("$here/install_llama.sh")
export LLAMA_PYTHON LLAMA_MODEL

code=0
"$prony" calibrate "$here/calibrate.yaml" --sessions "$sessions" --repeats "$runs" --verify "$pairs" \
  --time-budget 10m --format json --results "$out/results" >"$out/calibrated.json" || code=$?
python3 - "$out/calibrated.json" "$code" "$sessions" "$runs" "$pairs" <<'PY'
import json
import sys

path, code, sessions, runs, pairs = sys.argv[1], *map(int, sys.argv[2:])
found = json.load(open(path))[0]
problems = []


def check(holds, text):
    print(("ok    " if holds else "WRONG ") + text)
    if not holds:
        problems.append(text)


check((found["sessions"], found["runs"]) == (sessions, sessions * runs), f"{found['runs']} runs in {found['sessions']} sessions")
noise = {n["metric"]: n for n in found["noise"]}
for metric in ("ttft.p50", "tpot.p50", "tokens_per_second"):
    n = noise.get(metric, {})
    levels = {k: n[k]["sd"] for k in ("within", "session") if k in n}
    text = ", ".join(f"{k} {v:.1%}" for k, v in levels.items())
    check(len(levels) == 2, f"{metric}: {text}")
for proposal in found["proposals"]:
    print("      tolerances", {k: f"{v:.1%}" for k, v in proposal["tolerances"].items() if k in noise})
verified = found["verified"]
check(len({c["pair"] for c in verified["changes"]}) == pairs, f"{pairs} pairs of the same were judged")
check(verified["regressed"] == 0, f"none is taken for a regression: {verified['within_tolerance']} within tolerance, "
      f"{verified['undecided']} undecided, {verified['regressed']} regressed, {verified['improved']} improved")
check(code == (101 if verified["regressed"] + verified["improved"] else 0), f"exit code {code}")
sys.exit(bool(problems))
PY
