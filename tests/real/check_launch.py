"""Looks at what run_launch.sh left: RESULTS_FOLDER RESULTS_OF_THE_KILLED_ONE ITS_EXIT_CODE."""

import json
import pathlib
import sys

results, killed, code = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
problems = []


def check(holds, text):
    print(("ok    " if holds else "WRONG ") + text)
    if not holds:
        problems.append(text)


def cases(folder):
    found = json.loads((folder / "summary.json").read_text())["cases"]
    return {case["name"]: case for case in found}


def log(folder, case):
    return (folder / "cases" / case["slug"] / "target.log").read_text()


good = cases(results)
check(all(c["verdict"] == "pass" for c in good.values()), "both cases passed")
restarted = good["restarted"]
sessions = [run["session"] for run in restarted["phases"][0]["runs"]]
check(sessions == [0, 1], f"each repeat is a session: {sessions}")
starts = log(results, restarted).count("init: listening on ")
check(starts == 2, f"the server was started for each repeat: {starts} starts in its log")
stops = log(results, restarted).count("the target was stopped")
check(stops == 2, f"and stopped in order: {stops}")

dead = cases(killed)["killed"]
check(code == 101, f"exit code of the run whose server was killed: {code}")
check(dead["verdict"] == "fail", f"its verdict: {dead['verdict']}")
check("killed by SIGKILL" in dead["reason"], f"its reason: {dead['reason']}")
last = log(killed, dead).splitlines()
last = [line for line in last if line.strip() and not line.startswith("--- prony")][-1].strip()
page = (killed / "report.html").read_text()
check("the last lines of the target" in page, "the report shows the log's tail")
junit = (killed / "junit.xml").read_text()
told = (killed.parent.parent / "killed.txt").read_text()
check(last[:60] in told, f"the terminal shows the log's last line: {last[:60]}")
check("<failure" in junit and last[:60] in junit, "and so does JUnit")
check(dead["phases"][0]["requests"]["ok"] > 0, "what was measured before is kept")
sys.exit(bool(problems))
