"""Reliable change of persons between two occasions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items
from recoverymetrics.reliability.alpha import z_quantile
from recoverymetrics.reliability.error_results import ReliableChange
from recoverymetrics.reliability.spec import check_level, check_option
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

Method = Literal["jacobson_truax", "speer", "edwards_nunnally", "hageman_arrindell"]
FORMULAS = {
    "jacobson_truax": "(x2 - x1) / sqrt(2 SEM^2) (Jacobson & Truax 1991; Christensen & Mendoza 1986)",
    "speer": "(x2 - t1) / sqrt(2 SEM^2), t1 = M1 + r (x1 - M1) the regressed first score (Speer 1992)",
    "edwards_nunnally": "(x2 - t1) / SEM, t1 = M1 + r (x1 - M1) (Speer 1992, after Edwards & Nunnally)",
    "hageman_arrindell": "(r_dd (x2 - x1) + (1 - r_dd)(M2 - M1)) / (sqrt(r_dd) sqrt(SEM1^2 + SEM2^2)), r_dd the "
    "reliability of differences (Hageman & Arrindell 1999)",
}


@dataclass(frozen=True)
class _Constants:
    """What a formula needs: means, standard deviations, reliability, correlation of the occasions."""

    mean: tuple[float, float]
    sd: tuple[float, float]
    reliability: float
    correlation: float
    norm_sd: float

    @property
    def sem(self) -> float:
        return float(self.norm_sd * np.sqrt(1 - self.reliability))


def reliable_change(
    data: IntoFrame,
    *,
    before: str,
    after: str,
    reliability: float,
    sd: float | None = None,
    group: GroupSpec = None,
    method: Method = "jacobson_truax",
    higher_is_better: bool = True,
    level: float = 0.95,
) -> ReliableChange:
    """Which persons changed by more than measurement error.

    Parameters
    ----------
    data : DataFrame or mapping
        One row per person.
    before, after : str
        Columns with the scores of the two occasions.
    reliability : float
        Reliability of the score, 0 to 1 (test-retest, or omega).
    sd : float, optional
        Standard deviation that belongs to ``reliability``, of a norm group; by default of the scores before,
        over all persons. ``hageman_arrindell`` uses the standard deviations of both occasions.
    group : str or array-like, optional
        Group of each person, for counting; the constants are those of all persons.
    method : {"jacobson_truax", "speer", "edwards_nunnally", "hageman_arrindell"}, default "jacobson_truax"
        Formula. Speer and Edwards-Nunnally correct the first score for regression to the mean;
        Hageman-Arrindell corrects the change.
    higher_is_better : bool, default True
        Whether a higher score is an improvement.
    level : float, default 0.95
        A change is reliable when zero is outside the interval of this level. Edwards and Nunnally took 2 for
        the quantile (level 0.9545), Hageman and Arrindell 1.65 (level 0.90).

    Returns
    -------
    ReliableChange
        ``augment()`` has, per person, ``estimate`` (the change the formula attributes to the person) with
        ``std_error conf_low conf_high``, ``statistic`` (the index) and ``verdict``.

    Raises
    ------
    DataError
        Unknown columns, reliability outside 0 to 1, fewer than three complete persons, or differences that
        are not reliable at all (``hageman_arrindell``).

    Examples
    --------
    >>> scores = {"t1": [20.0, 22, 25, 30, 28], "t2": [21.0, 33, 24, 31, 29]}
    >>> reliable_change(scores, before="t1", after="t2", reliability=0.9).augment()["verdict"].tolist()
    ['unchanged', 'improved', 'unchanged', 'unchanged', 'unchanged']

    References
    ----------
    jacobson1991, christensen1986, speer1992, hageman1999
    """
    check_level(level)
    check_option("method", method, get_args(Method))
    if not 0 <= reliability < 1:
        raise DataError(f"reliability={reliability!r} must lie between 0 and 1 (1 itself leaves no error).")
    record = read_items(data, items=[before, after], group=group)
    scores = record.values
    complete = ~np.isnan(scores).any(1)
    if complete.sum() < 3:
        raise DataError(f"only {int(complete.sum())} persons have both scores; at least 3 are needed.")
    constants = _constants(scores[complete], reliability, sd)
    estimate, error = _change(scores[:, 0], scores[:, 1], constants, method)
    z = z_quantile(level)
    label = np.full(record.n, "all", dtype=object) if record.group is None else record.group
    persons = pd.DataFrame(
        {
            "group": label,
            "before": scores[:, 0],
            "after": scores[:, 1],
            "change": scores[:, 1] - scores[:, 0],
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate - z * error,
            "conf_high": estimate + z * error,
            "statistic": estimate / error,
            "verdict": _verdict(estimate / error, z, higher_is_better),
        }
    )
    dropped = int((~complete).sum())
    notes = (FORMULAS[method], *((f"{dropped} persons lack a score.",) if dropped else ()))
    table = _constant_table(constants, error, z, int(complete.sum()))
    return ReliableChange(method, persons, table, level, notes)


def _constants(scores: FloatArray, reliability: float, sd: float | None) -> _Constants:
    mean = [float(column.mean()) for column in scores.T]
    spread = [float(column.std(ddof=1)) for column in scores.T]
    if sd is not None and sd <= 0:
        raise DataError(f"sd={sd!r} must be positive.")
    if min(spread) <= 0:
        raise DataError("the scores of an occasion have no variance; reliable change is not defined.")
    return _Constants(
        (mean[0], mean[1]),
        (spread[0], spread[1]),
        reliability,
        float(np.corrcoef(scores[:, 0], scores[:, 1])[0, 1]),
        float(spread[0] if sd is None else sd),
    )


def _change(x1: FloatArray, x2: FloatArray, k: _Constants, method: str) -> tuple[FloatArray, float]:
    """Change attributed to each person and its standard error."""
    difference = float(np.sqrt(2) * k.sem)
    if method == "jacobson_truax":
        return x2 - x1, difference
    if method in ("speer", "edwards_nunnally"):
        regressed = k.mean[0] + k.reliability * (x1 - k.mean[0])
        return x2 - regressed, difference if method == "speer" else k.sem
    s1, s2 = k.sd
    variance = s1**2 + s2**2 - 2 * s1 * s2 * k.correlation
    r_dd = (s1**2 * k.reliability + s2**2 * k.reliability - 2 * s1 * s2 * k.correlation) / variance
    if r_dd <= 0:
        raise DataError(
            f"the reliability of differences is {r_dd:.3f}: with reliability {k.reliability:g} and a correlation of "
            f"{k.correlation:.3f} between occasions there is no true change to estimate."
        )
    sems = np.sqrt((s1**2 + s2**2) * (1 - k.reliability))
    return r_dd * (x2 - x1) + (1 - r_dd) * (k.mean[1] - k.mean[0]), float(np.sqrt(r_dd) * sems)


def _verdict(index: FloatArray, z: float, higher_is_better: bool) -> list[str]:
    signed = index if higher_is_better else -index
    return [
        "missing" if np.isnan(v) else "improved" if v > z else "deteriorated" if v < -z else "unchanged"
        for v in signed
    ]


def _constant_table(k: _Constants, error: float, z: float, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "group": "all",
                "reliability": k.reliability,
                "sd": k.norm_sd,
                "sem": k.sem,
                "std_error": error,
                "threshold": z * error,
                "n": n,
            }
        ]
    )
