"""Whether real and virtual time agree: VIRTUAL_FOLDER REAL_FOLDER…

Medians over a phase's requests within 3 % or 1 ms, rates within 3 %; of the real passes the median is
taken. Noise makes single passes differ by more; a bias would move all of them, and the median with them.
"""

import json
import pathlib
import statistics
import sys

problems = []


def metrics(folder):
    summary = json.loads((pathlib.Path(folder) / "summary.json").read_text())
    for case in summary["cases"]:
        (phase,) = case["phases"]
        assert phase["requests"]["failed"] == 0, f"{folder}: {case['name']}: {phase['requests']}"
    return {c["name"]: c["phases"][0]["metrics"] for c in summary["cases"]}


virtual = metrics(sys.argv[1])
real = [metrics(folder) for folder in sys.argv[2:]]
compared = 0
for case, expected in virtual.items():
    for name, key in (
        ("ttft", "p50"),
        ("itl", "p50"),
        ("tpot", "p50"),
        ("e2e_latency", "p50"),
        ("throughput", "value"),
        ("tokens_per_second", "value"),
    ):
        # What one side has, all have: a metric that is missing is a difference too.
        assert all((name in pass_[case]) == (name in expected) for pass_ in real), f"{case}: {name}"
        if name not in expected:
            continue
        a = expected[name][key]
        found = [pass_[case][name][key] for pass_ in real]
        b = statistics.median(found)
        slack = 0.03 * a if key == "value" else max(0.03 * a, 1.0)
        compared += 1
        holds = abs(b - a) <= slack
        text = f"{case:8} {name:17} {key:5} virtual {a:9.3f}  real {b:9.3f}  {b / a - 1:+7.2%}  ({min(found):.3f} to {max(found):.3f})"
        print(("ok    " if holds else "WRONG ") + text)
        if not holds:
            problems.append(text)
assert compared >= 25, compared

print(f"{'FAILED' if problems else 'passed'}: {len(problems)} of {compared} figures do not agree")
sys.exit(bool(problems))
