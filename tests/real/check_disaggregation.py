"""It is said which target is slower, and by how much: RESULTS_FOLDER MILLISECONDS."""

import json
import pathlib
import sys

results, delay = pathlib.Path(sys.argv[1]), float(sys.argv[2])
case = json.loads((results / "summary.json").read_text())["cases"][0]
near, far = ({p["name"]: p for p in case["phases"]}[name]["metrics"]["ttft"]["p50"] for name in ("near", "far"))
claims = {a["text"]: a for a in case["assertions"]}
ttft = claims["far.ttft.p50 < 1.1 * near.ttft.p50"]
ratio, truth = 1.1 * ttft["observed"] / ttft["limit"], (near + delay) / near
print(f"ttft.p50: near {near:.1f} ms, far {far:.1f} ms; far is {ratio:.3f} times as slow, {truth:.3f} is true")
problems = []
if case["verdict"] != "fail" or ttft["verdict"] != "fail":
    problems.append(f"the slower one does not fail: {case['verdict']} {case.get('reason')}")
if claims["far.itl.p50 < 2 * near.itl.p50"]["verdict"] != "pass":
    problems.append("gaps between tokens, which the proxy leaves alone, differ")
if abs(ratio / truth - 1) > 0.1 or abs((far - near) / delay - 1) > 0.1:
    problems.append(f"{far - near:.1f} ms slower, and {delay:.1f} ms were added")
print("\n".join(problems) or "passed")
sys.exit(bool(problems))
