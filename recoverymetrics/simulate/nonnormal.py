"""Non-normal variables with given correlations: Fleishman (1978) powers, Vale and Maurelli (1983)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import root

from recoverymetrics.errors import ModelError
from recoverymetrics.simulate.kernel import cholesky_root
from recoverymetrics.typing import FloatArray

ROOT_TOLERANCE = 1e-8
CUBIC_STEPS = 50


def fleishman(skewness: float, kurtosis: float) -> FloatArray:
    """Coefficients ``(a, b, c, d)`` of ``a + b z + c z^2 + d z^3`` with mean 0 and variance 1.

    Parameters
    ----------
    skewness : float
        Third standardised moment.
    kurtosis : float
        Excess kurtosis (0 for the normal).

    Returns
    -------
    ndarray, shape (4,)

    Raises
    ------
    ModelError
        When no such polynomial has these moments.
    """

    def moments(x: FloatArray) -> list[float]:
        b, c, d = x
        return [
            b**2 + 6 * b * d + 2 * c**2 + 15 * d**2 - 1,
            2 * c * (b**2 + 24 * b * d + 105 * d**2 + 2) - skewness,
            24 * (b * d + c**2 * (1 + b**2 + 28 * b * d) + d**2 * (12 + 48 * b * d + 141 * c**2 + 225 * d**2))
            - kurtosis,
        ]

    for start in ([1.0, skewness / 6, kurtosis / 24], [0.9, skewness / 6, 0.05], [0.6, skewness / 5, 0.15]):
        found = root(moments, start, tol=1e-13)
        if np.max(np.abs(moments(found.x))) < ROOT_TOLERANCE and found.x[0] > 0:
            b, c, d = found.x
            return np.array([-c, b, c, d])
    raise ModelError(
        f"no power transformation has skewness {skewness:g} and excess kurtosis {kurtosis:g}; the kurtosis "
        f"must be well above {1.588 * skewness**2 - 1.132:.2f} for that skewness."
    )


def intermediate_correlations(R: FloatArray, powers: FloatArray) -> FloatArray:
    """Correlations of the normal variables that give ``R`` after the power transformations.

    Solves the cubic of Vale and Maurelli (1983, eq. 11) for all pairs at once by Newton steps.
    """
    _, b, c, d = powers.T
    linear = np.outer(b, b) + 3 * (np.outer(b, d) + np.outer(d, b)) + 9 * np.outer(d, d)
    square, cube = 2 * np.outer(c, c), 6 * np.outer(d, d)
    r = R.copy()
    for _ in range(CUBIC_STEPS):
        value = r * (linear + r * (square + r * cube)) - R
        r = np.clip(r - value / (linear + 2 * square * r + 3 * cube * r**2), -1.0, 1.0)
    off = np.abs(r * (linear + r * (square + r * cube)) - R)
    np.fill_diagonal(off, 0.0)
    if off.max() > ROOT_TOLERANCE:
        i, j = np.unravel_index(int(np.argmax(off)), off.shape)
        raise ModelError(
            f"variables {i + 1} and {j + 1} cannot correlate at {R[i, j]:.3f} with the skewness and kurtosis "
            "asked for; lower the moments or the correlation."
        )
    np.fill_diagonal(r, 1.0)
    return r


def draw_nonnormal(
    rng: np.random.Generator, n: int, R: FloatArray, skewness: FloatArray, kurtosis: FloatArray
) -> FloatArray:
    """Standardised variables with correlations ``R`` and the given moments, shape (n, p)."""
    powers = np.array([fleishman(s, k) for s, k in zip(skewness, kurtosis, strict=True)])
    middle = intermediate_correlations(R, powers)
    if np.linalg.eigvalsh(middle)[0] < -ROOT_TOLERANCE:
        raise ModelError(
            "the skewness and kurtosis asked for are not possible together with these correlations "
            "(the intermediate correlation matrix is not positive semi-definite)."
        )
    z = rng.standard_normal((n, len(R))) @ cholesky_root(middle).T
    a, b, c, d = powers.T
    return np.asarray(a + z * (b + z * (c + z * d)))
