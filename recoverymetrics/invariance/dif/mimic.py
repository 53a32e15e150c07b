"""MIMIC models: groups as covariates of the factor and, where an item functions differently, of the item.

Jöreskog & Goldberger 1975; Muthén 1989. Uniform DIF of items treated as continuous, robust to non-normality.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.cfa import CFAResult, compare_models, fit_sem
from recoverymetrics.errors import EstimationWarning
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.spec import Mimic
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.typing import BoolArray, FloatArray


def sweep_mimic(data: DIFData, anchors: BoolArray, spec: Mimic, *, to_reference: bool) -> Sweep:
    """Add (or take away) the direct effects of the groups on every item in turn."""
    p, g = len(data.items), len(data.groups)
    statistic, df, converged = np.full(p, np.nan), np.full(p, float(g - 1)), np.ones(p, dtype=bool)
    names = ("signed_difference", "unsigned_difference", "estimate", "n")
    contrasts = {name: np.full((p, g), np.nan) for name in names}
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale).tolist()
        frame = _frame(data, members)
        outside = [j for j in members if not anchors[j]]
        base = _fit(frame, members, outside, g, spec)
        for j in members:
            changed = [i for i in outside if i != j] if j in outside else [*outside, j]
            other = _fit(frame, members, changed, g, spec)
            free, tied = (base, other) if j in outside else (other, base)
            row = compare_models(free, tied).iloc[1]
            statistic[j], df[j] = max(float(row["delta_chi2"]), 0.0), float(row["delta_df"])
            converged[j] = free.converged and tied.converged
            _fill(contrasts, data, j, _direct_effects(free, f"x{j}", g), to_reference)
    return Sweep(
        statistic=statistic,
        df=df,
        p_value=chi2.sf(statistic, df),
        effect=np.nanmax(np.abs(contrasts["unsigned_difference"]), axis=1),
        n=data.answered.sum(axis=0).astype(float),
        converged=converged,
        contrasts=contrasts,
    )


def _frame(data: DIFData, members: list[int]) -> pd.DataFrame:
    """Item scores as ``x<j>`` and group indicators as ``d<g>``; persons without any answer are of no use here."""
    columns = {f"x{j}": data.scores[:, j] for j in members}
    columns |= {f"d{k}": (data.group == k).astype(float) for k in range(1, len(data.groups))}
    frame = pd.DataFrame(columns)
    return frame[data.answered[:, members].any(axis=1)]


def _fit(frame: pd.DataFrame, members: list[int], free: list[int], g: int, spec: Mimic) -> CFAResult:
    groups = " + ".join(f"d{k}" for k in range(1, g))
    lines = ["f =~ " + " + ".join(f"x{j}" for j in members), f"f ~ {groups}"]
    lines += [f"x{j} ~ {groups}" for j in free]
    missing = "fiml" if frame.isna().to_numpy().any() else "listwise"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return fit_sem(
            frame,
            "\n".join(lines),
            estimator=spec.estimator,
            missing=missing,
            std_lv=True,
            meanstructure=True,
        )


def _direct_effects(fit: CFAResult, item: str, g: int) -> FloatArray:
    table = fit.tidy()
    own = table[(table["op"] == "~") & (table["lhs"] == item)].set_index("rhs")["estimate"]
    return np.array([0.0, *(float(own.get(f"d{k}", 0.0)) for k in range(1, g))])


def _fill(
    contrasts: dict[str, FloatArray], data: DIFData, j: int, effects: FloatArray, to_reference: bool
) -> None:
    """Each group's direct effect against the others', in item standard deviations."""
    g = effects.size
    sizes = np.array([np.sum(data.answered[data.group == k, j]) for k in range(g)], dtype=float)
    spread = float(np.nanstd(data.scores[:, j]))
    contrasts["n"][j] = sizes
    for k in range(1 if to_reference else 0, g):
        weights = np.where(np.arange(g) == 0, 1.0, 0.0) if to_reference else sizes.copy()
        if not to_reference:
            weights[k] = 0.0
        difference = effects[k] - float(weights @ effects / weights.sum())
        contrasts["estimate"][j, k] = difference
        contrasts["signed_difference"][j, k] = difference / spread
        contrasts["unsigned_difference"][j, k] = abs(difference) / spread
