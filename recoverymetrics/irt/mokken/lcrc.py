"""Latent class reliability coefficient (Van der Ark, Van der Palm & Sijtsma 2011)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import FloatArray, IntArray, Seed

MOST_CLASSES = 12
N_STARTS = 10


@dataclass(frozen=True)
class LatentClasses:
    """Latent class model of categorical items.

    Attributes
    ----------
    weights : ndarray, shape (C,)
        Class shares.
    probabilities : ndarray, shape (C, J, K)
        Category probabilities; zero beyond an item's last category.
    loglik, bic : float
        Fit.
    """

    weights: FloatArray
    probabilities: FloatArray
    loglik: float
    bic: float


def latent_class_reliability(
    codes: IntArray, n_classes: int | None = None, seed: Seed = 1
) -> tuple[float, LatentClasses]:
    """Share of the sum score's variance that two independent replications have in common.

    Given the latent classes a repeated item is answered independently, which gives the joint proportions of an item
    with its own replication; those of different items are as observed.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes from zero.
    n_classes : int, optional
        Number of classes; by default that with the smallest BIC.
    seed : int or Generator, default 1
        Random starts.
    """
    found = fit_latent_classes(codes, n_classes, seed) if n_classes else _smallest_bic(codes, seed)
    X = codes.astype(float)
    means = found.probabilities @ np.arange(found.probabilities.shape[2])
    marginal = found.weights @ means
    replicated = found.weights @ means**2 - marginal**2
    S = np.cov(X, rowvar=False, ddof=0)
    total = float(S.sum())
    return (total - float(np.trace(S)) + float(replicated.sum())) / total, found


def _smallest_bic(codes: IntArray, seed: Seed) -> LatentClasses:
    """Add classes until the BIC has risen twice."""
    best, worse = None, 0
    for C, rng in enumerate(spawn(seed, MOST_CLASSES), start=1):
        found = fit_latent_classes(codes, C, rng)
        if best is None or found.bic < best.bic:
            best, worse = found, 0
        else:
            worse += 1
        if worse == 2:
            break
    if best is None:
        raise RuntimeError("no class model was fitted")
    return best


def fit_latent_classes(codes: IntArray, n_classes: int, seed: Seed = 1) -> LatentClasses:
    """Maximum likelihood by EM over the observed patterns, the best of several random starts."""
    patterns, counts = np.unique(codes, axis=0, return_counts=True)
    K = codes.max(axis=0) + 1
    indicators = np.zeros((patterns.shape[0], codes.shape[1], int(K.max())))
    np.put_along_axis(indicators, patterns[:, :, None], 1.0, axis=2)
    Z, w = indicators.reshape(patterns.shape[0], -1), counts.astype(float)
    starts = spawn(seed, N_STARTS if n_classes > 1 else 1)
    short = [_em(Z, w, rng.dirichlet(np.ones(n_classes), Z.shape[0]), 60, 1e-5) for rng in starts]
    _, posterior = max(short, key=lambda s: s[0])
    loglik, posterior = _em(Z, w, posterior, 5000, 1e-9)
    weights, p = _parameters(Z, w, posterior)
    npar = n_classes - 1 + n_classes * int((K - 1).sum())
    return LatentClasses(
        weights, p.reshape(n_classes, codes.shape[1], -1), loglik, -2 * loglik + npar * np.log(codes.shape[0])
    )


def _parameters(Z: FloatArray, w: FloatArray, posterior: FloatArray) -> tuple[FloatArray, FloatArray]:
    weighted = posterior * w[:, None]
    size = weighted.sum(axis=0)
    p = (weighted.T @ Z) / np.maximum(size, 1e-300)[:, None]
    return size / w.sum(), p


def _em(
    Z: FloatArray, w: FloatArray, posterior: FloatArray, most: int, tolerance: float
) -> tuple[float, FloatArray]:
    """EM from class memberships; returns log-likelihood and memberships."""
    loglik = -np.inf
    for _ in range(most):
        weights, p = _parameters(Z, w, posterior)
        joint = Z @ np.log(np.maximum(p, 1e-12)).T + np.log(np.maximum(weights, 1e-300))
        top = joint.max(axis=1, keepdims=True)
        likelihood = np.exp(joint - top)
        total = likelihood.sum(axis=1, keepdims=True)
        posterior = likelihood / total
        before, loglik = loglik, float(w @ (top + np.log(total))[:, 0])
        if loglik - before < tolerance * abs(loglik):
            break
    return loglik, posterior
