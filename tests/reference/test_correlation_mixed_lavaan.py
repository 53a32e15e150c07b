"""Moments of ordered and continuous variables together beside lavaan's, and beside a derivation of their own.

lavaan estimates the asymptotic covariance with outer products of the casewise scores everywhere, which supposes
normal continuous variables. Ours takes the derivatives of the estimating functions of means, variances and
covariances instead, as in the distribution-free covariance of continuous variables alone. Both follow from the same
likelihoods, differentiated numerically here: with outer products they give lavaan's numbers, with derivatives ours.
"""

import json
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from golden import Comparison, ids
from scipy.special import ndtr

from recoverymetrics.correlation.kernel_mixed import mixed_moments
from recoverymetrics.numerics.normal import bivariate_normal_cdf

HERE = Path(__file__).parent / "mixed"
DETERMINISTIC = 1e-7  # closed forms, and correlations at the maximum of both sides
NEAR = (
    2e-5  # lavaan's optimiser leaves polyserial correlations up to 1.2e-5 short of the maximum (see the test)
)
DERIVED = 1e-6  # numerical derivatives, second ones for the covariances of continuous variables
STEP, SECOND_STEP = 1e-5, 1e-4  # of the derivatives: half and a quarter of the digits of a double


@cache
def stored():
    return json.loads((HERE / "lavaan.json").read_text())


@cache
def responses(kind):
    """Values, categories of each variable (0: continuous), as lavaan.R cuts them."""
    data = pd.read_csv(HERE / "hs1939.csv")
    values, sizes = data.to_numpy(dtype=float), np.zeros(9, dtype=int)
    for test, cuts in stored()["cuts"].items():
        j = data.columns.get_loc(test)
        values[:, j] = np.searchsorted(np.atleast_1d(cuts), values[:, j], side="right")
        sizes[j] = np.size(cuts) + 1
    if kind == "pairwise":
        values[2::7, 1] = np.nan
        values[4::9, 6] = np.nan
    return values, sizes


@cache
def ours(kind):
    return mixed_moments(*responses(kind), acov="full")


def margins(moments, sizes):
    """Parameters of each variable alone: thresholds, or mean and variance."""
    return [
        moments.tau[j, : size - 1] if size else np.array([moments.means[j], moments.covariance[j, j]])
        for j, size in enumerate(sizes)
    ]


def limits(tau, codes):
    cuts = np.concatenate([[-30.0], tau, [30.0]])
    return cuts[codes.astype(int)], cuts[codes.astype(int) + 1]


def log_margin(x, size, theta):
    if size == 0:
        return -0.5 * np.log(2 * np.pi * theta[1]) - 0.5 * (x - theta[0]) ** 2 / theta[1]
    low, high = limits(theta, x)
    return np.log(ndtr(high) - ndtr(low))


def log_pair(x, y, sizes, first, second, rho, given_x):
    """Casewise log-likelihood of a pair; ``given_x``: of an ordered variable given a continuous one."""
    if sizes[0] and not sizes[1]:
        return log_pair(y, x, sizes[::-1], second, first, rho, given_x)
    if not sizes[0] and not sizes[1]:
        z, w = (x - first[0]) / np.sqrt(first[1]), (y - second[0]) / np.sqrt(second[1])
        spread = np.log(first[1] * second[1] * (1 - rho**2))
        return -0.5 * spread - 0.5 * (z * z + w * w - 2 * rho * z * w) / (1 - rho**2)
    low, high = limits(second, y)
    if not sizes[0]:
        z, rest = (x - first[0]) / np.sqrt(first[1]), np.sqrt(1 - rho**2)
        conditional = np.log(ndtr((high - rho * z) / rest) - ndtr((low - rho * z) / rest))
        return conditional if given_x else conditional + log_margin(x, 0, first)
    left, right = limits(first, x)
    signed = ((right, high, 1), (left, high, -1), (right, low, -1), (left, low, 1))
    return np.log(sum(s * bivariate_normal_cdf(h, k, np.full(h.shape, rho)) for h, k, s in signed))


def slopes(function, theta):
    columns = []
    for shift in STEP * np.eye(len(theta)):
        columns.append((function(theta + shift) - function(theta - shift)) / (2 * STEP))
    return np.array(columns).T


def derived(kind, by_derivatives):
    """``n`` times the asymptotic covariance of the stacked estimating functions (Muthen 1984)."""
    x, sizes = responses(kind)
    moments = ours(kind)
    theta = margins(moments, sizes)
    starts = np.concatenate([[0], np.cumsum([t.size for t in theta])])
    pairs = list(combinations(range(len(sizes)), 2))
    size = starts[-1] + len(pairs)
    scores, bread = np.zeros((len(x), size)), np.zeros((size, size))
    for j, parameters in enumerate(theta):
        seen, block = ~np.isnan(x[:, j]), slice(starts[j], starts[j + 1])
        scores[seen, block] = slopes(lambda t: log_margin(x[seen, j], sizes[j], t), parameters)
        bread[block, block] = scores[:, block].T @ scores[:, block]
        if by_derivatives and sizes[j] == 0:
            bread[block, block] = seen.sum() * np.diag([1 / parameters[1], 0.5 / parameters[1] ** 2])
    for at, (a, b) in enumerate(pairs, start=starts[-1]):
        seen, m = ~np.isnan(x[:, a] + x[:, b]), theta[a].size

        def log_likelihood(t):
            of = sizes[a], sizes[b]
            return log_pair(x[seen, a], x[seen, b], of, t[:m], t[m:-1], t[-1], by_derivatives)

        def score(t):
            up, down = (np.append(t[:-1], t[-1] + h) for h in (SECOND_STEP, -SECOND_STEP))
            return (log_likelihood(up) - log_likelihood(down)).sum() / (2 * SECOND_STEP)

        everything = np.concatenate([theta[a], theta[b], [moments.correlations[a, b]]])
        gradient = slopes(log_likelihood, everything)
        scores[seen, at] = gradient[:, -1]
        continuous = sizes[a] == sizes[b] == 0
        places = np.r_[starts[a] : starts[a + 1], starts[b] : starts[b + 1], at]
        outer = gradient.T @ gradient[:, -1]
        bread[at, places] = -slopes(score, everything) if by_derivatives and continuous else outer
    inverse = np.linalg.inv(bread)
    turned = in_statistics(moments, sizes, starts, pairs) @ inverse @ scores.T
    return len(x) * turned @ turned.T


def in_statistics(moments, sizes, starts, pairs):
    """Derivatives of the statistics (thresholds and minus means, variances, covariances) in the parameters."""
    C, identity = moments.covariance, np.eye(starts[-1] + len(pairs))
    rows = [
        identity[starts[j] + k] * (1 if size else -1)
        for j, size in enumerate(sizes)
        for k in range(max(size - 1, 1))
    ]
    rows += [identity[starts[j] + 1] for j, size in enumerate(sizes) if not size]
    for at, (a, b) in enumerate(pairs, start=starts[-1]):
        row = np.sqrt(C[a, a] * C[b, b]) * identity[at]
        for j in (a, b):
            if not sizes[j]:
                row = row + 0.5 * C[a, b] / C[j, j] * identity[starts[j] + 1]
        rows.append(row)
    return np.array(rows)


def scaled(matrix, by):
    """A covariance matrix in units of the standard deviations of another."""
    scale = np.sqrt(np.diag(by))
    return np.asarray(matrix) / np.outer(scale, scale)


def comparisons() -> list[Comparison]:
    out = []
    for kind in ("complete", "pairwise"):
        lavaan, case = stored()[kind], f"mixed_{kind}"
        theirs, found = np.array(lavaan["statistics"]), ours(kind).statistics
        names = np.array(lavaan["names"])
        ordered = set(stored()["cuts"])
        sides = [
            tuple(side in ordered for side in name.split("~~")) if "~~" in name else () for name in names
        ]
        serial = np.array([len(side) == 2 and side[0] != side[1] for side in sides])
        gamma = np.array(lavaan["gamma"])
        out += [
            Comparison("lavaan", case, "thresholds, means, variances, other covariances", found[~serial], theirs[~serial], DETERMINISTIC, "", 1.0),
            Comparison("lavaan", case, "polyserial covariances", found[serial], theirs[serial], NEAR, "theirs short of the maximum", 1.0),
            Comparison("lavaan", case, "NACOV by outer products", scaled(derived(kind, False), gamma), scaled(gamma, gamma), NEAR, "from our moments", 1.0),
            Comparison("derived", case, "NACOV by derivatives", scaled(ours(kind).acov, gamma), scaled(derived(kind, True), gamma), DERIVED, "", 1.0),
        ]  # fmt: skip
    return out


CASES = comparisons()


@pytest.mark.parametrize("comparison", CASES, ids=ids(CASES))
def test_agrees_with_lavaan_and_with_its_derivation(comparison):
    comparison.check()


def test_our_polyserial_is_the_maximum_where_lavaan_stops_short():
    """x5 (continuous) with x7 (two categories): the pair whose correlations differ most."""
    x, sizes = responses("complete")
    theta = margins(ours("complete"), sizes)
    a, b = 4, 6
    scale = np.sqrt(ours("complete").covariance[a, a])
    theirs = np.array(stored()["complete"]["covariance"])[a, b] / scale

    def score(rho):
        args = (x[:, a], x[:, b], (0, sizes[b]), theta[a], theta[b])
        up, down = (log_pair(*args, rho + h, True).sum() for h in (STEP, -STEP))
        return (up - down) / (2 * STEP)

    assert abs(score(ours("complete").correlations[a, b])) < 1e-6
    assert abs(score(theirs)) > 1e-4
