"""Entry function ``polyserial``: continuous variables with ordered items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recoverymetrics.correlation.codes import category_codes
from recoverymetrics.correlation.kernel import thresholds_from_margins
from recoverymetrics.correlation.kernel_mixed import mixed_moments
from recoverymetrics.correlation.pair import (
    PairFit,
    ad_hoc_polyserial,
    fit_polychoric_pair,
    fit_polyserial_pair,
)
from recoverymetrics.correlation.tables import pair_tables
from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument import read_items
from recoverymetrics.typing import FloatArray, GroupSpec, IntArray, IntoFrame


@dataclass(frozen=True)
class PolyserialResult(AbstractResult):
    """Polyserial correlations.

    Attributes
    ----------
    table : DataFrame
        One row per group, continuous variable and item.
    method : str
        Method of estimation.
    all_converged : bool
        Every correlation was found.
    """

    table: pd.DataFrame
    method: str
    all_converged: bool

    @property
    def converged(self) -> bool:
        """Whether every correlation was found."""
        return self.all_converged

    @property
    def correlations(self) -> pd.DataFrame:
        """Items by continuous variables; with several groups, rows are (group, item)."""
        wide = self.table.pivot(index=["group", "item"], columns="item_2", values="estimate")
        return wide.droplevel("group") if wide.index.get_level_values("group").nunique() == 1 else wide

    def tidy(self) -> pd.DataFrame:
        """One row per pair: group, item, item_2 (continuous), estimate, std_error, interval, n."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: method, pairs, convergence."""
        row = {"method": self.method, "n_pairs": len(self.table), "converged": self.converged}
        return pd.DataFrame([row])


def polyserial(
    data: IntoFrame,
    *,
    continuous: str | Sequence[str],
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    method: Literal["two_step", "ml", "ad_hoc"] = "two_step",
    conf_level: float = 0.95,
) -> PolyserialResult:
    """Polyserial correlations of ordered items with continuous variables.

    Parameters
    ----------
    data : DataFrame
        One row per person; pairs with missing values are left out pairwise (``"two_step"``) or pair by pair.
    continuous : str or sequence of str
        Continuous columns.
    items : sequence of str, optional
        Ordered items; by default all other columns but ``group``.
    group : str or array-like, optional
        Groups.
    method : {"two_step", "ml", "ad_hoc"}, default "two_step"
        Thresholds from the margins, then the correlation; both together; or Olsson's rescaled Pearson correlation.
    conf_level : float, default 0.95
        Of the intervals (Fisher's z).

    Returns
    -------
    PolyserialResult

    Raises
    ------
    DataError, OptionError
        Unknown columns or method, a continuous variable without variance.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> z = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=4000)
    >>> frame = {"score": z[:, 0], "item": np.digitize(z[:, 1], [-1, 0, 1])}
    >>> bool(abs(polyserial(frame, continuous="score").correlations.iloc[0, 0] - 0.6) < 0.05)
    True
    """
    if method not in ("two_step", "ml", "ad_hoc"):
        raise OptionError(f"method={method!r} is not known; choose 'two_step', 'ml' or 'ad_hoc'.")
    scores = [continuous] if isinstance(continuous, str) else list(continuous)
    everything = read_items(data, group=group)
    ordered = list(items) if items is not None else [i for i in everything.items if i not in scores]
    record = everything.select([*scores, *ordered])
    if not scores or not ordered:
        raise DataError("polyserial needs at least one continuous column and one item.")
    codes, categories = category_codes(record.select(ordered))
    sizes = np.array([c.size for c in categories])
    labels = record.groups if record.group is not None else ("all",)
    rows: list[dict[str, object]] = []
    converged = True
    for label in labels:
        chosen = slice(None) if record.group is None else record.group == label
        x, y = record.values[chosen][:, : len(scores)], codes[chosen]
        for name, column in zip(scores, x.T, strict=True):
            if not np.nanstd(column) > 0:
                raise DataError(f"continuous column {name!r} does not vary; leave it out.")
        estimate, error, n, settled = _estimate(x, y, sizes, method)
        converged = converged and settled
        half = ndtri(0.5 + conf_level / 2) * error / (1.0 - estimate**2)
        z = np.arctanh(estimate)
        rows += [
            {
                "group": label, "item": item, "item_2": name, "estimate": estimate[j, i], "std_error": error[j, i],
                "conf_low": np.tanh(z[j, i] - half[j, i]), "conf_high": np.tanh(z[j, i] + half[j, i]), "n": n[j, i],
            }
            for j, name in enumerate(scores)
            for i, item in enumerate(ordered)
        ]  # fmt: skip
    return PolyserialResult(pd.DataFrame(rows), method, converged)


def _estimate(
    x: FloatArray, codes: IntArray, sizes: IntArray, method: str
) -> tuple[FloatArray, FloatArray, IntArray, bool]:
    """Correlations, standard errors, persons (continuous by items), and whether all converged."""
    shape = (x.shape[1], codes.shape[1])
    n = (~np.isnan(x)).T.astype(int) @ (codes >= 0).astype(int)
    if method == "two_step":
        return (*_two_step(x, codes, sizes), n, True)
    estimate, error, settled = np.full(shape, np.nan), np.full(shape, np.nan), True
    for j in range(shape[0]):
        for i in range(shape[1]):
            seen = ~np.isnan(x[:, j]) & (codes[:, i] >= 0)
            values, answers = x[seen, j], codes[seen, i]
            if method == "ml":
                fit = fit_polyserial_pair(values, answers, int(sizes[i]))
                estimate[j, i], error[j, i] = fit.rho, np.sqrt(fit.covariance[0, 0])
                settled = settled and fit.converged
            else:
                margins = np.bincount(answers, minlength=sizes[i])[None, :].astype(float)
                tau = thresholds_from_margins(margins, sizes[i : i + 1])[0]
                estimate[j, i] = ad_hoc_polyserial(values, answers, tau[np.isfinite(tau)])
    return estimate, error, n, settled


def _two_step(x: FloatArray, codes: IntArray, sizes: IntArray) -> tuple[FloatArray, FloatArray]:
    q = x.shape[1]
    estimate, error = np.empty((q, codes.shape[1])), np.empty((q, codes.shape[1]))
    answers = np.where(codes < 0, np.nan, codes)
    for j in range(q):
        z = (x[:, j] - np.nanmean(x[:, j])) / np.nanstd(x[:, j])
        found = mixed_moments(np.column_stack([z, answers]), np.concatenate([[0], sizes]), acov="full")
        estimate[j] = found.correlations[0, 1:]
        if found.casewise is None:
            continue
        at = int((sizes - 1).sum()) + 2  # the pairs follow thresholds, the mean and the variance
        of_rho = found.casewise[:, at : at + sizes.size] - 0.5 * np.outer(
            found.casewise[:, at - 1], estimate[j]
        )
        error[j] = np.sqrt(np.sum(of_rho**2, axis=0))
    return estimate, error


def polychoric_pair(data: IntoFrame, x: str, y: str) -> PairFit:
    """Polychoric correlation of two items by full maximum likelihood, with a test of bivariate normality.

    Parameters
    ----------
    data : DataFrame
        Responses; pairs with a missing value are left out.
    x, y : str
        Items.

    Returns
    -------
    PairFit

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> z = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=2000)
    >>> data = {"a": np.digitize(z[:, 0], [-1, 0, 1]), "b": np.digitize(z[:, 1], [-0.5, 0.5])}
    >>> bool(abs(polychoric_pair(data, "a", "b").rho - 0.6) < 0.05)
    True
    """
    record = read_items(data, items=[x, y]).complete()
    codes, categories = category_codes(record)
    table = pair_tables(codes, max(c.size for c in categories))[0, 1]
    return fit_polychoric_pair(table[: categories[0].size, : categories[1].size])
