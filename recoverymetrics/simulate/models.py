"""Continuous indicators of a factor model, normal or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.simulate.kernel import cholesky_root
from recoverymetrics.simulate.nonnormal import draw_nonnormal
from recoverymetrics.typing import FloatArray, Seed

SYMMETRY_TOLERANCE = 1e-10


def simulate_continuous(
    model: Any,
    n: int | None = None,
    *,
    factor_covariance: Any = None,
    residual_covariance: Any = None,
    intercepts: Any = 0.0,
    factor_means: Any = 0.0,
    skewness: Any = 0.0,
    kurtosis: Any = 0.0,
    names: Sequence[str] | None = None,
    seed: Seed = None,
) -> pd.DataFrame:
    r"""Simulate continuous indicators with :math:`\Sigma = \Lambda\Phi\Lambda' + \Theta`.

    Parameters
    ----------
    model : DataFrame or array, shape (p,) or (p, m), or CFAResult
        :math:`\Lambda`; the index of a frame names the indicators. Or a fitted confirmatory model of
        continuous items, whose implied moments are used.
    n : int
        Number of persons; per group for a fitted model of several groups, and by default those of its data.
    factor_covariance : array, shape (m, m), optional
        :math:`\Phi`; default identity.
    residual_covariance : array, shape (p,) or (p, p), optional
        :math:`\Theta`, its diagonal or in full; default: what makes the variances 1.
    intercepts : float or array, shape (p,)
        :math:`\nu`.
    factor_means : float or array, shape (m,)
        :math:`\alpha`; the means are :math:`\nu + \Lambda\alpha`.
    skewness, kurtosis : float or array, shape (p,)
        Skewness and excess kurtosis of the indicators; non-zero values go through the power method of
        Vale and Maurelli (1983), which keeps :math:`\Sigma`.
    names : sequence of str, optional
        Indicator names; default ``x1`` ...
    seed : int, numpy.random.Generator or None
        Source of the random numbers.

    Returns
    -------
    pandas.DataFrame, shape (n, p)
        With the column ``group`` in front for a fitted model of several groups.

    Raises
    ------
    OptionError
        ``n`` below 1.
    ModelError
        Matrices that do not fit, are not covariance matrices, or moments that are not possible.

    Examples
    --------
    >>> simulate_continuous([0.7, 0.8, 0.6], 5, seed=1).shape
    (5, 3)
    """
    if isinstance(model, CFAResult):
        return _from_cfa(model, n, skewness, kurtosis, generator(seed))
    if n is None or n < 1:
        raise OptionError(f"n must be at least 1, not {n!r}.")
    if names is None and isinstance(model, pd.DataFrame):
        names = [str(name) for name in model.index]
    Lambda = np.asarray(model, dtype=float)
    Lambda = Lambda[:, None] if Lambda.ndim == 1 else Lambda
    Sigma = implied_covariance(Lambda, factor_covariance, residual_covariance)
    p, m = Lambda.shape
    names = [f"x{j + 1}" for j in range(p)] if names is None else list(names)
    if len(names) != p:
        raise ModelError(f"{len(names)} names were given for {p} indicators.")
    nu, alpha = _vector(intercepts, p, "intercepts"), _vector(factor_means, m, "factor_means")
    deviations = _deviations(Sigma, n, skewness, kurtosis, generator(seed))
    return pd.DataFrame(nu + Lambda @ alpha + deviations, columns=names)


def _from_cfa(
    fit: CFAResult, n: int | None, skewness: Any, kurtosis: Any, rng: np.random.Generator
) -> pd.DataFrame:
    """Simulate every group from its implied moments."""
    if np.any(fit.layout.ordinal):
        raise ModelError("the fitted model has ordered items; use simulate_responses(fit).")
    if n is not None and n < 1:
        raise OptionError(f"n must be at least 1, not {n!r}.")
    modelled = fit.moments.means
    blocks = []
    for g, label in enumerate(fit.groups):
        size = int(fit.sample.n[g]) if n is None else n
        mean = fit.state.mu[g] if modelled else fit.sample.mean[g]
        y = mean + _deviations(fit.state.sigma[g], size, skewness, kurtosis, rng)
        block = pd.DataFrame(y, columns=list(fit.table.observed))
        if len(fit.groups) > 1:
            block.insert(0, "group", label)
        blocks.append(block)
    return pd.concat(blocks, ignore_index=True)


def _deviations(
    Sigma: FloatArray, n: int, skewness: Any, kurtosis: Any, rng: np.random.Generator
) -> FloatArray:
    skewness, kurtosis = _vector(skewness, len(Sigma), "skewness"), _vector(kurtosis, len(Sigma), "kurtosis")
    if not np.any(skewness) and not np.any(kurtosis):
        return rng.standard_normal((n, len(Sigma))) @ cholesky_root(Sigma).T
    sd = np.sqrt(np.diag(Sigma))
    return draw_nonnormal(rng, n, Sigma / np.outer(sd, sd), skewness, kurtosis) * sd


def implied_covariance(
    Lambda: FloatArray, factor_covariance: Any = None, residual_covariance: Any = None
) -> FloatArray:
    """Covariance matrix of the indicators, checked, shape (p, p)."""
    p, m = Lambda.shape
    Phi = np.eye(m) if factor_covariance is None else _covariance(factor_covariance, m, "factor_covariance")
    common = Lambda @ Phi @ Lambda.T
    if residual_covariance is None:
        theta = 1.0 - np.diag(common)
        if np.any(theta < 0):
            raise ModelError(
                f"indicator {int(np.argmin(theta)) + 1} has a communality of {1 - theta.min():.3f}; give "
                "residual_covariance= or smaller loadings."
            )
        return common + np.diag(theta)
    Theta = np.asarray(residual_covariance, dtype=float)
    Theta = np.diag(Theta) if Theta.ndim == 1 else Theta
    return common + _covariance(Theta, p, "residual_covariance")


def _covariance(values: Any, size: int, what: str) -> FloatArray:
    matrix = np.asarray(values, dtype=float)
    if matrix.shape != (size, size):
        raise ModelError(f"{what} must have shape ({size}, {size}), not {matrix.shape}.")
    if not np.allclose(matrix, matrix.T, atol=SYMMETRY_TOLERANCE):
        raise ModelError(f"{what} is not symmetric.")
    if np.linalg.eigvalsh(matrix)[0] < -SYMMETRY_TOLERANCE:
        raise ModelError(f"{what} is not positive semi-definite.")
    return matrix


def _vector(values: Any, size: int, what: str) -> FloatArray:
    vector = np.asarray(values, dtype=float)
    if vector.ndim and vector.shape != (size,):
        raise ModelError(f"{what} needs one value or {size}, got {vector.size}.")
    return np.broadcast_to(vector, (size,)).copy()
