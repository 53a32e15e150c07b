"""Hints on wording: each names its rule, none decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from recoverymetrics.content.reading import item_frame
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError

TERMS: Mapping[str, tuple[str, ...]] = {
    "clinical": (
        "symptom*", "diagnos*", "disorder*", "illness*", "disease*", "patient*", "relaps*", "remission", "psychos*",
        "psychotic", "schizophreni*", "depressi*", "medication*", "treatment*", "hospital*", "clinical*",
        "hallucinat*", "delusion*", "episode*",
    ),
    "deficit": (
        "deficit*", "dysfunction*", "impair*", "abnormal*", "unable", "incapable", "fail*", "burden*", "suffer*",
        "weak*", "problem*", "insight",
    ),
    "compliance": (
        "complian*", "comply", "complies", "adher*", "as prescribed", "as agreed", "obey*", "cooperat*", "follow advice",
        "take my medication", "non-complian*",
    ),
    "productivity": (
        "productiv*", "employ*", "paid work", "earn*", "perform*", "efficien*", "function*", "independent living", "career*",
    ),
}  # fmt: skip
"""Word lists by rule; ``*`` stands for any ending. Give your own with ``terms=``."""

_NEGATION = re.compile(
    r"\b(?:not|no|never|nobody|nothing|none|neither|nor|without|cannot|\w+n['’]t)\b", re.IGNORECASE
)
_CONJUNCTION = re.compile(r"\b(?:and|or|as well as|but)\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")


@dataclass(frozen=True)
class WordingResult(AbstractResult):
    """Hints on the wording of items.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per hint.
    items : pandas.DataFrame
        One row per item with reading ease and number of words and hints.
    rules : tuple of str
        Word lists in use.
    """

    frame: pd.DataFrame = field(repr=False)
    items: pd.DataFrame = field(repr=False)
    rules: tuple[str, ...] = tuple(TERMS)

    def tidy(self) -> pd.DataFrame:
        """One row per hint: item, ``rule``, the words that set it off, and what to consider."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: items with hints, and the share of items per word list."""
        n = len(self.items)
        row: dict[str, Any] = {
            "n_items": n,
            "n_hints": len(self.frame),
            "n_items_with_hints": self.frame["item"].nunique(),
        }
        row |= {
            f"share_{rule}": self.frame.loc[self.frame["rule"] == rule, "item"].nunique() / n
            for rule in self.rules
        }
        return pd.DataFrame([row | {"reading_ease_mean": float(self.items["reading_ease"].mean())}])

    def _title(self) -> str:
        return "Wording screen: hints, not verdicts"

    def _tables(self) -> tuple[Table, ...]:
        note = "Rules are for English. Reading ease: Flesch (1948), higher is easier; below 60 is a hint."
        return (Table("Overview", self.glance(), notes=(note,)), Table("Hints", self.tidy()))


def screen_wording(
    items: Any,
    *,
    terms: Mapping[str, Sequence[str]] | None = None,
    lowest_reading_ease: float = 60.0,
    most_words: int = 20,
) -> WordingResult:
    """Look for wording that a panel may want to reconsider.

    Parameters
    ----------
    items : ItemBank, DataFrame or mapping of id to text
        Items with their text, in English.
    terms : mapping of rule to words, optional
        Word lists; by default clinical, deficit, compliance and productivity terms.
    lowest_reading_ease : float, default 60
        Flesch reading ease below this is a hint.
    most_words : int, default 20
        More words than this are a hint.

    Returns
    -------
    WordingResult

    Raises
    ------
    DataError
        No item has a text.

    Examples
    --------
    >>> screen_wording({"q1": "My symptoms do not bother me."}).tidy()["rule"].tolist()
    ['clinical', 'negated']
    """
    table = item_frame(items)
    named = table[table["text"].notna()]
    if named.empty:
        raise DataError("no item has a text to screen; load the wording.")
    patterns = {rule: _pattern(words) for rule, words in (TERMS if terms is None else terms).items()}
    rows, shown = [], []
    for item, text in zip(named["item"], named["text"].map(str), strict=True):
        ease, n_words = reading_ease(text), len(_WORD.findall(text))
        hints = [*_hints(text, patterns), *_measures(ease, n_words, lowest_reading_ease, most_words)]
        rows += [(item, *hint) for hint in hints]
        shown.append((item, text, n_words, ease, len(hints)))
    return WordingResult(
        pd.DataFrame(rows, columns=["item", "rule", "found", "consider"]),
        pd.DataFrame(shown, columns=["item", "text", "n_words", "reading_ease", "n_hints"]),
        tuple(patterns),
    )


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    parts = [re.escape(word).replace(r"\*", r"\w*") for word in words]
    return re.compile(r"\b(?:" + "|".join(parts) + r")\b", re.IGNORECASE)


_CONSIDER = {
    "clinical": "names illness or treatment; would people who do not use these words answer it?",
    "deficit": "says what is lacking; can it say what is there?",
    "compliance": "values following instructions; can it value choice?",
    "productivity": "values output or function; is that what the element means?",
}


def _hints(text: str, patterns: Mapping[str, re.Pattern[str]]) -> list[tuple[str, str, str]]:
    hints = [
        (rule, ", ".join(dict.fromkeys(found)), _CONSIDER.get(rule, "is on the list of terms"))
        for rule, pattern in patterns.items()
        if (found := pattern.findall(text))
    ]
    negations = _NEGATION.findall(text)
    if negations:
        what = (
            "two negations; say it positively"
            if len(negations) > 1
            else "negated; agreeing to a negation is hard"
        )
        hints.append(("negated" if len(negations) == 1 else "double negation", ", ".join(negations), what))
    joined = _CONJUNCTION.findall(text)
    if joined and _two_claims(text):
        hints.append(("double-barrelled", ", ".join(joined), "may ask two things at once; split it?"))
    return hints


def _two_claims(text: str) -> bool:
    """A conjunction inside the sentence with at least two words on each side."""
    return any(
        len(_WORD.findall(text[: m.start()])) >= 2 and len(_WORD.findall(text[m.end() :])) >= 1
        for m in _CONJUNCTION.finditer(text)
    )


def _measures(ease: float, n_words: int, lowest: float, most: int) -> list[tuple[str, str, str]]:
    hints = []
    if ease < lowest:
        hints.append(
            (
                "reading ease",
                f"{ease:.0f}",
                f"Flesch reading ease below {lowest:g}; shorter words or sentences?",
            )
        )
    if n_words > most:
        hints.append(("long", f"{n_words} words", f"more than {most} words"))
    return hints


def reading_ease(text: str) -> float:
    """Flesch reading ease, 206.835 - 1.015 words per sentence - 84.6 syllables per word (Flesch 1948).

    Syllables are counted by groups of vowels, a silent final e left out; good to about one in ten.

    Examples
    --------
    >>> round(reading_ease("I have hope."), 1)
    119.2
    """
    words = _WORD.findall(text)
    if not words:
        return float("nan")
    sentences = max(len(_SENTENCE.findall(text)), 1)
    syllables = sum(_syllables(word) for word in words)
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)


def _syllables(word: str) -> int:
    lower = word.lower()
    groups = len(re.findall(r"[aeiouy]+", lower))
    silent = lower.endswith("e") and not lower.endswith(("le", "ee")) and groups > 1
    return max(groups - int(silent), 1)
