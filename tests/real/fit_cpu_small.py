"""Fits the preset `cpu-small` to what prony measured of llama.cpp: RESULTS_FOLDER…

Each folder is a pass of tests/real/shape.yaml; figures are medians over the passes. What is fitted is
the engine's cost of a step, base + prefill tokens · prefill + sequences · sequence + context · context:

- base and sequence from the median gap with 1, 2 and 4 streams (with 6 and 8 streams 4 run as well),
  least squares of the relative error;
- prefill from the time to the first token of lone requests by their prompt's length, Theil-Sen slope;
- overhead from what then remains of it: intercept − base;
- context from the gaps of long prompts against those of short ones;
- the spread of a step from the gaps of lone requests, a quarter of them left out at either end.
"""

import itertools
import math
import statistics
import sys

import shape

folders = sys.argv[1:]
itl = shape.medians(folders, "itl")
batches = [(1, itl["concurrency-1"]), (2, itl["concurrency-2"])]
batches.append((4, statistics.median(itl[f"concurrency-{n}"] for n in (4, 6, 8))))


def relative_least_squares(points):
    """a, b of y = a + b·x with the least Σ((a + b·x − y)/y)²."""
    w = [1 / y**2 for _, y in points]
    sw = sum(w)
    mx = sum(wi * x for wi, (x, _) in zip(w, points)) / sw
    my = sum(wi * y for wi, (_, y) in zip(w, points)) / sw
    slope = sum(wi * (x - mx) * (y - my) for wi, (x, y) in zip(w, points))
    slope /= sum(wi * (x - mx) ** 2 for wi, (x, _) in zip(w, points))
    return my - slope * mx, slope


base, sequence = relative_least_squares(batches)

slopes, intercepts = [], []
for folder in folders:
    alone = [
        (r["input_tokens"], shape.ttft(r))
        for case in ("concurrency-1", "prefix-cold", "long-context")
        for r in shape.records(folder, case)
    ]
    slope = statistics.median(
        (b[1] - a[1]) / (b[0] - a[0])
        for a, b in itertools.combinations(alone, 2)
        if abs(b[0] - a[0]) > 50
    )
    slopes.append(slope)
    intercepts.append(statistics.median(y - slope * x for x, y in alone))
prefill = statistics.median(slopes)
overhead = max(0.0, statistics.median(intercepts) - base)

long_prompts, short_prompts = 901 + 16, 70 + 12
context = max(0.0, itl["long-context"] - itl["concurrency-1"]) / (long_prompts - short_prompts)

logs = []
for folder in folders:
    found = [g for r in shape.records(folder, "concurrency-1") for g in shape.gaps(r) if g > 0]
    middle = statistics.median(found)
    logs += [math.log(g / middle) for g in found]
quartiles = statistics.quantiles(logs, n=4)
spread = (quartiles[2] - quartiles[0]) / 1.349

print(f"base_ms     {base:8.2f}")
print(f"sequence_us {sequence * 1e3:8.0f}")
print(f"prefill_us  {prefill * 1e3:8.0f}")
print(f"context_ns  {context * 1e6:8.0f}")
print(f"overhead_ms {overhead:8.1f}")
print(f"step        {spread:8.3f}")
print()
for n, y in batches:
    fitted = base + n * sequence
    print(f"gap with {n} streams: {y:6.2f} ms, fit {fitted:6.2f} ({fitted / y - 1:+.0%})")
for case in ("concurrency-1", "prefix-cold", "long-context"):
    found = [(r["input_tokens"], shape.ttft(r)) for f in folders for r in shape.records(f, case)]
    n, y = (statistics.median(column) for column in zip(*found))
    fitted = overhead + base + prefill * n
    print(f"ttft of {n:.0f} tokens alone: {y:7.1f} ms, fit {fitted:7.1f} ({fitted / y - 1:+.0%})")
