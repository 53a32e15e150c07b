"""Standard errors of rotated loadings and factor correlations: delta method, or bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from recoverymetrics.correlation.codes import category_codes
from recoverymetrics.correlation.kernel import ordinal_moments
from recoverymetrics.efa.criteria import Promax, RotationCriterion
from recoverymetrics.efa.extraction import Extraction
from recoverymetrics.efa.rotation import Rotation, rotate
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.covariance import (
    correlation_acov,
    covariance_to_correlation,
    fiml_correlation_acov,
    normal_correlation_acov,
    pairwise_moments,
)
from recoverymetrics.numerics.normal_missing import em_normal
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import FloatArray, Seed

if TYPE_CHECKING:
    from recoverymetrics.efa.fit import FactorInput

Errors = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class ErrorRequest:
    """A finished solution and how it came about.

    Attributes
    ----------
    source : FactorInput
        Correlations and data.
    extractor : callable
        Extraction.
    extraction : str
        Its name.
    criterion : RotationCriterion or None
        Rotation.
    found : Extraction
        Unrotated solution.
    rotated : Rotation
        Rotated solution, factors in their final order.
    """

    source: FactorInput
    extractor: Callable[[FloatArray, int], Extraction]
    extraction: str
    criterion: RotationCriterion | None
    found: Extraction
    rotated: Rotation


def delta_errors(request: ErrorRequest) -> Errors:
    """Delta-method standard errors from the bordered information matrix (Jennrich 1973, 1974).

    The estimates solve weighted least squares (weights of the normal likelihood for ML, 1 for minres) under the
    stationarity conditions of the rotation. Differentiating both gives how the estimates move with the
    correlations, whose asymptotic covariance is Muthen's for polychorics, distribution free for complete
    continuous data, and of normal theory otherwise.

    Returns
    -------
    loadings, phi : ndarray, shapes (p, k) and (k, k)
        Standard errors.

    Raises
    ------
    OptionError
        For promax, other extractions, or without the number of persons.
    """
    if isinstance(request.criterion, Promax):
        raise OptionError("promax minimises nothing, so it has no delta method; use se='bootstrap'.")
    if request.extraction not in ("minres", "uls", "ml", "pa"):
        raise OptionError(
            f"se='delta' is for minres, uls, pa and ml; use se='bootstrap' with {request.extraction!r}."
        )
    if request.source.n is None:
        raise OptionError("standard errors need the number of persons; give n_obs.")
    L, phi, psi = request.rotated.loadings, request.rotated.phi, request.found.uniquenesses
    p, k = L.shape
    oblique = request.criterion is not None and request.criterion.oblique and k > 1
    likelihood = request.extraction == "ml"
    slopes = _model_slopes(L, phi, oblique, likelihood)
    weight = _normal_weight(L @ phi @ L.T + np.diag(psi)) if likelihood else np.eye(slopes.shape[0])
    border = _constraint_slopes(L, phi, psi, request.criterion, oblique, likelihood)
    size, m = slopes.shape[1], border.shape[0]
    bordered = np.zeros((size + m, size + m))
    bordered[:size, :size] = slopes.T @ weight @ slopes
    bordered[size:, :size] = border
    bordered[:size, size:] = border.T
    inverse = np.linalg.pinv(bordered)[:size, :size]
    first, second = _positions(p, likelihood)
    moves = (inverse @ slopes.T @ weight)[:, first != second]
    covariance = moves @ _correlation_gamma(request.source) @ moves.T / request.source.n
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    phi_errors = np.zeros((k, k))
    if oblique:
        phi_errors[np.triu_indices(k, 1)] = errors[p * k : p * k + k * (k - 1) // 2]
    return errors[: p * k].reshape(p, k), phi_errors + phi_errors.T


def _positions(p: int, with_diagonal: bool) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(p, 0 if with_diagonal else 1)


def _model_slopes(L: FloatArray, phi: FloatArray, oblique: bool, likelihood: bool) -> FloatArray:
    """Derivatives of the implied correlations in loadings, factor correlations and (ML) uniquenesses."""
    p, k = L.shape
    first, second = _positions(p, likelihood)
    structure = L @ phi
    rows = np.arange(first.size)
    of_loadings = np.zeros((first.size, p, k))
    of_loadings[rows, first] += structure[second]
    of_loadings[rows, second] += structure[first]
    blocks = [of_loadings.reshape(first.size, p * k)]
    if oblique:
        a, b = np.triu_indices(k, 1)
        blocks.append(L[first][:, a] * L[second][:, b] + L[first][:, b] * L[second][:, a])
    if likelihood:
        of_psi = np.zeros((first.size, p))
        of_psi[first == second, first[first == second]] = 1.0
        blocks.append(of_psi)
    return np.hstack(blocks)


def _normal_weight(sigma: FloatArray) -> FloatArray:
    """Inverse of the normal-theory covariance of the elements of a covariance matrix."""
    inverse = np.linalg.inv(sigma)
    first, second = np.triu_indices(len(sigma))
    i, j, a, b = first[:, None], second[:, None], first[None, :], second[None, :]
    weight: FloatArray = 0.5 * (inverse[i, a] * inverse[j, b] + inverse[i, b] * inverse[j, a])
    multiplicity = np.where(first == second, 1.0, 2.0)
    return 0.5 * weight * np.outer(multiplicity, multiplicity)


def _constraint_slopes(
    L: FloatArray,
    phi: FloatArray,
    psi: FloatArray,
    criterion: RotationCriterion | None,
    oblique: bool,
    likelihood: bool,
) -> FloatArray:
    """Derivatives of the conditions that fix the rotation, by central differences in one batch."""
    p, k = L.shape
    n_phi = k * (k - 1) // 2 if oblique else 0
    n_psi = p if likelihood else 0
    if k == 1:
        return np.zeros((0, p + n_psi))
    theta = np.concatenate([L.ravel(), phi[np.triu_indices(k, 1)][:n_phi], psi[:n_psi]])
    step = 1e-6
    shifted = np.concatenate([theta + step * np.eye(theta.size), theta - step * np.eye(theta.size)])
    loadings = shifted[:, : p * k].reshape(-1, p, k)
    correlations = np.tile(np.eye(k), (len(shifted), 1, 1))
    a, b = np.triu_indices(k, 1)
    if oblique:
        correlations[:, a, b] = correlations[:, b, a] = shifted[:, p * k : p * k + n_phi]
    unique = shifted[:, p * k + n_phi :] if likelihood else np.ones((len(shifted), p))
    values = _conditions(loadings, correlations, unique, criterion, oblique)
    half = theta.size
    slopes: FloatArray = (values[:half] - values[half:]).T / (2.0 * step)
    return slopes


def _conditions(
    L: FloatArray, phi: FloatArray, psi: FloatArray, criterion: RotationCriterion | None, oblique: bool
) -> FloatArray:
    """What is zero at a rotated solution, shape (s, number of conditions)."""
    k = L.shape[2]
    a, b = np.triu_indices(k, 1)
    if criterion is None:
        cross = L.transpose(0, 2, 1) @ (L / psi[:, :, None])
        return cross[:, a, b]
    if criterion.normalize:
        communality = np.einsum("spk,skl,spl->sp", L, phi, L, optimize=True)
        L = L / np.sqrt(communality)[:, :, None]
    slope = criterion.evaluate(L)[1]
    cross = L.transpose(0, 2, 1) @ slope
    if not oblique:
        return cross[:, a, b] - cross[:, b, a]
    scaled = cross @ np.linalg.inv(phi)
    return np.concatenate([scaled[:, a, b], scaled[:, b, a]], axis=1)


def _correlation_gamma(source: FactorInput) -> FloatArray:
    """``n`` times the asymptotic covariance of the correlations."""
    if source.data is not None and source.kind in ("polychoric", "tetrachoric"):
        codes, categories = category_codes(source.data)
        sizes = np.array([c.size for c in categories])
        moments = ordinal_moments(codes, sizes, acov="full")
        at = moments.thresholds.size
        matrix = moments.acov
        if matrix is not None:
            return matrix[at:, at:]
    if source.data is not None and source.kind == "pearson" and not np.isnan(source.data.values).any():
        return correlation_acov(source.data.values, kind="adf")
    if source.data is not None and source.kind == "fiml":
        likely = em_normal(source.data.values)
        return fiml_correlation_acov(source.data.values, likely.mean, likely.covariance)
    return normal_correlation_acov(source.matrix)


def bootstrap_errors(request: ErrorRequest, n_boot: int, seed: Seed) -> Errors:
    """Standard deviations over bootstrap samples, factors matched to the solution.

    Parameters
    ----------
    request : ErrorRequest
        The solution.
    n_boot : int
        Samples.
    seed : int or Generator
        Random numbers.

    Returns
    -------
    loadings, phi : ndarray, shapes (p, k) and (k, k)
    """
    data = request.source.data
    if data is None:
        raise OptionError("se='bootstrap' needs the responses, not a correlation matrix.")
    random = generator(seed)
    k = request.rotated.loadings.shape[1]
    values = data.values
    if request.source.kind in ("polychoric", "tetrachoric"):
        codes, categories = category_codes(data)
        sizes = np.array([c.size for c in categories])

        def correlations(rows: np.ndarray) -> FloatArray:
            return ordinal_moments(codes[rows], sizes).correlations
    else:

        def correlations(rows: np.ndarray) -> FloatArray:
            if request.source.kind == "fiml":
                return covariance_to_correlation(em_normal(values[rows]).covariance)
            return pairwise_moments(values[rows]).correlation

    loadings, phis = [], []
    for _ in range(n_boot):
        found = request.extractor(correlations(random.integers(0, data.n, data.n)), k)
        rotated = _rotate_near(found.loadings, request)
        loadings.append(rotated[0])
        phis.append(rotated[1])
    return np.std(loadings, axis=0, ddof=1), np.std(phis, axis=0, ddof=1)


def _rotate_near(loadings: FloatArray, request: ErrorRequest) -> tuple[FloatArray, FloatArray]:
    """Rotate a bootstrap solution from the sample's own rotation and match its factors."""
    u, _, vt = np.linalg.svd(loadings.T @ request.found.loadings)
    turned = loadings @ (u @ vt)
    target, k = request.rotated.loadings, loadings.shape[1]
    if request.criterion is None:
        L, phi = loadings, np.eye(k)
    else:
        found = rotate(turned, request.criterion, n_starts=1, start=request.rotated.transformation)
        L, phi = found.loadings, found.phi
    match = linear_sum_assignment(-np.abs(target.T @ L))[1]
    signs = np.sign(np.sum(target * L[:, match], axis=0))
    return L[:, match] * signs, phi[np.ix_(match, match)] * np.outer(signs, signs)
