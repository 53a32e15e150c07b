"""Linking two calibrations through common items (Kolen & Brennan 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt.calibration import Estimated, group_index
from recoverymetrics.irt.persons import full_slopes, rows_of_group
from recoverymetrics.irt.result import IRTResult, estimated_of
from recoverymetrics.typing import FloatArray

METHODS = ("mean_mean", "mean_sigma", "haebara", "stocking_lord")


@dataclass(frozen=True, repr=False)
class LinkResult(AbstractResult):
    """A linear link ``theta_b = slope * theta_a + intercept``.

    Attributes
    ----------
    method : str
        How it was found.
    slope, intercept : float
        Constants that take the scale of the first calibration to that of the second.
    items : tuple of str
        Common items.
    loss : float
        Value of the criterion; NaN for moment methods.
    differences : DataFrame
        Common items after linking: item, parameter, first (linked), second, difference.
    """

    method: str
    slope: float
    intercept: float
    items: tuple[str, ...]
    loss: float
    differences: pd.DataFrame

    def __repr__(self) -> str:
        """Method and constants."""
        return f"LinkResult({self.method}, slope={self.slope:.4f}, intercept={self.intercept:.4f}, {len(self.items)} items)"

    def tidy(self) -> pd.DataFrame:
        """Common items after linking: item, parameter, first, second, difference."""
        return self.differences

    def glance(self) -> pd.DataFrame:
        """One row: method, slope, intercept, n_items, loss."""
        return pd.DataFrame(
            {
                "method": [self.method],
                "slope": self.slope,
                "intercept": self.intercept,
                "n_items": len(self.items),
                "loss": self.loss,
            }
        )

    def transform(self, theta: FloatArray) -> FloatArray:
        """Take latent values of the first calibration to the scale of the second."""
        return self.slope * np.asarray(theta, dtype=float) + self.intercept


def link_scales(
    fit_a: IRTResult,
    fit_b: IRTResult,
    *,
    method: str = "stocking_lord",
    items: Sequence[str] | None = None,
    group_a: str | None = None,
    group_b: str | None = None,
) -> LinkResult:
    """Find the linear transformation from the scale of one calibration to that of another.

    Parameters
    ----------
    fit_a, fit_b : IRTResult
        One-factor calibrations with the same models for the common items.
    method : {"stocking_lord", "haebara", "mean_sigma", "mean_mean"}, default "stocking_lord"
        Characteristic curve methods (Stocking & Lord 1983; Haebara 1980), or moments of discriminations and
        difficulties. The curve methods work for every model.
    items : sequence of str, optional
        Common items; by default all that both have.
    group_a, group_b : str, optional
        Group whose parameters are used; the first by default.

    Returns
    -------
    LinkResult

    Raises
    ------
    ModelError
        Fewer than two common items, several factors, different categories, moments of items without difficulties.
    OptionError
        Unknown method.
    """
    kind = str(method).lower().replace("-", "_")
    if kind not in METHODS:
        raise OptionError(f"unknown linking method {method!r}; choose one of {', '.join(METHODS)}.")
    a, b = estimated_of(fit_a, "fit_a"), estimated_of(fit_b, "fit_b")
    common = tuple(items) if items is not None else tuple(i for i in a.layout.items if i in b.layout.items)
    _check(a, b, common)
    g, h = group_index(a.layout, group_a), group_index(b.layout, group_b)
    start, loss = _by_moments(a, b, common, g, h, kind), float("nan")
    if kind in ("haebara", "stocking_lord"):
        slope, intercept, loss = _by_curves(a, b, common, g, h, kind, start or (1.0, 0.0))
    elif start is None:
        raise ModelError(
            f"{kind} needs difficulties with the same order in both calibrations, which nominal items and items keyed "
            "the other way do not have; use 'stocking_lord' or 'haebara'."
        )
    else:
        slope, intercept = start
    table = _differences(a, b, common, g, h, slope, intercept)
    return LinkResult(kind, slope, intercept, common, loss, table)


def _check(a: Estimated, b: Estimated, common: tuple[str, ...]) -> None:
    for est in (a, b):
        if len(est.layout.structure.factors) > 1:
            raise ModelError("linking is for calibrations with one factor.")
    unknown = [i for i in common if i not in a.layout.items or i not in b.layout.items]
    if unknown:
        raise ModelError(f"item {unknown[0]!r} is not in both calibrations.")
    if len(common) < 2:
        raise ModelError(f"the calibrations share {len(common)} items; linking needs two or more.")
    for item in common:
        ka, kb = (len(e.coded.categories[e.layout.items.index(item)]) for e in (a, b))
        if ka != kb:
            raise ModelError(f"item {item!r} has {ka} categories in one calibration and {kb} in the other.")


def _moments(est: Estimated, common: tuple[str, ...], g: int) -> tuple[FloatArray, FloatArray]:
    """Discriminations, and difficulties (all thresholds), of the common items."""
    from recoverymetrics.irt.tables import reported_parameters

    slopes, locations = [], []
    for group, j, names, values, _, _ in reported_parameters(est, "ab"):
        if group == g and est.layout.items[j] in common:
            slopes += [v for n, v in zip(names, values, strict=True) if n == "a"]
            locations += [v for n, v in zip(names, values, strict=True) if n.startswith("b")]
    return np.asarray(slopes), np.asarray(locations)


def _by_moments(
    a: Estimated, b: Estimated, common: tuple[str, ...], g: int, h: int, kind: str
) -> tuple[float, float] | None:
    """Constants from means and spreads; None where items have no difficulties."""
    (slopes_a, b_a), (slopes_b, b_b) = _moments(a, common, g), _moments(b, common, h)
    if b_a.size != b_b.size or b_a.size == 0 or not np.isfinite([*b_a, *b_b]).all():
        return None
    if kind == "mean_mean":
        slope = float(np.mean(slopes_a) / np.mean(slopes_b))
    else:
        slope = float(np.std(b_b) / np.std(b_a))
    if not np.isfinite(slope) or slope <= 0:
        return None
    return slope, float(np.mean(b_b) - slope * np.mean(b_a))


def _curves(
    est: Estimated,
    common: tuple[str, ...],
    g: int,
    theta: FloatArray,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> list[FloatArray]:
    """Category probabilities of the common items along theta, after moving the scale."""
    out: dict[str, FloatArray] = {}
    position = (theta - intercept) / slope
    for batch, rows in rows_of_group(est.layout, g):
        parameters = est.extended[batch.slots]
        m = batch.factors.shape[1]
        z = full_slopes(batch, rows, parameters, 1) @ position[None, :]
        tables = np.exp(batch.model.log_probabilities(z, parameters[rows, m:], batch.K))
        out |= {est.layout.items[j]: table for j, table in zip(batch.items[rows], tables, strict=True)}
    return [out[item] for item in common]


def _by_curves(
    a: Estimated,
    b: Estimated,
    common: tuple[str, ...],
    g: int,
    h: int,
    kind: str,
    start: tuple[float, float],
) -> tuple[float, float, float]:
    """Minimise the weighted squared distance of item (Haebara) or test (Stocking-Lord) characteristic curves."""
    theta = np.linspace(-4, 4, 81)
    weights = np.exp(-0.5 * theta**2)
    weights /= weights.sum()
    target = _curves(b, common, h, theta)

    def loss(x: FloatArray) -> float:
        if x[0] <= 0:
            return float("inf")
        moved = _curves(a, common, g, theta, float(x[0]), float(x[1]))
        if kind == "haebara":
            return float(
                sum(np.sum((p - q) ** 2, axis=0) @ weights for p, q in zip(moved, target, strict=True))
            )
        gap = sum(np.arange(p.shape[0]) @ (p - q) for p, q in zip(moved, target, strict=True))
        return float(np.asarray(gap) ** 2 @ weights)

    found = minimize(
        loss,
        np.asarray(start),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 4000},
    )
    return float(found.x[0]), float(found.x[1]), float(found.fun)


def _differences(
    a: Estimated, b: Estimated, common: tuple[str, ...], g: int, h: int, slope: float, intercept: float
) -> pd.DataFrame:
    from recoverymetrics.irt.tables import parameter_frame

    first, second = parameter_frame(a, None, "ab"), parameter_frame(b, None, "ab")
    first = first[(first["group"] == a.layout.groups[g]) & first["item"].isin(common)]
    second = second[(second["group"] == b.layout.groups[h]) & second["item"].isin(common)]
    moved = first["estimate"].copy()
    moved = moved.where(first["parameter"] != "a", first["estimate"] / slope)
    is_location = first["parameter"].str.startswith("b")
    moved = moved.where(~is_location, slope * first["estimate"] + intercept)
    table = first.assign(first=moved)[["item", "parameter", "first"]].merge(
        second.rename(columns={"estimate": "second"})[["item", "parameter", "second"]],
        on=["item", "parameter"],
    )
    return table.assign(difference=table["first"] - table["second"])
