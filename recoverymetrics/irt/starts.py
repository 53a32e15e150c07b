"""Starting values from proportions and correlations."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from recoverymetrics.errors import ModelError
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.responses import CodedResponses
from recoverymetrics.typing import BoolArray, FloatArray


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


def ordered_start(layout: Layout, x: FloatArray) -> FloatArray:
    """Move free intercepts of graded items between those held by ``fixed=``, so that they fall.

    Raises
    ------
    ModelError
        Intercepts that are held out of order.
    """
    x = x.copy()
    for batch in layout.batches:
        names = [f"d{k}" for k in range(1, batch.K)]
        if not batch.model.decreasing or batch.K < 3:
            continue
        where = [batch.names[0].index(name) for name in names]
        for r, j in enumerate(batch.items):
            slots = batch.slots[r, where]
            values = layout.extend(x)[slots]
            if (np.diff(values) < 0).all():
                continue
            free = slots < layout.n_free
            x[slots[free]] = _falling(values, ~free)[free]
            if not (np.diff(layout.extend(x)[slots]) < 0).all():
                raise ModelError(
                    f"the intercepts of item {layout.items[j]!r} must fall from d1 to d{batch.K - 1}; fixed=, constrain= "
                    f"or start= hold them at {', '.join(f'{v:.3g}' for v in layout.extend(x)[slots])}."
                )
    return x


def _falling(values: FloatArray, held: BoolArray) -> FloatArray:
    """Values that fall, held ones unchanged: free ones on a line between their held neighbours, a unit apart outside."""
    at, K = np.flatnonzero(held), values.size
    if not at.size:
        return np.sort(values)[::-1] - 0.05 * np.arange(K)
    k = np.arange(K)
    inner: FloatArray = np.interp(k, at, values[at])
    return inner + np.maximum(at[0] - k, 0) - np.maximum(k - at[-1], 0)


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
        loading = _loadings(R[np.ix_(rows, rows)], d if structure.exploratory else 0)
        if structure.has_specific and d >= structure.n_primary:
            loading = 0.6 * loading
        bounded = np.clip(loading, -0.85, 0.85)
        slopes[rows, d] = 1.7 * bounded / np.sqrt(1 - bounded**2)
    return slopes


def _loadings(R: FloatArray, which: int) -> FloatArray:
    """Loadings on a component; forms of a test that no person took together have components of their own.

    Joined, one form would start at slopes of zero, which is a saddle point of the likelihood.
    """
    n_forms, form = connected_components(R != 0, directed=False)
    loading = np.zeros(R.shape[0])
    for f in range(n_forms):
        own = np.flatnonzero(form == f)
        loading[own] = _component(R[np.ix_(own, own)], min(which, own.size - 1))
    return loading


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
