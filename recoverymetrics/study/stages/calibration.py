"""Stage three: graded response calibration of each dimension, item fit and local dependence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.irt import fit_irt
from recoverymetrics.study.config import StudyConfig
from recoverymetrics.study.inputs import Inputs

MISFIT_ALPHA = 0.01
MISFIT_RMSEA = 0.06


@dataclass(frozen=True)
class CalibrationStage:
    """One graded model per dimension, all regions together with free means and variances.

    Attributes
    ----------
    fits : mapping dimension -> IRTResult
    item_fit : pandas.DataFrame
        S-X2 of every item, summed over the groups: ``item``, ``statistic``, ``df``, ``n``, ``p_value``,
        ``p_adjusted`` (false discovery rate), ``rmsea``.
    dependence : pandas.DataFrame
        Q3 of every pair within a dimension: ``item``, ``item_2``, ``q3``, ``q3_star`` (Q3 minus its mean).
    """

    fits: Mapping[str, Any]
    item_fit: pd.DataFrame = field(repr=False)
    dependence: pd.DataFrame = field(repr=False)

    def evidence(self) -> pd.DataFrame:
        """Discrimination, information and item fit of each item, for the evidence table."""
        return pd.concat([item_evidence(fit, self.item_fit) for fit in self.fits.values()], ignore_index=True)

    def headline(self) -> dict[str, Any]:
        """Numbers that the manifest keeps."""
        numbers: dict[str, Any] = {}
        for dimension, fit in self.fits.items():
            numbers[f"irt.{dimension}.loglik"] = float(fit.glance()["loglik"].iloc[0])
            for row in slopes(fit).itertuples():
                numbers[f"irt.slope.{row.item}"] = float(row.discrimination)
            for row in fit.groups.itertuples():
                numbers[f"irt.{dimension}.mean.{row.group}"] = float(row.mean)
                numbers[f"irt.{dimension}.variance.{row.group}"] = float(row.variance)
        return numbers


def slopes(fit: Any) -> pd.DataFrame:
    """Discrimination of each item (``item``, ``discrimination``), first group when there are several."""
    table = fit.tidy(metric="slope_intercept")
    rows = table[table["parameter"].isin(["a", "a1"])].drop_duplicates("item")
    return rows[["item", "estimate"]].rename(columns={"estimate": "discrimination"}).reset_index(drop=True)


def item_evidence(fit: Any, item_fit: pd.DataFrame) -> pd.DataFrame:
    """Evidence on the items of one dimension: slope, mean information over theta -2 to 2, misfit."""
    theta = np.linspace(-2, 2, 41)
    information = item_information(fit, theta).mean()
    frame = slopes(fit)
    frame["information"] = frame["item"].map(information)
    frame["information_share"] = frame["information"] / frame["information"].sum()
    tests = item_fit.set_index("item").reindex(frame["item"])
    frame["s_x2_rmsea"] = tests["rmsea"].to_numpy()
    frame["misfit"] = ((tests["p_adjusted"] < MISFIT_ALPHA) & (tests["rmsea"] > MISFIT_RMSEA)).to_numpy()
    return frame


def item_information(fit: Any, theta: np.ndarray) -> pd.DataFrame:
    """Information of each item (columns) at each theta (rows)."""
    table = fit.information(theta)
    return table[[c for c in table.columns if c not in ("group", "theta", "test", "std_error")]]


def run_calibration(inputs: Inputs, config: StudyConfig, step: Callable[[str], None]) -> CalibrationStage:
    """Calibrate each dimension and test item fit and local independence."""
    fits, item_fit, dependence = {}, [], []
    for dimension, items in inputs.scale.factors.items():
        step(f"item response theory: {dimension}")
        fit = fit_irt(
            inputs.responses, "graded", items=list(items), group=inputs.grouping,
            equal=("slopes", "intercepts"), quadrature=config.analysis.quadrature,
        )  # fmt: skip
        fits[dimension] = fit
        item_fit.append(pool_groups(fit.item_fit(method="s_x2")))
        dependence.append(read_q3(fit.local_dependence("q3")))
    tests = pd.concat(item_fit, ignore_index=True)
    tests["p_adjusted"] = stats.false_discovery_control(tests["p_value"])
    return CalibrationStage(fits, tests, pd.concat(dependence, ignore_index=True))


def read_q3(dependence: pd.DataFrame) -> pd.DataFrame:
    """Q3 of each pair, and Q3* = Q3 minus the mean of the dimension (Christensen, Makransky & Horton 2017)."""
    renamed = dependence.rename(columns={"estimate": "q3", "adjusted": "q3_star"})
    return renamed[["item", "item_2", "q3", "q3_star"]]


def pool_groups(tests: pd.DataFrame) -> pd.DataFrame:
    """Add S-X2 over the independent groups: statistics, degrees of freedom and persons are summed."""
    pooled = tests.groupby("item", sort=False)[["statistic", "df", "n"]].sum().reset_index()
    excess = (pooled["statistic"] - pooled["df"]).clip(lower=0)
    pooled["p_value"] = stats.chi2.sf(pooled["statistic"], pooled["df"])
    pooled["rmsea"] = np.sqrt(excess / (pooled["df"] * pooled["n"]))
    return pooled
