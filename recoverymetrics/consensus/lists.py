"""Consensus lists from any source, and how their elements are matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.consensus.check import IN_PLAY, ConsensusResult
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import to_pandas

_COLUMNS = ("element", "label", "domain", "accepted", "agreement", "n", "n_agree")


@dataclass(frozen=True)
class ConsensusList:
    """Elements of one panel.

    Attributes
    ----------
    name : str
        Whose list.
    frame : pandas.DataFrame
        ``element``, ``label``, ``domain``, ``accepted`` (None without data), ``agreement``, ``n``, ``n_agree`` (NaN where unknown).
    note : str
        What the reader must know, for example that only some statements are published.
    categories : mapping
        Category of each element in a framework such as CHIME, where the source brings it.
    """

    name: str
    frame: pd.DataFrame = field(repr=False)
    note: str = ""
    categories: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def accepted(self) -> tuple[str, ...]:
        """Elements in the list."""
        return tuple(
            e
            for e, inside in zip(self.frame["element"], self.frame["accepted"], strict=True)
            if inside is True
        )


def read_list(source: Any, name: str | None, fallback: str) -> ConsensusList:
    """Read one list from a consensus result, an element set or a frame.

    Raises
    ------
    OptionError
        A result made with ``by=``.
    DataError
        A frame without identifiers.
    """
    if isinstance(source, ConsensusResult):
        if source.by is not None:
            raise OptionError(
                f"the result is split by {source.by}; give one group with .for_group(label): {', '.join(source.groups)}."
            )
        return ConsensusList(
            name or (source.name if source.name != "panel" else fallback), _from_result(source)
        )
    own_name = getattr(source, "name", "") or fallback
    frame = source.to_frame() if hasattr(source, "to_frame") else to_pandas(source)
    shown = name or str(own_name)
    return ConsensusList(
        shown, _from_frame(frame), _note(source, len(frame), shown), _categories(source, frame)
    )


CHIME = {
    "C": "Connectedness", "H": "Hope", "I": "Identity", "M": "Meaning", "E": "Empowerment", "T": "Transition",
}  # fmt: skip
"""Processes of CHIME (Leamy et al. 2011), and the one that experts by experience added (Guerrero et al. 2024)."""


def _categories(source: Any, frame: pd.DataFrame) -> dict[str, str]:
    """Category of each element: as proposed in the provenance of a published list, else the themes of the frame."""
    proposed = (getattr(source, "provenance", None) or {}).get("chime_proposed")
    if proposed is None:
        if "theme" not in frame.columns:
            return {}
        identifier = next(c for c in ("element_id", "element", "statement") if c in frame.columns)
        proposed = dict(zip(frame[identifier].map(str), frame["theme"], strict=True))
    known = {e: c for e, c in proposed.items() if isinstance(c, str) and c}
    return {element: CHIME.get(category, category) for element, category in known.items()}


def _from_result(result: ConsensusResult) -> pd.DataFrame:
    rows = result.frame
    accepted = [
        None if status == "no data" else bool(inside)
        for status, inside in zip(rows["status"], rows["consensus"], strict=True)
    ]
    present = rows["status"].isin(IN_PLAY)
    frame = pd.DataFrame(
        {
            "element": rows["statement"],
            "label": rows["label"].where(rows["label"].notna(), rows["statement"]),
            "domain": rows["domain"],
            "accepted": pd.Series(accepted, index=rows.index, dtype=object),
            "agreement": rows["agreement"],
            "n": rows["n"].astype(float),
            "n_agree": rows["n_agree"].astype(float),
        }
    )
    return frame[present].reset_index(drop=True)


def _from_frame(frame: pd.DataFrame) -> pd.DataFrame:
    identifier = next((c for c in ("element_id", "element", "statement") if c in frame.columns), None)
    if identifier is None:
        raise DataError(
            f"a list needs a column element_id; the columns are {', '.join(map(str, frame.columns))}."
        )
    n = len(frame)
    blank = pd.Series([np.nan] * n, index=frame.index)
    ids = frame[identifier].map(str)
    agreement = (
        frame["agreement"] if "agreement" in frame.columns else frame.get("agreement_pct", blank * 100) / 100
    )
    raters = frame.get("n", blank).astype(float)
    read = pd.DataFrame(
        {
            "element": ids,
            "label": frame.get("label", ids),
            "domain": frame.get("domain", pd.Series([None] * n, index=frame.index)),
            "accepted": pd.Series([True] * n, index=frame.index, dtype=object),
            "agreement": agreement.astype(float),
            "n": raters,
            "n_agree": (raters * agreement).round(),
        }
    )
    twice = read["element"][read["element"].duplicated()]
    if len(twice):
        raise DataError(f"element {twice.iloc[0]!r} is listed twice.")
    return read.reset_index(drop=True)


def _note(source: Any, n: int, name: str) -> str:
    """Say how much of a published list is known."""
    counts = (getattr(source, "provenance", None) or {}).get("counts")
    known = [row.get("n_consensus") for row in counts] if counts else []
    stated = [value for value in known if value is not None and value == value]
    if not stated or len(stated) < len(known):
        return f"{name}: {n} statements are known here; the length of the full list is not." if counts else ""
    return f"{name}: {n} of {int(sum(stated))} statements are known; shares refer to the known ones."


def read_matches(
    a: ConsensusList, b: ConsensusList, matches: Any, *, others: tuple[ConsensusList, ...] = ()
) -> tuple[pd.DataFrame, str]:
    """Pairs of matching elements with their degree, and how they were found.

    Parameters
    ----------
    a, b : ConsensusList
        The two lists.
    matches : DataFrame, sequence of pairs or None
        Given pairs, in either order; None matches by id or label.
    others : tuple of ConsensusList
        All lists compared: with more than two, a pair may belong to other lists than ``a`` and ``b``.

    Returns
    -------
    tuple
        Frame with ``a``, ``b``, ``degree`` (``matched`` or ``partly``), and a phrase.

    Raises
    ------
    DataError
        A pair that names unknown elements, an element matched twice, or an unknown degree.
    """
    if matches is None:
        return _own_matches(a, b)
    frame = _pairs(matches)
    known_a, known_b = set(a.frame["element"]), set(b.frame["element"])
    turned = frame["a"].isin(known_b) & frame["b"].isin(known_a) & ~frame["a"].isin(known_a)
    frame.loc[turned, ["a", "b"]] = frame.loc[turned, ["b", "a"]].to_numpy()
    anywhere = known_a | known_b | {e for own in others for e in own.frame["element"]}
    strange = [value for value in [*frame["a"], *frame["b"]] if value not in anywhere]
    if strange:
        raise DataError(f"the matches name {len(strange)} unknown elements (first: {strange[0]!r}).")
    across = frame["a"].isin(known_a) & frame["b"].isin(known_b)
    if len(others) <= 2 and not across.all():
        first = frame[~across].iloc[0]
        raise DataError(f"the match {first['a']!r} - {first['b']!r} joins two elements of the same list.")
    frame = frame[across]
    for side in ("a", "b"):
        twice = frame[side][frame[side].duplicated()]
        if len(twice):
            raise DataError(
                f"element {twice.iloc[0]!r} is matched more than once; match each element at most once."
            )
    return frame.reset_index(drop=True), "the given pairs"


def _pairs(matches: Any) -> pd.DataFrame:
    """Given pairs as text, with their degree."""
    frame = matches.copy() if isinstance(matches, pd.DataFrame) else pd.DataFrame([tuple(m) for m in matches])
    if not {"a", "b"} <= set(frame.columns):
        if frame.shape[1] < 2:
            raise DataError(
                "matches need two columns: the element of the first panel and that of the second."
            )
        frame = frame.iloc[:, :3]
        frame.columns = pd.Index(["a", "b", "degree"][: frame.shape[1]])
    degree = frame["degree"] if "degree" in frame.columns else pd.Series("full", index=frame.index)
    degree = degree.where(degree.notna(), "full")
    return pd.DataFrame({"a": frame["a"].map(str), "b": frame["b"].map(str), "degree": degree.map(_degree)})


def _degree(value: Any) -> str:
    words = {"full": "matched", "matched": "matched", "partial": "partly", "partly": "partly"}
    if value not in words:
        raise DataError(f"degree {value!r} of a match is unknown; write full or partial.")
    return words[value]


def _own_matches(a: ConsensusList, b: ConsensusList) -> tuple[pd.DataFrame, str]:
    shared = [e for e in a.frame["element"] if e in set(b.frame["element"])]
    if shared:
        return pd.DataFrame({"a": shared, "b": shared, "degree": "matched"}, dtype=object), "the same id"
    left, right = _keys(a), _keys(b)
    pairs = [(left[key], right[key], "matched") for key in left if key in right]
    return pd.DataFrame(pairs, columns=["a", "b", "degree"], dtype=object), "the same label within a domain"


def _keys(own: ConsensusList) -> dict[tuple[str, str], str]:
    rows = own.frame[["domain", "label", "element"]].itertuples(index=False)
    return {(str(d), " ".join(str(label).casefold().split())): str(e) for d, label, e in rows}
