#!/usr/bin/env python3
"""Writes scipy.json: what SciPy says, for prony's own statistics to be checked against.

    pip install scipy
    python3 tests/stats_fixtures/generate.py
"""

import json
import pathlib

import numpy
import scipy
from scipy import special, stats

rng = numpy.random.default_rng(20240607)


def samples():
    yield "normal", rng.normal(100.0, 15.0, 37)
    yield "lognormal", rng.lognormal(5.0, 0.8, 250)
    yield "ties", rng.integers(0, 8, 60).astype(float)
    yield "two", numpy.array([3.0, 5.0])
    yield "one", numpy.array([3.25])


def quantiles():
    for name, x in samples():
        qs = [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]
        yield {
            "name": name,
            "x": x.tolist(),
            "q": qs,
            "expected": numpy.quantile(x, qs, method="linear").tolist(),
            "mean": float(x.mean()),
            "stddev": float(x.std(ddof=1)) if len(x) > 1 else None,
        }


def clopper_pearson():
    cases = [(0, 10), (1, 10), (10, 10), (5, 50), (3, 299), (12, 2000), (38, 5000), (700, 1000), (150, 20000), (99, 100000)]
    for k, n in cases:
        for c in (0.9, 0.95, 0.99):
            low = stats.binomtest(k, n, alternative="greater").proportion_ci(c, method="exact").low
            high = stats.binomtest(k, n, alternative="less").proportion_ci(c, method="exact").high
            yield {"k": k, "n": n, "confidence": c, "lower": float(low), "upper": float(high)}


def quantile_ranks():
    for n in (1, 20, 59, 100, 299, 473, 1000, 2000, 5000, 30000, 200000, 1000000):
        for q in (0.05, 0.5, 0.9, 0.95, 0.99, 0.999):
            for c in (0.9, 0.95, 0.99):
                # P(X_(s) >= Q) = P(Bin(n, q) <= s - 1) >= c, the least s;
                # P(X_(r) <= Q) = P(Bin(n, q) >= r) >= c, the greatest r.
                s = int(stats.binom.ppf(c, n, q)) + 1
                r = int(stats.binom.isf(c, n, q))
                while r >= 1 and stats.binom.sf(r - 1, n, q) < c:
                    r -= 1
                while stats.binom.sf(r, n, q) >= c:
                    r += 1
                yield {
                    "n": n,
                    "q": q,
                    "confidence": c,
                    "lower": r if r >= 1 else None,
                    "upper": s if s <= n else None,
                }


def beta_cdf():
    for a, b, x in [
        (0.4, 12.5, 0.01), (1.5, 2.5, 0.3), (470.0, 5.0, 0.99), (99.0, 901.0, 0.11), (9900.0, 101.0, 0.989),
        (19800.0, 201.0, 0.99), (19790.0, 211.0, 0.99), (49950.0, 51.0, 0.999), (500000.0, 500001.0, 0.5005), (989900.0, 10101.0, 0.99),
    ]:
        yield {"a": a, "b": b, "x": x, "expected": float(special.betainc(a, b, x))}


def t_intervals():
    for n in (20, 33, 60):
        x = rng.normal(10.0, 2.0, n)
        for c in (0.9, 0.95, 0.99):
            half = stats.t.ppf(c, n - 1) * stats.sem(x)
            yield {"x": x.tolist(), "confidence": c, "lower": float(x.mean() - half), "upper": float(x.mean() + half)}


def autocorrelation():
    x = numpy.zeros(400)
    for i in range(1, 400):
        x[i] = 0.6 * x[i - 1] + rng.normal()
    d = x - x.mean()
    full = numpy.correlate(d, d, mode="full")[399:]
    return {"x": x.tolist(), "expected": (full[1:11] / full[0]).tolist()}


def bootstrap():
    # A smooth statistic of one-value blocks: the percentile interval of SciPy, to be met within the
    # widening that prony adds on purpose.
    x = rng.gamma(4.0, 10.0, 80)
    ci = stats.bootstrap((x,), numpy.mean, confidence_level=0.9, n_resamples=20000, method="percentile", rng=rng).confidence_interval
    return {"x": x.tolist(), "confidence": 0.95, "lower": float(ci.low), "upper": float(ci.high)}


out = {
    "scipy": scipy.__version__,
    "quantiles": list(quantiles()),
    "clopper_pearson": list(clopper_pearson()),
    "quantile_ranks": list(quantile_ranks()),
    "beta_cdf": list(beta_cdf()),
    "t_intervals": list(t_intervals()),
    "autocorrelation": autocorrelation(),
    "bootstrap": bootstrap(),
}
path = pathlib.Path(__file__).with_name("scipy.json")
path.write_text(json.dumps(out, separators=(",", ":")).replace('},{', '},\n{') + "\n")
