"""What tests/real/shape.yaml measured, read from results folders: medians of one or several passes."""

import json
import pathlib
import statistics

CONCURRENCY = (1, 2, 4, 6, 8)
SLOTS = 4


def records(folder, case):
    """The successful requests of a case's window."""
    (path,) = pathlib.Path(folder).glob(f"cases/shape-{case}-*/requests.jsonl")
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [r for r in found if r["part"] == "window" and "error" not in r]


def ttft(record):
    return (record["first_us"] - record["sent_us"]) / 1e3


def gaps(record):
    return [chunk[0] / 1e3 for chunk in record["chunks"][1:]]


def summaries(folder):
    """Metrics by case, as summary.json has them."""
    summary = json.loads((pathlib.Path(folder) / "summary.json").read_text())
    return {c["name"]: c["phases"][0]["metrics"] for c in summary["cases"] if c["phases"]}


def medians(folders, metric, statistic="p50"):
    """By case: the median over the passes."""
    passes = [summaries(folder) for folder in folders]
    return {
        case: statistics.median(p[case][metric][statistic] for p in passes if case in p)
        for case in passes[0]
        if metric in passes[0][case]
    }
