#!/usr/bin/env bash
# Every format by the parsers that people use: csv and pandas, OpenMetrics' own parser, a reader of PDF, SVG and
# PNG, and the notebook of the examples. PRONY_BINARY is one with the features plots and pdf.
#   run_formats.sh PRONY_BINARY OUT_FOLDER
set -euo pipefail
. "$(dirname "$0")/begin.sh"
venv=${PRONY_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/prony-engines}/formats
needs='import ipykernel, matplotlib, nbclient, nbformat, pandas, PIL, prometheus_client, pypdf'
if ! "$venv/bin/python" -c "$needs" 2>/dev/null; then
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet prometheus-client==0.26.0 pandas==3.1.1 pypdf==7.1.0 nbclient==0.11.0 \
    nbformat==5.11.1 ipykernel==7.4.0 matplotlib==3.11.2
fi

# Two runs of the same cases, one of which fails, and a case that measures in two phases.
mkdir -p "$out/suites"
cp "$here/../../suites/chat.yaml" "$out/suites/chat.yaml"
sed 's/ttft.p95 < 500ms/ttft.p95 > 5s/' "$out/suites/chat.yaml" >"$out/red.yaml"
cp "$here/../../suites/cache.yaml" "$out/suites/cache.yaml"
cd "$out"
"$prony" run suites --virtual --seed 1 --results results --quiet
first=$(realpath results/latest)
code=0
"$prony" run red.yaml --virtual --seed 2 --results results --quiet >red.txt || code=$?
[ "$code" = 101 ] || { cat red.txt; echo "exit code $code, not 101"; exit 1; }
second=$(realpath results/latest)

for format in csv:metrics.csv openmetrics:metrics.prom markdown:report.md pdf:report.pdf plots:plots; do
  "$prony" report "$first" --format "${format%%:*}" -o "${format#*:}"
done
for format in csv openmetrics:prom html json markdown:md pdf; do
  "$prony" report "$first" "$second" --format "${format%%:*}" -o "runs.${format#*:}"
done
"$venv/bin/python" "$here/check_formats.py" "$first" "$second" "$out"
for run in "$first" "$second"; do
  PRONY_RESULTS=$run "$venv/bin/python" "$here/run_notebook.py" "$here/../../examples/notebook/results.ipynb" executed.ipynb
done
