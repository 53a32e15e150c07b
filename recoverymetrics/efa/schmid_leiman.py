"""The Schmid-Leiman solution: a general factor above oblique group factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult
from recoverymetrics.efa import extraction as extract
from recoverymetrics.errors import ModelError, require_kind
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.efa.result import EFAResult


@dataclass(frozen=True)
class SchmidLeimanResult(AbstractResult):
    """One general and several specific factors, all uncorrelated (Schmid & Leiman 1957).

    Attributes
    ----------
    items : tuple of str
        Items.
    general : ndarray, shape (p,)
        Loadings on the general factor, items pointing up on the whole.
    specific : ndarray, shape (p, k)
        Loadings on the specific factors.
    second_order : ndarray, shape (k,)
        Loadings of the group factors on the general factor.
    heywood : bool
        A second-order loading of 1 or more.
    identified : bool
        False for two group factors, whose one correlation is split evenly.
    """

    items: tuple[str, ...]
    general: FloatArray
    specific: FloatArray
    second_order: FloatArray
    heywood: bool
    identified: bool

    @property
    def admissible(self) -> bool:
        """Whether no second-order loading reaches 1."""
        return not self.heywood

    @property
    def loadings(self) -> pd.DataFrame:
        """Items by ``g``, ``F1*``, ``F2*``, ..."""
        names = ["g", *(f"F{k + 1}*" for k in range(self.specific.shape[1]))]
        return pd.DataFrame(np.column_stack([self.general, self.specific]), list(self.items), names)

    @property
    def explained_common_variance(self) -> float:
        """Share of the common variance that belongs to the general factor (ECV)."""
        shared, rest = np.sum(self.general**2), np.sum(self.specific**2)
        return float(shared / (shared + rest))

    def tidy(self) -> pd.DataFrame:
        """One row per item: loadings, ``communality``, ``uniqueness`` and the general factor's share ``p2``."""
        table = self.loadings.rename_axis("item").reset_index()
        communality = np.sum(self.specific**2, axis=1) + self.general**2
        table["communality"] = communality
        table["uniqueness"] = 1.0 - communality
        table["general_share"] = self.general**2 / communality
        return table

    def glance(self) -> pd.DataFrame:
        """One row: number of factors, explained common variance, flags."""
        row = {
            "n_items": len(self.items),
            "n_factors": self.specific.shape[1],
            "ecv": self.explained_common_variance,
            "identified": self.identified,
            "converged": self.converged,
            "admissible": self.admissible,
        }
        return pd.DataFrame([row])

    def _title(self) -> str:
        return f"Schmid-Leiman solution: g and {self.specific.shape[1]} specific factors"


def schmid_leiman(fit: EFAResult) -> SchmidLeimanResult:
    """Transform an oblique solution into a general and specific factors.

    Parameters
    ----------
    fit : EFAResult
        Oblique solution with at least two factors.

    Returns
    -------
    SchmidLeimanResult

    Raises
    ------
    ModelError
        With one factor, or with uncorrelated factors, which have no general factor above them.

    Examples
    --------
    >>> import numpy as np
    >>> from recoverymetrics.efa import fit_efa
    >>> rng = np.random.default_rng(1)
    >>> x = np.repeat(rng.normal(size=(500, 1)) + rng.normal(size=(500, 3)), 3, axis=1) + rng.normal(size=(500, 9))
    >>> found = schmid_leiman(fit_efa(x, 3, correlation="pearson"))
    >>> bool(abs(found.explained_common_variance - 0.5) < 0.1)
    True
    """
    require_kind(fit, "EFAResult", "fit", "the result of fit_efa")
    phi = fit.estimates.phi
    k = phi.shape[0]
    if k < 2:
        raise ModelError("a Schmid-Leiman solution needs at least two factors.")
    if np.allclose(phi, np.eye(k)):
        raise ModelError("the factors are uncorrelated; use an oblique rotation such as 'oblimin'.")
    second = second_order_loadings(phi)
    bounded = np.clip(second, -1.0, 1.0)
    L = fit.estimates.loadings
    heywood = bool(np.any(np.abs(second) >= np.sqrt(1.0 - extract.LOWER_BOUND) - 1e-9))
    return SchmidLeimanResult(
        fit.items, L @ bounded, L * np.sqrt(1.0 - bounded**2), bounded, heywood and k > 2, k > 2
    )  # fmt: skip


def second_order_loadings(phi: FloatArray) -> FloatArray:
    """Loadings of the factors on one general factor; two factors share their correlation evenly."""
    k = phi.shape[0]
    if k == 2:
        root = np.sqrt(abs(phi[0, 1]))
        return np.array([root, np.copysign(root, phi[0, 1])])
    return extract.extract_least_squares(phi, 1).loadings[:, 0]
