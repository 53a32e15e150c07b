"""Item fit by summed scores: S-X2 (Orlando & Thissen 2000; Kang & Chen 2008)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.likelihood import item_blocks, log_weights
from recoverymetrics.irt.persons import probabilities_by_item
from recoverymetrics.irt.residuals import infit_frame
from recoverymetrics.irt.scoring import probabilities_by_block
from recoverymetrics.numerics.lord_wingersky import (
    add_item,
    convolve_scores,
    rest_score_distributions,
    score_distribution,
)
from recoverymetrics.numerics.quadrature import normal_log_weights
from recoverymetrics.typing import BoolArray, FloatArray

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
    probabilities, rest, weights = _rest_scores(est, g)
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


def _rest_scores(est: Estimated, g: int) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
    """Category probabilities, rest-score distributions and weights on the nodes that each item needs."""
    layout, problem = est.layout, est.problem
    weights = np.exp(log_weights(problem, est.extended, g))
    if problem.specific is None:
        probabilities = probabilities_by_item(layout, est.extended, g, problem.nodes.theta)
        return probabilities, rest_score_distributions(probabilities), weights
    Qp, Qs = problem.nodes.size, problem.specific.size
    within = np.exp(normal_log_weights(problem.specific, np.zeros(1), np.eye(1)))
    blocks = item_blocks(layout)
    tables = [probabilities_by_block(problem, est.extended, g, block) for block in blocks]
    totals = [score_distribution(t).reshape(-1, Qp, Qs) @ within for t in tables]
    probabilities, rest = [np.empty(0)] * len(layout.items), [np.empty(0)] * len(layout.items)
    for s, block in enumerate(blocks):
        others = np.ones((1, Qp))
        for total in (t for i, t in enumerate(totals) if i != s):
            others = convolve_scores(others, total)
        outside = np.repeat(others, Qs, axis=1)
        for j, p, inside in zip(block, tables[s], rest_score_distributions(tables[s]), strict=True):
            probabilities[int(j)], rest[int(j)] = p, convolve_scores(outside, inside)
    return probabilities, rest, (weights[:, None] * within).ravel()


def _tested(statistic: float, df: int, n: float) -> tuple[float, int, float, float]:
    if df <= 0:
        return statistic, df, float("nan"), float("nan")
    rmsea = float(np.sqrt(max(statistic - df, 0.0) / (df * max(n - 1, 1.0))))
    return statistic, df, float(chi2.sf(statistic, df)), rmsea


def _free_parameters(est: Estimated, g: int, j: int) -> int:
    """Free parameters of an item; a free latent variance stands for the slope that it replaces."""
    b, r = est.layout.place[g, j]
    batch = est.layout.batches[b]
    m = batch.factors.shape[1]
    free = int((batch.slots[r] < est.layout.n_free).sum())
    fixed_slope = bool((batch.slots[r, :m] >= est.layout.n_free).all())
    return free + int(fixed_slope and est.layout.latent[g, est.layout.n_moments - 1] < est.layout.n_free)


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

    The extreme scores leave nothing to chance and are dropped; scores that rule some category out are pooled with
    the nearest score that allows all. Then categories are merged within scores, and scores with each other where
    that does not suffice, until every expected count reaches ``SMALLEST``.
    """
    n = observed.sum(axis=1)
    O, E = pool_incomplete(observed, proportions * n[:, None], proportions > 0)  # noqa: E741
    filled = E.sum(axis=1) > 0
    O, E = merge_scores(O[filled], E[filled])  # noqa: E741
    some = E > 0
    statistic = float(np.sum((O[some] - E[some]) ** 2 / E[some]))
    return statistic, int(some.sum() - E.shape[0])


def pool_incomplete(O: FloatArray, E: FloatArray, possible: BoolArray) -> tuple[FloatArray, FloatArray]:  # noqa: E741
    """Pool scores that rule out a category with the nearest score that allows all; drop the two extremes."""
    whole = np.flatnonzero(possible.all(axis=1))
    first, last = int(whole[0]), int(whole[-1])
    O, E = O.copy(), E.copy()  # noqa: E741
    for table in (O, E):
        table[first] += table[1:first].sum(axis=0)
        table[last] += table[last + 1 : -1].sum(axis=0)
    return O[first : last + 1], E[first : last + 1]


def merge_scores(O: FloatArray, E: FloatArray) -> tuple[FloatArray, FloatArray]:  # noqa: E741
    """Merge categories within scores; a score left with a sparse cell joins the neighbour with fewer persons."""
    for row in range(E.shape[0]):
        merge_categories(O[row], E[row])
    while E.shape[0] > 1:
        sparse = np.flatnonzero(((E > 0) & (E < SMALLEST)).any(axis=1))
        if not sparse.size:
            break
        row = int(sparse[0])
        if row in (0, E.shape[0] - 1):
            target = 1 if row == 0 else row - 1
        else:
            target = row - 1 if O[row - 1].sum() <= O[row + 1].sum() else row + 1
        E[target] += E[row]
        O[target] += O[row]
        merge_categories(O[target], E[target])
        E, O = np.delete(E, row, axis=0), np.delete(O, row, axis=0)  # noqa: E741
    return O, E


def merge_categories(o: FloatArray, e: FloatArray) -> None:
    """Merge the smallest cell with its smaller neighbour, in place, until all suffice or two are left."""
    while True:
        cells = np.flatnonzero(e > 0)
        if cells.size <= 2 or e[cells].min() >= SMALLEST:
            return
        i = int(np.argmin(e[cells]))
        beside = [cells[k] for k in (i - 1, i + 1) if 0 <= k < cells.size]
        pair = sorted((int(cells[i]), int(min(beside, key=lambda c: e[c]))))
        for table in (e, o):
            table[pair[1]] += table[pair[0]]
            table[pair[0]] = 0.0
