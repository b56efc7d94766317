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


def students():
    for freedom in (0.7, 1.0, 2.0, 3.6, 7.9, 24.0, 120.0, 4000.0):
        for p in (0.5, 0.8, 0.95, 0.99, 0.9996, 0.99999):
            t = float(stats.t.ppf(p, freedom))
            yield {"freedom": freedom, "p": p, "t": t, "upper": float(stats.t.sf(t, freedom))}


def t_tests():
    for na, nb, sa, sb in [(5, 5, 1.0, 1.0), (5, 8, 1.0, 4.0), (3, 20, 5.0, 0.5), (2, 2, 1.0, 1.0)]:
        a, b = rng.normal(10.0, sa, na), rng.normal(11.0, sb, nb)
        c = 0.95
        test = stats.ttest_ind(a, b, equal_var=False, alternative="greater")
        ci = stats.ttest_ind(a, b, equal_var=False).confidence_interval(2 * c - 1)
        yield {
            "kind": "welch", "a": a.tolist(), "b": b.tolist(), "confidence": c, "freedom": float(test.df),
            "p": float(test.pvalue), "lower": float(ci.low), "upper": float(ci.high),
        }
    for n in (3, 5, 12):
        a = rng.normal(10.0, 2.0, n)
        b = a + rng.normal(0.3, 0.4, n)
        c = 0.99
        test = stats.ttest_rel(a, b, alternative="greater")
        ci = stats.ttest_rel(a, b).confidence_interval(2 * c - 1)
        yield {
            "kind": "paired", "a": a.tolist(), "b": b.tolist(), "confidence": c, "freedom": float(test.df),
            "p": float(test.pvalue), "lower": float(ci.low), "upper": float(ci.high),
        }


def mann_whitney():
    for a, b in [
        (rng.normal(0.0, 1.0, 30), rng.normal(0.5, 1.0, 40)),
        (rng.integers(0, 6, 25).astype(float), rng.integers(1, 7, 31).astype(float)),
        (rng.lognormal(0.0, 1.0, 200), rng.lognormal(0.0, 1.0, 100)),
    ]:
        test = stats.mannwhitneyu(a, b, alternative="two-sided", method="asymptotic")
        yield {"a": a.tolist(), "b": b.tolist(), "u": float(test.statistic), "p": float(test.pvalue)}


def kolmogorov():
    # p by the limiting distribution, which is what prony uses.
    x = rng.normal(0.2, 1.0, 80)
    d = float(stats.kstest(x, "norm").statistic)
    yield {"a": x.tolist(), "b": None, "distance": d, "p": float(special.kolmogorov(numpy.sqrt(80) * d))}
    for a, b in [(rng.normal(0.0, 1.0, 60), rng.normal(0.6, 1.0, 45)), (rng.integers(0, 9, 50).astype(float), rng.integers(0, 9, 70).astype(float))]:
        d = float(stats.ks_2samp(a, b).statistic)
        en = len(a) * len(b) / (len(a) + len(b))
        yield {"a": a.tolist(), "b": b.tolist(), "distance": d, "p": float(special.kolmogorov(numpy.sqrt(en) * d))}


def mser5():
    # SciPy has none: the definition, written out.
    for n, shift in ((400, 0.0), (403, 30.0), (1000, 8.0)):
        x = rng.normal(50.0, 3.0, n) + shift * numpy.exp(-numpy.arange(n) / 40.0)
        y = x[: n // 5 * 5].reshape(-1, 5).mean(axis=1)
        k = len(y)
        half = [numpy.sum((y[d:] - y[d:].mean()) ** 2) / (k - d) ** 2 for d in range(k - 5)]
        yield {"x": x.tolist(), "cut": int(numpy.argmin(half)) * 5}


def variance_components():
    # By least squares of the expected sums of squares, unlike prony's closed form: SST and SSW in matrices.
    sizes = [5, 3, 1, 4, 2, 5]
    group = numpy.repeat(numpy.arange(len(sizes)), sizes)
    x = rng.normal(0.0, 0.03, len(sizes))[group] + rng.normal(0.0, 0.02, len(group))
    n = len(x)
    z = (group[:, None] == numpy.arange(len(sizes))[None, :]).astype(float)
    mean = numpy.full((n, n), 1.0 / n)
    project = z @ numpy.linalg.inv(z.T @ z) @ z.T
    between, within = project - mean, numpy.eye(n) - project
    v_session, v_run = z @ z.T, numpy.eye(n)
    system = [[numpy.trace(q @ v) for v in (v_session, v_run)] for q in (between, within)]
    session, run = numpy.linalg.solve(system, [x @ between @ x, x @ within @ x])
    return {"sessions": [x[group == g].tolist() for g in range(len(sizes))], "session": float(session), "within": float(run)}


out = {
    "scipy": scipy.__version__,
    "quantiles": list(quantiles()),
    "clopper_pearson": list(clopper_pearson()),
    "quantile_ranks": list(quantile_ranks()),
    "beta_cdf": list(beta_cdf()),
    "t_intervals": list(t_intervals()),
    "autocorrelation": autocorrelation(),
    "bootstrap": bootstrap(),
    "students": list(students()),
    "t_tests": list(t_tests()),
    "mann_whitney": list(mann_whitney()),
    "kolmogorov": list(kolmogorov()),
    "mser5": list(mser5()),
    "variance_components": variance_components(),
}
path = pathlib.Path(__file__).with_name("scipy.json")
path.write_text(json.dumps(out, separators=(",", ":")).replace('},{', '},\n{') + "\n")
