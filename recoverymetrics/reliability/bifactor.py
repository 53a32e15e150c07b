"""Indices of a bifactor (or Schmid-Leiman) solution: omega hierarchical, ECV, PUC, H."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class BifactorIndices:
    """Reliability of total and subscale scores under one general and ``k`` specific factors.

    Attributes
    ----------
    omega_total : float
        Share of the variance of the sum that all common factors explain, ``1 - sum(uniquenesses) / V``.
    omega_hierarchical : float
        Share that the general factor explains.
    omega_asymptotic : float
        ``omega_hierarchical / omega_total``: its limit for an infinitely long test of the same structure.
    ecv : float
        Share of the common variance that belongs to the general factor, all loadings counted (psych).
    ecv_members : float
        The same, counting of each item only the loading on its own specific factor (EFAtools).
    puc : float
        Share of the correlations that only the general factor explains.
    construct_h : ndarray, shape (k + 1,)
        H of the general and the specific factors (Hancock & Mueller 2001), the latter over their own items.
    subscale_total, subscale_general, subscale_specific : ndarray, shape (k,)
        For the sum of a specific factor's items: share explained by general and own specific factor together,
        by the general, by the specific factor (omega hierarchical of the subscale).
    specific_of_total : float
        Share of the variance of the whole sum that items' own specific factors explain.
    members : ndarray of int, shape (p,)
        Specific factor of each item.
    """

    omega_total: float
    omega_hierarchical: float
    omega_asymptotic: float
    ecv: float
    ecv_members: float
    puc: float
    construct_h: FloatArray
    subscale_total: FloatArray
    subscale_general: FloatArray
    subscale_specific: FloatArray
    specific_of_total: float
    members: IntArray


def bifactor_indices(
    general: FloatArray,
    specific: FloatArray,
    S: FloatArray,
    *,
    uniquenesses: FloatArray | None = None,
    members: IntArray | None = None,
) -> BifactorIndices:
    """Indices from loadings and the covariances (or correlations) of the items.

    Parameters
    ----------
    general : ndarray, shape (p,)
        Loadings on the general factor, in the metric of ``S``.
    specific : ndarray, shape (p, k)
        Loadings on the specific factors, orthogonal to it and to each other.
    S : ndarray, shape (p, p)
        Covariances or correlations, observed or implied by the model; items keyed in one direction.
    uniquenesses : ndarray, shape (p,), optional
        Unique variances; by default ``diag(S)`` minus the communality.
    members : ndarray of int, shape (p,), optional
        Specific factor of each item, -1 for none; by default the largest loading.

    Returns
    -------
    BifactorIndices

    Raises
    ------
    DataError
        Shapes do not fit together.
    """
    p, k = specific.shape
    if general.shape != (p,) or S.shape != (p, p):
        raise DataError(
            f"loadings of {general.size} and {p} items do not fit covariances of {S.shape[0]} items."
        )
    variance = np.diag(S)
    unique = variance - general**2 - np.sum(specific**2, axis=1) if uniquenesses is None else uniquenesses
    own = np.abs(specific).argmax(1) if members is None else members
    member = own[:, None] == np.arange(k)
    V = float(S.sum())
    within = np.einsum("if,ij,jf->f", member.astype(float), S, member.astype(float))
    general_sums = (member * general[:, None]).sum(0)
    specific_sums = (member * specific).sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_general, from_specific = general_sums**2 / within, specific_sums**2 / within
    total, hierarchical = 1 - float(unique.sum()) / V, float(general.sum()) ** 2 / V
    sizes = member.sum(0)
    shared = float(np.sum(general**2))
    h = [construct_h(general**2 / variance)]
    h += [construct_h((specific[:, f] ** 2 / variance)[member[:, f]]) for f in range(k)]
    return BifactorIndices(
        total,
        hierarchical,
        hierarchical / total,
        shared / (shared + float(np.sum(specific**2))),
        shared / (shared + float(np.sum((member * specific) ** 2))),
        float(1 - np.sum(sizes * (sizes - 1)) / (p * (p - 1))),
        np.array(h),
        from_general + from_specific,
        from_general,
        from_specific,
        float(np.sum(specific_sums**2)) / V,
        np.asarray(own, dtype=np.int64),
    )


def direct_schmid_leiman(
    unrotated: FloatArray, pattern: FloatArray, *, cutoff: float = 0.3
) -> tuple[FloatArray, FloatArray]:
    """Rotate orthogonal loadings directly to a general and specific factors (Waller 2018).

    The loadings, extended by a column of zeros, are rotated by Procrustes to a target in which every item
    loads on the general factor and on the factor of its largest pattern loading, with that loading's sign.
    Unlike the Schmid-Leiman transformation this imposes no proportionality; the loadings keep the rank of the
    factor analysis.

    Parameters
    ----------
    unrotated : ndarray, shape (p, k)
        Orthogonal loadings.
    pattern : ndarray, shape (p, k)
        Rotated loadings that show which items belong together.
    cutoff : float, default 0.3
        Pattern loadings that do not exceed it are left out of the target.

    Returns
    -------
    tuple of ndarray
        Loadings on the general factor, shape (p,), and on the specific ones, shape (p, k).
    """
    p, k = pattern.shape
    largest = np.arange(k) == np.abs(pattern).argmax(1)[:, None]
    target = np.column_stack([np.ones(p), np.sign(pattern) * (largest & (np.abs(pattern) > cutoff))])
    extended = np.column_stack([unrotated, np.zeros(p)])
    left, _, right = np.linalg.svd(extended.T @ target)
    rotated = extended @ (left @ right)
    return rotated[:, 0], rotated[:, 1:]


def construct_h(squared: FloatArray) -> float:
    """Coefficient H from squared standardised loadings (Hancock & Mueller 2001); NaN for a Heywood case."""
    if squared.size == 0 or np.any(squared >= 1):
        return float("nan")
    information = float(np.sum(squared / (1 - squared)))
    return information / (1 + information)
