"""Rules that flag careless responding, with cut-offs from answers simulated under attentive responding.

Each rule compares one index with a quantile of that index in answers drawn from a latent normal model that
reproduces the sample's category shares, correlations, missing patterns, and how much the middle half of the
persons differs in the spread of its answers (response style). The rules share the level ``alpha``
equally (Bonferroni), so that of the persons who answer as the model says at most a share ``alpha`` is flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.numerics.covariance import covariance_to_correlation
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.numerics.smoothing import smooth_correlation
from recoverymetrics.screening.persons import (
    IndexModel,
    PersonIndices,
    person_indices,
    response_variability,
)
from recoverymetrics.typing import BoolArray, FloatArray, Seed

Tail = Literal["high", "low"]

TAILS: dict[str, Tail] = {
    "longstring": "high",
    "irv": "low",
    "autocorrelation": "high",
    "even_odd": "low",
    "mahalanobis": "high",
    "synonyms": "low",
    "antonyms": "high",
    "person_total": "low",
}
_MATCHING_ROUNDS = 2
_STYLES = np.array([0.0, 0.15, 0.3, 0.45, 0.6])
_STYLE_DRAWS = 4000
_STYLE_TOLERANCE = 1.15  # careless persons themselves widen the middle half; about this much when 6 % are


@dataclass(frozen=True)
class ScreeningRules:
    """Thresholds of a screening.

    Attributes
    ----------
    extreme : float, default 0.15
        Share of responses in the lowest (highest) category above which an item has a floor (ceiling) effect
        (Terwee et al. 2007).
    sparse : int, default 10
        Fewest responses per category (Linacre 2002).
    synonym : float, default 0.60
        Correlation above which two items are psychometric synonyms, below whose negative antonyms
        (Meade & Craig 2012).
    alpha : float, default 0.01
        Share of attentive persons who may be flagged as careless.
    n_simulated : int, default 20000
        Simulated persons behind the cut-offs.
    min_answered : float, default 0.5
        Share of the items that a person must have answered for the rules to apply.
    """

    extreme: float = 0.15
    sparse: int = 10
    synonym: float = 0.60
    alpha: float = 0.01
    n_simulated: int = 20_000
    min_answered: float = 0.5


@dataclass(frozen=True)
class Rule:
    """One calibrated rule.

    Attributes
    ----------
    name : str
        Index that it reads.
    tail : {"high", "low"}
        Side of the cut-off that is flagged.
    cutoff : float
        Values beyond it are flagged.
    expected : float
        Share of simulated attentive persons beyond it.
    """

    name: str
    tail: Tail
    cutoff: float
    expected: float

    def flags(self, values: FloatArray) -> BoolArray:
        """Where the index lies beyond the cut-off; never where it is NaN."""
        return values > self.cutoff if self.tail == "high" else values < self.cutoff


@dataclass(frozen=True)
class LatentModel:
    """Latent normal model of attentive answers by persons who use the response scale more or less widely.

    Attributes
    ----------
    thresholds : tuple of ndarray
        Latent cuts between the used categories of each item.
    categories : tuple of ndarray
        Used categories of each item.
    root : ndarray, shape (p, p)
        Cholesky factor of the latent correlations.
    style : float
        Standard deviation over persons of the logarithm of the spread of their latent answers.
    """

    thresholds: tuple[FloatArray, ...]
    categories: tuple[FloatArray, ...]
    root: FloatArray
    style: float

    def draw(self, normal: FloatArray, widths: FloatArray) -> FloatArray:
        """Turn standard normal draws, shapes (m, p) and (m,), into responses."""
        latent = _latent(normal, widths, self.root, self.style)
        columns = [
            categories[np.searchsorted(thresholds, column)]
            for thresholds, categories, column in zip(self.thresholds, self.categories, latent.T, strict=True)
        ]
        return np.column_stack(columns)


def fit_latent_model(
    raw: FloatArray, correlation: FloatArray, normal: FloatArray, widths: FloatArray
) -> LatentModel:
    """Match category shares, product-moment correlations and the spread of response styles by simulation.

    Thresholds are quantiles of the simulated latent answers. ``style`` gives the interquartile range of the
    persons' standard deviations that the sample has, or 0 when the model without styles has as much. The latent
    correlations start at the observed ones and are moved by what the simulated categories lack,
    ``R <- R + (observed - simulated)``, twice; then made positive definite.
    """
    tables = [np.unique(column[~np.isnan(column)], return_counts=True) for column in raw.T]
    categories = tuple(used for used, _ in tables)
    shares = tuple(np.cumsum(counts)[:-1] / counts.sum() for _, counts in tables)

    def model(latent_correlation: FloatArray, style: float, n: int | None = None) -> LatentModel:
        root = _root(latent_correlation)
        latent = _latent(normal[:n], widths[:n], root, style)
        cuts = tuple(np.quantile(column, share) for column, share in zip(latent.T, shares, strict=True))
        return LatentModel(cuts, categories, root, style)

    few = _STYLE_DRAWS
    spread = [
        _middle_spread(response_variability(model(correlation, style, few).draw(normal[:few], widths[:few])))
        for style in _STYLES
    ]
    observed = _middle_spread(response_variability(raw)) / _STYLE_TOLERANCE
    style = float(np.interp(observed, np.maximum.accumulate(spread), _STYLES))
    latent = correlation
    for _ in range(_MATCHING_ROUNDS):
        simulated = np.corrcoef(model(latent, style).draw(normal, widths), rowvar=False)
        latent = np.clip(latent + np.nan_to_num(correlation - simulated), -0.98, 0.98)
        np.fill_diagonal(latent, 1.0)
    return model(latent, style)


def _latent(normal: FloatArray, widths: FloatArray, root: FloatArray, style: float) -> FloatArray:
    drawn: FloatArray = normal @ root.T
    return drawn if style == 0 else drawn * np.exp(style * widths)[:, None]


def _middle_spread(values: FloatArray) -> float:
    low, high = np.quantile(values[np.isfinite(values)], [0.25, 0.75])
    return float(high - low)


def _root(correlation: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.cholesky(smooth_correlation(correlation, floor=1e-6).matrix), dtype=float)


def calibrate_rules(
    raw: FloatArray, model: IndexModel, eligible: BoolArray, settings: ScreeningRules, seed: Seed
) -> tuple[Rule, ...]:
    """Cut-off of each index that can be computed and that has room beyond its cut-off.

    Parameters
    ----------
    raw : ndarray, shape (n, p)
    model : IndexModel
        Of the sample.
    eligible : ndarray of bool, shape (n,)
        Persons whose missing patterns the simulated persons inherit.
    settings : ScreeningRules
    seed : int or Generator
    """
    rng = generator(seed)
    normal = rng.standard_normal((settings.n_simulated, raw.shape[1]))
    correlation = covariance_to_correlation(model.moments.covariance)
    widths = rng.standard_normal(settings.n_simulated)
    latent = fit_latent_model(raw[eligible], correlation, normal, widths)
    drawn = latent.draw(rng.permuted(normal, axis=0), rng.permuted(widths))
    masks = np.isnan(raw[rng.choice(np.flatnonzero(eligible), settings.n_simulated)])
    drawn[masks] = np.nan
    indices = person_indices(drawn, model, inside=False)
    usable = [name for name in TAILS if np.isfinite(indices.get(name)).any()]
    first = [_cut(name, indices.get(name), settings.alpha / len(usable)) for name in usable]
    useful = [rule.name for rule in first if rule.expected > 0]
    return tuple(_cut(name, indices.get(name), settings.alpha / len(useful)) for name in useful)


def _cut(name: str, values: FloatArray, level: float) -> Rule:
    tail = TAILS[name]
    known = values[np.isfinite(values)]
    ordered = np.sort(-known if tail == "high" else known)
    allowed = min(int(level * values.size), known.size - 1)
    edge = ordered[allowed]
    beyond = float((ordered < edge).sum()) / values.size
    return Rule(name, tail, float(-edge if tail == "high" else edge), beyond)


def apply_rules(indices: PersonIndices, rules: tuple[Rule, ...], eligible: BoolArray) -> BoolArray:
    """Flags of each eligible person by each rule, shape (n, number of rules)."""
    if not rules:
        return np.zeros((len(eligible), 0), dtype=bool)
    return np.column_stack([rule.flags(indices.get(rule.name)) & eligible for rule in rules])
