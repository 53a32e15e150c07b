"""Omega hierarchical from a Schmid-Leiman solution of an exploratory factor analysis."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from recoverymetrics.efa import EFAResult, fit_efa
from recoverymetrics.efa.schmid_leiman import schmid_leiman
from recoverymetrics.errors import DataError, EstimationWarning, ModelError
from recoverymetrics.numerics.intervals import Interval, bootstrap_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability.bifactor import BifactorIndices, bifactor_indices, direct_schmid_leiman
from recoverymetrics.reliability.groups import missing_notes, read_groups
from recoverymetrics.reliability.jackknife import grouped_influence
from recoverymetrics.reliability.moments import Moments, pairwise_covariance, to_correlation
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import (
    Bootstrap,
    Missing,
    check_level,
    check_option,
    in_group,
    naming_group,
)
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

TERMS = ("omega_hierarchical", "omega_total", "omega_asymptotic", "ecv", "puc")
VARYING = TERMS[:4]
"""The number of items per factor alone decides the share of uncontaminated correlations (PUC)."""
NO_INTERVAL = Interval(np.asarray(np.nan), np.asarray(np.nan))


@dataclass(frozen=True)
class HierarchicalOptions:
    """Model of the exploratory factor analysis."""

    n_factors: int
    extraction: str
    rotation: str
    flip: bool
    method: str
    n_starts: int


@dataclass(frozen=True)
class _Solution:
    """Loadings on a general factor that points up, and on specific factors orthogonal to it."""

    general: FloatArray
    specific: FloatArray
    admissible: bool

    def table(self, m: Moments, key: FloatArray) -> pd.DataFrame:
        factors = {f"F{f + 1}*": column for f, column in enumerate(self.specific.T)}
        communality = self.general**2 + np.sum(self.specific**2, axis=1)
        return pd.DataFrame(
            {
                "group": m.label,
                "item": list(m.items),
                "g": self.general,
                **factors,
                "communality": communality,
                "uniqueness": 1 - communality,
                "general_share": self.general**2 / communality,
                "key": key,
            }
        )


def hierarchical_omega(
    data: IntoFrame,
    n_factors: int = 3,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    missing: Missing = "pairwise",
    extraction: str = "minres",
    rotation: str = "oblimin",
    method: Literal["schmid_leiman", "direct"] = "schmid_leiman",
    flip: bool = False,
    n_starts: int = 10,
    interval: Bootstrap | None = None,
    level: float = 0.95,
) -> CoefficientResult:
    """Omega hierarchical, omega total and ECV from an oblique factor analysis and its Schmid-Leiman solution.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person.
    n_factors : int, default 3
        Group factors, at least 2 (with 2 their loadings on the general factor are set equal).
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        One analysis per group.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Correlations over the persons who answered both items, or over persons who answered all.
    extraction, rotation : str
        As in ``fit_efa``.
    method : {"schmid_leiman", "direct"}, default "schmid_leiman"
        The Schmid-Leiman transformation, or the direct one of Waller (2018), a rotation to a bifactor target.
    flip : bool, default False
        Reverse items with a negative general loading before sums are formed, as psych does. By default items
        are taken as keyed and such items are reported.
    n_starts : int, default 10
        Starts of the rotation; 1 does what psych does and is faster, but may stop at a local minimum.
    interval : Bootstrap, optional
        Bootstrap over persons, with the factor analysis repeated in each draw (``Bootstrap(n_draws=200)``
        takes seconds; ``method="bca"`` repeats it 100 times more, for the acceleration by the grouped
        jackknife). By default there are no intervals: ``conf_low`` and ``conf_high`` are NaN.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``glance()`` reports omega hierarchical; ``tidy()`` one row per group and index, the subscales' as
        ``omega_subscale`` (total), ``omega_subscale_general`` and ``omega_subscale_specific`` with the column
        ``factor``; ``items`` the loadings with ``uniqueness``. Coefficients are for sums of standardised
        items.

    Raises
    ------
    ModelError
        Fewer than two factors, or too many for the items.

    Warns
    -----
    EstimationWarning
        A second-order loading of 1 or a unique variance at its bound (Heywood cases).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> general, groups = rng.normal(size=(800, 1)), rng.normal(size=(800, 3))
    >>> data = general + np.repeat(groups, 3, axis=1) * 0.7 + rng.normal(size=(800, 9))
    >>> result = hierarchical_omega(data, 3)
    >>> bool(0.55 < result.estimate < 0.85)
    True

    References
    ----------
    zinbarg2005, schmid1957, waller2018, reise2012
    """
    check_level(level)
    if n_factors < 2:
        raise ModelError(
            "omega hierarchical needs at least two group factors; for one factor use mcdonald_omega."
        )
    check_option("method", method, ("schmid_leiman", "direct"))
    options = HierarchicalOptions(n_factors, extraction, rotation, flip, method, n_starts)
    groups = read_groups(data, items=items, group=group, missing=missing, at_least=3)
    rows: list[dict[str, object]] = []
    tables, notes, left_out, flags = [], [], [], [True, True]
    for m in groups:
        if m.n <= m.p:
            raise DataError(
                f"{m.n} persons{in_group(m.label)} are too few to factor {m.p} items; leave the group out, or use "
                "cronbach_alpha."
            )
        with naming_group(m.label):
            fit = _fit(m.R, m.items, options, m.n)
            solution = _solve(fit, method)
        indices, key = _indices(fit, solution, m.R, options)
        limits, failed = _limits(m, options, interval, indices, level)
        rows += _rows(m, indices, limits)
        tables.append(solution.table(m, key))
        notes += _notes(m, solution, fit, key, flip)
        if failed:
            left_out.append(f"{m.label}: {failed} bootstrap draws did not converge and were left out.")
        flags = [flags[0] and fit.converged, flags[1] and fit.admissible and solution.admissible]
    for note in notes:
        warnings.warn(note, EstimationWarning, stacklevel=2)
    estimates = pd.DataFrame(rows)
    first = estimates[estimates["term"] == "omega_hierarchical"]
    lowest = first.loc[first["estimate"].idxmin()].drop(["group", "term", "factor"])
    return CoefficientResult(
        coefficient="omega_hierarchical",
        formula=f"omega hierarchical = (sum of general loadings)^2 / variance of the sum; {extraction}, {rotation}, "
        f"{n_factors} factors, {method} (Zinbarg et al. 2005; McDonald 1999)",
        estimates=estimates,
        overall=lowest.to_dict(),
        level=level,
        interval="none"
        if interval is None
        else f"bootstrap over persons ({interval.method}), {interval.n_draws} draws",
        details=pd.concat(tables, ignore_index=True),
        notes=(*missing_notes(groups, missing), *notes, *left_out),
        has_converged=flags[0],
        is_admissible=flags[1],
    )


def _fit(R: FloatArray, items: tuple[str, ...], options: HierarchicalOptions, n: int) -> EFAResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)  # collected from the flags of the result
        return fit_efa(
            pd.DataFrame(R, index=list(items), columns=list(items)),
            options.n_factors,
            correlation="cor",
            extraction=options.extraction,
            rotation=options.rotation,
            n_obs=n,
            n_starts=options.n_starts,
        )


def _solve(fit: EFAResult, method: str) -> _Solution:
    if method == "direct":
        general, specific = direct_schmid_leiman(fit.estimates.unrotated, fit.estimates.loadings)
        return _Solution(-general if general.sum() < 0 else general, specific, True)
    found = schmid_leiman(fit)
    general = -found.general if found.general.sum() < 0 else found.general
    return _Solution(general, found.specific, found.admissible)


def _indices(
    fit: EFAResult, solution: _Solution, R: FloatArray, options: HierarchicalOptions
) -> tuple[BifactorIndices, FloatArray]:
    general, specific = solution.general, solution.specific
    key = np.where(general < 0, -1.0, 1.0) if options.flip else np.ones(general.size)
    # the uniquenesses of the factor analysis: with four or more factors one general factor need not reproduce theirs
    unique = fit.estimates.uniquenesses
    keyed = R * np.outer(key, key)
    return bifactor_indices(general * key, specific * key[:, None], keyed, uniquenesses=unique), key


def _rows(
    m: Moments, x: BifactorIndices, limits: dict[str, tuple[float, Interval]]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for term in TERMS:
        se, interval = limits.get(term, (np.nan, NO_INTERVAL))
        rows.append(_row(m, term, None, float(getattr(x, term)), se, interval))
    for f in range(x.subscale_total.size):
        for term, values in (
            ("omega_subscale", x.subscale_total),
            ("omega_subscale_general", x.subscale_general),
            ("omega_subscale_specific", x.subscale_specific),
        ):
            rows.append(_row(m, term, f"F{f + 1}*", float(values[f]), np.nan, NO_INTERVAL))
    for f, value in enumerate(x.construct_h):
        rows.append(_row(m, "construct_h", "g" if f == 0 else f"F{f}*", float(value), np.nan, NO_INTERVAL))
    return rows


def _row(
    m: Moments, term: str, factor: str | None, estimate: float, se: float, interval: Interval
) -> dict[str, object]:
    return {
        "group": m.label,
        "term": term,
        "factor": factor,
        "estimate": estimate,
        "std_error": se,
        "conf_low": float(interval.low),
        "conf_high": float(interval.high),
        "n": m.n,
        "n_items": m.p,
    }


def _limits(
    m: Moments, options: HierarchicalOptions, bootstrap: Bootstrap | None, x: BifactorIndices, level: float
) -> tuple[dict[str, tuple[float, Interval]], int]:
    """Standard errors and bootstrap intervals of the varying indices, and how many draws could not be fitted."""
    if bootstrap is None:
        return {}, 0

    def indices(R: FloatArray) -> list[float]:
        fit = _fit(R, m.items, options, m.n)
        if not fit.converged:
            return [np.nan] * len(VARYING)
        again = _indices(fit, _solve(fit, options.method), R, options)[0]
        return [getattr(again, term) for term in VARYING]

    rng = generator(bootstrap.seed)
    matrices = to_correlation(m.resample_covariances(bootstrap.n_draws, rng))
    draws = np.array([indices(R) for R in matrices])
    influence = np.zeros((1, len(VARYING)))
    if bootstrap.method == "bca":
        influence = grouped_influence(
            lambda some: np.array(indices(to_correlation(pairwise_covariance(some)))), m.values, rng
        )
    limits = {
        term: (
            float(np.nanstd(draws[:, t], ddof=1)),
            bootstrap_interval(
                draws[:, t],
                float(getattr(x, term)),
                level=level,
                method=bootstrap.method,
                influence=influence[:, t],
            ),
        )
        for t, term in enumerate(VARYING)
    }
    return limits, int(np.isnan(draws).any(1).sum())


def _notes(m: Moments, solution: _Solution, fit: EFAResult, key: FloatArray, flip: bool) -> list[str]:
    where = "" if m.label == "all" else f"group {m.label!r}: "
    notes = []
    negative = [item for item, loading in zip(m.items, solution.general, strict=True) if loading < 0]
    if negative and not flip:
        notes.append(
            f"{where}negative general loadings: {', '.join(negative)}; reverse them first, or use flip=True."
        )
    if not fit.converged:
        notes.append(f"{where}the factor analysis did not converge.")
    if not (fit.admissible and solution.admissible):
        notes.append(f"{where}Heywood case: a unique variance or a second-order loading is at its bound.")
    return notes
