"""The server with more slots is ranked first, everywhere it is said: RESULTS_FOLDER CONSOLE."""

import json
import pathlib
import sys

results, console = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
summary = json.loads((results / "summary.json").read_text())
problems = []


def check(holds, text):
    print(("ok    " if holds else "WRONG ") + text)
    if not holds:
        problems.append(text)


cases = {case["name"]: case for case in summary["cases"]}
check(set(cases) == {"slots[slots=1]", "slots[slots=4]"}, f"a case for each: {sorted(cases)}")
highest = {}
for name, case in cases.items():
    check(case["verdict"] == "pass", f"{name}: {case['verdict']}, {case.get('reason')}")
    tried = ", ".join(f"{p['level']:g} {'held' if p['held'] else 'broke'}" for p in case["path"])
    answers = {a["name"]: a["value"] for a in case["answers"]}
    print(f"      {name}: {tried}; {answers}")
    highest[name] = answers.get("capacity_concurrency") or 0
    log = results / "cases" / case["slug"] / "target.log"
    starts = log.read_text().count("init: listening on ")
    check(starts == 1, f"{name}: its server was started once: {starts}")
check(highest["slots[slots=1]"] == 0, "with one slot the second request waits: nothing is served within the limit")
check(highest["slots[slots=4]"] >= 2, "with four slots two or more are served at once")

found = summary["configurations"]
check(len(found) == 1 and found[0]["scenario"] == "slots", "they are compared once")
ranked = [case["values"] for case in found[0]["cases"]]
check(ranked == ["slots=4", "slots=1"], f"four slots serve more: {ranked}")
first, last = found[0]["cases"]
check(first["serves"] > last["serves"], f"{first['serves']:.2f}/s against {last['serves']:.2f}/s")
check(first["best"], "the first is among the best")
check(first.get("tpot_p50", 0) > 0 and first.get("ttft_p99", 0) > 0, f"latencies at {first.get('phase')}")
check("phase" not in last and "tpot_p50" not in last, "and none where nothing held")

title = "which configuration serves the most: matrix-llama::slots"
for where in (console, results / "report.md"):
    text = where.read_text()
    table = text[text.find(title) :]
    check(title in text, f"{where.name} has the table")
    check(-1 < table.find("slots=4") < table.find("slots=1"), f"{where.name} has them in that order")
print("\n".join(problems) or "passed")
sys.exit(bool(problems))
