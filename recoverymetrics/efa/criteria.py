"""Rotation criteria: frozen options that give the value and gradient of many loading matrices at once.

Every criterion takes a stack of loading matrices, shape (s, p, k), one per random start, and is minimised.
Formulas and scaling follow Bernaards & Jennrich (2005), so values compare across programmes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.errors import OptionError
from recoverymetrics.typing import FloatArray

ValueGradient = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class RotationCriterion(ABC):
    """Interface of a rotation criterion.

    Parameters
    ----------
    oblique : bool
        Whether factors may correlate.
    normalize : bool, default False
        Kaiser's normalisation: rotate rows of unit length, then scale back.
    """

    oblique: bool = True
    normalize: bool = False

    @abstractmethod
    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Value, shape (s,), and gradient, shape (s, p, k), at a stack of loading matrices."""

    @property
    def name(self) -> str:
        """Lower-case name."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Oblimin(RotationCriterion):
    """Oblimin family (Clarkson & Jennrich 1988): ``gamma = 0`` quartimin, 0.5 biquartimin, 1 covarimin."""

    gamma: float = 0.0

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Sum over pairs of factors of the products of squared loadings, less gamma times their means."""
        square = L * L
        others = square @ (1.0 - np.eye(L.shape[2]))
        if self.gamma:
            others = others - self.gamma * others.mean(axis=1, keepdims=True)
        return np.einsum("spk,spk->s", square, others) / 4.0, L * others


@dataclass(frozen=True)
class CrawfordFerguson(RotationCriterion):
    """Crawford-Ferguson family (1970): ``kappa`` weighs complexity of columns against complexity of rows.

    ``kappa`` 0 quartimax, ``1 / p`` varimax, ``k / (2 p)`` equamax, ``(k - 1) / (p + k - 2)`` parsimax,
    1 factor parsimony. A name sets it from the shape.
    """

    kappa: float | str = 0.0

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Weighted sum of row and column products of squared loadings."""
        kappa = self._kappa(L.shape[1], L.shape[2])
        square = L * L
        rows = square.sum(axis=2, keepdims=True) - square
        columns = square.sum(axis=1, keepdims=True) - square
        mix = (1.0 - kappa) * rows + kappa * columns
        return np.sum(square * mix, axis=(1, 2)) / 4.0, L * mix

    def _kappa(self, p: int, k: int) -> float:
        named = {
            "varimax": 1 / p,
            "equamax": k / (2 * p),
            "parsimax": (k - 1) / (p + k - 2),
            "quartimax": 0.0,
        }
        if isinstance(self.kappa, str):
            if self.kappa not in named:
                raise OptionError(
                    f"kappa={self.kappa!r} is not known; give a number or one of {sorted(named)}."
                )
            return named[self.kappa]
        return self.kappa

    @property
    def name(self) -> str:
        """Name of the member of the family."""
        return self.kappa if isinstance(self.kappa, str) else f"cf({self.kappa:g})"


@dataclass(frozen=True)
class Varimax(RotationCriterion):
    """Varimax (Kaiser 1958): maximal variance of the squared loadings within factors, rows normalised."""

    oblique: bool = False
    normalize: bool = True

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Minus a quarter of the summed variances."""
        square = L * L
        centred = square - square.mean(axis=1, keepdims=True)
        return -np.sum(centred * centred, axis=(1, 2)) / 4.0, -L * centred


@dataclass(frozen=True)
class Quartimax(RotationCriterion):
    """Quartimax (Neuhaus & Wrigley 1954): maximal sum of fourth powers."""

    oblique: bool = False

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Minus a quarter of the sum of fourth powers."""
        cube = L**3
        return -np.sum(cube * L, axis=(1, 2)) / 4.0, -cube


@dataclass(frozen=True)
class Geomin(RotationCriterion):
    """Geomin (Yates 1987): geometric means of the squared loadings of an item; ``delta`` smooths."""

    delta: float = 0.01

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Sum over items of the geometric mean of squared loadings plus delta."""
        square = L * L + self.delta
        product = np.exp(np.mean(np.log(square), axis=2, keepdims=True))
        return product.sum(axis=(1, 2)), (2.0 / L.shape[2]) * L / square * product


@dataclass(frozen=True)
class Bentler(RotationCriterion):
    """Bentler's invariant pattern simplicity (1977)."""

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Log determinant of the cross-products of squared loadings against its diagonal."""
        square = L * L
        cross = square.transpose(0, 2, 1) @ square
        diagonal = np.einsum("sii->si", cross)
        value = -(np.linalg.slogdet(cross)[1] - np.log(diagonal).sum(axis=1)) / 4.0
        inverse = stacked_inverse(cross)
        k = L.shape[2]
        inverse[:, np.arange(k), np.arange(k)] -= 1.0 / diagonal
        return value, -L * (square @ inverse)


@dataclass(frozen=True)
class Infomax(RotationCriterion):
    """Infomax (McKeon 1968): mutual information of items and factors."""

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Entropies of the table of squared loadings."""
        square = L * L
        total = square.sum(axis=(1, 2), keepdims=True)
        share = square / total
        rows, columns = share.sum(axis=2, keepdims=True), share.sum(axis=1, keepdims=True)
        log_cell, log_row, log_column = (_safe_log(x) for x in (share, rows, columns))
        value = np.log(L.shape[2]) - np.sum(share * log_cell, axis=(1, 2))
        value += np.sum(rows * log_row, axis=(1, 2)) + np.sum(columns * log_column, axis=(1, 2))
        parts = ((share, log_cell, -1.0), (rows, log_row, 1.0), (columns, log_column, 1.0))
        slope = np.zeros_like(L)
        for weight, logarithm, sign in parts:
            raw = logarithm + 1.0
            centre = np.sum(weight * raw, axis=(1, 2), keepdims=True)
            slope = slope + sign * (raw - centre) / total
        return value, 2.0 * L * slope


@dataclass(frozen=True)
class Entropy(RotationCriterion):
    """Minimum entropy (McCammon 1966), orthogonal."""

    oblique: bool = False

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Half the entropy of the squared loadings."""
        square = L * L
        logarithm = _safe_log(square)
        return -np.sum(square * logarithm, axis=(1, 2)) / 2.0, -(L * logarithm + L)


@dataclass(frozen=True)
class Tandem(RotationCriterion):
    """Comrey's tandem criteria (1967): ``step`` 1 gathers correlated items, ``step`` 2 parts the others."""

    oblique: bool = False
    step: int = 1

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Products of squared loadings weighted by squared reproduced correlations (or 1 less these)."""
        square = L * L
        implied = L @ L.transpose(0, 2, 1)
        weight = implied * implied
        toward = weight @ square
        from_weights = (implied * (square @ square.transpose(0, 2, 1))) @ L
        value, slope = np.sum(square * toward, axis=(1, 2)), 4.0 * L * toward + 4.0 * from_weights
        if self.step == 1:
            return -value, -slope
        everything = square.sum(axis=1, keepdims=True)
        return np.sum(square * everything, axis=(1, 2)) - value, 4.0 * L * everything - slope


@dataclass(frozen=True)
class Bifactor(RotationCriterion):
    """Jennrich-Bentler bifactor (2011, 2012): quartimin on all factors but the first."""

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Products of squared loadings between specific factors."""
        square = L[:, :, 1:] ** 2
        others = square.sum(axis=2, keepdims=True) - square
        gradient = np.zeros_like(L)
        gradient[:, :, 1:] = 4.0 * L[:, :, 1:] * others
        return np.sum(square * others, axis=(1, 2)), gradient


@dataclass(frozen=True)
class BiGeomin(RotationCriterion):
    """Bifactor geomin (Garcia-Garzon, Abad & Garrido 2019): geomin on all factors but the first."""

    delta: float = 0.01

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Geomin of the specific factors."""
        value, inner = Geomin(delta=self.delta).evaluate(L[:, :, 1:])
        gradient = np.zeros_like(L)
        gradient[:, :, 1:] = inner
        return value, gradient


@dataclass(frozen=True)
class Simplimax(RotationCriterion):
    """Simplimax (Kiers 1994): the ``n_zeros`` smallest squared loadings, as small as can be.

    ``n_zeros`` defaults to the number of items times (factors - 1).
    """

    n_zeros: int | None = None

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Sum of the smallest squared loadings."""
        square = L * L
        s, p, k = L.shape
        count = p * (k - 1) if self.n_zeros is None else self.n_zeros
        if not 1 <= count <= p * k:
            raise OptionError(f"n_zeros={count!r} must lie between 1 and {p * k}, the number of loadings.")
        limit = np.partition(square.reshape(s, -1), count - 1, axis=1)[:, count - 1]
        small = square <= limit[:, None, None]
        return np.sum(square * small, axis=(1, 2)), 2.0 * L * small


@dataclass(frozen=True)
class Oblimax(RotationCriterion):
    """Oblimax (Saunders 1961): kurtosis of the loadings. May not have a minimum for oblique factors."""

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Minus the log ratio of fourth powers to squared squares."""
        fourth = np.sum(L**4, axis=(1, 2), keepdims=True)
        second = np.sum(L**2, axis=(1, 2), keepdims=True)
        value = -(np.log(fourth) - 2.0 * np.log(second))
        return value[:, 0, 0], -(4.0 * L**3 / fourth - 4.0 * L / second)


@dataclass(frozen=True, eq=False)
class Target(RotationCriterion):
    """Procrustes rotation to a full or partially specified target (Browne 2001).

    Parameters
    ----------
    target : ndarray, shape (p, k)
        Wanted loadings; NaN marks entries that are free.
    weights : ndarray, shape (p, k), optional
        Weights of the entries.
    """

    target: FloatArray | None = None
    weights: FloatArray | None = None

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Weighted sum of squared distances to the target."""
        if self.target is None:
            raise OptionError("target rotation needs a target matrix: Target(target=...).")
        target = np.asarray(self.target, dtype=float)
        if target.shape != L.shape[1:]:
            raise OptionError(f"the target has shape {target.shape}; the loadings have {L.shape[1:]}.")
        weight = np.where(np.isnan(target), 0.0, 1.0 if self.weights is None else np.asarray(self.weights))
        gap = weight * (L - np.nan_to_num(target))
        return np.sum(gap * gap, axis=(1, 2)), 2.0 * weight * gap


@dataclass(frozen=True)
class Promax(RotationCriterion):
    """Promax (Hendrickson & White 1964): varimax, its loadings to a power, a least-squares fit to these.

    Closed form after varimax: there is no criterion to minimise.

    Parameters
    ----------
    normalize : bool, default True
        Kaiser's normalisation in the varimax step.
    power : float, default 4
        Exponent of the target.
    target : {"raw", "normalized", "kaiser", "cluster"}, default "raw"
        Powers of the loadings as they are; of loadings with rows of unit length (as SPSS does); the whole fit on
        rows of unit length, scaled back afterwards; or 1 on the factor an item loads on most and 0 elsewhere.
    """

    normalize: bool = True
    power: float = 4.0
    target: Literal["raw", "normalized", "kaiser", "cluster"] = "raw"

    def evaluate(self, L: FloatArray) -> ValueGradient:
        """Promax has no criterion."""
        raise OptionError("promax has no criterion value.")


def stacked_inverse(matrices: FloatArray) -> FloatArray:
    """Inverses of a stack of matrices; NaN for those that have none."""
    inverses: FloatArray
    try:
        inverses = np.asarray(np.linalg.inv(matrices), dtype=float)
    except np.linalg.LinAlgError:
        regular = np.linalg.matrix_rank(np.nan_to_num(matrices)) == matrices.shape[1]
        inverses = np.full(matrices.shape, np.nan)
        inverses[regular] = np.linalg.inv(matrices[regular])
    return inverses


def _safe_log(x: FloatArray) -> FloatArray:
    result: FloatArray = np.log(np.where(x > 0, x, 1.0))
    return result


CRITERIA: dict[str, RotationCriterion] = {
    "varimax": Varimax(),
    "quartimax": Quartimax(),
    "equamax": CrawfordFerguson(oblique=False, kappa="equamax"),
    "parsimax": CrawfordFerguson(oblique=False, kappa="parsimax"),
    "entropy": Entropy(),
    "tandem": Tandem(),
    "promax": Promax(),
    "cluster": Promax(target="cluster"),
    "oblimin": Oblimin(),
    "quartimin": Oblimin(),
    "biquartimin": Oblimin(gamma=0.5),
    "covarimin": Oblimin(gamma=1.0),
    "geomin": Geomin(),
    "geomin_t": Geomin(oblique=False),
    "bentler": Bentler(),
    "bentler_t": Bentler(oblique=False),
    "infomax": Infomax(),
    "infomax_t": Infomax(oblique=False),
    "cf_varimax": CrawfordFerguson(kappa="varimax"),
    "cf_quartimax": CrawfordFerguson(kappa="quartimax"),
    "cf_equamax": CrawfordFerguson(kappa="equamax"),
    "cf_parsimax": CrawfordFerguson(kappa="parsimax"),
    "bifactor": Bifactor(),
    "bifactor_t": Bifactor(oblique=False),
    "bigeomin": BiGeomin(),
    "bigeomin_t": BiGeomin(oblique=False),
    "simplimax": Simplimax(),
    "oblimax": Oblimax(),
}
"""Rotations by name, with their defaults."""


def resolve_rotation(rotation: str | RotationCriterion | None) -> RotationCriterion | None:
    """Turn a name or a criterion into a criterion; ``None`` and ``"none"`` leave the factors unrotated.

    Raises
    ------
    OptionError
        Unknown name.
    """
    if rotation is None or rotation == "none":
        return None
    if isinstance(rotation, RotationCriterion):
        return rotation
    if rotation not in CRITERIA:
        names = ", ".join(["'none'", *(repr(name) for name in CRITERIA)])
        raise OptionError(f"rotation={rotation!r} is not known; choose one of {names} or a criterion object.")
    return CRITERIA[rotation]
