"""Holds what prony read of a real server's /metrics against its own records.

    check_telemetry.py RESULTS_FOLDER ENGINE
"""
import json
import pathlib
import sys

folder, engine = pathlib.Path(sys.argv[1]), sys.argv[2]
summary = json.loads((folder / "summary.json").read_text())
failures = []


def check(what, holds):
    print(("ok      " if holds else "FAILED  ") + what)
    if not holds:
        failures.append(what)


for case in summary["cases"]:
    name, phase = case["name"], case["phases"][0]
    server, metrics = phase["server"], phase["metrics"]
    check(f"{name}: speaks {engine}: {server.get('engine')}", server.get("engine") == engine)
    check(f"{name}: {server['scrapes']} looks, {server['failed']} failed", server["failed"] == 0)
    looks = (folder / "cases" / case["slug"] / "telemetry.jsonl").read_text().splitlines()
    check(f"{name}: telemetry.jsonl has them all", len(looks) == server["scrapes"])
    if name == "hits":
        usage = metrics["cached_token_ratio"]["value"]
        counters = metrics["cache_hit_ratio"]["value"]
        check(f"hit ratio by usage {usage:.4f}, by counters {counters:.4f}", abs(usage - counters) < 0.01)
        # From before the first request to after the last: the same requests, so the same tokens.
        ends = [json.loads(line)["replicas"]["0"]["values"] for line in (looks[0], looks[-1])]
        records = (folder / "cases" / case["slug"] / "requests.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in records]
        for counter, field in [("cache_hits", "cached_tokens"), ("cache_queries", "input_tokens")]:
            grown = ends[1][counter] - ends[0].get(counter, 0)
            asked = sum(r[field] for r in records)
            check(f"{counter} grew by {grown:.0f}, usage says {asked}", abs(grown - asked) <= 0.01 * asked)
    if name == "queue":
        # Every token of the window: counters at its edges against what arrived inside it.
        told = metrics["server_generation_tokens"]["value"]
        seen = metrics["tokens_per_second"]["value"] * phase["window_s"]
        check(f"generated {told:.0f} by counters, {seen:.0f} arrived", abs(told - seen) < 0.2 * seen)
    if "server_ttft" in metrics:
        there, here = metrics["server_ttft"]["mean"], metrics["ttft"]["mean"]
        check(f"{name}: mean ttft {here:.1f} ms here, {there:.1f} ms there", there <= here * 1.1 + 5)
sys.exit(bool(failures))
