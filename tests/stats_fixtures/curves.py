#!/usr/bin/env python3
"""Writes curves.json: what SciPy says of fitted curves, for prony's own to be checked against.

    pip install scipy
    python3 tests/stats_fixtures/curves.py
"""

import json
import pathlib

import numpy
import scipy
from scipy import optimize

rng = numpy.random.default_rng(20240911)


def usl():
    levels = numpy.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    planted = [(100.0, 0.05, 0.0005), (12.5, 0.3, 0.0), (900.0, 0.0, 0.002), (40.0, 0.0, 0.0), (3.0, 0.6, 0.01), (75.0, 0.01, 0.00005)]
    for lam, sigma, kappa in planted:
        for noise in (0.0, 0.02, 0.1):
            x = lam * levels / (1 + sigma * (levels - 1) + kappa * levels * (levels - 1))
            x = x * numpy.exp(rng.normal(0.0, noise, len(levels)))

            def residuals(p):
                slowdown = 1 + p[1] * (levels - 1) + p[2] * levels * (levels - 1)
                return numpy.log(x) - p[0] - numpy.log(levels) + numpy.log(slowdown)

            # From several starts: the least of what is found.
            fits = [
                optimize.least_squares(
                    residuals, [numpy.log(x[0]), s, k], bounds=([-numpy.inf, 0, 0], numpy.inf),
                    x_scale=[1, 0.1, 0.001], xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=20000,
                )
                for s in (1e-6, 0.05, 0.5) for k in (1e-9, 1e-4, 1e-2)
            ]
            best = min(fits, key=lambda fit: fit.cost)
            yield {
                "n": levels.tolist(), "x": x.tolist(),
                "lambda": float(numpy.exp(best.x[0])), "sigma": float(best.x[1]), "kappa": float(best.x[2]),
            }


def isotonic():
    for n in (1, 5, 30):
        for _ in range(4):
            y = rng.normal(numpy.linspace(0.0, 2.0, n), 1.0)
            weights = rng.uniform(0.2, 5.0, n)
            expected = optimize.isotonic_regression(y, weights=weights).x
            yield {"y": y.tolist(), "weights": weights.tolist(), "expected": expected.tolist()}


out = {"scipy": scipy.__version__, "usl": list(usl()), "isotonic": list(isotonic())}
path = pathlib.Path(__file__).with_name("curves.json")
path.write_text(json.dumps(out, separators=(",", ":")).replace("},{", "},\n{") + "\n")
