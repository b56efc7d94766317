#!/usr/bin/env bash
# The same suite over TCP in real time, three times, and in virtual time: do they agree? On two idle
# cores three minutes.
#   run_agree.sh PRONY_BINARY OUT_FOLDER [PASSES=3]
set -euo pipefail
prony=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
"$prony" run --virtual "$here/agree.yaml" --results "$out/virtual"
# A pass that prony itself calls invalid, because the client was late on a busy machine, is no
# measurement; it is repeated, at most as often again.
passes=${3:-3} real=() tried=0
while [ "${#real[@]}" -lt "$passes" ]; do
  tried=$((tried + 1))
  [ "$tried" -le $((2 * passes)) ] || { echo "WRONG only ${#real[@]} of $((2 * passes)) passes were valid: too busy a machine" >&2; exit 1; }
  code=0
  "$prony" run "$here/agree.yaml" --results "$out/real-$tried" || code=$?
  case $code in
    0) real+=("$out/real-$tried/latest") ;;
    3) echo "pass $tried is not valid" ;;
    *) exit "$code" ;;
  esac
done
python3 "$here/check_agree.py" "$out/virtual/latest" "${real[@]}"
