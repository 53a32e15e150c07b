"""Whether correlations are worth factoring: sampling adequacy and the test of sphericity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2 as chi2_distribution

from recoverymetrics.display import AbstractResult
from recoverymetrics.efa.extraction import squared_multiple_correlations
from recoverymetrics.efa.fit import read_factor_input
from recoverymetrics.efa.retention_kernel import sampling_adequacy
from recoverymetrics.typing import FloatArray, IntoFrame


@dataclass(frozen=True)
class FactorabilityResult(AbstractResult):
    """Sampling adequacy and sphericity.

    Attributes
    ----------
    items : tuple of str
        Items.
    kmo : float
        Kaiser-Meyer-Olkin measure (Kaiser 1974): below .5 unacceptable, above .8 meritorious.
    item_kmo : ndarray, shape (p,)
        The same per item.
    smc : ndarray, shape (p,)
        Squared multiple correlations.
    chi2, df, p_value : float
        Bartlett's test that all correlations are zero (1951); NaN without the number of persons.
    n : float or None
        Persons.
    """

    items: tuple[str, ...]
    kmo: float
    item_kmo: FloatArray
    smc: FloatArray
    chi2: float
    df: int
    p_value: float
    n: float | None

    def tidy(self) -> pd.DataFrame:
        """One row per item: ``item``, ``kmo``, ``smc``."""
        return pd.DataFrame({"item": self.items, "kmo": self.item_kmo, "smc": self.smc})

    def glance(self) -> pd.DataFrame:
        """One row: overall measure and test."""
        row = {
            "n": np.nan if self.n is None else self.n, "n_items": len(self.items), "kmo": self.kmo,
            "chi2": self.chi2, "df": self.df, "p_value": self.p_value,
        }  # fmt: skip
        return pd.DataFrame([row])


def factorability(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    correlation: str = "pearson",
    missing: str = "pairwise",
    n_obs: float | None = None,
) -> FactorabilityResult:
    """Kaiser-Meyer-Olkin measure, squared multiple correlations and Bartlett's test of sphericity.

    Parameters
    ----------
    data, items, correlation, missing, n_obs
        As in :func:`fit_efa`.

    Returns
    -------
    FactorabilityResult

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> data = rng.standard_normal((300, 1)) + rng.standard_normal((300, 4))
    >>> bool(factorability(data).kmo > 0.7)
    True
    """
    source = read_factor_input(data, items, correlation, missing, n_obs, False)
    overall, per_item = sampling_adequacy(source.matrix)
    p = len(source.items)
    df = p * (p - 1) // 2
    chi2 = p_value = float("nan")
    if source.n is not None:
        chi2 = -float(np.linalg.slogdet(source.matrix)[1]) * (source.n - 1.0 - (2 * p + 5) / 6.0)
        p_value = float(chi2_distribution.sf(chi2, df))
    smc = squared_multiple_correlations(source.matrix)
    return FactorabilityResult(source.items, overall, per_item, smc, chi2, df, p_value, source.n)
