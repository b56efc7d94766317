"""Holds prony's records against llama.cpp's own account of the same requests: RESULTS_FOLDER TEE_LOG."""

import json
import pathlib
import statistics
import sys

results, log = pathlib.Path(sys.argv[1]), sys.argv[2]
noted = sorted((json.loads(line) for line in open(log)), key=lambda n: n["sent"])
# Requests for a single token are those by which prony finds out what the chat template adds.
noted = [n for n in noted if n["timings"]["predicted_n"] > 1]
records = []
for case in sorted((results / "cases").iterdir(), key=lambda c: "throughput" in c.name):
    lines = (case / "requests.jsonl").read_text().splitlines()
    of_case = [json.loads(line) for line in lines]
    records += sorted((r for r in of_case if "sent_us" in r), key=lambda r: r["sent_us"])

problems = []


def check(holds, text):
    print(("ok    " if holds else "WRONG ") + text)
    if not holds:
        problems.append(text)


window = [r for r in records if r["part"] == "window"]
check(len(window) == 31, f"31 requests measured: {len(window)}")
failed = [r for r in window if "error" in r]
check(not failed, f"every request of the windows succeeded: {failed[:1]}")

# Requests that prony cut at the end of a run have no account of the server's. The others are in the
# same order on both sides, where only one is under way at a time.
latency = [r for r in records if "latency" in r["case"] and "error" not in r]
own = noted[: len(latency)]
for r, n in zip(latency, own):
    r["timings"], r["usage"] = n["timings"], n["usage"]
wrong = [r["id"] for r in latency if r["output_tokens"] != r["timings"]["predicted_n"]]
check(not wrong, f"output tokens equal timings.predicted_n: {wrong}")
wrong = [r["id"] for r in latency if r["input_tokens"] != r["usage"]["prompt_tokens"]]
check(not wrong, f"input tokens equal usage.prompt_tokens: {wrong}")
wrong = [r["id"] for r in window if str(r["input_tokens"]) != r["labels"]["asked_input_tokens"]]
check(not wrong, f"prompts are exactly as long as asked: {wrong}")
wrong = [r["id"] for r in window if any(len(chunk) < 2 for chunk in r["chunks"])]
check(not wrong, f"the tokens of every chunk are known: {wrong}")
check(
    all(r["provenance"] == {"input": "server", "output": "server"} for r in window),
    "all token counts come from the server",
)
# With four at once the order is not known; the counts as a whole are.
rest = [r for r in records if "throughput" in r["case"] and "error" not in r]
theirs = sorted(n["timings"]["predicted_n"] for n in noted[len(latency) :])
ours = sorted(r["output_tokens"] for r in rest)
surplus = list(theirs)
missing = [n for n in ours if n not in surplus or surplus.remove(n)]
check(not missing, f"throughput: every output count is one that the server gave: {missing}")


def close(name, ours, theirs):
    """Medians within 10 % or 5 ms, and so for most of the single requests."""
    a, b = statistics.median(ours), statistics.median(theirs)
    near = lambda x, y: abs(x - y) <= max(0.1 * y, 5)
    share = sum(map(near, ours, theirs)) / len(ours)
    check(near(a, b), f"{name}: median {a:.1f} ms here, {b:.1f} ms on the server")
    check(share >= 0.8, f"{name}: {share:.0%} of the requests agree one by one")


measured = [r for r in latency if r["part"] == "window"]
close(
    "ttft against prompt_ms",
    [(r["first_us"] - r["sent_us"]) / 1e3 for r in measured],
    [r["timings"]["prompt_ms"] for r in measured],
)
close(
    "tpot against predicted_per_token_ms",
    [sum(c[0] for c in r["chunks"]) / 1e3 / (r["output_tokens"] - 1) for r in measured],
    [r["timings"]["predicted_per_token_ms"] for r in measured],
)
summary = json.loads((results / "summary.json").read_text())
verdicts = {f"{c['suite']}::{c['name']}": c["verdict"] for c in summary["cases"]}
check(
    verdicts == {"llama::latency": "pass", "llama::throughput": "pass"},
    f"both cases pass: {verdicts}",
)
print(f"{'FAILED' if problems else 'passed'}: {len(problems)} of the checks against llama.cpp do not hold")
sys.exit(bool(problems))
