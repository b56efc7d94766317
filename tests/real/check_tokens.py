"""Every prompt as long as planned by the server's own count, every answer as long as asked: RESULTS_FOLDER."""

import json
import pathlib
import sys

results = pathlib.Path(sys.argv[1])
problems, counted = [], 0
for case in sorted((results / "cases").iterdir()):
    for line in (case / "requests.jsonl").read_text().splitlines():
        r = json.loads(line)
        if "error" in r:
            # What prony itself cut when the window was full.
            if r["part"] == "window":
                problems.append(f"{case.name} {r['id']}: {r['error']}")
            continue
        counted += 1
        labels = r["labels"]
        if r["provenance"] != {"input": "server", "output": "server"}:
            problems.append(f"{case.name} {r['id']}: counted by {r['provenance']}")
        for what in ("input", "output"):
            if str(r[f"{what}_tokens"]) != labels.get(f"asked_{what}_tokens"):
                problems.append(f"{case.name} {r['id']}: {what} {r[f'{what}_tokens']} {labels}")
        if "prefix" in case.name and not {"shared"} <= labels.keys():
            problems.append(f"{case.name} {r['id']}: {labels}")
        if any(len(chunk) < 2 for chunk in r["chunks"]):
            problems.append(f"{case.name} {r['id']}: chunks without a count")
summary = json.loads((results / "summary.json").read_text())
for case in summary["cases"]:
    if case["verdict"] != "pass":
        problems.append(f"{case['name']}: {case['verdict']} {case.get('reason')}")
    for phase in case["phases"]:
        print(case["name"], phase["tokens"])
        if phase["tokens"]["input"].get("differ") or phase["tokens"]["output"].get("differ"):
            problems.append(f"{case['name']}: {phase['tokens']}")
print("\n".join(problems[:10]))
print(f"{'FAILED' if problems else 'passed'}: {counted} requests, {len(problems)} problems")
sys.exit(bool(problems) or counted < 30)
