"""Do raters agree: on relevance, and on the element that each item belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.content.indices import assignment_indices, definitional_indices
from recoverymetrics.content.ratings import ItemRatings, check_scale, require_columns, scale_numbers
from recoverymetrics.content.reading import item_frame, split_ids
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.numerics.agreement import (
    Agreement,
    category_counts,
    fleiss_kappa,
    gwet_ac,
)
from recoverymetrics.numerics.krippendorff import krippendorff_alpha
from recoverymetrics.typing import BoolArray, FloatArray, IntoFrame

_Z = 1.959963984540054


def relevance_agreement(ratings: ItemRatings, relevant: FloatArray) -> dict[str, list[float]]:
    """Gwet's AC1 on relevant or not, and Krippendorff's ordinal alpha on the ratings."""
    low, high = ratings.scale
    scale = np.arange(low, high + 1, dtype=float)
    both = category_counts(relevant, np.array([0.0, 1.0]))
    return {
        "gwet_ac1": [gwet_ac(both).estimate],
        "krippendorff_alpha": [
            krippendorff_alpha(category_counts(ratings.relevance, scale), scale, "ordinal").estimate
        ],
    }


@dataclass(frozen=True)
class AssignmentResult(AbstractResult):
    """How raters sorted items to elements.

    Attributes
    ----------
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    coefficients : mapping
        Agreement coefficients by name.
    chosen : pandas.DataFrame
        Votes, items x elements.
    intended_from : str
        ``"given"`` or ``"modal"`` (the element most raters chose).
    """

    frame: pd.DataFrame = field(repr=False)
    coefficients: dict[str, Agreement]
    chosen: pd.DataFrame = field(repr=False)
    intended_from: str

    def tidy(self) -> pd.DataFrame:
        """One row per item: ``p_sa`` and ``c_sv`` (Anderson and Gerbing 1991), intended and most chosen element."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: the agreement coefficients with their intervals, and mean ``p_sa`` and ``c_sv``."""
        row: dict[str, Any] = {"n_items": len(self.frame), "n_elements": self.chosen.shape[1]}
        for name, value in self.coefficients.items():
            row[name] = value.estimate
            row[f"{name}_conf_low"] = value.estimate - _Z * value.std_error
            row[f"{name}_conf_high"] = min(value.estimate + _Z * value.std_error, 1.0)
        row |= {"p_sa_mean": self.frame["p_sa"].mean(), "c_sv_mean": self.frame["c_sv"].mean()}
        return pd.DataFrame([row | {"intended_from": self.intended_from}])

    def _title(self) -> str:
        return "Items assigned to elements by raters"

    def _tables(self) -> tuple[Table, ...]:
        source = (
            "given by the item bank" if self.intended_from == "given" else "the element most raters chose"
        )
        return (
            Table("Agreement", self.glance()),
            Table("Items", self.tidy(), notes=(f"Intended element: {source}.",)),
        )


def assignment(ratings: ItemRatings, intended: Any = None) -> AssignmentResult:
    """Substantive validity and agreement of raters who sort items to elements.

    Parameters
    ----------
    ratings : ItemRatings
        With ``assigned`` elements.
    intended : ItemBank, DataFrame or mapping, optional
        Elements each item is meant for; by default the element that most raters chose.

    Returns
    -------
    AssignmentResult

    Raises
    ------
    DataError
        No assignments, or an item without an intended element.
    """
    if ratings.assigned is None:
        raise DataError(
            "the raters assigned no elements; name the column with content_validity(..., element=...)."
        )
    wanted = None if intended is None else _intended(intended, ratings.items)
    cells = ratings.assigned
    named = dict.fromkeys(cell for cell in cells.ravel() if cell is not None)
    if wanted is not None:
        named |= dict.fromkeys(element for own in wanted for element in own)
    elements = tuple(sorted(named))
    at = {element: j for j, element in enumerate(elements)}
    codes = np.vectorize(lambda cell: np.nan if cell is None else at[cell], otypes=[float])(cells)
    chosen = category_counts(codes, np.arange(len(elements), dtype=float))
    meant = _modal(chosen) if wanted is None else _mask(wanted, at)
    p_sa, c_sv = assignment_indices(chosen, meant)
    used = chosen[:, chosen.sum(axis=0) > 0]
    coefficients = {
        "fleiss_kappa": fleiss_kappa(used),
        "gwet_ac1": gwet_ac(chosen),
        "krippendorff_alpha": krippendorff_alpha(used, np.arange(used.shape[1], dtype=float), "nominal"),
    }
    frame = pd.DataFrame(
        {
            "item": list(ratings.items),
            "n": chosen.sum(axis=1).astype(int),
            "intended": ["; ".join(np.array(elements)[row]) for row in meant],
            "most_chosen": [elements[row.argmax()] if row.any() else None for row in chosen],
            "p_sa": p_sa,
            "c_sv": c_sv,
        }
    )
    votes = pd.DataFrame(
        chosen.astype(int), index=pd.Index(ratings.items, name="item"), columns=list(elements)
    )
    return AssignmentResult(frame, coefficients, votes, "modal" if wanted is None else "given")


def _intended(intended: Any, items: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(intended, dict) and not {"item", "element"} <= set(intended):
        own = {str(item): split_ids(value) for item, value in intended.items()}
    else:
        frame = item_frame(intended)
        own = dict(zip(frame["item"], frame["element"], strict=True))
    without = [item for item in items if not own.get(item)]
    if without:
        raise DataError(f"{len(without)} rated items have no intended element (first: {without[0]!r}).")
    return [own[item] for item in items]


def _mask(wanted: list[tuple[str, ...]], at: dict[str, int]) -> BoolArray:
    mask = np.zeros((len(wanted), len(at)), dtype=bool)
    for row, own in enumerate(wanted):
        mask[row, [at[element] for element in own]] = True
    return mask


def _modal(chosen: FloatArray) -> BoolArray:
    mask = np.zeros(chosen.shape, dtype=bool)
    mask[np.arange(chosen.shape[0]), chosen.argmax(axis=1)] = chosen.any(axis=1)
    return mask


def definitional_validity(
    ratings: IntoFrame,
    *,
    item: str,
    element: str,
    rating: str,
    intended: Any,
    scale: tuple[int, int] = (1, 7),
) -> pd.DataFrame:
    """Hinkin-Tracey task: raters say how well each item matches each element's definition (HTC and HTD).

    Parameters
    ----------
    ratings : DataFrame
        One row per item, element and rater.
    item, element, rating : str
        Columns.
    intended : ItemBank, DataFrame or mapping
        The element that each item is meant for; with several the first counts.
    scale : tuple of int, default (1, 7)
        Lowest and highest category.

    Returns
    -------
    pandas.DataFrame
        One row per item: ``item``, ``intended``, ``htc``, ``htd`` (Colquitt et al. 2019).

    Raises
    ------
    DataError
        Unknown columns, ratings off the scale, an item never rated against its own element, or one element only.
    """
    check_scale(scale)
    frame = to_pandas(ratings).reset_index(drop=True)
    frame[rating] = _ratings_of_definitions(frame, (item, element, rating), scale)
    means = frame.assign(**{item: frame[item].map(str), element: frame[element].map(str)}).pivot_table(
        index=item, columns=element, values=rating, aggfunc="mean", sort=False
    )
    items = tuple(means.index)
    own = [wanted[0] for wanted in _intended(intended, items)]
    absent = [
        i for i, e in zip(items, own, strict=True) if e not in means.columns or np.isnan(means.at[i, e])
    ]
    if absent:
        raise DataError(
            f"{len(absent)} items were not rated against their own element (first: {absent[0]!r})."
        )
    if means.shape[1] < 2:
        raise DataError("the items were rated against one element only; HTD needs a neighbouring element.")
    rows, columns = np.arange(len(items)), [means.columns.get_loc(e) for e in own]
    values = means.to_numpy(dtype=float, copy=True)
    target = values[rows, columns]
    values[rows, columns] = np.nan
    htc, htd = definitional_indices(target, values, float(scale[1]))
    return pd.DataFrame({"item": items, "intended": own, "htc": htc, "htd": htd})


def _ratings_of_definitions(
    frame: pd.DataFrame, columns: tuple[str, str, str], scale: tuple[int, int]
) -> FloatArray:
    require_columns(frame, columns)
    return scale_numbers(frame, columns[2], scale)
