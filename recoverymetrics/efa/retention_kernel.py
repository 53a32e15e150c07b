"""Rules for the number of factors, each on a correlation matrix: arrays in, a small record out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2 as chi2_distribution

from recoverymetrics.efa import extraction as extract
from recoverymetrics.efa.measures import degrees_of_freedom, fit_measures, rmsea_interval
from recoverymetrics.typing import BoolArray, FloatArray


@dataclass(frozen=True)
class Rule:
    """What one rule says.

    Attributes
    ----------
    method : str
        Name of the rule.
    n_factors : int
        Factors it keeps.
    curve : ndarray
        The values it decides by, for 0 or 1, 2, ... factors (see ``start``).
    start : int
        Number of factors that the first value of ``curve`` belongs to.
    note : str
        How it decided.
    """

    method: str
    n_factors: int
    curve: FloatArray
    start: int
    note: str


def count_leading(above: BoolArray) -> int:
    """How many entries are true before the first false one."""
    flags = np.asarray(above, dtype=bool)
    return int(flags.size if flags.all() else np.argmin(flags))


def minimum_average_partial(R: FloatArray, max_factors: int, *, power: int = 2) -> Rule:
    """Velicer's minimum average partial correlation (1976; ``power=4``: Velicer, Eaton & Fava 2000)."""
    p = R.shape[0]
    values, vectors = np.linalg.eigh(R)
    loadings = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    limit = min(max_factors, p - 2)
    curve = np.full(limit + 1, np.nan)
    partial = R.copy()
    for m in range(limit + 1):
        if m:
            partial = partial - np.outer(loadings[:, m - 1], loadings[:, m - 1])
        scale = np.sqrt(np.maximum(np.diag(partial), 1e-300))
        if np.min(np.diag(partial)) < 1e-10:
            break
        correlation = partial / np.outer(scale, scale)
        curve[m] = (np.sum(np.abs(correlation) ** power) - p) / (p * (p - 1))
    best = int(np.nanargmin(curve))
    return Rule("map", best, curve, 0, f"smallest average partial correlation (power {power})")


def empirical_kaiser(values: FloatArray, n: float) -> Rule:
    """Empirical Kaiser criterion (Braeken & van Assen 2017): eigenvalues against shrinking references."""
    p = values.size
    edge = (1.0 + math.sqrt(p / n)) ** 2
    left = p - np.concatenate([[0.0], np.cumsum(values)[:-1]])
    reference = np.maximum(left / (p - np.arange(p)) * edge, 1.0)
    return Rule("ekc", count_leading(values > reference), reference, 1, "eigenvalues above their reference")


def kaiser(values: FloatArray) -> Rule:
    """Eigenvalues above one (Kaiser 1960); keeps too many, shown for comparison."""
    return Rule("kaiser", int(np.sum(values > 1.0)), values, 1, "eigenvalues above 1; overextracts")


def hull(
    R: FloatArray, n: float, max_factors: int, *, index: str = "caf", extraction: str = "minres"
) -> Rule:
    """Hull method (Lorenzo-Seva, Timmerman & Kiers 2011).

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n : float
        Persons.
    max_factors : int
        Most factors to consider.
    index : {"caf", "cfi"}, default "caf"
        Fit against degrees of freedom: common part accounted for, or comparative fit.
    extraction : {"minres", "ml"}, default "minres"
        Method of extraction.

    Returns
    -------
    Rule
        ``curve`` holds the fit for 0, 1, 2, ... factors.
    """
    p = R.shape[0]
    df, fit = [p * (p - 1) // 2], [_caf(R, np.zeros((p, 1))) if index == "caf" else 0.0]
    for k in range(1, max_factors + 1):
        if degrees_of_freedom(p, k) < 0:
            break
        found = (
            extract.extract_maximum_likelihood(R, k)
            if extraction == "ml"
            else extract.extract_least_squares(R, k)
        )
        df.append(degrees_of_freedom(p, k))
        implied = found.loadings @ found.loadings.T
        fit.append(_caf(R, found.loadings) if index == "caf" else fit_measures(R, implied, k, n).cfi)
    curve = np.array(fit)
    chosen = _elbow(curve, np.array(df, dtype=float))
    return Rule("hull", chosen, curve, 0, f"elbow of the hull of {index.upper()} against degrees of freedom")


def _caf(R: FloatArray, loadings: FloatArray) -> float:
    """Common part accounted for: 1 less the KMO index of the residuals."""
    residual = R - loadings @ loadings.T
    np.fill_diagonal(residual, 1.0)
    return 1.0 - sampling_adequacy(residual)[0]


def _elbow(fit: FloatArray, df: FloatArray) -> int:
    """Largest scree-test value on the upper convex hull of fit against lost degrees of freedom."""
    kept = [0]
    for k in range(1, fit.size):
        if fit[k] > fit[kept[-1]]:
            kept.append(k)
    changed = True
    while changed and len(kept) > 2:
        changed = False
        for a, b, c in zip(kept[:-2], kept[1:-1], kept[2:], strict=True):
            line = fit[a] + (fit[c] - fit[a]) * (df[a] - df[b]) / (df[a] - df[c])
            if fit[b] <= line:
                kept.remove(b)
                changed = True
                break
    if len(kept) < 3:
        return kept[-1]
    slopes = [
        ((fit[b] - fit[a]) / (df[a] - df[b])) / ((fit[c] - fit[b]) / (df[b] - df[c]))
        for a, b, c in zip(kept[:-2], kept[1:-1], kept[2:], strict=True)
    ]
    return kept[1 + int(np.argmax(slopes))]


def sampling_adequacy(R: FloatArray) -> tuple[float, FloatArray]:
    """Kaiser-Meyer-Olkin measure, overall and per item."""
    inverse = np.linalg.pinv(R, hermitian=True)
    scale = np.sqrt(np.abs(np.diag(inverse)))
    partial = inverse / np.outer(scale, scale)
    np.fill_diagonal(partial, 0.0)
    square = R**2
    np.fill_diagonal(square, 0.0)
    q, r = partial**2, square
    overall = float(r.sum() / (r.sum() + q.sum()))
    per_item: FloatArray = r.sum(axis=0) / (r.sum(axis=0) + q.sum(axis=0))
    return overall, per_item


def sequential_tests(R: FloatArray, n: float, max_factors: int) -> tuple[Rule, Rule]:
    """Likelihood-ratio tests, and lower RMSEA limits, of 0, 1, 2, ... factors (Auerswald & Moshagen 2019).

    Returns
    -------
    tuple of Rule
        First number of factors with p > .05; first whose lower 90% limit of the RMSEA is below .05.
    """
    p = R.shape[0]
    p_values, limits = [], []
    for k in range(max_factors + 1):
        df = degrees_of_freedom(p, k) if k else p * (p - 1) // 2
        if df <= 0:
            break
        discrepancy = (
            extract.extract_maximum_likelihood(R, k).objective if k else -float(np.linalg.slogdet(R)[1])
        )
        chi2 = (n - 1.0) * discrepancy
        p_values.append(float(chi2_distribution.sf(chi2, df)))
        limits.append(rmsea_interval(chi2, df, n)[0])
        if p_values[-1] > 0.05 and limits[-1] < 0.05:
            break
    curves = np.array(p_values), np.array(limits)
    passes = [np.flatnonzero(curves[0] > 0.05), np.flatnonzero(curves[1] < 0.05)]
    last = len(p_values) - 1
    chosen = [int(found[0]) if found.size else last for found in passes]
    reached = ["" if found.size else "; not reached within max_factors" for found in passes]
    return (
        Rule("smt_chi2", chosen[0], curves[0], 0, f"first likelihood-ratio test with p > .05{reached[0]}"),
        Rule("smt_rmsea", chosen[1], curves[1], 0, f"first lower limit of the RMSEA below .05{reached[1]}"),
    )


def very_simple_structure(R: FloatArray, max_factors: int, *, complexity: int = 1) -> Rule:
    """Very simple structure (Revelle & Rocklin 1979) with minres and varimax.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    max_factors : int
        Most factors.
    complexity : int, default 1
        Loadings kept per item.

    Returns
    -------
    Rule
        ``curve`` holds the fit for 1, 2, ... factors: how well loadings with all but the ``complexity`` largest
        of each item set to zero reproduce the correlation matrix, diagonal included.
    """
    from recoverymetrics.efa.criteria import Varimax
    from recoverymetrics.efa.rotation import rotate

    curve = []
    total = float(np.sum(R**2))
    for k in range(1, max_factors + 1):
        if degrees_of_freedom(R.shape[0], k) < 0:
            break
        found = extract.extract_least_squares(R, k)
        loadings = rotate(found.loadings, Varimax(), n_starts=1, tolerance=1e-5).loadings
        rank = np.argsort(np.argsort(-np.abs(loadings), axis=1), axis=1)
        simple = np.where(rank < complexity, loadings, 0.0)
        residual = R - simple @ simple.T
        curve.append(1.0 - float(np.sum(residual**2)) / total if k >= complexity else 0.0)
    values = np.array(curve)
    note = f"best fit of loadings of complexity {complexity}"
    return Rule("vss", 1 + int(np.argmax(values)), values, 1, note)
