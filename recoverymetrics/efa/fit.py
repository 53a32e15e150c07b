"""Entry function of exploratory factor analysis."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from recoverymetrics.correlation import correlate
from recoverymetrics.correlation.moments import GroupMoments
from recoverymetrics.efa import extraction as extract
from recoverymetrics.efa.criteria import Bifactor, BiGeomin, RotationCriterion, Target, resolve_rotation
from recoverymetrics.efa.measures import degrees_of_freedom, fit_measures
from recoverymetrics.efa.result import EFAEstimates, EFAResult, EFASpec
from recoverymetrics.efa.rotation import Rotation, reorder, rotate
from recoverymetrics.errors import DataError, EstimationWarning, ModelError, OptionError
from recoverymetrics.instrument import ItemData, read_items, to_pandas
from recoverymetrics.instrument.notes import plural
from recoverymetrics.typing import FloatArray, IntoFrame, Seed

CorrelationKind = Literal["pearson", "spearman", "polychoric", "tetrachoric", "fiml", "cor"]
COLLAPSED = 0.95  # correlation of two factors that is reported
Extractor = Callable[[FloatArray, int], extract.Extraction]

EXTRACTIONS: dict[str, Extractor] = {
    "minres": extract.extract_least_squares,
    "uls": extract.extract_least_squares,
    "ml": extract.extract_maximum_likelihood,
    "gls": extract.extract_generalised_least_squares,
    "wls": extract.extract_weighted_least_squares,
    "pa": extract.extract_principal_axis,
    "alpha": extract.extract_alpha,
    "pca": extract.extract_components,
}


@dataclass(frozen=True)
class PrincipalAxis:
    """Principal axis extraction with its stopping rule.

    Parameters
    ----------
    tolerance : float, default 1e-9
        Change at which to stop; most programmes stop at 0.001.
    max_iterations : int, default 10000
        Limit.
    criterion : {"sum", "max"}, default "sum"
        Change of the sum of communalities, or the largest change of one.
    """

    tolerance: float = 1e-9
    max_iterations: int = 10_000
    criterion: Literal["sum", "max"] = "sum"


@dataclass(frozen=True)
class FactorInput:
    """A correlation matrix and where it comes from."""

    matrix: FloatArray
    items: tuple[str, ...]
    n: float | None
    kind: str
    centre: FloatArray | None = None
    scale: FloatArray | None = None
    data: ItemData | None = None


def fit_efa(
    data: IntoFrame,
    n_factors: int,
    *,
    items: Sequence[str] | None = None,
    correlation: CorrelationKind = "pearson",
    extraction: str | PrincipalAxis = "minres",
    rotation: str | RotationCriterion | None = "oblimin",
    missing: Literal["pairwise", "listwise"] = "pairwise",
    n_obs: float | None = None,
    n_starts: int = 10,
    smooth: bool = False,
    se: Literal["delta", "bootstrap"] | None = None,
    n_boot: int = 200,
    seed: Seed = 0,
) -> EFAResult:
    """Exploratory factor analysis.

    Parameters
    ----------
    data : Responses, DataFrame, mapping, 2-D array, or a correlation matrix
        One row per person; or, with ``correlation="cor"``, a square correlation matrix.
    n_factors : int
        Number of factors.
    items : sequence of str, optional
        Item columns; all by default.
    correlation : {"pearson", "spearman", "polychoric", "tetrachoric", "fiml", "cor"}, default "pearson"
        What to factor; ``"cor"``: ``data`` is a correlation matrix already, give ``n_obs`` to get tests.
    extraction : {"minres", "uls", "ml", "gls", "wls", "pa", "alpha", "pca"} or PrincipalAxis, default "minres"
        Method of extraction.
    rotation : str, RotationCriterion or None, default "oblimin"
        See ``CRITERIA`` for the names; objects such as ``Oblimin(gamma=0.5)`` carry options.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Treatment of missing responses (``correlation="fiml"`` uses all of them by likelihood).
    n_obs : float, optional
        Persons, when ``data`` is a correlation matrix.
    n_starts : int, default 10
        Starts of the rotation, the identity and random ones; the best minimum is kept.
    smooth : bool, default False
        Make a correlation matrix that is not positive definite so.
    se : {"delta", "bootstrap"}, optional
        Standard errors of the rotated loadings: the delta method from the asymptotic covariance of the
        correlations (least squares and ML extraction), or ``n_boot`` bootstrap samples aligned to the solution.
    n_boot : int, default 200
        Bootstrap samples.
    seed : int or Generator, default 0
        Of the rotation starts and the bootstrap.

    Returns
    -------
    EFAResult

    Raises
    ------
    ModelError
        Too many factors for the items, or a correlation matrix that is not positive definite where the method
        needs one.
    DataError, OptionError
        Bad data or unknown options.

    Warns
    -----
    EstimationWarning
        Heywood cases, no convergence; also in the result.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> factor = rng.standard_normal((500, 1))
    >>> fit = fit_efa(factor + rng.standard_normal((500, 5)), 1)
    >>> bool((fit.loadings["F1"] > 0.5).all())
    True
    """
    criterion = resolve_rotation(rotation)
    extractor, name = _resolve_extraction(extraction)
    source = read_factor_input(data, items, correlation, missing, n_obs, smooth)
    _check_n_factors(len(source.items), n_factors)
    _check_definite(source.matrix, name)
    found = extractor(source.matrix, n_factors)
    rotated = rotate_extracted(found.loadings, criterion, n_starts, seed)
    rotation_name = "none" if criterion is None else rotation if isinstance(rotation, str) else criterion.name
    if se == "bootstrap" and n_boot < 2:
        raise OptionError(f"n_boot={n_boot!r} must be at least 2; a few hundred give stable standard errors.")
    errors: tuple[FloatArray | None, FloatArray | None] = (None, None)
    if se is not None:
        from recoverymetrics.efa.std_errors import ErrorRequest, bootstrap_errors, delta_errors

        request = ErrorRequest(source, extractor, name, criterion, found, rotated)
        if se == "delta":
            errors = delta_errors(request)
        elif se == "bootstrap":
            errors = bootstrap_errors(request, n_boot, seed)
        else:
            raise OptionError(f"se={se!r} is not known; choose 'delta', 'bootstrap' or None.")
    L = rotated.loadings
    measures = fit_measures(source.matrix, L @ rotated.phi @ L.T, n_factors, source.n)
    estimates = EFAEstimates(
        L, rotated.phi, found.uniquenesses, found.loadings, rotated.transformation, *errors, found.heywood,
        rotated.value, rotated.n_best, found.converged, rotated.converged, found.iterations,
    )  # fmt: skip
    return EFAResult(
        EFASpec(n_factors, source.kind, name, rotation_name, rotated.n_starts), source.items, estimates,
        measures, source.matrix, source.n, source.centre, source.scale, _notes(source.items, estimates),
    )  # fmt: skip


def rotate_extracted(
    loadings: FloatArray, criterion: RotationCriterion | None, n_starts: int, seed: Seed
) -> Rotation:
    """Rotate, then order factors by variance and point them up; a target keeps its own order and directions."""
    k = loadings.shape[1]
    if criterion is None:
        return Rotation(loadings, np.eye(k), np.eye(k), float("nan"), True, 0, 0, 0)
    rotated = rotate(loadings, criterion, n_starts=n_starts, seed=seed)
    L = rotated.loadings
    signs = np.where(L.sum(axis=0) < 0, -1.0, 1.0)
    if isinstance(criterion, Target):  # a column of zeros (and free entries) tells no direction
        told = np.any(np.nan_to_num(np.asarray(criterion.target, dtype=float)) != 0, axis=0)
        return reorder(rotated, np.arange(k), np.where(told, 1.0, signs))
    size = np.diag(rotated.phi @ L.T @ L).copy()
    if isinstance(criterion, Bifactor | BiGeomin):
        size[0] = np.inf
    order = np.argsort(-size, kind="stable")
    return reorder(rotated, order, signs[order])


def read_factor_input(
    data: IntoFrame,
    items: Sequence[str] | None,
    correlation: str,
    missing: str,
    n_obs: float | None,
    smooth: bool,
) -> FactorInput:
    """Turn data, or a correlation matrix, into what extraction needs."""
    if correlation not in get_args(CorrelationKind):
        raise OptionError(
            f"correlation={correlation!r} is not known; choose one of "
            f"{', '.join(map(repr, get_args(CorrelationKind)))}."
        )
    if correlation == "cor":
        return _read_matrix(data, n_obs, smooth)
    record = read_items(data, items=items)
    record = ItemData(record.values, record.items)
    method = "pearson" if correlation == "fiml" else correlation
    result = correlate(
        record,
        method=method,  # type: ignore[arg-type]
        missing="fiml" if correlation == "fiml" else missing,  # type: ignore[arg-type]
        smooth=smooth,
    )
    moments = result.moments[0]
    if not np.isfinite(moments.correlations).all():
        i, j = np.argwhere(~np.isfinite(moments.correlations))[0]
        raise DataError(
            f"items {record.items[i]!r} and {record.items[j]!r} have no correlation (too few persons "
            "answered both); leave one of them out."
        )
    n = float(record.complete().n) if missing == "listwise" else float(record.n)
    return FactorInput(
        moments.correlations,
        record.items,
        n,
        correlation,
        *_centre_scale(record, moments, correlation),
        record,
    )


def _centre_scale(record: ItemData, moments: GroupMoments, correlation: str) -> tuple[FloatArray, FloatArray]:
    """Means and standard deviations that standardise the items for scores."""
    if correlation == "pearson" and moments.means is not None and moments.covariance is not None:
        return moments.means, np.sqrt(np.diag(moments.covariance))
    return np.nanmean(record.values, axis=0), np.nanstd(record.values, axis=0, ddof=1)


def _read_matrix(data: IntoFrame, n_obs: float | None, smooth: bool) -> FactorInput:
    frame = to_pandas(data)
    matrix = frame.to_numpy(dtype=float)
    if matrix.shape[0] != matrix.shape[1]:
        raise DataError(
            f"a correlation matrix is square; the data have {matrix.shape[0]} rows and {matrix.shape[1]} columns."
        )
    if not np.allclose(np.diag(matrix), 1.0, atol=1e-8):
        raise DataError(
            "a correlation matrix has ones on its diagonal; this one does not: is it a covariance matrix?"
        )
    names = [str(column) for column in frame.columns]
    outside = np.argwhere(~(np.abs(matrix) <= 1.0 + 1e-8) & ~np.eye(len(matrix), dtype=bool))
    if outside.size:
        i, j = outside[0]
        raise DataError(
            f"the correlation of {names[i]!r} and {names[j]!r} is {matrix[i, j]:g}; correlations lie between -1 and 1. "
            "Correct it, or leave one of the two items out."
        )
    if n_obs is not None and not n_obs > 1:
        raise OptionError(f"n_obs={n_obs!r} must be the number of persons, more than 1.")
    if not np.allclose(matrix, matrix.T, atol=1e-8):
        raise DataError("a correlation matrix is symmetric; this one is not.")
    if smooth:
        from recoverymetrics.numerics.smoothing import smooth_correlation

        matrix = smooth_correlation(matrix).matrix
    return FactorInput(0.5 * (matrix + matrix.T), tuple(names), n_obs, "cor")


def _resolve_extraction(extraction: str | PrincipalAxis) -> tuple[Extractor, str]:
    if isinstance(extraction, PrincipalAxis):
        options = extraction

        def run(R: FloatArray, k: int) -> extract.Extraction:
            return extract.extract_principal_axis(
                R, k, tolerance=options.tolerance, max_iterations=options.max_iterations, criterion=options.criterion
            )  # fmt: skip

        return run, "pa"
    if extraction not in EXTRACTIONS:
        raise OptionError(
            f"extraction={extraction!r} is not known; choose one of {', '.join(map(repr, EXTRACTIONS))}."
        )
    return EXTRACTIONS[extraction], extraction


def _check_n_factors(p: int, n_factors: int) -> None:
    if isinstance(n_factors, bool) or not isinstance(n_factors, int | np.integer) or n_factors < 1:
        raise OptionError(f"n_factors={n_factors!r} must be a whole number of at least 1.")
    if n_factors >= p or degrees_of_freedom(p, n_factors) < 0:
        most = max((k for k in range(1, p) if degrees_of_freedom(p, k) >= 0), default=0)
        said = plural(n_factors, "factor") + (" is" if n_factors == 1 else " are")
        raise ModelError(
            f"{said} not identified by {plural(p, 'item')} (degrees of freedom below 0); "
            + (f"the most that {p} items can carry is {most}." if most else "give at least three items.")
        )


def _check_definite(matrix: FloatArray, extraction: str) -> None:
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest <= 1e-12 and extraction in ("ml", "gls", "wls"):
        raise ModelError(
            f"extraction={extraction!r} needs a positive definite correlation matrix (smallest eigenvalue "
            f"{smallest:.3g}); use smooth=True, extraction='minres', or look for duplicated items."
        )


def _notes(items: tuple[str, ...], estimates: EFAEstimates) -> tuple[str, ...]:
    notes = []
    bad = [item for item, heywood in zip(items, estimates.heywood, strict=True) if heywood]
    if bad:
        notes.append(f"Heywood case: the unique variance of {', '.join(bad)} is at its lower bound.")
    if not estimates.extraction_converged:
        notes.append("the extraction did not converge.")
    if not estimates.rotation_converged:
        notes.append(
            "the rotation did not converge; this criterion may have no minimum here (factors collapse into each "
            "other). Use rotation='oblimin', or fewer factors."
        )
    between = np.abs(estimates.phi - np.eye(len(estimates.phi)))
    if estimates.rotation_converged and between.max() > COLLAPSED:
        i, j = np.unravel_index(int(between.argmax()), between.shape)
        notes.append(
            f"factors F{min(i, j) + 1} and F{max(i, j) + 1} correlate {estimates.phi[i, j]:.2f}: they are hardly two; "
            "use fewer factors or another rotation."
        )
    for note in notes:
        warnings.warn(note, EstimationWarning, stacklevel=3)
    return tuple(notes)
