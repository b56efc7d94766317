"""The server's queue is first above 0 past its slots: RESULTS_FOLDER SLOTS."""

import json
import pathlib
import sys

results, slots = pathlib.Path(sys.argv[1]), int(sys.argv[2])
case = json.loads((results / "summary.json").read_text())["cases"][0]
problems = [] if case["verdict"] == "pass" else [f"{case['verdict']}: {case.get('reason')}"]
seen = []
for phase in case["phases"]:
    level = phase["load"]["concurrency"]
    queue = phase["metrics"].get("queue_depth")
    if queue is None:
        problems.append(f"{level} in flight: the server tells of no queue")
        continue
    print(f"{level} in flight: queue p50 {queue['p50']:g}, mean {queue['mean']:.2f} of {queue['n']} looks")
    # What takes a slot over is queued for a moment, so that the median counts.
    seen.append((level, queue["p50"]))
first = next((level for level, depth in sorted(seen) if depth > 0), None)
beyond = [level for level, _ in sorted(seen) if level > slots]
if not beyond or first != beyond[0]:
    problems.append(f"the queue is first above 0 at {first} in flight, and there are {slots} slots")
print("\n".join(problems) or "passed")
sys.exit(bool(problems))
