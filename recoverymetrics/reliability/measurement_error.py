"""Error of measurement: SEM, smallest detectable change, limits of agreement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items, to_pandas
from recoverymetrics.instrument.frame import numeric_column
from recoverymetrics.instrument.notes import plural
from recoverymetrics.numerics.intervals import Interval
from recoverymetrics.numerics.variance_components import mean_squares
from recoverymetrics.reliability.alpha import z_quantile
from recoverymetrics.reliability.error_results import LimitsOfAgreement, MeasurementError
from recoverymetrics.reliability.spec import check_level, in_group
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame


def measurement_error(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    reliability: float | None = None,
    level: float = 0.95,
) -> MeasurementError:
    """Standard error of measurement and smallest detectable change.

    Parameters
    ----------
    data : DataFrame, mapping or 2-D array
        One row per person. Without ``reliability``: one column per occasion (or rater) of the same score.
        With it: one column, the score.
    items : sequence of str, optional
        The columns; by default all but ``group``.
    group : str or array-like, optional
        One analysis per group.
    reliability : float, optional
        Reliability of the score, 0 to 1; then ``SEM = SD sqrt(1 - reliability)``.
    level : float, default 0.95
        Confidence level, also that of the smallest detectable change.

    Returns
    -------
    MeasurementError
        ``tidy()`` has one row per group and term: ``bias`` (last minus first occasion, for two),
        ``sem_consistency`` (without systematic differences), ``sem_agreement`` (with them),
        ``sdc_consistency``, ``sdc_agreement`` (of one person), ``sdc_group`` (of the group's mean). Persons
        with missing scores are left out and counted.

    Raises
    ------
    DataError
        Fewer than two persons; one occasion without ``reliability``; several with it; reliability outside 0
        to 1.

    Examples
    --------
    >>> scores = {"test": [10.0, 12, 15, 20, 18], "retest": [11.0, 12, 14, 21, 19]}
    >>> round(measurement_error(scores).estimate, 3)
    0.632

    References
    ----------
    devet2006, blandaltman1999
    """
    check_level(level)
    record = read_items(data, items=items, group=group)
    _check_design(record.n_items, reliability)
    rows, dropped = [], 0
    for label, values in record.by_group():
        complete = values[~np.isnan(values).any(1)]
        dropped += values.shape[0] - complete.shape[0]
        if complete.shape[0] < 2:
            raise DataError(
                f"only {plural(complete.shape[0], 'person')}{in_group(label)} with all scores; at least 2 are needed."
            )
        rows += (
            _repeated(label, complete, level)
            if reliability is None
            else _single(label, complete[:, 0], reliability, level)
        )
    notes = (f"{dropped} persons with missing scores were left out.",) if dropped else ()
    return MeasurementError(pd.DataFrame(rows), level, notes)


def _check_design(columns: int, reliability: float | None) -> None:
    if reliability is None and columns < 2:
        raise DataError("one column of scores has no measurement error; give two occasions, or reliability=.")
    if reliability is not None:
        if columns != 1:
            raise DataError(f"with reliability= one column of scores is expected; there are {columns}.")
        if not 0 <= reliability <= 1:
            raise DataError(f"reliability={reliability!r} must lie between 0 and 1.")


def _repeated(label: str, values: FloatArray, level: float) -> list[dict[str, object]]:
    ms = mean_squares(values)
    n, k = ms.n, ms.k
    z = z_quantile(level)
    df = (n - 1) * (k - 1)
    consistency = float(np.sqrt(ms.error))
    absolute = ms.error + max(ms.raters - ms.error, 0.0) / n
    spread = (ms.raters / n) ** 2 / (k - 1) + ((n - 1) / n * ms.error) ** 2 / df
    df_absolute = absolute**2 / spread if spread > 0 else float(df)  # no error at all
    rows = []
    if k == 2:
        change = values[:, 1] - values[:, 0]
        se = float(change.std(ddof=1) / np.sqrt(n))
        half = stats.t.ppf(0.5 + level / 2, n - 1) * se
        bias = float(change.mean())
        rows.append(
            _row(label, "bias", bias, Interval(np.asarray(bias - half), np.asarray(bias + half)), n, k)
        )
    for name, sem, degrees in (
        ("consistency", consistency, df),
        ("agreement", float(np.sqrt(absolute)), df_absolute),
    ):
        limits = _chi_limits(sem, degrees, level)
        factor = z * np.sqrt(2)
        scaled = Interval(limits.low * factor, limits.high * factor)
        rows.append(_row(label, f"sem_{name}", sem, limits, n, k))
        rows.append(_row(label, f"sdc_{name}", sem * factor, scaled, n, k))
    agreement = next(r for r in rows if r["term"] == "sdc_agreement")
    low, high, value = (float(agreement[c]) / np.sqrt(n) for c in ("conf_low", "conf_high", "estimate"))  # type: ignore[arg-type]
    rows.append(_row(label, "sdc_group", value, Interval(np.asarray(low), np.asarray(high)), n, k))
    return rows


def _single(label: str, scores: FloatArray, reliability: float, level: float) -> list[dict[str, object]]:
    n = scores.size
    sem = float(scores.std(ddof=1) * np.sqrt(1 - reliability))
    limits = _chi_limits(sem, n - 1, level)
    factor = z_quantile(level) * np.sqrt(2)
    rows = [_row(label, "sem", sem, limits, n, 1)]
    rows.append(_row(label, "sdc", sem * factor, Interval(limits.low * factor, limits.high * factor), n, 1))
    group = factor / np.sqrt(n)
    rows.append(
        _row(label, "sdc_group", sem * group, Interval(limits.low * group, limits.high * group), n, 1)
    )
    return rows


def _chi_limits(sd: float, df: float, level: float) -> Interval:
    tail = (1 - level) / 2
    low, high = sd * np.sqrt(df / stats.chi2.ppf([1 - tail, tail], df))
    return Interval(np.asarray(low), np.asarray(high))


def _row(label: str, term: str, estimate: float, limits: Interval, n: int, k: int) -> dict[str, object]:
    return {
        "group": label,
        "term": term,
        "estimate": estimate,
        "conf_low": float(limits.low),
        "conf_high": float(limits.high),
        "n": n,
        "n_occasions": k,
    }


def limits_of_agreement(
    data: IntoFrame,
    *,
    first: str,
    second: str,
    unit: str | None = None,
    level: float = 0.95,
    confidence: float = 0.95,
) -> LimitsOfAgreement:
    """Bland and Altman's limits of agreement of two measurements, with confidence limits.

    Parameters
    ----------
    data : DataFrame or mapping
        One row per pair of measurements.
    first, second : str
        Columns of the two measurements.
    unit : str, optional
        Person of each row, when persons were measured repeatedly with both methods; the variance then has a
        part between and a part within persons (Bland & Altman 2007), and the limits' confidence limits come
        from MOVER (Zou 2013).
    level : float, default 0.95
        Share of differences between the limits.
    confidence : float, default 0.95
        Confidence level. Without ``unit`` the confidence limits are exact under normality (Carkeet 2015).

    Returns
    -------
    LimitsOfAgreement
        ``tidy()`` rows ``bias``, ``loa_low``, ``loa_high``; ``plot()`` the Bland-Altman plot. Differences are
        second minus first.

    Raises
    ------
    DataError
        Unknown columns, fewer than three complete pairs, or (with ``unit``) no repeated person.

    Examples
    --------
    >>> scores = {"test": [10.0, 12, 15, 20, 18], "retest": [11.0, 12, 14, 21, 19]}
    >>> limits_of_agreement(scores, first="test", second="retest").tidy()["estimate"].round(2).tolist()
    [0.4, -1.35, 2.15]

    References
    ----------
    blandaltman1999, blandaltman2007, carkeet2015, zou2013
    """
    check_level(level)
    check_level(confidence)
    frame = to_pandas(data)
    for name in (first, second, *([unit] if unit else [])):
        if name not in frame.columns:
            raise DataError(
                f"there is no column {name!r}; the columns are {', '.join(map(str, frame.columns))}."
            )
    x, y = numeric_column(frame, first), numeric_column(frame, second)
    kept = ~np.isnan(x) & ~np.isnan(y)
    if kept.sum() < 3:
        raise DataError(
            f"only {plural(int(kept.sum()), 'row')} with both {first!r} and {second!r}; at least 3 are needed."
        )
    x, y = x[kept], y[kept]
    if unit is None:
        rows = _exact_limits(y - x, level, confidence)
    else:
        rows = _repeated_limits(y - x, frame[unit].to_numpy()[kept], level, confidence)
    dropped = int((~kept).sum())
    notes = (f"{dropped} incomplete rows were left out.",) if dropped else ()
    return LimitsOfAgreement(
        pd.DataFrame(rows), (x + y) / 2, y - x, level, confidence, (first, second), notes
    )


def _exact_limits(d: FloatArray, level: float, confidence: float) -> list[dict[str, object]]:
    n, mean, sd = d.size, float(d.mean()), float(d.std(ddof=1))
    z = z_quantile(level)
    tails = [(1 - confidence) / 2, 1 - (1 - confidence) / 2]
    half = stats.t.ppf(tails[1], n - 1) * sd / np.sqrt(n)
    inner, outer = stats.nct.ppf(tails, n - 1, z * np.sqrt(n)) * sd / np.sqrt(n)
    rows = (
        ("bias", mean, mean - half, mean + half),
        ("loa_low", mean - z * sd, mean - outer, mean - inner),
        ("loa_high", mean + z * sd, mean + inner, mean + outer),
    )
    return [_limit_row(*r, n) for r in rows]


def _repeated_limits(
    d: FloatArray, unit: FloatArray, level: float, confidence: float
) -> list[dict[str, object]]:
    """One-way analysis of variance of the differences, persons random; MOVER for the limits."""
    _, person = np.unique(unit.astype(str), return_inverse=True)
    m = np.bincount(person).astype(float)
    n, total = m.size, d.size
    if n < 2 or total == n:
        raise DataError("unit= needs at least two persons and at least one measured more than once.")
    means = np.bincount(person, d) / m
    within = float(np.sum((d - means[person]) ** 2) / (total - n))
    harmonic = n / np.sum(1 / m)
    between = float(means.var(ddof=1))  # of the persons' means: tau^2 + within / m_h
    variance = between + (1 - 1 / harmonic) * within
    z = z_quantile(level)
    tail = (1 - confidence) / 2
    q = stats.t.ppf(1 - tail, n - 1)
    mean, se = float(means.mean()), float(np.sqrt(between / n))
    parts = ((between, n - 1), ((1 - 1 / harmonic) * within, total - n))
    down = np.sqrt(sum((v * (1 - df / stats.chi2.ppf(1 - tail, df))) ** 2 for v, df in parts))
    up = np.sqrt(sum((v * (df / stats.chi2.ppf(tail, df) - 1)) ** 2 for v, df in parts))
    sd, sd_low, sd_high = np.sqrt([variance, max(variance - down, 0), variance + up])
    inner = np.sqrt((q * se) ** 2 + z**2 * (sd - sd_low) ** 2)
    outer = np.sqrt((q * se) ** 2 + z**2 * (sd_high - sd) ** 2)
    low, high = mean - z * sd, mean + z * sd
    rows: tuple[tuple[str, float, float, float], ...] = (
        ("bias", mean, mean - q * se, mean + q * se),
        ("loa_low", low, low - outer, low + inner),
        ("loa_high", high, high - inner, high + outer),
    )
    return [_limit_row(*r, n) for r in rows]


def _limit_row(term: str, estimate: float, low: float, high: float, n: int) -> dict[str, object]:
    return {
        "term": term,
        "estimate": float(estimate),
        "conf_low": float(low),
        "conf_high": float(high),
        "n": n,
    }
