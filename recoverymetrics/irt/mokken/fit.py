"""``fit_mokken``: non-parametric scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import read_items
from recoverymetrics.irt.checks import check_variation
from recoverymetrics.irt.mokken.association import conditional_association
from recoverymetrics.irt.mokken.guttman import person_errors
from recoverymetrics.irt.mokken.lcrc import latent_class_reliability
from recoverymetrics.irt.mokken.monotonicity import check_monotonicity
from recoverymetrics.irt.mokken.nonintersection import check_pmatrix, check_restscore
from recoverymetrics.irt.mokken.ordering import ItemOrdering, OrderingMethod, check_item_ordering
from recoverymetrics.irt.mokken.reliability import scale_reliability
from recoverymetrics.irt.mokken.scalability import Scalability, scalability
from recoverymetrics.irt.mokken.selection import select_scales
from recoverymetrics.irt.responses import code_responses
from recoverymetrics.typing import FloatArray, IntArray, IntoFrame, Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST_SPAN = 100
"""Steps between lowest and highest answer that a scale can have."""


def fit_mokken(
    data: IntoFrame, *, items: Sequence[str] | None = None, lower_bound: float = 0.3, alpha: float = 0.05
) -> MokkenResult:
    """Mokken scale analysis.

    Parameters
    ----------
    data : DataFrame, Responses, mapping or 2-D array
        One row per person, one column per item, all keyed the same way.
    items : sequence of str, optional
        Item columns.
    lower_bound : float, default 0.3
        Smallest item H of a scale in the automated item selection.
    alpha : float, default 0.05
        Significance level of the selection.

    Returns
    -------
    MokkenResult
        H with standard errors, item selection, monotonicity, invariant item ordering, reliability. Persons with
        missing responses are left out; ``glance`` counts them.

    Raises
    ------
    DataError
        Fewer than two items, items without variation, answers a hundred steps apart, fewer than ten complete persons.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> X = (rng.standard_normal((300, 1)) + 0.7 * rng.logistic(size=(300, 4)) > 0).astype(int)
    >>> bool(fit_mokken(X).glance()["h"][0] > 0.2)
    True
    """
    record = read_items(data, items=items)
    complete = record.complete()
    if complete.n < 10 or complete.n_items < 2:
        raise DataError(
            f"{complete.n} persons answered all of {complete.n_items} items; Mokken scaling needs ten persons and two items."
        )
    coded = code_responses(complete)
    check_variation(coded)
    codes = np.column_stack([v[c] for v, c in zip(coded.categories, coded.codes.T, strict=True)]).astype(
        np.int64
    )
    codes = codes - codes.min(axis=0)
    _check_span(coded.items, codes, complete.values)
    return MokkenResult(
        coded.items,
        codes,
        scalability(codes),
        select_scales(codes, lower_bound, alpha),
        lower_bound,
        record.n,
    )


def _check_span(items: tuple[str, ...], codes: IntArray, values: FloatArray) -> None:
    """Scores count step by step; hundreds of steps are a code of missing answers, not categories."""
    j = int(np.argmax(codes.max(axis=0)))
    if codes[:, j].max() >= LARGEST_SPAN:
        low, high = values[:, j].min(), values[:, j].max()
        raise DataError(
            f"item {items[j]!r} has answers from {low:g} to {high:g}; if one of them is a code of missing answers, "
            "list it in missing_codes of Responses, otherwise join categories."
        )


@dataclass(frozen=True, repr=False)
class MokkenResult(AbstractResult):
    """Scalability and the checks of the Mokken models.

    Attributes
    ----------
    items : tuple of str
        Item names.
    codes : ndarray of int, shape (n, J)
        Complete responses from zero.
    h : Scalability
        Coefficients with standard errors.
    scale_of : ndarray of int, shape (J,)
        Scale of each item in the automated selection; 0 for none.
    lower_bound : float
        Bound of the selection.
    n_rows : int
        Persons in the data, those with missing responses included.
    """

    items: tuple[str, ...]
    codes: IntArray
    h: Scalability
    scale_of: IntArray
    lower_bound: float
    n_rows: int

    def __repr__(self) -> str:
        """Size and scale H."""
        return f"MokkenResult({len(self.items)} items, {self.codes.shape[0]} persons, H={self.h.scale:.3f})"

    def tidy(self) -> pd.DataFrame:
        """One row per item: item, mean, h, std_error, z, scale."""
        return pd.DataFrame(
            {
                "item": self.items,
                "mean": self.codes.mean(axis=0),
                "estimate": self.h.items,
                "std_error": self.h.items_se,
                "z": self.h.items_z,
                "scale": self.scale_of,
            }
        )

    def pairs(self) -> pd.DataFrame:
        """One row per pair: item, item_2, estimate, std_error, z."""
        i, j = np.triu_indices(len(self.items), 1)
        names = np.asarray(self.items, dtype=object)
        return pd.DataFrame(
            {
                "item": names[i],
                "item_2": names[j],
                "estimate": self.h.pairs[i, j],
                "std_error": self.h.pairs_se[i, j],
                "z": self.h.pairs_z[i, j],
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: n, n_missing, n_items, h, std_error, z, n_scales, ms, alpha, lambda2."""
        return pd.DataFrame(
            {
                "n": [self.codes.shape[0]],
                "n_missing": self.n_rows - self.codes.shape[0],
                "n_items": len(self.items),
                "h": self.h.scale,
                "std_error": self.h.scale_se,
                "z": self.h.scale_z,
                "n_scales": int(self.scale_of.max(initial=0)),
                **scale_reliability(self.codes),
            }
        )

    def select(self, lower_bound: float = 0.3, alpha: float = 0.05) -> pd.Series:
        """Automated item selection at another bound: scale number per item, 0 for unscalable."""
        return pd.Series(select_scales(self.codes, lower_bound, alpha), index=list(self.items), name="scale")

    def monotonicity(self, *, smallest: int | None = None, ignore: float = 0.03) -> pd.DataFrame:
        """Violations of manifest monotonicity per item."""
        return check_monotonicity(self.codes, self.items, self.h.items, smallest=smallest, ignore=ignore)

    def item_ordering(
        self, method: OrderingMethod = "miio", *, smallest: int | None = None, ignore: float | None = None
    ) -> ItemOrdering:
        """Manifest invariant item ordering with backward selection and H^T.

        Parameters
        ----------
        method : {"miio", "mscpm", "it"}, default "miio"
            Item means, proportions above each step, or increasingness in transposition; see ``docs``.
        smallest : int, optional
            Smallest rest-score group.
        ignore : float, optional
            Violations up to this size do not count.
        """
        return check_item_ordering(
            self.codes, self.items, self.h.items, method=method, smallest=smallest, ignore=ignore
        )

    def nonintersection(
        self, method: str = "restscore", *, smallest: int | None = None, ignore: float = 0.03
    ) -> pd.DataFrame:
        """Violations of non-intersecting item steps per item.

        Parameters
        ----------
        method : {"restscore", "pmatrix"}, default "restscore"
            Compare steps within rest-score groups, or among those who pass and fail a step of a third item.
        smallest : int, optional
            Smallest rest-score group.
        ignore : float, default 0.03
            Violations up to this size do not count.
        """
        if method == "restscore":
            return check_restscore(self.codes, self.items, self.h.items, smallest=smallest, ignore=ignore)
        if method != "pmatrix":
            raise OptionError(f"unknown method {method!r}; choose 'restscore' or 'pmatrix'.")
        return check_pmatrix(self.codes, self.items, self.h.items, ignore=ignore)

    def local_dependence(self) -> pd.DataFrame:
        """Indices W1 and W3 of conditional association per ordered pair, with flags."""
        return conditional_association(self.codes, self.items)

    def person_fit(self) -> pd.DataFrame:
        """Guttman errors, their share of the largest number possible, infrequent answers, flags; complete persons."""
        return person_errors(self.codes)

    def reliability(self, *, n_classes: int | None = None, seed: Seed = 1) -> pd.DataFrame:
        """Reliability of the sum score.

        Parameters
        ----------
        n_classes : int, optional
            Latent classes of LCRC; by default the number with the smallest BIC.
        seed : int or Generator, default 1
            Random starts of the latent class model.

        Returns
        -------
        DataFrame
            Columns method (``ms``, ``lcrc``, ``lambda2``, ``alpha``), estimate, n_classes.
        """
        known = scale_reliability(self.codes)
        lcrc, classes = latent_class_reliability(self.codes, n_classes, seed)
        values = {"ms": known["ms"], "lcrc": lcrc, "lambda2": known["lambda2"], "alpha": known["alpha"]}
        return pd.DataFrame(
            {
                "method": list(values),
                "estimate": list(values.values()),
                "n_classes": [0, classes.weights.size, 0, 0],
            }
        )

    def plot(self, item: str | None = None, *, smallest: int | None = None, ax: Axes | None = None) -> Axes:
        """Item step response functions of one item (the first by default) over rest-score groups."""
        from recoverymetrics.irt.mokken.plots import plot_monotonicity

        name = self.items[0] if item is None else item
        if name not in self.items:
            raise OptionError(f"there is no item {item!r}; choose one of {', '.join(self.items)}.")
        return plot_monotonicity(self.codes, self.items.index(name), name, smallest=smallest, ax=ax)

    def _title(self) -> str:
        return "Mokken scale analysis"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Scale", self.glance()),
            Table("Items", self.tidy()),
            Table("Monotonicity", self.monotonicity()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with the monotonicity table."""
        return super().to_dict() | {"monotonicity": self.monotonicity().to_dict("records")}
