"""One pass of a method over all items: the common record."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray


@dataclass(frozen=True)
class Sweep:
    """Tests of ``p`` items in one pass.

    Attributes
    ----------
    statistic, df, p_value : ndarray, shape (p,)
        Omnibus test over all groups.
    effect : ndarray, shape (p,)
        Size of the largest departure, in the unit of the rule.
    n : ndarray, shape (p,)
        Persons who count for the item.
    converged : ndarray of bool, shape (p,)
        Whether every model of the item converged.
    chosen : ndarray of bool, shape (p,), or None
        Items that a method without p values picked; takes the place of significance in the rule.
    columns : dict of str to ndarray of shape (p,)
        What else the method reports about an item.
    contrasts : dict of str to ndarray of shape (p, G)
        What it reports about an item in a group, against the rest or against the reference.
    """

    statistic: FloatArray
    df: FloatArray
    p_value: FloatArray
    effect: FloatArray
    n: FloatArray
    converged: BoolArray
    chosen: BoolArray | None = None
    columns: dict[str, FloatArray] = field(default_factory=dict)
    contrasts: dict[str, FloatArray] = field(default_factory=dict)


def worst_contrast(contrasts: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Statistic and df of each item's most significant contrast, and its p value times the number of contrasts."""
    tested = ~np.isnan(contrasts["p_value"])
    worst = np.argmin(np.where(tested, contrasts["p_value"], 2.0), axis=1)
    rows = np.arange(worst.size)
    p_value = np.minimum(contrasts["p_value"][rows, worst] * tested.sum(axis=1), 1.0)
    return contrasts["statistic"][rows, worst], contrasts["df"][rows, worst], p_value
