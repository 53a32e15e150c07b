"""How many panelists: the chance that a statement passes, by simulation under stated assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recoverymetrics.consensus.agreement_rules import ConsensusRule
from recoverymetrics.consensus.rules import Conditions, RatingCounts, Rule, as_rule, default_top
from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics import counts as tally
from recoverymetrics.numerics.proportions import proportion_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import FloatArray, ObjectArray, Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class _Population:
    """What panelists are like: who they are, whether they stay, how lenient they are, and how they rate."""

    thresholds: FloatArray  # (S, K - 1) cuts of the latent normal, one row per true agreement
    values: FloatArray  # (K,)
    retention: float
    shares: Mapping[str, float]
    by: str
    person_sd: float


@dataclass(frozen=True)
class PanelPlan(AbstractResult):
    """Chance that a statement passes, by panel size and true agreement.

    Attributes
    ----------
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    rule : Rule
        The rule planned for.
    n_sim : int
        Simulated panels per size.
    """

    frame: pd.DataFrame = field(repr=False)
    rule: Rule
    n_sim: int

    def tidy(self) -> pd.DataFrame:
        """One row per panel size and true agreement: ``probability`` to pass with its simulation interval."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: range of sizes, simulated panels, the rule."""
        n = self.frame["n"]
        return pd.DataFrame(
            {"n_min": [n.min()], "n_max": [n.max()], "n_sim": [self.n_sim], "rule": [self.rule.describe()]}
        )

    def smallest(self, *, agreement: float, probability: float = 0.90) -> int | None:
        """Smallest size from which on a statement with this true agreement passes often enough; None if no size does."""
        rows = self.frame[np.isclose(self.frame["agreement"], agreement)].sort_values("n")
        if rows.empty:
            raise OptionError(
                f"agreement={agreement} was not simulated; plan with agreement=({agreement}, ...)."
            )
        enough = (rows["probability"] >= probability).to_numpy()
        lasting = np.logical_and.accumulate(enough[::-1])[::-1]
        return int(rows["n"].to_numpy()[np.argmax(lasting)]) if lasting.any() else None

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the chance to pass by panel size, one line per true agreement."""
        from recoverymetrics.consensus.plots import plot_plan

        return plot_plan(self, ax=ax)

    def _title(self) -> str:
        return f"Panel size for: {self.rule.describe()}"


def plan_panel_size(
    sizes: Sequence[int] = (20, 30, 50, 80, 120),
    *,
    agreement: Sequence[float] = (0.70, 0.75, 0.85, 0.90, 0.95),
    rule: Rule | None = None,
    scale: tuple[int, int] = (1, 5),
    retention: float = 0.75,
    groups: Mapping[str, float] | None = None,
    by: str = "stakeholder",
    person_sd: float = 0.5,
    n_sim: int = 2000,
    seed: Seed = 0,
) -> PanelPlan:
    """Simulate panels and count how often statements pass.

    Each panelist has a leniency (normal, standard deviation ``person_sd`` on the probit scale) shared by all
    statements, and is there in the last round with probability ``retention``. Thresholds are set so that the
    share of agreement in the population is the true agreement.

    Parameters
    ----------
    sizes : sequence of int
        Panelists invited.
    agreement : sequence of float
        True agreement of statements; include values on both sides of the cut-off.
    rule : Rule, optional
        By default at least 80% in the top two categories.
    scale : tuple of int, default (1, 5)
        Lowest and highest category.
    retention : float, default 0.75
        Probability to be there in the deciding round.
    groups : mapping of name to share, optional
        Groups of panelists, for rules that must hold within groups.
    by : str, default "stakeholder"
        Attribute that ``groups`` describes.
    person_sd : float, default 0.5
        Spread of leniency.
    n_sim : int, default 2000
        Simulated panels per size.
    seed : int or Generator, default 0
        Random numbers.

    Returns
    -------
    PanelPlan

    Raises
    ------
    OptionError
        Shares outside (0, 1), sizes or simulations below one, a scale in the wrong order, group shares that do not sum to
        one.

    Examples
    --------
    >>> plan = plan_panel_size((20, 60), agreement=(0.9,), n_sim=200)
    >>> list(plan.tidy()["n"])
    [20, 60]
    """
    if min(sizes) < 1 or not all(0 < p < 1 for p in agreement) or not 0 < retention <= 1:
        raise OptionError("sizes must be at least 1; agreement and retention must be shares between 0 and 1.")
    if scale[0] >= scale[1] or n_sim < 1 or person_sd < 0:
        raise OptionError(
            f"scale={scale!r}, n_sim={n_sim!r}, person_sd={person_sd!r}: the scale is lowest and highest category, n_sim at least "
            "1, person_sd 0 or more."
        )
    shares = {"all": 1.0} if groups is None else dict(groups)
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise OptionError(f"the shares of groups= sum to {sum(shares.values()):g}; they must sum to 1.")
    chosen = as_rule(rule, ConsensusRule())
    values = np.arange(scale[0], scale[1] + 1, dtype=float)
    thresholds = np.stack([_thresholds(p, values, chosen, person_sd) for p in agreement])
    population = _Population(thresholds, values, retention, shares, by, person_sd)
    rng = generator(seed)
    rows = []
    for n in sizes:
        passed, kept = _simulate(n, population, chosen, n_sim, rng)
        low, high = proportion_interval(passed, n_sim)
        half = _half_width(np.asarray(agreement), kept)
        rows += [
            (n, kept, p, x / n_sim, lo, hi, h)
            for p, x, lo, hi, h in zip(agreement, passed, low, high, half, strict=True)
        ]
    columns = ["n", "n_kept", "agreement", "probability", "conf_low", "conf_high", "half_width"]
    return PanelPlan(pd.DataFrame(rows, columns=columns), chosen, n_sim)


def _thresholds(p: float, values: FloatArray, rule: Rule, person_sd: float) -> FloatArray:
    """Cuts of the latent normal, shape (K - 1,): the top categories hold ``p``, each side is split evenly."""
    part = next((r for r in rule.parts() if isinstance(r, ConsensusRule)), None)
    top = default_top(values) if part is None else part.top_categories
    k = len(values)
    shares = np.concatenate([np.full(k - top, (1 - p) / (k - top)), np.full(top, p / top)])
    return np.asarray(ndtri(np.cumsum(shares)[:-1]) * np.sqrt(1 + person_sd**2))


def _simulate(
    n: int, population: _Population, rule: Rule, n_sim: int, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """How often each statement passes, and the mean number of panelists who stay."""
    labels, values = _group_labels(n, population.shares), population.values
    present = rng.random((n_sim, 1, n)) < population.retention
    latent = population.person_sd * rng.standard_normal((n_sim, 1, n))
    latent = latent + rng.standard_normal((n_sim, len(population.thresholds), n))
    category = (latent[..., None] > population.thresholds[None, :, None, :]).sum(axis=-1)
    ratings = np.where(present, values[category], np.nan)

    def within(conditions: Conditions) -> FloatArray:
        kept = np.ones(n, dtype=bool)
        for attribute, label in conditions:
            kept &= (labels == label) if attribute == population.by else False
        return np.asarray(tally.one_hot(ratings[..., kept], values).sum(axis=-2))

    def levels(attribute: str) -> tuple[str, ...]:
        return tuple(population.shares) if attribute == population.by else ()

    passed = rule.evaluate(RatingCounts(within(()), values, within, levels)).passed
    return passed.sum(axis=0).astype(float), float(present.sum(axis=2).mean())


def _group_labels(n: int, shares: Mapping[str, float]) -> ObjectArray:
    edges = np.round(np.cumsum([0.0, *shares.values()]) * n).astype(int)
    labels = np.empty(n, dtype=object)
    for name, start, end in zip(shares, edges[:-1], edges[1:], strict=True):
        labels[start:end] = name
    return labels


def _half_width(p: FloatArray, n: float) -> FloatArray:
    low, high = proportion_interval(p * n, n)
    return np.asarray((high - low) / 2)
