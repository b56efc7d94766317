"""Holds a nextest run against prony's: agree.py RESULTS [NEXTEST_JUNIT]

One results folder, named by the run's id, with every case in it; and a failure in nextest's report for
exactly the cases that prony's calls a failure or an error.
"""

import json
import pathlib
import sys
import uuid
import xml.etree.ElementTree as ET


def of_prony(path):
    verdicts = {}
    for case in ET.parse(path).iter("testcase"):
        red = case.find("failure") is not None or case.find("error") is not None
        verdicts[f"{case.get('classname')}::{case.get('name')}"] = red
    return verdicts


def of_nextest(path):
    verdicts = {}
    for case in ET.parse(path).iter("testcase"):
        verdicts[case.get("name")] = case.find("failure") is not None or case.find("error") is not None
    return verdicts


results = pathlib.Path(sys.argv[1])
latest = results / "latest"
run = latest.resolve()
uuid.UUID(run.name)
expected = {
    "suites/broken.yaml::loads": ("error", True),
    "verdicts::passes": ("pass", False),
    "verdicts::fails": ("fail", True),
    "verdicts::undecided": ("undecided", False),
    "verdicts::errs": ("error", True),
    "in-code::holds": ("pass", False),
    "in-code::misses": ("fail", True),
}
summary = json.loads((run / "summary.json").read_text())
found = {f"{c['suite']}::{c['name']}": c["verdict"] for c in summary["cases"]}
assert found == {name: verdict for name, (verdict, _) in expected.items()}, found
assert summary["run"]["id"] == run.name, summary["run"]
assert summary["run"]["interrupted"] is False and summary["run"]["finished_at"], summary["run"]
prony = of_prony(run / "junit.xml")
assert prony == {name: red for name, (_, red) in expected.items()}, prony
suites = (run / "suite.yaml").read_text()
assert suites.count("suite: verdicts") == 1 and suites.count("suite: in-code") == 1, suites
html = (run / "report.html").read_text()
assert all(name.split("::")[1] in html for name in expected), "a case is missing in report.html"
metrics = json.loads((run / "metrics.json").read_text())
assert len(metrics["cases"]) == 5, [c["slug"] for c in metrics["cases"]]
if len(sys.argv) > 2:
    folders = [d for d in results.iterdir() if d.name != "latest" and d.is_dir()]
    assert len(folders) == 1, folders
    nextest = of_nextest(sys.argv[2])
    assert nextest == prony, f"nextest: {nextest}\nprony: {prony}"
print(f"agree: {len(prony)} cases, {sum(prony.values())} of them red in both")
