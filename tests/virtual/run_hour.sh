#!/usr/bin/env bash
# An hour of 50 requests a second, and ten thousand requests at once, through the binary: load, metrics,
# verdict, records and reports. Processor time below 40 s (the aim is 20), memory below 1 GiB.
#   run_hour.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python3 - "$1" run --virtual "$here/hour.yaml" --results "$2" <<'PY'
import resource, subprocess, sys

code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds, mib = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(f"{seconds:.1f} s of processor time, {mib:.0f} MiB")
sys.exit(code or not (seconds < 40 and mib < 1024))
PY
