"""Entry functions: ``polychoric``, ``tetrachoric`` and ``correlate``."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from recoverymetrics.correlation.codes import category_codes, keep_rows
from recoverymetrics.correlation.kernel import AcovKind, OrdinalMoments, ordinal_moments
from recoverymetrics.correlation.moments import GroupMoments, check_definite
from recoverymetrics.correlation.ranks import rank_columns, rank_correlations
from recoverymetrics.correlation.result import CorrelationResult, PolychoricResult
from recoverymetrics.errors import DataError, EstimationWarning, OptionError
from recoverymetrics.instrument import ItemData, read_items
from recoverymetrics.instrument.notes import plural
from recoverymetrics.numerics.covariance import (
    correlation_acov,
    covariance_to_correlation,
    fiml_correlation_acov,
    pairwise_moments,
)
from recoverymetrics.numerics.normal_missing import em_normal
from recoverymetrics.typing import FloatArray, GroupSpec, IntArray, IntoFrame

Method = Literal["pearson", "spearman", "polychoric", "tetrachoric"]
Missing = Literal["pairwise", "listwise", "fiml"]
FIML_ERRORS_UP_TO = 30  # items; beyond, ask for acov to get standard errors of likelihood moments


def polychoric(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    acov: bool = False,
    missing: Literal["pairwise", "listwise"] = "pairwise",
    correct: float = 0.0,
    smooth: bool = False,
    weights: Sequence[float] | FloatArray | None = None,
) -> PolychoricResult:
    """Polychoric correlations of ordered items, all pairs at once, with thresholds.

    Thresholds come from the margins of each group, then each correlation maximises its pair's likelihood with
    the thresholds held fixed (Olsson 1979). Standard errors and ``acov`` follow Muthen (1984).

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        Integer categories, one row per person; NaN is missing.
    items : sequence of str, optional
        Item columns; all columns but ``group`` by default.
    group : str or array-like of length n, optional
        Group column or labels; each group gets its own thresholds and correlations, the categories are shared.
    acov : bool, default False
        Whether to compute the whole asymptotic covariance matrix of thresholds and correlations.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Pairwise margins and tables, or complete rows only.
    correct : float, default 0
        Count put into empty cells of the tables, as psych's ``tetrachoric`` does with 0.5; its ``polychoric``
        leaves them empty whatever its ``correct`` (unless ``global=FALSE``), which is 0 here.
    smooth : bool, default False
        Make a matrix that is not positive definite so by lifting eigenvalues; reported in ``glance()``.
    weights : array-like of length n, optional
        Sampling weights.

    Returns
    -------
    PolychoricResult
        ``.correlations``, ``.thresholds``, ``.std_errors``, ``.acov``; by group where groups are given.

    Raises
    ------
    DataError
        Responses that are not integers, items with one category or more than 30, groups without rows.
    OptionError
        Unknown ``missing``.

    Warns
    -----
    EstimationWarning
        Categories that nobody in a group chose, correlations that run to +-1, a matrix that is not positive
        definite; all of it is in the result too.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> latent = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=5000)
    >>> result = polychoric(np.digitize(latent, [-0.5, 0.5]))
    >>> bool(abs(result.correlations.iloc[0, 1] - 0.6) < 0.05)
    True
    """
    _check_option("missing", missing, ("pairwise", "listwise"))
    full = read_items(data, items=items, group=group)
    _check_items(full)
    weight = _weights(weights, full.n)
    if missing == "listwise" and weight is not None:
        weight = weight[~np.isnan(full.values).any(axis=1)]
    kept = keep_rows(full, missing)
    codes, categories = category_codes(kept)
    sizes = np.array([c.size for c in categories])
    kind: AcovKind = "full" if acov else "diagonal"
    groups = []
    for label, rows in _group_rows(kept):
        moments = ordinal_moments(
            codes[rows], sizes, acov=kind, correct=correct, weights=None if weight is None else weight[rows]
        )
        groups.append(check_definite(_ordinal_group(label, moments, acov), smooth))
    notes = _notes(kept, tuple(groups), categories)
    return PolychoricResult(
        kept.items, tuple(groups), "tetrachoric" if sizes.max() == 2 else "polychoric", missing,
        int(np.isnan(full.values).sum()), full.n - kept.n, full.group is not None, notes,
        _ordinal_terms(kept.items, sizes) if acov else (), categories,
    )  # fmt: skip


def tetrachoric(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    acov: bool = False,
    missing: Literal["pairwise", "listwise"] = "pairwise",
    correct: float = 0.0,
    smooth: bool = False,
    weights: Sequence[float] | FloatArray | None = None,
) -> PolychoricResult:
    """Tetrachoric correlations: :func:`polychoric` for items with two categories.

    Parameters
    ----------
    data, items, group, acov, missing, correct, smooth, weights
        As in :func:`polychoric`.

    Returns
    -------
    PolychoricResult

    Raises
    ------
    DataError
        When an item has more than two categories, or for the reasons of :func:`polychoric`.

    Examples
    --------
    >>> data = {"a": [0] * 50 + [1] * 50, "b": [0] * 40 + [1] * 20 + [0] * 10 + [1] * 30}
    >>> found = tetrachoric(data)
    >>> round(float(found.correlations.loc["a", "b"]), 3)  # medians: sin(pi/2 (2 0.8 - 1))
    0.809
    """
    record = read_items(data, items=items, group=group)
    for item, seen in zip(record.items, record.categories(), strict=True):
        if seen.size > 2:
            raise DataError(
                f"item {item!r} has {seen.size} categories; tetrachoric needs two, use polychoric."
            )
    return polychoric(
        record, acov=acov, missing=missing, correct=correct, smooth=smooth, weights=weights
    )  # fmt: skip


def correlate(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    method: Method = "pearson",
    missing: Missing = "pairwise",
    acov: bool | Literal["adf", "normal"] = False,
    correct: float = 0.0,
    smooth: bool = False,
) -> CorrelationResult:
    """Correlations of items by any method, by group.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person; NaN is missing.
    items : sequence of str, optional
        Item columns; all columns but ``group`` by default.
    group : str or array-like of length n, optional
        Group column or labels.
    method : {"pearson", "spearman", "polychoric", "tetrachoric"}, default "pearson"
        Kind of correlation.
    missing : {"pairwise", "listwise", "fiml"}, default "pairwise"
        ``"fiml"``: maximum-likelihood means and covariances under missing at random (Pearson only).
    acov : bool, "adf" or "normal", default False
        Asymptotic covariance of the correlations: ``True`` means ``"adf"`` (distribution free) for Pearson and
        Spearman, Muthen's (1984) for polychorics. Continuous items need ``missing="listwise"``, or ``"fiml"``,
        where it comes from the observed-data likelihood.
    correct, smooth
        As in :func:`polychoric`.

    Returns
    -------
    CorrelationResult

    Raises
    ------
    OptionError
        Unknown method or treatment of missing data, or a combination that does not exist.
    DataError
        Items without variance.

    Examples
    --------
    >>> correlate({"a": [1, 2, 3, 4], "b": [2, 1, 4, 3]}).correlations.loc["a", "b"].round(3)
    np.float64(0.6)
    """
    _check_option("method", method, get_args(Method))
    _check_option("missing", missing, get_args(Missing))
    if method in ("polychoric", "tetrachoric"):
        if missing == "fiml":
            raise OptionError(
                f"missing='fiml' is for continuous items; use 'pairwise' with method={method!r}."
            )
        function = polychoric if method == "polychoric" else tetrachoric
        return function(
            data, items=items, group=group, acov=bool(acov), missing=missing, correct=correct, smooth=smooth
        )
    if method == "spearman" and missing == "fiml":
        raise OptionError("missing='fiml' needs method='pearson'.")
    return _continuous(read_items(data, items=items, group=group), method, missing, acov, smooth)


def _continuous(
    full: ItemData, method: str, missing: str, acov: bool | str, smooth: bool
) -> CorrelationResult:
    _check_items(full)
    kind = "adf" if acov is True else acov
    if kind:
        _check_option("acov", str(kind), ("adf", "normal"))
    kept = keep_rows(full, missing)
    groups = []
    for label, rows in _group_rows(kept):
        values = kept.values[rows]
        _check_variance(kept.items, values, label)
        if kind and missing == "pairwise" and np.isnan(values).any():
            raise OptionError(
                "acov of continuous items needs complete rows; use missing='listwise' or 'fiml'."
            )
        ranked = rank_columns(values) if method == "spearman" else values
        moments = (
            _fiml_group(label, ranked, kept.items) if missing == "fiml" else _pearson_group(label, ranked)
        )
        if method == "spearman" and np.isnan(values).any():
            moments = _with_correlations(moments, rank_correlations(values))
        groups.append(check_definite(_with_acov(moments, ranked, kind, missing), smooth))
    return CorrelationResult(
        kept.items, tuple(groups), method, missing, int(np.isnan(full.values).sum()), full.n - kept.n,
        full.group is not None, _notes(kept, tuple(groups), ()), _pair_terms(kept.items) if kind else (),
    )  # fmt: skip


def _with_acov(moments: GroupMoments, values: FloatArray, kind: bool | str, missing: str) -> GroupMoments:
    """Add the asymptotic covariance; likelihood moments of few items get standard errors from it in any case."""
    p = values.shape[1]
    if missing == "fiml" and moments.means is not None and moments.covariance is not None:
        if not kind and p > FIML_ERRORS_UP_TO:
            return moments
        acov = fiml_correlation_acov(values, moments.means, moments.covariance)
    elif kind:
        acov = correlation_acov(values, kind="adf" if kind == "adf" else "normal")
    else:
        return moments
    errors = np.zeros((p, p))
    with np.errstate(invalid="ignore"):  # fewer rows than items leave no covariance to speak of
        errors[np.triu_indices(p, 1)] = np.sqrt(np.diag(acov) / moments.n)
    return replace(moments, acov=acov if kind else None, std_errors=errors + errors.T)


def _pearson_group(label: str, values: FloatArray) -> GroupMoments:
    found = pairwise_moments(values)
    unknown = np.full_like(found.correlation, np.nan)
    moments = GroupMoments(
        label, len(values), unknown, found.n, unknown, means=found.mean, covariance=found.covariance
    )
    return _with_correlations(moments, found.correlation)


def _with_correlations(moments: GroupMoments, correlations: FloatArray) -> GroupMoments:
    """Correlations of pairs with their standard errors of normal theory."""
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = (1.0 - correlations**2) / np.sqrt(moments.pair_n - 1.0)
    return replace(moments, correlations=correlations, std_errors=errors)


def _fiml_group(label: str, values: FloatArray, items: tuple[str, ...]) -> GroupMoments:
    seen = (~np.isnan(values)).astype(float)
    p = values.shape[1]
    if np.min(seen.T @ seen) < 2:
        i, j = np.argwhere(seen.T @ seen < 2)[0]
        where = "" if label == "all" else f" in group {label!r}"
        raise DataError(
            f"items {items[i]!r} and {items[j]!r} are never answered by the same person{where}, so their covariance "
            "is not identified; leave one of them out."
        )
    found = em_normal(values)
    errors = np.full((p, p), np.nan)
    np.fill_diagonal(errors, 0.0)
    return GroupMoments(
        label, len(values), covariance_to_correlation(found.covariance), seen.T @ seen, errors, means=found.mean,
        covariance=found.covariance, converged=found.converged,
    )  # fmt: skip


def _ordinal_group(label: str, found: OrdinalMoments, full: bool) -> GroupMoments:
    matrix = found.acov
    if matrix is None:
        raise ValueError("the asymptotic covariance was not computed")
    variance = (np.diag(matrix) if full else matrix) / found.n
    n_thresholds = int(found.keep.sum())
    p = found.correlations.shape[0]
    errors = np.zeros((p, p))
    errors[np.triu_indices(p, 1)] = np.sqrt(variance[n_thresholds:])
    tau_errors = np.full(found.tau.shape, np.nan)
    tau_errors[found.keep] = np.sqrt(variance[:n_thresholds])
    boundary = np.zeros((p, p), dtype=bool)
    for i, j in found.boundary_pairs:
        boundary[i, j] = boundary[j, i] = True
    return GroupMoments(
        label, found.n, found.correlations, found.pair_n, errors + errors.T, tau=found.tau, tau_errors=tau_errors,
        acov=matrix if full else None, empty=found.empty, empty_cells=found.empty_cells, boundary=boundary,
        converged=found.converged,
    )  # fmt: skip


def _notes(
    data: ItemData, groups: tuple[GroupMoments, ...], categories: tuple[FloatArray, ...]
) -> tuple[str, ...]:
    notes = []
    for moments in groups:
        where = "" if data.group is None else f" in group {moments.label!r}"
        for item, category in moments.empty:
            value = categories[item][category]
            notes.append(f"item {data.items[item]!r}: nobody{where} chose category {value:g}.")
        if moments.boundary is not None and moments.boundary.any():
            pairs = np.argwhere(np.triu(moments.boundary, 1))
            named = ", ".join(f"{data.items[i]}-{data.items[j]}" for i, j in pairs[:5])
            notes.append(f"{len(pairs)} correlations run to +-1{where} ({named}); consider correct=0.5.")
        undefined = np.argwhere(np.isnan(np.triu(moments.correlations, 1)))
        if len(undefined):
            named = ", ".join(f"{data.items[i]}-{data.items[j]}" for i, j in undefined[:5])
            notes.append(
                f"{len(undefined)} correlations are not defined{where} ({named}): too few answers in common."
            )
        if not moments.converged:
            notes.append(f"the estimation did not converge{where}.")
        if not moments.positive_definite:
            smallest = moments.smoothing.smallest_eigenvalue if moments.smoothing else np.nan
            few = (
                f"; {moments.n} rows are too few for {data.n_items} items"
                if moments.n <= data.n_items
                else ""
            )
            notes.append(
                f"the correlation matrix{where} is not positive definite (smallest eigenvalue {smallest:.3g}{few}); "
                "smooth=True changes it so that it is."
            )
    for note in notes:
        warnings.warn(note, EstimationWarning, stacklevel=4)
    return tuple(notes)


def _group_rows(data: ItemData) -> list[tuple[str, IntArray]]:
    if data.group is None:
        return [("all", np.arange(data.n))]
    groups = [(label, np.flatnonzero(data.group == label)) for label in data.groups]
    for label, rows in groups:
        if rows.size < 3:
            raise DataError(
                f"group {label!r} has {plural(rows.size, 'row')}, too few for a correlation; join it with another "
                "group or leave it out."
            )
    return groups


def _ordinal_terms(items: tuple[str, ...], sizes: IntArray) -> tuple[str, ...]:
    thresholds = [
        f"{item}|t{k + 1}" for item, size in zip(items, sizes, strict=True) for k in range(size - 1)
    ]
    return (*thresholds, *_pair_terms(items))


def _pair_terms(items: tuple[str, ...]) -> tuple[str, ...]:
    first, second = np.triu_indices(len(items), 1)
    return tuple(f"{items[i]}~~{items[j]}" for i, j in zip(first, second, strict=True))


def _weights(weights: Sequence[float] | FloatArray | None, n: int) -> FloatArray | None:
    if weights is None:
        return None
    values = np.asarray(weights, dtype=float).ravel()
    if values.size != n:
        raise DataError(f"weights has {values.size} values for {n} rows; give one weight per row.")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise DataError("weights must be finite and not negative.")
    return values


def _check_items(data: ItemData) -> None:
    if data.n_items < 2:
        raise DataError(f"correlations need two items; there is {data.n_items} ({', '.join(data.items)}).")


def _check_variance(items: tuple[str, ...], values: FloatArray, label: str) -> None:
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    for item, varies in zip(items, high > low, strict=True):
        if not varies:
            where = "" if label == "all" else f" in group {label!r}"
            raise DataError(f"item {item!r} does not vary{where}; leave it out.")


def _check_option(name: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise OptionError(f"{name}={value!r} is not known; choose one of {', '.join(map(repr, valid))}.")
