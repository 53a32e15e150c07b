"""Alignment of configural loadings and intercepts (Asparouhov & Muthen 2014; Robitzsch 2020).

Group ``g`` has configural parameters with factor mean 0 and standard deviation 1. A factor mean ``alpha_g``
and standard deviation ``psi_g`` turn them into aligned ones,

``lambda*_gi = lambda_gi / psi_g``,  ``nu*_gi = nu_gi - alpha_g lambda*_gi``,

without changing the fit. The loss sums ``(d^2 + eps)^(power / 2)`` over pairs of groups and items, where
``d`` is the difference of aligned parameters over its scale: many small and a few large differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import BoolArray, FloatArray, IntArray, Seed


@dataclass(frozen=True)
class Configural:
    """Configural parameters of one factor.

    Attributes
    ----------
    loadings : ndarray, shape (G, p)
        Loadings with factor variance one in each group.
    intercepts : ndarray, shape (G, T)
        Intercepts with factor mean zero; thresholds with their sign turned for ordered items.
    owner : ndarray of int, shape (T,)
        Item (column of ``loadings``) that each intercept belongs to.
    """

    loadings: FloatArray
    intercepts: FloatArray
    owner: IntArray


@dataclass(frozen=True)
class Loss:
    """Shape of the alignment loss.

    Attributes
    ----------
    power : float
        Power of the absolute difference; 0.5 in Asparouhov & Muthen.
    eps : float
        Smoothing; 0.01 there.
    weights : ndarray, shape (G, G)
        Symmetric weights of pairs of groups, zero diagonal.
    scale : tuple of float
        Units of the differences in loadings and in intercepts.
    """

    power: float
    eps: float
    weights: FloatArray
    scale: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Aligned:
    """Solution of an alignment.

    Attributes
    ----------
    means, sds : ndarray, shape (G,)
        Factor means and standard deviations.
    loadings : ndarray, shape (G, p)
    intercepts : ndarray, shape (G, T)
        Aligned parameters.
    value : float
        Loss, half the sum over ordered pairs.
    starts : ndarray
        Losses of the local minima of all starts, sorted.
    hessian : ndarray
        Second derivatives of the loss in the free means and log standard deviations.
    converged : bool
    """

    means: FloatArray
    sds: FloatArray
    loadings: FloatArray
    intercepts: FloatArray
    value: float
    starts: FloatArray
    hessian: FloatArray
    converged: bool


def aligned_parameters(
    configural: Configural, means: FloatArray, sds: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Loadings and intercepts in the metric of the given factor means and standard deviations."""
    loadings = configural.loadings / sds[:, None]
    return loadings, configural.intercepts - means[:, None] * loadings[:, configural.owner]


def loss_and_gradient(
    configural: Configural, loss: Loss, means: FloatArray, log_sds: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Value of the loss and its derivatives by all means and all log standard deviations, (G,) each."""
    loadings, intercepts = aligned_parameters(configural, means, np.exp(log_sds))
    first, by_loading = _component(loadings, loss, loss.scale[0])
    second, by_intercept = _component(intercepts, loss, loss.scale[1])
    own = loadings[:, configural.owner]
    by_mean = -np.sum(by_intercept * own, axis=1)
    by_log_sd = -np.sum(by_loading * loadings, axis=1) - means * by_mean
    return first + second, by_mean, by_log_sd


def _component(values: FloatArray, loss: Loss, scale: float) -> tuple[float, FloatArray]:
    """Loss of one kind of parameter (G, p) and its derivative by each aligned parameter."""
    difference = (values[:, None, :] - values[None, :, :]) / scale
    smooth = difference**2 + loss.eps
    value = 0.5 * np.einsum("gh,ghp->", loss.weights, smooth ** (0.5 * loss.power))
    slope = loss.power * difference * smooth ** (0.5 * loss.power - 1.0) / scale
    return float(value), np.einsum("gh,ghp->gp", loss.weights, slope)


def align(
    configural: Configural,
    loss: Loss,
    *,
    reference: int,
    free_mean: bool,
    n_starts: int,
    seed: Seed,
    curvature: bool = True,
) -> Aligned:
    """Minimise the alignment loss from several starts.

    Parameters
    ----------
    configural : Configural
        Parameters.
    loss : Loss
        Shape of the loss.
    reference : int
        Group with standard deviation one and, unless ``free_mean``, mean zero.
    free_mean : bool
        FREE alignment: the reference mean is estimated too.
    n_starts : int
        Starts: two gradual descents, random points, and as many points around the gradual solution.
    seed : int or Generator
        For the random starts.
    curvature : bool, default True
        Whether the second derivatives are wanted.
    """
    g = configural.loadings.shape[0]
    mean_free = np.ones(g, dtype=bool) if free_mean else np.arange(g) != reference
    sd_free = np.arange(g) != reference
    found = [
        _descend(configural, loss, start, mean_free, sd_free, gradual=i < 2)
        for i, start in enumerate(_starts(configural, mean_free, sd_free, n_starts, seed))
    ]
    smooth = min(found[:2], key=lambda solution: solution[1])[0]
    for generator in spawn(seed, n_starts):
        near = smooth + generator.normal(0, 0.05, smooth.size)
        found.append(_descend(configural, loss, near, mean_free, sd_free, gradual=False))
    best = min(found, key=lambda solution: solution[1])[0]
    best, value, converged = _polish(configural, loss, best, mean_free, sd_free)
    means, log_sds = _unpack(best, mean_free, sd_free)
    loadings, intercepts = aligned_parameters(configural, means, np.exp(log_sds))
    return Aligned(
        means=means,
        sds=np.exp(log_sds),
        loadings=loadings,
        intercepts=intercepts,
        value=value,
        starts=np.sort([solution[1] for solution in found]),
        hessian=hessian(configural, loss, best, mean_free, sd_free) if curvature else np.zeros((0, 0)),
        converged=converged,
    )


def _starts(
    configural: Configural, mean_free: BoolArray, sd_free: BoolArray, n_starts: int, seed: Seed
) -> Iterator[FloatArray]:
    size = int(mean_free.sum() + sd_free.sum())
    yield np.zeros(size)
    ratio = np.log(np.median(np.abs(configural.loadings), axis=1))
    centre = np.median(configural.intercepts - np.median(configural.intercepts, axis=0), axis=1)
    slope = np.median(configural.loadings)
    yield np.concatenate([(centre / slope)[mean_free], (ratio - ratio[~sd_free][0])[sd_free]])
    for generator in spawn(seed, max(n_starts - 2, 0)):
        yield np.concatenate(
            [generator.normal(0, 0.5, int(mean_free.sum())), generator.normal(0, 0.3, int(sd_free.sum()))]
        )


def _unpack(x: FloatArray, mean_free: BoolArray, sd_free: BoolArray) -> tuple[FloatArray, FloatArray]:
    means, log_sds = np.zeros(mean_free.size), np.zeros(sd_free.size)
    m = int(mean_free.sum())
    means[mean_free], log_sds[sd_free] = x[:m], x[m:]
    return means, log_sds


def _objective(
    x: FloatArray, configural: Configural, loss: Loss, mean_free: BoolArray, sd_free: BoolArray
) -> tuple[float, FloatArray]:
    means, log_sds = _unpack(x, mean_free, sd_free)
    value, by_mean, by_log_sd = loss_and_gradient(configural, loss, means, log_sds)
    return value, np.concatenate([by_mean[mean_free], by_log_sd[sd_free]])


def _descend(
    configural: Configural,
    loss: Loss,
    start: FloatArray,
    mean_free: BoolArray,
    sd_free: BoolArray,
    *,
    gradual: bool,
) -> tuple[FloatArray, float]:
    """Local minimum; gradually, through smoother losses whose ``eps`` falls to its value, or directly."""
    x = start
    ladder = [eps for eps in (1.0, 0.1, 0.01, 0.001) if gradual and eps > loss.eps]
    for eps in (*ladder, loss.eps):
        stage = Loss(loss.power, eps, loss.weights, loss.scale)
        result = minimize(
            _objective, x, (configural, stage, mean_free, sd_free), jac=True, method="BFGS",
            options={"gtol": 1e-4 * (1.0 + loss.weights.max()), "maxiter": 200},
        )  # fmt: skip
        x = result.x
    return x, float(result.fun)


def _polish(
    configural: Configural, loss: Loss, x: FloatArray, mean_free: BoolArray, sd_free: BoolArray
) -> tuple[FloatArray, float, bool]:
    """Follow the best local minimum down to full precision."""
    result = minimize(
        _objective, x, (configural, loss, mean_free, sd_free), jac=True, method="BFGS",
        options={"gtol": 1e-9 * (1.0 + loss.weights.sum()), "maxiter": 1000},
    )  # fmt: skip
    value, gradient = _objective(result.x, configural, loss, mean_free, sd_free)
    return result.x, value, bool(np.abs(gradient).max() < 1e-4 * (1.0 + abs(value)))


def hessian(
    configural: Configural, loss: Loss, x: FloatArray, mean_free: BoolArray, sd_free: BoolArray
) -> FloatArray:
    """Second derivatives by central differences of the analytic gradient."""
    step = 1e-5
    columns = []
    for i in range(x.size):
        shift = np.zeros(x.size)
        shift[i] = step
        up = _objective(x + shift, configural, loss, mean_free, sd_free)[1]
        down = _objective(x - shift, configural, loss, mean_free, sd_free)[1]
        columns.append((up - down) / (2 * step))
    matrix = np.array(columns)
    return np.asarray(0.5 * (matrix + matrix.T), dtype=float)


def sensitivity(
    configural: Configural, loss: Loss, solution: Aligned, *, reference: int, free_mean: bool
) -> FloatArray:
    """Derivative of (means, standard deviations) by the configural parameters, by the implicit function theorem.

    Returns
    -------
    ndarray, shape (2 G, G p + G T)
        Rows: all means, then all standard deviations (zero rows where fixed). Columns: loadings, then
        intercepts, group by group.
    """
    g = configural.loadings.shape[0]
    mean_free = np.ones(g, dtype=bool) if free_mean else np.arange(g) != reference
    sd_free = np.arange(g) != reference
    x = np.concatenate([solution.means[mean_free], np.log(solution.sds)[sd_free]])
    flat = np.concatenate([configural.loadings.ravel(), configural.intercepts.ravel()])
    cross = np.empty((x.size, flat.size))
    for k in range(flat.size):
        step = 1e-5 * max(abs(flat[k]), 1.0)
        up, down = _shifted(configural, flat, k, step), _shifted(configural, flat, k, -step)
        cross[:, k] = (
            _objective(x, up, loss, mean_free, sd_free)[1] - _objective(x, down, loss, mean_free, sd_free)[1]
        ) / (2 * step)
    slope = -np.linalg.pinv(solution.hessian, rcond=1e-10) @ cross
    full = np.zeros((2 * g, flat.size))
    full[:g][mean_free] = slope[: mean_free.sum()]
    full[g:][sd_free] = slope[mean_free.sum() :] * solution.sds[sd_free][:, None]
    return full


def _shifted(configural: Configural, flat: FloatArray, k: int, step: float) -> Configural:
    moved = flat.copy()
    moved[k] += step
    cut = configural.loadings.size
    return Configural(
        moved[:cut].reshape(configural.loadings.shape),
        moved[cut:].reshape(configural.intercepts.shape),
        configural.owner,
    )
