"""All reliability coefficients of one or several scales, by group."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, DataWarning, EstimationWarning
from recoverymetrics.instrument import ItemData, read_items
from recoverymetrics.numerics.intervals import wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.alpha import alpha_row, row
from recoverymetrics.reliability.compare import wald_equality
from recoverymetrics.reliability.feldt import hakstian_whalen
from recoverymetrics.reliability.groups import group_moments
from recoverymetrics.reliability.items import item_table
from recoverymetrics.reliability.moments import Moments
from recoverymetrics.reliability.omega import OmegaOptions, omega_fit
from recoverymetrics.reliability.results import ReliabilityResult
from recoverymetrics.reliability.spec import Bootstrap, Missing, check_level, check_option
from recoverymetrics.typing import GroupSpec, IntoFrame, Seed


def estimate_reliability(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    scales: Mapping[str, Sequence[str]] | None = None,
    missing: Missing = "pairwise",
    level: float = 0.95,
    bootstrap: Bootstrap | None = None,
    seed: Seed = None,
) -> ReliabilityResult:
    """Alpha, standardised alpha, lambda 2, lambda 6 and omega total of each scale in each group.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person. Items must be keyed in one direction.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        Group of each person; equality across groups is then tested.
    scales : mapping of str to sequence of str, optional
        Items of each scale; by default one scale of all items.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Covariances over the persons who answered both items, or over persons who answered all items of the
        scale.
    level : float, default 0.95
        Confidence level.
    bootstrap : Bootstrap, optional
        Bootstrap intervals for alpha and omega; by default Feldt's for alpha and the distribution-free delta
        method for the rest.
    seed : int, Generator or None
        For the bootstrap when its own seed is not set.

    Returns
    -------
    ReliabilityResult
        ``tidy()``: one row per scale, group and coefficient.

    Raises
    ------
    DataError
        Unknown items, an item without variance in a group, fewer than two items.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> data = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> estimate_reliability(data).tidy()["term"].tolist()
    ['alpha', 'alpha_standardized', 'lambda2', 'lambda6', 'omega_total']
    """
    check_level(level)
    check_option("missing", missing, ("pairwise", "listwise"))
    record = _read(data, items, group, scales)
    rng = generator(seed if bootstrap is None or bootstrap.seed is None else bootstrap.seed)
    scales = {"scale": record.items} if scales is None else scales
    parts, tables, tests, notes = [], [], [], []
    flags = [True, True]
    for name, members in scales.items():
        groups = group_moments(record.select(list(members)), missing)
        for m in groups:
            rows, fit_flags = _coefficients(m, level, bootstrap, rng)
            parts.append(pd.DataFrame(rows).assign(scale=name))
            flags = [a and b for a, b in zip(flags, fit_flags, strict=True)]
            tables.append(item_table(m).assign(scale=name))
            notes += _notes(name, m.label, tables[-1], fit_flags)
        if len(groups) > 1:
            tests += _equality(name, parts[-len(groups) :])
    for note in notes:
        warnings.warn(note, DataWarning if "negatively" in note else EstimationWarning, stacklevel=2)
    return ReliabilityResult(
        estimates=_scale_first(pd.concat(parts, ignore_index=True)),
        items=_scale_first(pd.concat(tables, ignore_index=True)),
        tests=pd.DataFrame(tests, columns=["scale", "term", "method", "statistic", "df", "p_value"]),
        level=level,
        notes=tuple(notes),
        has_converged=flags[0],
        is_admissible=flags[1],
    )


def _read(
    data: IntoFrame,
    items: Sequence[str] | None,
    group: GroupSpec,
    scales: Mapping[str, Sequence[str]] | None,
) -> ItemData:
    if scales is None or items is not None:
        return read_items(data, items=items, group=group)
    if not isinstance(scales, Mapping):
        raise DataError(f"scales is of type {type(scales).__name__}; give {{name: [items]}}.")
    if not scales:
        raise DataError("scales={} names no scale; give {name: [items]} or leave it out.")
    alone = [name for name, members in scales.items() if isinstance(members, str)]
    if alone:
        raise DataError(f"scale {alone[0]!r} names one item, {scales[alone[0]]!r}; give a list of items.")
    wanted = list(dict.fromkeys(item for members in scales.values() for item in members))
    return read_items(data, items=wanted, group=group)


def _coefficients(
    m: Moments, level: float, bootstrap: Bootstrap | None, rng: np.random.Generator
) -> tuple[list[dict[str, object]], tuple[bool, bool]]:
    draws = bootstrap or Bootstrap()
    interval = "bootstrap" if bootstrap else "feldt"
    rows = [
        alpha_row(m, "alpha", interval, draws, level, rng),
        alpha_row(m, "alpha_standardized", "robust" if not bootstrap else interval, draws, level, rng),
    ]
    for term, estimate, G in (
        ("lambda2", float(c.lambda2(m.S)), c.lambda2_gradient(m.S)),
        ("lambda6", float(c.lambda6(m.S)), c.lambda6_gradient(m.S)),
    ):
        se = m.robust_se(G)
        rows.append(
            row(m, term, estimate, se, wald_interval(estimate, se, level=level, scale="log_complement"))
        )
    if m.p < 3:
        return rows, (True, True)
    options = OmegaOptions("ml", "implied", "bootstrap" if bootstrap else "robust", draws, level)
    fit = omega_fit(m, options, rng)
    return [*rows, fit.row], (fit.converged, fit.admissible)


def _notes(scale: str, label: str, items: pd.DataFrame, flags: tuple[bool, bool]) -> list[str]:
    where = f"scale {scale!r}, group {label!r}"
    notes = []
    negative = items.loc[items["r_drop"] < 0, "item"].tolist()
    if negative:
        notes.append(
            f"{where}: {', '.join(negative)} correlate negatively with the sum of the others; reverse items "
            "that are keyed in the other direction before the call."
        )
    if not flags[0]:
        notes.append(f"{where}: the one-factor fit for omega did not converge.")
    if not flags[1]:
        notes.append(f"{where}: the one-factor fit for omega has a unique variance that is not positive.")
    return notes


def _equality(scale: str, parts: list[pd.DataFrame]) -> list[dict[str, object]]:
    table = pd.concat(parts)
    tests = []
    alphas = table[table["term"] == "alpha"]
    statistic, df, p_value, _ = hakstian_whalen(
        *(alphas[k].to_numpy(float) for k in ("estimate", "n", "n_items"))
    )
    tests.append(_test(scale, "alpha", "Hakstian-Whalen", statistic, df, p_value))
    omega = table[table["term"] == "omega_total"]
    if len(omega):
        statistic, df, p_value = wald_equality(*(omega[k].to_numpy(float) for k in ("estimate", "std_error")))
        tests.append(_test(scale, "omega_total", "Wald", statistic, df, p_value))
    return tests


def _test(scale: str, term: str, method: str, statistic: float, df: int, p_value: float) -> dict[str, object]:
    return {
        "scale": scale,
        "term": term,
        "method": method,
        "statistic": statistic,
        "df": df,
        "p_value": p_value,
    }


def _scale_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["scale", *[column for column in table.columns if column != "scale"]]]
