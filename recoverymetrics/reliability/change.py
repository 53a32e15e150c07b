"""Reliable change of persons between two occasions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument import read_items
from recoverymetrics.instrument.notes import plural
from recoverymetrics.reliability.alpha import z_quantile
from recoverymetrics.reliability.error_results import ReliableChange
from recoverymetrics.reliability.spec import check_level, check_option
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

Method = Literal[
    "jacobson_truax",
    "practice_adjusted",
    "iverson",
    "speer",
    "edwards_nunnally",
    "gulliksen_lord_novick",
    "nunnally_kotsch",
    "hsu_linn_lord",
    "hageman_arrindell",
]
FORMULAS = {
    "jacobson_truax": "(x2 - x1) / sqrt(2 SEM^2) (Jacobson & Truax 1991; Christensen & Mendoza 1986)",
    "practice_adjusted": "(x2 - x1 - practice) / sqrt(2 SEM^2) (Chelune et al. 1993)",
    "iverson": "(x2 - x1 - practice) / sqrt(SEM1^2 + SEM2^2) (Iverson 2001)",
    "speer": "(x2 - t1) / sqrt(2 SEM^2), t1 = M1 + r (x1 - M1) the regressed first score (Speer 1992)",
    "edwards_nunnally": "(x2 - t1) / SEM, t1 = M1 + r (x1 - M1) (Speer 1992, after Edwards & Nunnally)",
    "gulliksen_lord_novick": "(x2 - t1) / (SD sqrt(1 - r^2)), t1 = M1 + r (x1 - M1) (Lord & Novick 1968; Hsu 1989)",
    "nunnally_kotsch": "(x2 - t1) / sqrt(r^2 SEM1^2 + SEM2^2), t1 = M1 + r (x1 - M1) (Nunnally & Kotsch 1983)",
    "hsu_linn_lord": "(x2 - M2 - r (x1 - M1)) / (SD2 sqrt(1 - r^2)) (Hsu 1989)",
    "hageman_arrindell": "(r_dd (x2 - x1) + (1 - r_dd)(M2 - M1)) / (sqrt(r_dd) sqrt(SEM1^2 + SEM2^2)), r_dd the "
    "reliability of differences (Hageman & Arrindell 1999)",
}
PRACTICE = ("practice_adjusted", "iverson")
"""Formulas that need the mean change of persons who did not change."""


@dataclass(frozen=True)
class _Constants:
    """What a formula needs: means, standard deviations, reliability, correlation of the occasions."""

    mean: tuple[float, float]
    sd: tuple[float, float]
    reliability: float
    correlation: float
    norm_mean: float
    norm_sd: float
    practice: float

    @property
    def sem(self) -> float:
        return float(self.norm_sd * np.sqrt(1 - self.reliability))

    @property
    def sem_after(self) -> float:
        return float(self.sd[1] * np.sqrt(1 - self.reliability))

    def regressed(self, x1: FloatArray) -> FloatArray:
        return self.norm_mean + self.reliability * (x1 - self.norm_mean)


def reliable_change(
    data: IntoFrame,
    *,
    before: str,
    after: str,
    reliability: float,
    mean: float | None = None,
    sd: float | None = None,
    practice: float | None = None,
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
    mean, sd : float, optional
        Mean and standard deviation of a norm group, the one that ``reliability`` belongs to; by default of the
        scores before, over all persons. Standard errors of the second occasion (``iverson``,
        ``nunnally_kotsch``, ``hsu_linn_lord``) use the standard deviation of the scores after,
        ``hageman_arrindell`` those of both occasions.
    practice : float, optional
        Mean change of persons who were tested twice and did not change, for ``practice_adjusted`` and
        ``iverson``.
    group : str or array-like, optional
        Group of each person, for counting; the constants are those of all persons.
    method : str, default "jacobson_truax"
        ``"jacobson_truax"`` takes the change as it is; ``"practice_adjusted"`` and ``"iverson"`` subtract what
        repetition does; ``"speer"``, ``"edwards_nunnally"``, ``"gulliksen_lord_novick"`` and
        ``"nunnally_kotsch"`` compare with the first score regressed to the mean, ``"hsu_linn_lord"`` also with
        the mean afterwards; ``"hageman_arrindell"`` corrects the change for its own reliability.
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
    OptionError
        Unknown method; ``practice`` missing for a method that needs it, or given for one that does not.

    Examples
    --------
    >>> scores = {"t1": [20.0, 22, 25, 30, 28], "t2": [21.0, 33, 24, 31, 29]}
    >>> reliable_change(scores, before="t1", after="t2", reliability=0.9).augment()["verdict"].tolist()
    ['unchanged', 'improved', 'unchanged', 'unchanged', 'unchanged']

    References
    ----------
    jacobson1991, christensen1986, chelune1993, iverson2001, speer1992, lordnovick1968, nunnally1983, hsu1989,
    hageman1999
    """
    check_level(level)
    check_option("method", method, get_args(Method))
    if (practice is None) == (method in PRACTICE):
        raise OptionError(
            f"method={method!r} "
            + (
                "needs practice=, the mean change of persons who did not change."
                if practice is None
                else f"does not use practice=; the methods that do are {', '.join(PRACTICE)}."
            )
        )
    if not 0 <= reliability < 1:
        raise DataError(f"reliability={reliability!r} must lie between 0 and 1 (1 itself leaves no error).")
    record = read_items(data, items=[before, after], group=group)
    scores = record.values
    complete = ~np.isnan(scores).any(1)
    if complete.sum() < 3:
        raise DataError(
            f"only {plural(int(complete.sum()), 'person')} with both scores; at least 3 are needed."
        )
    constants = _constants(scores[complete], reliability, mean, sd, practice)
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


def _constants(
    scores: FloatArray, reliability: float, mean: float | None, sd: float | None, practice: float | None
) -> _Constants:
    centre = [float(column.mean()) for column in scores.T]
    spread = [float(column.std(ddof=1)) for column in scores.T]
    if sd is not None and sd <= 0:
        raise DataError(f"sd={sd!r} must be positive.")
    if min(spread) <= 0:
        raise DataError("the scores of an occasion have no variance; reliable change is not defined.")
    return _Constants(
        (centre[0], centre[1]),
        (spread[0], spread[1]),
        reliability,
        float(np.corrcoef(scores[:, 0], scores[:, 1])[0, 1]),
        float(centre[0] if mean is None else mean),
        float(spread[0] if sd is None else sd),
        0.0 if practice is None else float(practice),
    )


def _change(x1: FloatArray, x2: FloatArray, k: _Constants, method: str) -> tuple[FloatArray, float]:
    """Change attributed to each person and its standard error."""
    r = k.reliability
    errors = {
        "jacobson_truax": np.sqrt(2) * k.sem,
        "practice_adjusted": np.sqrt(2) * k.sem,
        "iverson": np.hypot(k.sem, k.sem_after),
        "speer": np.sqrt(2) * k.sem,
        "edwards_nunnally": k.sem,
        "gulliksen_lord_novick": k.norm_sd * np.sqrt(1 - r**2),
        "nunnally_kotsch": np.hypot(r * k.sem, k.sem_after),
        "hsu_linn_lord": k.sd[1] * np.sqrt(1 - r**2),
    }
    if method in ("jacobson_truax", *PRACTICE):
        return x2 - x1 - k.practice, float(errors[method])
    if method == "hsu_linn_lord":
        return x2 - k.mean[1] - r * (x1 - k.mean[0]), float(errors[method])
    if method in errors:
        return x2 - k.regressed(x1), float(errors[method])
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
