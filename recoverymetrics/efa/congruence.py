"""Tucker's congruence of two factor solutions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from recoverymetrics.efa.result import EFAResult
from recoverymetrics.errors import DataError


def congruence(
    a: EFAResult | pd.DataFrame, b: EFAResult | pd.DataFrame, *, matched: bool = False
) -> pd.DataFrame:
    """Tucker's congruence coefficients between the factors of two solutions (Tucker 1951).

    Parameters
    ----------
    a, b : EFAResult or DataFrame
        Two solutions, or loading frames, with the same items (in any order).
    matched : bool, default False
        Reorder and reflect the factors of ``b`` to the best one-to-one match with those of ``a``.

    Returns
    -------
    DataFrame
        Factors of ``a`` by factors of ``b``; above .95 equal, .85 to .94 fair (Lorenzo-Seva & ten Berge 2006).

    Raises
    ------
    DataError
        When the items differ.

    Examples
    --------
    >>> import pandas as pd
    >>> x = pd.DataFrame({"F1": [0.7, 0.6, 0.1]}, index=["a", "b", "c"])
    >>> round(float(congruence(x, 2 * x).iloc[0, 0]), 6)
    1.0
    """
    left, right = (x.loadings if isinstance(x, EFAResult) else x for x in (a, b))
    if set(left.index) != set(right.index):
        only = sorted(map(str, set(left.index) ^ set(right.index)))
        raise DataError(f"the two solutions have different items ({', '.join(only[:5])}).")
    x, y = left.to_numpy(float), right.loc[left.index].to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = (x.T @ y) / np.sqrt(np.outer(np.sum(x * x, axis=0), np.sum(y * y, axis=0)))
    table = pd.DataFrame(phi, left.columns, right.columns)
    if not matched:
        return table
    rows, columns = linear_sum_assignment(-np.abs(np.nan_to_num(phi)))
    return table.iloc[:, columns[np.argsort(rows)]] * np.sign(phi[np.sort(rows), columns[np.argsort(rows)]])
