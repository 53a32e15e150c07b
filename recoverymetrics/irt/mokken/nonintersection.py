"""Non-intersection of item step response functions: methods restscore and P-matrix (Sijtsma & Molenaar 2002)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from recoverymetrics.irt.mokken.violations import (
    IGNORED,
    Violations,
    default_group_size,
    gather,
    item_steps,
    mcnemar_violations,
    rest_groups,
)
from recoverymetrics.typing import FloatArray, IntArray


def check_restscore(
    codes: IntArray,
    names: tuple[str, ...],
    h: FloatArray,
    *,
    smallest: int | None = None,
    ignore: float = IGNORED,
) -> pd.DataFrame:
    """Whether the steps of two items keep their order of popularity in every rest-score group.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes.
    names : tuple of str
        Items.
    h : ndarray, shape (J,)
        Item H.
    smallest : int, optional
        Smallest rest-score group.
    ignore : float, default 0.03
        Violations up to this size do not count.

    Returns
    -------
    DataFrame
        One row per item. Steps with equal popularity have no order and are not compared.
    """
    size = smallest or default_group_size(codes.shape[0])
    steps, total = item_steps(codes), codes.sum(axis=1)
    found: list[list[Violations]] = [[] for _ in names]
    for i, j in _pairs(len(names)):
        groups = rest_groups(total - codes[:, i] - codes[:, j], size)
        gap = np.subtract.outer(steps[i].mean(axis=0), steps[j].mean(axis=0))
        for g in np.unique(groups):
            A, B = steps[i][groups == g], steps[j][groups == g]
            own = _compared(A.T @ B, A.sum(axis=0), B.sum(axis=0), gap, A.shape[0], ignore)
            found[i].append(own)
            found[j].append(own)
    return _frame(names, h, found)


def check_pmatrix(
    codes: IntArray, names: tuple[str, ...], h: FloatArray, *, ignore: float = IGNORED
) -> pd.DataFrame:
    """Whether the steps of two items keep their order of popularity among those who pass, and those who fail, a step
    of a third item.

    Parameters and result as in ``check_restscore``.
    """
    steps, n = item_steps(codes), codes.shape[0]
    S = np.hstack(steps)
    ends = np.cumsum([s.shape[1] for s in steps])
    place = [slice(int(e - s.shape[1]), int(e)) for e, s in zip(ends, steps, strict=True)]
    whole, p = S.T @ S, S.mean(axis=0)
    gap = np.subtract.outer(p, p)
    found: list[list[Violations]] = [[] for _ in names]
    for h3 in range(len(names)):
        for column in steps[h3].T:
            passed = S.T @ (S * column[:, None])
            for joint in (passed, whole - passed):
                margin = np.diag(joint)
                for i, j in _pairs(len(names)):
                    if h3 in (i, j):
                        continue
                    a, b = place[i], place[j]
                    own = _compared(joint[a, b], margin[a], margin[b], gap[a, b], n, ignore)
                    found[i].append(own)
                    found[j].append(own)
    return _frame(names, h, found)


def _pairs(J: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(J) for j in range(i + 1, J))


def _compared(
    joint: FloatArray, first: FloatArray, second: FloatArray, gap: FloatArray, n: int, ignore: float
) -> Violations:
    """Violations of the order that ``gap`` (popularity of the first minus the second steps) gives."""
    only_first, only_second = first[:, None] - joint, second[None, :] - joint
    easier = gap > 0
    expected = np.where(easier, only_first, only_second)
    against = np.where(easier, only_second, only_first)
    ordered = gap != 0
    return mcnemar_violations(expected[ordered], against[ordered], n, ignore)


def _frame(names: tuple[str, ...], h: FloatArray, found: list[list[Violations]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"item": name} | gather(own).row(float(h[k]))
            for k, (name, own) in enumerate(zip(names, found, strict=True))
        ]
    )
