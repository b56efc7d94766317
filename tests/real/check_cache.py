"""The cache is found at work where it is on, and missing where it is off: RESULTS_FOLDER."""

import json
import pathlib
import sys

results = pathlib.Path(sys.argv[1])
cases = {c["name"]: c for c in json.loads((results / "summary.json").read_text())["cases"]}
problems = []


def check(what, holds):
    print("ok " if holds else "NOT", what)
    if not holds:
        problems.append(what)


for name, verdict in (("cached", "pass"), ("not-cached", "fail")):
    case = cases[name]
    print(name, case["verdict"], case.get("reason"), case["notes"], case.get("answers"))
    warm = next(p for p in case["phases"] if p["name"] == "warm")["metrics"]
    shown = {k: v.get("value") for k, v in warm.items() if "cache" in k or "cached" in k}
    print("  ", shown)
    check(f"{name}: {verdict}", case["verdict"] == verdict)
    efficiency = shown.get("cache_efficiency")
    check(f"{name}: the ideal is that of the prefix", abs(shown["ideal_cache_hit_ratio"] - 200 / 224) < 0.05)
    if name == "cached":
        check(f"{name}: efficiency {efficiency:.1%} >= 90 %", efficiency >= 0.9)
    else:
        check(f"{name}: efficiency {efficiency:.1%} is next to nothing", efficiency <= 0.05)
        failed = [a["text"] for a in case["assertions"] if a["verdict"] == "fail"]
        check(f"{name}: it fails by {failed}", "cache_efficiency >= 90%" in failed)
sys.exit(bool(problems))
