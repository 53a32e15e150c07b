"""The facts of the page, taken from the results; no words yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from recoverymetrics.errors import OptionError
from recoverymetrics.invariance.dif.correction import adjust_p_values
from recoverymetrics.typing import BoolArray, FloatArray

if TYPE_CHECKING:
    from recoverymetrics.invariance.alignment.result import AlignedFactor, AlignmentResult
    from recoverymetrics.invariance.dif.result import DIFResult
    from recoverymetrics.invariance.ladder.result import InvarianceResult

NEGLIGIBLE = 0.10
"""Part of an observed mean, in standard deviations, that is due to the questions and changes no conclusion."""
MOSTLY_DIFFERENT = 0.50
"""Share of a group's questions that differ above which its mean rests on too few common ones."""
SMALL = 0.20
"""dMACS below which a difference does not matter (Nye et al. 2019)."""
TOLERATED = 0.25
"""Share of questions times groups that may differ for adjusted means to be trusted.

Muthen & Asparouhov (2014) count significant parameters; in large samples these need not matter, so that differences that
matter are counted here.
"""
SIZES = ((0.70, "large"), (0.40, "medium"), (SMALL, "small"))


@dataclass(frozen=True)
class GroupFact:
    """One group (or occasion).

    Attributes
    ----------
    label : str
        Name.
    n : int
        Persons.
    mean, low, high : float
        Adjusted (aligned) mean and its 95% interval, distance from the mean of all in standard deviations.
    observed : float
        Raw mean in the same unit.
    bias : float
        Part of the raw mean that is due to how the questions work there.
    different : float
        Share of its questions that work differently there (dMACS at least 0.20).
    above, below : tuple of str
        Groups whose adjusted means are clearly lower, and clearly higher (5%, all pairs corrected after Holm).
    """

    label: str
    n: int
    mean: float
    low: float
    high: float
    observed: float
    bias: float
    different: float
    above: tuple[str, ...]
    below: tuple[str, ...]

    @property
    def use(self) -> str:
        """``"raw"``: raw means are fair; ``"adjusted"``: only adjusted ones; ``"none"``: neither."""
        if self.different > MOSTLY_DIFFERENT:
            return "none"
        return "raw" if abs(self.bias) < NEGLIGIBLE else "adjusted"


@dataclass(frozen=True)
class ItemFact:
    """A question that works differently in a group: dMACS, its sign, and the size in a word."""

    item: str
    group: str
    dmacs: float
    signed: float
    size: str


@dataclass(frozen=True)
class Facts:
    """All facts about one factor.

    Attributes
    ----------
    factor : str
        Factor.
    groups : tuple of GroupFact
        In the order of the data.
    items : tuple of ItemFact
        Largest first; one per item, where it is largest.
    flagged : tuple of str
        Items found by the item analysis, when there was one.
    share : float
        Share of questions times groups that work differently (dMACS at least 0.20).
    state : str
        ``"scores"``, ``"means"``, ``"adjusted"`` or ``"nothing"``: what may be compared.
    """

    factor: str
    groups: tuple[GroupFact, ...]
    items: tuple[ItemFact, ...]
    flagged: tuple[str, ...]
    share: float
    state: str


def collect_facts(
    ladder: InvarianceResult, alignment: AlignmentResult, dif: DIFResult | None, factor: str | None
) -> Facts:
    """Gather what the page says about a factor (the first by default)."""
    names = [f.parameters.factor for f in alignment.factors]
    if factor is not None and factor not in names:
        raise OptionError(f"factor={factor!r} is not in the model; the factors are {', '.join(names)}.")
    chosen = alignment.factors[names.index(factor) if factor else 0]
    sizes = ladder.effect_sizes()
    sizes = sizes[sizes["factor"] == chosen.parameters.factor]
    share = float((sizes["dmacs"] >= SMALL).mean())
    flags = () if dif is None else tuple(item for item in dif.flagged if item in chosen.parameters.items)
    return Facts(
        factor=chosen.parameters.factor,
        groups=_groups(ladder, alignment, chosen, sizes),
        items=_items(sizes),
        flagged=flags,
        share=share,
        state=_state(ladder, share),
    )


def _state(ladder: InvarianceResult, share: float) -> str:
    reached = {"strict": "scores", "residuals": "scores", "scalar": "means", "intercepts": "means"}
    held = [step.rung.level.name for step in ladder.steps if step.holds and not step.given]
    found = [reached[name] for name in held if name in reached]
    if found:
        return found[-1]
    return "adjusted" if ladder.highest and share <= TOLERATED else "nothing"


def _groups(
    ladder: InvarianceResult, alignment: AlignmentResult, factor: AlignedFactor, sizes: pd.DataFrame
) -> tuple[GroupFact, ...]:
    g = len(alignment.groups)
    share = alignment.sizes / alignment.sizes.sum()
    centre = np.eye(g) - np.outer(np.ones(g), share)
    unit = float(np.sqrt(share @ factor.solution.sds**2))
    covariance = factor.moment_covariance[:g, :g]
    means = centre @ factor.solution.means / unit
    half = 1.96 * np.sqrt(np.maximum(np.diag(centre @ covariance @ centre.T), 0.0)) / unit
    clear = clear_differences(factor.solution.means, covariance)
    impact = ladder.impact()
    impact = impact[impact["factor"] == factor.parameters.factor].set_index("group")
    different = (sizes["dmacs"] >= SMALL).groupby(sizes["group"]).mean()
    labels = alignment.groups

    def named(rows: BoolArray) -> tuple[str, ...]:
        return tuple(labels[h] for h in np.flatnonzero(rows))

    return tuple(
        GroupFact(
            label=label,
            n=int(alignment.sizes[k]),
            mean=float(means[k]),
            low=float(means[k] - half[k]),
            high=float(means[k] + half[k]),
            observed=float(impact.loc[label, "mean_observed"]),
            bias=float(impact.loc[label, "bias_observed"]),
            different=float(different[label]),
            above=named(clear[k] & (means[k] > means)),
            below=named(clear[k] & (means[k] < means)),
        )
        for k, label in enumerate(labels)
    )


def clear_differences(means: FloatArray, covariance: FloatArray, alpha: float = 0.05) -> BoolArray:
    """Which pairs of means differ, all pairs corrected after Holm."""
    g = means.size
    first, second = np.triu_indices(g, 1)
    variance = np.diag(covariance)[first] + np.diag(covariance)[second] - 2.0 * covariance[first, second]
    z = (means[first] - means[second]) / np.sqrt(np.maximum(variance, 1e-12))
    clear = np.zeros((g, g), dtype=bool)
    clear[first, second] = adjust_p_values(2.0 * norm.sf(np.abs(z)), "holm") < alpha
    return clear | clear.T


def _items(sizes: pd.DataFrame) -> tuple[ItemFact, ...]:
    table = sizes[sizes["dmacs"] >= SMALL].sort_values("dmacs", ascending=False).drop_duplicates("item")
    return tuple(
        ItemFact(
            str(row["item"]),
            str(row["group"]),
            float(row["dmacs"]),
            float(row["dmacs_signed"]),
            next(word for limit, word in SIZES if row["dmacs"] >= limit),
        )
        for row in table.to_dict("records")
    )
