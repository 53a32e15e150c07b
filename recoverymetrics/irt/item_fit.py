"""Item fit by summed scores: S-X2 (Orlando & Thissen 2000; Kang & Chen 2008)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.likelihood import log_weights
from recoverymetrics.irt.persons import probabilities_by_item
from recoverymetrics.irt.residuals import infit_frame
from recoverymetrics.numerics.lord_wingersky import add_item, rest_score_distributions
from recoverymetrics.typing import FloatArray

SMALLEST = 1.0
"""Expected count below which cells are merged."""


def item_fit_frame(est: Estimated, method: str = "s_x2", score: str = "eap") -> pd.DataFrame:
    """Fit of each item.

    Parameters
    ----------
    method : {"s_x2", "infit"}
        Summed-score chi-square, or mean squares of residuals.

    Returns
    -------
    DataFrame
        ``s_x2``: group, item, statistic, df, p_value, rmsea, n (complete cases). ``infit``: see ``infit_frame``.
    """
    kind = str(method).lower().replace("-", "_")
    if kind in ("infit", "outfit"):
        return infit_frame(est, score)
    if kind not in ("s_x2", "sx2"):
        raise OptionError(f"unknown item fit method {method!r}; choose 's_x2' or 'infit'.")
    return pd.concat([_group_fit(est, g) for g in range(len(est.layout.groups))], ignore_index=True)


def _group_fit(est: Estimated, g: int) -> pd.DataFrame:
    layout = est.layout
    if est.problem.specific is not None or len(layout.structure.factors) > 3:
        raise OptionError("S-X2 is computed on a full grid of at most three factors; use method='infit'.")
    probabilities = probabilities_by_item(layout, est.extended, g, est.problem.nodes.theta)
    weights = np.exp(log_weights(est.problem, est.extended, g))
    rest = rest_score_distributions(probabilities)
    responses = est.problem.patterns[g].responses
    codes = responses.codes.astype(np.int64)
    complete = (codes >= 0).all(axis=1)
    if not complete.any():
        raise DataError(
            f"nobody in group {layout.groups[g]!r} answered all items; S-X2 needs complete cases."
        )
    codes, w = codes[complete], responses.weights[complete]
    total = codes.sum(axis=1)
    rows = []
    for j, item in enumerate(layout.items):
        E = expected_proportions(probabilities[j], rest[j], weights)
        O = np.zeros_like(E)  # noqa: E741
        np.add.at(O, (total, codes[:, j]), w)
        statistic, cells = summed_score_statistic(O, E)
        df = cells - _free_parameters(est, g, j)
        rows.append((layout.groups[g], item, *_tested(statistic, df, float(w.sum())), float(w.sum())))
    return pd.DataFrame(rows, columns=["group", "item", "statistic", "df", "p_value", "rmsea", "n"])


def _tested(statistic: float, df: int, n: float) -> tuple[float, int, float, float]:
    if df <= 0:
        return statistic, df, float("nan"), float("nan")
    rmsea = float(np.sqrt(max(statistic - df, 0.0) / (df * max(n - 1, 1.0))))
    return statistic, df, float(chi2.sf(statistic, df)), rmsea


def _free_parameters(est: Estimated, g: int, j: int) -> int:
    b, r = est.layout.place[g, j]
    return int((est.layout.batches[b].slots[r] < est.layout.n_free).sum())


def expected_proportions(p: FloatArray, rest: FloatArray, weights: FloatArray) -> FloatArray:
    """Expected category proportions of an item given the total score, shape (S, K); NaN never occurs.

    ``E[s, k] = sum_q w p_k S_rest(s - k) / sum_q w S(s)``.
    """
    K, S = p.shape[0], rest.shape[0]
    joint = np.zeros((S + K - 1, K))
    for k in range(K):
        joint[k : k + S, k] = (rest * p[k]) @ weights
    total = add_item(rest, p) @ weights
    value: FloatArray = joint / total[:, None]
    return value


def summed_score_statistic(observed: FloatArray, proportions: FloatArray) -> tuple[float, int]:
    """Chi-square over merged cells, and the number of free cells.

    The extreme scores, which leave nothing to chance, are dropped; categories are merged within a score until
    every expected count reaches one, then scores are merged.
    """
    n = observed.sum(axis=1)
    E = proportions * n[:, None]
    kept = slice(1, observed.shape[0] - 1)
    tables = [
        merge_cells(list(o), list(e)) for o, e in zip(observed[kept], E[kept], strict=True) if e.sum() > 0
    ]
    statistic, cells = 0.0, 0
    for o, e in tables:
        statistic += float(np.sum((np.asarray(o) - np.asarray(e)) ** 2 / np.asarray(e)))
        cells += len(e) - 1
    return statistic, cells


def merge_cells(observed: list[float], expected: list[float]) -> tuple[list[float], list[float]]:
    """Merge a cell with too small an expectation into its smaller neighbour until none is left."""
    o, e = list(observed), list(expected)
    while len(e) > 1 and min(e) < SMALLEST:
        i = int(np.argmin(e))
        if i == 0:
            target = 1
        elif i == len(e) - 1:
            target = i - 1
        else:
            target = i - 1 if e[i - 1] <= e[i + 1] else i + 1
        e[target] += e[i]
        o[target] += o[i]
        del e[i], o[i]
    return o, e
