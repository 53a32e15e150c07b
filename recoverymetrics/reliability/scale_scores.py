"""Scores of several scales, how the scales correlate, and how each item correlates with every scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument import read_items, to_pandas
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.groups import group_moments, missing_notes
from recoverymetrics.reliability.moments import to_correlation
from recoverymetrics.reliability.spec import Missing, check_option
from recoverymetrics.typing import BoolArray, FloatArray, IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Score = Literal["mean", "sum"]


@dataclass(frozen=True)
class ScaleScores(AbstractResult):
    """Scales scored by the mean or the sum of their items.

    Attributes
    ----------
    scales : tuple of str
        Names of the ``k`` scales.
    names : tuple of str
        Names of the ``p`` items.
    members : ndarray of bool, shape (p, k)
        Which items belong to which scale.
    covariance : ndarray, shape (p, p)
        Covariances of the items; every number below comes from it.
    n : int
        Persons.
    score, min_answered
        The options of ``score_scales``.
    notes : tuple of str
        What the reader must know (missing responses).
    """

    scales: tuple[str, ...]
    names: tuple[str, ...]
    members: BoolArray
    covariance: FloatArray
    n: int
    score: Score
    min_answered: float
    notes: tuple[str, ...] = ()

    @property
    def reliability(self) -> FloatArray:
        """Coefficient alpha of each scale, shape (k,)."""
        return np.array([float(c.alpha(self.covariance[np.ix_(own, own)])) for own in self.members.T])

    @property
    def correlations(self) -> pd.DataFrame:
        """Correlations of the scales."""
        K = self.members.astype(float)
        return pd.DataFrame(to_correlation(K.T @ self.covariance @ K), self.scales, self.scales)

    @property
    def corrected(self) -> pd.DataFrame:
        """Correlations of the scales below, alpha on, and correlations corrected for unreliability above the diagonal.

        ``r / sqrt(alpha_1 alpha_2)`` (Spearman 1904); NaN where an alpha is not positive.
        """
        r, alpha = self.correlations.to_numpy(), self.reliability
        with np.errstate(invalid="ignore"):
            above = np.triu(r / np.sqrt(np.outer(alpha, alpha)), 1)
        return pd.DataFrame(np.tril(r, -1) + np.diag(alpha) + above, self.scales, self.scales)

    @property
    def item_correlations(self) -> pd.DataFrame:
        """Correlation of each item with each scale, the item's own part included, shape (p, k)."""
        return self._item_scale(self.covariance)

    @property
    def item_corrected(self) -> pd.DataFrame:
        """The same with each item's variance replaced by what it shares with all other items, shape (p, k).

        Variances are multiplied by the squared multiple correlation with all ``p - 1`` other items, in the
        covariance of item and scale and in the variance of the scale, so that no item correlates with itself.
        """
        return self._item_scale(self.covariance - np.diag(np.diag(self.covariance) * (1 - self._smc)))

    @property
    def _smc(self) -> FloatArray:
        return c.smc(to_correlation(self.covariance))

    def _item_scale(self, S: FloatArray) -> pd.DataFrame:
        K = self.members.astype(float)
        with np.errstate(invalid="ignore"):
            scale = np.sqrt(np.diag(K.T @ S @ K))
        r = S @ K / np.outer(np.sqrt(np.diag(self.covariance)), scale)
        return pd.DataFrame(r, self.names, self.scales)

    @property
    def items(self) -> pd.DataFrame:
        """One row per item and scale: ``item scale member r_total r_cor``."""
        p, k = self.members.shape
        table = pd.DataFrame({"item": np.repeat(self.names, k), "scale": np.tile(self.scales, p)})
        table["member"] = self.members.ravel()
        table["r_total"] = self.item_correlations.to_numpy().ravel()
        table["r_cor"] = self.item_corrected.to_numpy().ravel()
        return table

    def tidy(self) -> pd.DataFrame:
        """One row per scale and coefficient: ``scale term estimate n n_items``.

        The terms are ``alpha``, ``lambda6_all_items`` (lambda 6 whose squared multiple correlations use the
        items of all scales) and ``average_r`` (correlation between items that alpha implies,
        ``alpha / (k - (k-1) alpha)``).
        """
        sizes, alpha = self.members.sum(0), self.reliability
        K = self.members.astype(float)
        unexplained = np.diag(self.covariance) * (1 - self._smc)
        terms = {
            "alpha": alpha,
            "lambda6_all_items": 1 - K.T @ unexplained / np.diag(K.T @ self.covariance @ K),
            "average_r": alpha / (sizes - (sizes - 1) * alpha),
        }
        rows = [
            {
                "scale": scale,
                "term": term,
                "estimate": float(values[s]),
                "n": self.n,
                "n_items": int(sizes[s]),
            }
            for s, scale in enumerate(self.scales)
            for term, values in terms.items()
        ]
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """One row: how scores are formed, and the sizes."""
        row = {"method": self.score, "n": self.n, "n_items": len(self.names), "n_scales": len(self.scales)}
        return pd.DataFrame([row]).assign(converged=self.converged, admissible=self.admissible)

    def augment(self, data: IntoFrame) -> pd.DataFrame:
        """Return the data with one score column per scale.

        A score is the mean of the answered items (times the number of items for ``score="sum"``), NaN for
        persons who answered less than the share ``min_answered`` of the scale.
        """
        values = read_items(data, items=list(self.names)).values
        answered = ~np.isnan(values)
        K = self.members.astype(float)
        count, sizes = answered.astype(float) @ K, K.sum(0)
        enough = (count > 0) & (count >= self.min_answered * sizes - 1e-9)
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = np.where(enough, np.where(answered, values, 0.0) @ K / count, np.nan)
        frame = to_pandas(data)
        scores = scores * sizes if self.score == "sum" else scores
        return frame.assign(**{name: scores[:, s] for s, name in enumerate(self.scales)})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Heat map of the corrected item-scale correlations."""
        from recoverymetrics.correlation.figures import draw_heat_map

        return draw_heat_map(
            self.item_corrected, title="Items and scales, corrected for overlap", ax=ax, label="correlation"
        )

    def _title(self) -> str:
        return "Scale scores"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Scales", self.tidy(), self.notes),
            Table(
                "Correlations of scales",
                self.corrected.rename_axis("scale").reset_index(),
                ("below the diagonal as observed, on it alpha, above it corrected for unreliability",),
            ),
            Table("Items", self.items),
        )


def score_scales(
    data: IntoFrame,
    scales: Mapping[str, Sequence[str]],
    *,
    score: Score = "mean",
    min_answered: float = 0.5,
    missing: Missing = "pairwise",
) -> ScaleScores:
    """Score several scales at once and check that items belong where they were put.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person. Items must be keyed in one direction; nothing is reversed here.
    scales : mapping of str to sequence of str
        Items of each scale, two at least; an item may belong to several scales.
    score : {"mean", "sum"}, default "mean"
        Mean of the answered items, or that mean times the number of items.
    min_answered : float, default 0.5
        Share of a scale's items that a person must have answered to get a score from ``augment``.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Covariances over the persons who answered both items, or over persons who answered all.

    Returns
    -------
    ScaleScores
        ``tidy()``: reliability of each scale; ``correlations`` and ``corrected`` of the scales;
        ``item_correlations`` and ``item_corrected`` of items with scales; ``augment(data)``: the scores.

    Raises
    ------
    DataError
        No scale, a scale of one item, unknown items, an item without variance.
    OptionError
        Unknown option, or ``min_answered`` outside 0 to 1.

    Examples
    --------
    >>> data = {"a1": [1, 2, 3, 4], "a2": [2, 2, 4, 4], "b1": [3, 1, 4, 2], "b2": [4, 1, 3, 1]}
    >>> found = score_scales(data, {"a": ["a1", "a2"], "b": ["b1", "b2"]})
    >>> found.augment(data)["a"].tolist()
    [1.5, 2.0, 3.5, 4.0]
    >>> round(float(found.correlations.loc["a", "b"]), 3)
    -0.133

    References
    ----------
    cronbach1951, guttman1945
    """
    check_option("score", score, ("mean", "sum"))
    check_option("missing", missing, ("pairwise", "listwise"))
    if not 0 <= min_answered <= 1:
        raise OptionError(f"min_answered={min_answered!r} must lie between 0 and 1, for example 0.5.")
    items, members = _membership(scales)
    (m,) = groups = group_moments(read_items(data, items=items), missing)
    notes = missing_notes(groups, missing)
    return ScaleScores(tuple(scales), tuple(items), members, m.S, m.n, score, min_answered, notes)


def _membership(scales: Mapping[str, Sequence[str]]) -> tuple[list[str], BoolArray]:
    if not scales:
        raise DataError("scales={} names no scale; give scales={name: [items], ...}.")
    for name, items in scales.items():
        if len(set(items)) < 2:
            raise DataError(f"scale {name!r} has {len(set(items))} item; at least two are needed.")
    names = list(dict.fromkeys(item for items in scales.values() for item in items))
    return names, np.array([[item in items for items in scales.values()] for item in names])
