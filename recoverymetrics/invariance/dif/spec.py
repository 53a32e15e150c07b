"""What to do: the options of a DIF analysis, as frozen objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from recoverymetrics.errors import OptionError
from recoverymetrics.typing import FloatArray

MatchingName = Literal["weighted", "theta", "total", "rest"]
Correction = Literal["bh", "by", "holm", "bonferroni", "none"]
Linking = Literal["stocking_lord", "mean_sigma", "concurrent"]
EffectName = Literal["difference", "mcfadden", "nagelkerke", "cox_snell", "beta_change"]


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise an ``OptionError`` that lists the valid values."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise OptionError(f"{name}={value!r} is not known; choose one of {listed}.")


@dataclass(frozen=True)
class FlagRule:
    """When an item counts as functioning differently: significance and size together.

    Attributes
    ----------
    alpha : float, default 0.05
        Level for the p value after correction.
    minimum : float or None, default None
        Smallest effect that matters; None takes the measure's own: 0.12 for ``difference``,
        which keeps false positives below 5 % with as few as six items when groups differ in mean by one
        standard deviation, and still finds threshold shifts of half a latent standard deviation.
    effect : str, default "difference"
        ``"difference"``: the largest departure of a group's expected item score from that of the others, in
        standard deviations of the item, averaged over the group's persons (0.17 and 0.25 are the ETS
        borders of moderate and large for the standardised mean difference). Or the change in a pseudo R2
        between the matched model and the full model: ``"mcfadden"`` (COSMIN: 0.02), ``"nagelkerke"``,
        ``"cox_snell"``; or ``"beta_change"`` (lordif: 0.05 to 0.10).
    """

    alpha: float = 0.05
    minimum: float | None = None
    effect: EffectName = "difference"

    def __post_init__(self) -> None:
        check_choice("effect", self.effect, get_args(EffectName))
        if not 0 < self.alpha < 1:
            raise OptionError(f"alpha={self.alpha!r} is not a level; give a number between 0 and 1.")


@dataclass(frozen=True)
class OrdinalLogistic:
    """Ordinal logistic regression DIF (Zumbo 1999; Choi, Gibbons & Crane 2011).

    Attributes
    ----------
    matching : "weighted", "total", "rest", "theta" or ndarray of shape (n,), default "weighted"
        What makes persons comparable: the sum of the anchor items with the studied item, each weighted by its
        discrimination; the plain sum (items of low discrimination are then found too often where groups differ in
        mean); the plain sum without the studied item; the person parameter of a graded response model (lordif);
        or your own values, one per person.
    degree : int, default 1
        Polynomial degree of the matching variable.
    test : "any", "graded", "both", "uniform", "nonuniform" or "spread", default "any"
        The hypothesis behind ``statistic`` and ``p_value``; the last five are always reported. ``"any"`` takes
        the better of ``"graded"`` and ``"both"`` for each item and doubles its p value. ``"uniform"`` lets the
        groups differ in location; ``"nonuniform"`` adds the product of group and matching variable, and
        ``"both"`` tests the two together (Zumbo 1999; lordif; difR). ``"spread"`` adds the groups'
        discriminations in the sense of the graded model, and ``"graded"`` tests location and discrimination
        together. For two categories ``"graded"`` and ``"both"`` are the same; for more, the product has
        next to no power against a difference in discrimination.
    statistic : "lr" or "wald", default "lr"
        Likelihood-ratio or Wald test for ``statistic``.
    min_cell : int, default 0
        Merge a category with its neighbour when fewer persons than this gave it in any group. Zero merges
        nothing; merged items are listed in the notes.
    """

    matching: MatchingName | FloatArray = "weighted"
    degree: int = 1
    test: Literal["any", "graded", "both", "uniform", "nonuniform", "spread"] = "any"
    statistic: Literal["lr", "wald"] = "lr"
    min_cell: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.matching, np.ndarray):
            check_choice("matching", self.matching, get_args(MatchingName))
        check_choice("test", self.test, ("any", "graded", "both", "uniform", "nonuniform", "spread"))
        check_choice("statistic", self.statistic, ("lr", "wald"))
        if not 1 <= self.degree <= 5:
            raise OptionError(f"degree={self.degree!r} must be an integer from 1 to 5.")


@dataclass(frozen=True)
class MantelHaenszel:
    """Mantel-Haenszel DIF for any numbers of categories and groups.

    Attributes
    ----------
    include_item : bool, default True
        Match on the sum of the anchors with the studied item (Holland & Thayer 1988) or without it.
    continuity : bool, default True
        Continuity correction for two categories and two groups.
    association : "mean_score" or "general", default "mean_score"
        Omnibus test of differences in mean item score, or of any association of group and category.
    n_strata : int, optional
        Thick matching in this many strata; by default every whole score is a stratum.
    """

    include_item: bool = True
    continuity: bool = True
    association: Literal["mean_score", "general"] = "mean_score"
    n_strata: int | None = None

    def __post_init__(self) -> None:
        check_choice("association", self.association, ("mean_score", "general"))
        if self.n_strata is not None and self.n_strata < 2:
            raise OptionError(f"n_strata={self.n_strata!r} must be 2 or more.")


@dataclass(frozen=True)
class Sibtest:
    """SIBTEST for dichotomous and polytomous items, two groups or more.

    Attributes
    ----------
    crossing : bool, default False
        Crossing SIBTEST, sensitive to non-uniform DIF, of each group with the others; over more than two groups
        the item's p value is the smallest one times their number.
    min_cell : int, default 5
        A matching score counts when every group has more persons than this there.
    """

    crossing: bool = False
    min_cell: int = 5

    def __post_init__(self) -> None:
        if self.min_cell < 1:
            raise OptionError(f"min_cell={self.min_cell!r} must be 1 or more.")


@dataclass(frozen=True)
class IRTLikelihoodRatio:
    """Likelihood-ratio sweep over items with a multiple-group item response model.

    Attributes
    ----------
    model : str, default "graded"
        Item model of ``fit_irt`` in slope-intercept form: ``"graded"`` or ``"2pl"``.
    quadrature : int, default 61
        Nodes of the latent distribution.
    tolerance : float, default 1e-4
        Each fit stops when its log-likelihood can gain no more than this.
    min_cell : int, default 0
        Merge categories that fewer persons than this gave in some group; 1 merges unused ones.
    """

    model: Literal["graded", "2pl"] = "graded"
    quadrature: int = 61
    tolerance: float = 1e-4
    min_cell: int = 0

    def __post_init__(self) -> None:
        check_choice("model", self.model, ("graded", "2pl"))


@dataclass(frozen=True)
class IRTWald:
    """Wald sweep over items with a multiple-group item response model.

    Attributes
    ----------
    model, quadrature, min_cell
        As in `IRTLikelihoodRatio`.
    tolerance : float, default 1e-6
        Each fit stops when its log-likelihood can gain no more than this.
    scheme : "one_item" or "two_step", default "one_item"
        ``"one_item"`` frees one item at a time, the anchors equal. ``"two_step"`` takes the groups' means and
        variances from the model with equal anchors as known, frees every item at once and needs no fit per item
        (Langer 2008; Woods, Cai & Wang 2013); much faster, and blind to much where groups are small
        or answer options rare.
    """

    model: Literal["graded", "2pl"] = "graded"
    quadrature: int = 61
    tolerance: float = 1e-6
    min_cell: int = 0
    scheme: Literal["one_item", "two_step"] = "one_item"

    def __post_init__(self) -> None:
        check_choice("model", self.model, ("graded", "2pl"))
        check_choice("scheme", self.scheme, ("one_item", "two_step"))


@dataclass(frozen=True)
class Lord:
    """Lord's chi-square of item parameters calibrated in each group apart, linked by the anchors.

    Two groups or more (Kim, Cohen & Park 1995).

    Attributes
    ----------
    linking : "stocking_lord", "mean_sigma" or "concurrent", default "stocking_lord"
        How the anchors bring the groups to one metric: equal test characteristic curves, equal mean and spread of
        thresholds (difR), or the groups' means and variances from a model in which the anchors are equal.
    model, quadrature, min_cell
        As in `IRTLikelihoodRatio`.
    tolerance : float, default 1e-6
        Each fit stops when its log-likelihood can gain no more than this.
    """

    linking: Linking = "stocking_lord"
    model: Literal["graded", "2pl"] = "graded"
    quadrature: int = 61
    tolerance: float = 1e-6
    min_cell: int = 0

    def __post_init__(self) -> None:
        check_choice("model", self.model, ("graded", "2pl"))
        check_choice("linking", self.linking, get_args(Linking))


@dataclass(frozen=True)
class RajuArea:
    """Area between the expected-score curves of a group and of the others (Raju 1988, 1990).

    Attributes
    ----------
    area : "unsigned" or "signed", default "unsigned"
        Which area is tested; both are reported. The signed area is blind where curves cross.
    n_draws : int, default 500
        Replications of the parameters without DIF from which the unsigned area's p value comes.
    seed : int, default 0
        Seed of the replications.
    linking, model, quadrature, tolerance, min_cell
        As in `Lord`.
    """

    area: Literal["unsigned", "signed"] = "unsigned"
    n_draws: int = 500
    seed: int = 0
    linking: Linking = "stocking_lord"
    model: Literal["graded", "2pl"] = "graded"
    quadrature: int = 61
    tolerance: float = 1e-6
    min_cell: int = 0

    def __post_init__(self) -> None:
        check_choice("area", self.area, ("unsigned", "signed"))
        check_choice("model", self.model, ("graded", "2pl"))
        check_choice("linking", self.linking, get_args(Linking))
        check_draws(self.n_draws)


@dataclass(frozen=True)
class Ncdif:
    """Non-compensatory DIF: mean squared difference in expected score over the focal group (Raju et al. 1995).

    Attributes
    ----------
    alpha : float, default 0.05
        Level of the reported cut-off, the ``1 - alpha`` quantile of the replications.
    n_draws : int, default 1000
        Replications of the item parameters without DIF (Oshima, Raju & Nanda 2006).
    seed : int, default 0
        Seed of the replications.
    linking, model, quadrature, tolerance, min_cell
        As in `Lord`.
    """

    alpha: float = 0.05
    n_draws: int = 1000
    seed: int = 0
    linking: Linking = "stocking_lord"
    model: Literal["graded", "2pl"] = "graded"
    quadrature: int = 61
    tolerance: float = 1e-6
    min_cell: int = 0

    def __post_init__(self) -> None:
        check_choice("model", self.model, ("graded", "2pl"))
        check_choice("linking", self.linking, get_args(Linking))
        check_draws(self.n_draws)
        if not 0 < self.alpha < 1:
            raise OptionError(f"alpha={self.alpha!r} is not a level; give a number between 0 and 1.")


def check_draws(n: int) -> None:
    """Refuse numbers of replications that cannot give a cut-off."""
    if n < 100:
        raise OptionError(f"n_draws={n!r} is too few for a cut-off; take 100 or more.")


@dataclass(frozen=True)
class Lasso:
    """Regularised DIF: group effects on every item at once, shrunk to zero where the data do not need them.

    A graded model with equal items, in which every item has a shift and a change of discrimination in every
    group, penalised together (group lasso; Magis, Tuerlinckx & De Boeck 2015; Tutz & Schauberger 2015; Belzak &
    Bauer 2020). The path of the penalty proposes sets of (item, group) effects; each set is estimated again without
    penalty, and the information criterion chooses among them. There are no p values and no purification.

    Attributes
    ----------
    criterion : "bic", "ebic" or "aic", default "bic"
        What chooses the set. ``"ebic"`` adds ``2 log`` of the number of possible sets (Chen & Chen 2008).
    penalty : "region" or "item", default "region"
        One group of coefficients per item and region, or one per item over all regions.
    nonuniform : bool, default True
        Discriminations may differ too.
    n_lambda : int, default 30
        Penalties on the path.
    quadrature : int, default 31
        Nodes of the latent distribution.
    min_cell : int, default 0
        As in `IRTLikelihoodRatio`; unused categories need no merging here.
    """

    criterion: Literal["bic", "ebic", "aic"] = "bic"
    penalty: Literal["region", "item"] = "region"
    nonuniform: bool = True
    n_lambda: int = 30
    quadrature: int = 31
    min_cell: int = 0

    def __post_init__(self) -> None:
        check_choice("criterion", self.criterion, ("bic", "ebic", "aic"))
        check_choice("penalty", self.penalty, ("region", "item"))
        if self.n_lambda < 2:
            raise OptionError(f"n_lambda={self.n_lambda!r} is no path; take 2 or more.")


@dataclass(frozen=True)
class CovariateLogistic:
    """DIF along a covariate by ordinal logistic regression on the sum score.

    Attributes
    ----------
    degree : int, default 1
        Polynomial degree of the covariate.
    """

    degree: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.degree <= 3:
            raise OptionError(f"degree={self.degree!r} must be 1, 2 or 3.")


@dataclass(frozen=True)
class ScoreBased:
    """DIF along a covariate by the fluctuation of casewise scores of a graded model (Merkle & Zeileis 2013).

    Needs no guess of the shape: drifts, jumps and U-shapes are all seen.

    Attributes
    ----------
    statistic : str, default "auto"
        ``"max_lm"`` (numeric; finds a jump and says where), ``"cvm"`` (numeric; gradual change), ``"double_max"``
        (numeric; one parameter only), ``"ordered_max_lm"`` and ``"ordered_double_max"`` (ordered categories),
        ``"lm"`` (categories without order). ``"auto"`` takes ``"ordered_max_lm"`` up to twelve distinct values, else
        ``"max_lm"``.
    trim : float, default 0.1
        Share of persons at either end where ``"max_lm"`` looks for no change.
    """

    statistic: Literal[
        "auto", "max_lm", "cvm", "double_max", "ordered_max_lm", "ordered_double_max", "lm"
    ] = "auto"
    trim: float = 0.1

    def __post_init__(self) -> None:
        kinds = ("auto", "max_lm", "cvm", "double_max", "ordered_max_lm", "ordered_double_max", "lm")
        check_choice("statistic", self.statistic, kinds)
        if not 0 < self.trim < 0.5:
            raise OptionError(f"trim={self.trim!r} must lie between 0 and 0.5.")


@dataclass(frozen=True)
class Mimic:
    """MIMIC sweep: groups act on the factor, and on an item where it functions differently.

    Attributes
    ----------
    estimator : str, default "MLR"
        Maximum-likelihood estimator of ``fit_sem``. Items are treated as continuous; only uniform DIF is seen.
    """

    estimator: str = "MLR"

    def __post_init__(self) -> None:
        check_choice("estimator", self.estimator, ("ML", "MLR", "MLM"))
