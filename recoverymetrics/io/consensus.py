"""The two published consensus studies, as short labels of our own."""

from __future__ import annotations

import csv
from importlib import resources
from typing import Any, Literal, get_args

import pandas as pd

from recoverymetrics.errors import OptionError
from recoverymetrics.instrument import ElementSet
from recoverymetrics.references import cite

ConsensusStudy = Literal["professionals_2025", "experts_by_experience_2024"]

_CITATIONS = {"professionals_2025": "guerrero2025", "experts_by_experience_2024": "guerrero2024"}
_PANELS = {
    "professionals_2025": "recovery-oriented professionals from the six WHO regions",
    "experts_by_experience_2024": "users and survivors of psychiatry",
}


def load_consensus(study: ConsensusStudy) -> ElementSet:
    """Load the elements of recovery on which one of two Delphi panels agreed.

    Parameters
    ----------
    study : {"professionals_2025", "experts_by_experience_2024"}
        The panel of professionals or that of experts by experience.

    Returns
    -------
    ElementSet
        Elements that public abstracts name, in words of our own; not the complete lists of the studies.
        ``agreement`` is NaN: every element passed the 80 % rule, but its percentage is not public.
        ``provenance`` holds citation, doi, panel, panel_n, rounds, rule, labels and ``counts`` (per domain, the
        number of consensus statements and whether it is stated, inferred or unknown); ``.counts()`` tabulates
        them. ``provenance["chime_proposed"]`` maps elements to CHIME processes as proposed here.

    Raises
    ------
    OptionError
        Unknown study.

    Examples
    --------
    >>> elements = load_consensus("professionals_2025")
    >>> elements.domains
    ('definition', 'indicator', 'facilitator', 'barrier')
    >>> elements.provenance["panel_n"], bool(elements.to_frame()["agreement"].isna().all())
    (78, True)
    """
    if study not in get_args(ConsensusStudy):
        raise OptionError(
            f"unknown consensus study {study!r}; the studies are {', '.join(get_args(ConsensusStudy))}."
        )
    rows = [row for row in _rows("consensus_elements.csv") if row["study"] == study]
    return ElementSet.from_frame(pd.DataFrame(rows), name=study, provenance=_provenance(study, rows))


def _provenance(study: str, elements: list[dict[str, str]]) -> dict[str, Any]:
    counts = [row for row in _rows("consensus_counts.csv") if row["study"] == study]
    listed = {row["element_id"] for row in elements}
    chime = {r["element_id"]: r["chime_proposed"] or None for r in _rows("element_chime_proposed.csv")}
    reference = cite(_CITATIONS[study])
    return {
        "study": study,
        "citation": reference.citation,
        "doi": reference.doi or None,
        "panel": _PANELS[study],
        "panel_n": int(counts[0]["panel_n"]),
        "rounds": int(counts[0]["rounds"]),
        "rule": "at least 80 % of the panel rated the statement relevant or very relevant",
        "labels": "short paraphrases written for this library; elements named in public abstracts only",
        "agreement": "not public, therefore unknown",
        "counts": tuple(_count(row) for row in counts),
        "chime_proposed": {key: value for key, value in chime.items() if key in listed},
        "chime_note": "proposed by this library, not by the authors",
    }


def _count(row: dict[str, str]) -> dict[str, Any]:
    kind, _, detail = row["basis"].partition(":")
    return {
        "domain": row["domain"],
        "n_consensus": int(row["n_consensus"]) if row["n_consensus"] else None,
        "basis": kind,
        "basis_detail": detail.strip(),
        "source": row["source"],
    }


def _rows(name: str) -> list[dict[str, str]]:
    path = resources.files("recoverymetrics.io") / "data" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
