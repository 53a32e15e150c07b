"""Starting values from proportions and correlations."""

from __future__ import annotations

import numpy as np

from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.responses import CodedResponses
from recoverymetrics.typing import FloatArray


def starting_values(layout: Layout, coded: CodedResponses) -> FloatArray:
    """Starting values of the free parameters.

    Slopes come from the first component of the items of each factor (with its signs, so that reverse-keyed
    items start on their side), intercepts from the category proportions.

    Returns
    -------
    ndarray, shape (n_free,)
    """
    slopes = _slopes(layout, coded)
    total, count = np.zeros(layout.n_free), np.zeros(layout.n_free)
    proportions = _proportions(coded)
    for batch in layout.batches:
        for r, j in enumerate(batch.items):
            a = slopes[j, batch.factors[r]]
            shape = batch.model.start_shape(proportions[j], float(np.sqrt(np.sum(a**2))))
            values = np.concatenate([[batch.model.start_slope(float(v), batch.K) for v in a], shape])
            own = batch.slots[r] < layout.n_free
            np.add.at(total, batch.slots[r][own], values[own])
            np.add.at(count, batch.slots[r][own], 1.0)
    start = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    D = layout.n_primary
    diagonal = [D + i * (i + 1) // 2 + i for i in range(D)]
    for row in layout.latent:
        free = [row[t] for t in diagonal if row[t] < layout.n_free]
        start[free] = 1.0
    return start


def _proportions(coded: CodedResponses) -> list[FloatArray]:
    out = []
    for j, K in enumerate(coded.n_categories):
        column = coded.codes[:, j]
        seen = column >= 0
        counts = np.bincount(column[seen], weights=coded.weights[seen], minlength=int(K)) + 0.5
        out.append(counts / counts.sum())
    return out


def _slopes(layout: Layout, coded: CodedResponses) -> FloatArray:
    """First-component loadings per factor, as slopes of cumulative logits, shape (J, D)."""
    R = pairwise_correlations(coded)
    structure = layout.structure
    D = len(structure.factors)
    slopes = np.zeros((len(layout.items), D))
    for d in range(D):
        rows = np.flatnonzero(structure.pattern[:, d])
        loading = _component(R[np.ix_(rows, rows)], d if structure.exploratory else 0)
        if structure.has_specific and d >= structure.n_primary:
            loading = 0.6 * loading
        bounded = np.clip(loading, -0.85, 0.85)
        slopes[rows, d] = 1.7 * bounded / np.sqrt(1 - bounded**2)
    return slopes


def _component(R: FloatArray, which: int) -> FloatArray:
    values, vectors = np.linalg.eigh(R)
    vector = vectors[:, -1 - which]
    loading = vector * np.sqrt(max(values[-1 - which] - 0.5, 0.2))
    sign = np.sign(loading.sum()) or 1.0
    return sign * loading


def pairwise_correlations(coded: CodedResponses) -> FloatArray:
    """Product-moment correlations of the category codes from all available pairs (mean-imputed)."""
    rows = slice(0, min(coded.n, 20_000))
    codes = coded.codes[rows].astype(float)
    seen = codes >= 0
    count = np.maximum(seen.sum(axis=0), 1)
    center = np.where(seen, codes - np.where(seen, codes, 0.0).sum(axis=0) / count, 0.0)
    cross = center.T @ center
    pairs = np.maximum(seen.astype(float).T @ seen.astype(float), 1.0)
    cov = cross / pairs
    scale = np.sqrt(np.maximum(np.diag(cov), 1e-12))
    R = np.clip(cov / np.outer(scale, scale), -0.98, 0.98)
    np.fill_diagonal(R, 1.0)
    return R
