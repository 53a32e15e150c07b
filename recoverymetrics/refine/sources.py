"""Read what each kind of result says about each item, as columns of the evidence table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import OptionError
from recoverymetrics.instrument import Scale


def item_frame(name: str, result: Any, scale: Scale) -> pd.DataFrame:
    """Turn one source of ``gather_evidence`` into a frame with a column ``item``.

    Raises
    ------
    OptionError
        A result object under a name that the library does not know how to read.
    """
    if isinstance(result, pd.DataFrame):
        return result
    if name not in _READERS:
        raise OptionError(
            f"evidence {name!r} is not a frame, and the known results are {', '.join(_READERS)}."
        )
    return _READERS[name](result, scale)


def read_screening(result: Any, scale: Scale) -> pd.DataFrame:
    """Missing answers, share of the more frequent extreme category (with three or more), smallest category in any group."""
    table = result.tidy()
    overall = table[table["group"] == "all"] if "group" in table else table
    frame = overall[["item"]].assign(missing=overall["missing"].to_numpy())
    extreme = overall[["floor", "ceiling"]].max(axis=1)
    frame["extreme"] = extreme.where(overall["n_categories"] > 2).to_numpy()
    smallest = table.groupby("item")["min_count"].min()
    return frame.assign(min_category_n=frame["item"].map(smallest).to_numpy())


def read_reliability(result: Any, scale: Scale) -> pd.DataFrame:
    """Corrected item-total correlation: mean over groups and the lowest of any group."""
    table = result.items
    by_item = table.groupby("item", sort=False)["r_drop"]
    frame = pd.DataFrame({"r_drop": by_item.mean(), "r_drop_lowest": by_item.min()})
    if "group" in table:
        frame["r_drop_lowest_detail"] = table.loc[by_item.idxmin(), "group"].astype(str).to_numpy()
    return frame.rename_axis("item").reset_index()


def read_efa(result: Any, scale: Scale) -> pd.DataFrame:
    """Largest loading on a factor other than the item's main one, and the communality."""
    size = np.sort(np.abs(result.loadings.to_numpy(dtype=float)), axis=1)
    cross = size[:, -2] if size.shape[1] > 1 else np.zeros(len(size))
    frame = pd.DataFrame(
        {"item": list(result.loadings.index), "efa_loading": size[:, -1], "cross_loading": cross}
    )
    return frame.assign(communality=result.communalities["communality"].to_numpy(dtype=float))


def read_cfa(result: Any, scale: Scale) -> pd.DataFrame:
    """Standardised loading, averaged over groups; the lowest loading where an item has several."""
    table = result.tidy()
    loadings = table[(table["op"] == "=~") & table["rhs"].isin(scale.items)]
    values = loadings.groupby("rhs", sort=False)["std_all"].mean()
    return values.rename_axis("item").rename("loading").reset_index()


def read_dif(result: Any, scale: Scale) -> pd.DataFrame:
    """Whether the item functions differently, how much, and where most."""
    table = result.tidy()
    frame = pd.DataFrame(
        {
            "item": table["item"],
            "dif": table["flagged"].astype(bool),
            "dif_effect": table["effect_size"].where(table["flagged"], 0.0),
        }
    )
    if "largest_group" in table:
        words = (
            "most in " + table["largest_group"].astype(str) + table["effect_size"].map(", {:.2f} SD".format)
        )
        frame["dif_detail"] = words.where(frame["dif"], "")
    return frame


def read_content(result: Any, scale: Scale) -> pd.DataFrame:
    """Content validity index of the item."""
    table: pd.DataFrame = result.tidy()[["item", "i_cvi"]]
    return table


def read_coverage(result: Any, scale: Scale) -> pd.DataFrame:
    """How many consensus elements the item measures."""
    counts = result.items[["item", "n_elements"]]
    kept = counts[counts["item"].isin(scale.items)].reset_index(drop=True)
    names = result.mapping.groupby("item")["element"].agg("; ".join)
    return kept.assign(no_element=kept["n_elements"] == 0, elements_detail=kept["item"].map(names).fillna(""))


_READERS: dict[str, Callable[[Any, Scale], pd.DataFrame]] = {
    "screening": read_screening,
    "reliability": read_reliability,
    "efa": read_efa,
    "cfa": read_cfa,
    "dif": read_dif,
    "content": read_content,
    "coverage": read_coverage,
}
