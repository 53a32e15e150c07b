"""The short form of the refined scale: assembled on some persons, evaluated on the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from recoverymetrics.instrument import ItemData, Scale
from recoverymetrics.irt import fit_irt
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.refine import ShortForm, assemble_short_form
from recoverymetrics.refine.short_form.evaluation import score_agreement
from recoverymetrics.study.config import StudyConfig
from recoverymetrics.study.inputs import FEWEST_ITEMS, Inputs
from recoverymetrics.study.stages.content import ContentStage

FEWEST_COMPLETE = 30
"""Fewest complete answers of a region for an evaluation of its own."""


def make_short_form(
    inputs: Inputs, content: ContentStage, scale: Scale, pairs: pd.DataFrame, config: StudyConfig
) -> ShortForm | None:
    """Assemble a short form that still covers every element; None when the study asks for no length.

    Parameters
    ----------
    inputs : Inputs
        Responses and grouping.
    content : ContentStage
        Which items measure which elements.
    scale : Scale
        The refined scale; only its items can be chosen.
    pairs : pandas.DataFrame
        Dependent pairs (``item``, ``item_2``); at most one item of each is chosen.
    config : StudyConfig
        ``[short_form]``: length, share of held-out persons, items forced in or out.
    """
    wanted = config.short_form
    if wanted.length is None:
        return None
    calibration, holdout = split_persons(inputs, scale, wanted.holdout, config.study.seed)
    fits = {
        d: fit_irt(calibration.select(list(items)), "graded", se=None)
        for d, items in scale.factors.items()
        if len(items) >= FEWEST_ITEMS
    }
    if not fits:
        return None
    mapping = None if content.coverage is None else content.coverage.mapping
    offered = {item for d in fits for item in scale.factors[d]}
    kept = None if mapping is None else mapping[mapping["item"].isin(offered)]
    enemies = [
        (a, b) for a, b in zip(pairs["item"], pairs["item_2"], strict=True) if {a, b} <= set(scale.items)
    ]
    form = assemble_short_form(
        fits, length=wanted.length, mapping=kept, enemies=enemies, include=wanted.include, exclude=wanted.exclude
    )  # fmt: skip
    return replace(form, held_out=agreement_by_dimension(form, holdout, scale))


def agreement_by_dimension(form: ShortForm, holdout: ItemData, scale: Scale) -> pd.DataFrame:
    """Short and full scores of held-out persons within each dimension; dimensions are never added up.

    By region where every region has enough complete answers, else over all regions together.
    """
    frames = []
    for dimension, items in scale.factors.items():
        short = tuple(item for item in items if item in form.items)
        if len(short) < 2:
            continue
        everybody = holdout.select(list(items))
        record = everybody.complete()
        few = record.group is not None and any(
            len(values) < FEWEST_COMPLETE for _, values in record.by_group()
        )
        record = (
            ItemData(record.values, record.items)
            if few or len(record.groups) < len(holdout.groups)
            else record
        )
        if record.n >= FEWEST_COMPLETE:
            incomplete = _incomplete(everybody, grouped=record.group is not None)
            frames.append(_named(dimension, len(short), score_agreement(record, short), incomplete))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def split_persons(inputs: Inputs, scale: Scale, share: float, seed: int) -> tuple[ItemData, ItemData]:
    """Split the persons with answers at random into those who calibrate and those who are held out."""
    data = inputs.responses.item_data(inputs.grouping).select(list(scale.items))
    answered = np.flatnonzero(~np.isnan(data.values).all(axis=1))
    order = generator(seed).permutation(answered)
    cut = round(share * len(order))
    return data.take(np.sort(order[cut:])), data.take(np.sort(order[:cut]))


def _incomplete(record: ItemData, *, grouped: bool) -> list[int]:
    views = [values for _, values in record.by_group()] if grouped else [record.values]
    return [int(np.isnan(values).any(axis=1).sum()) for values in views]


def _named(dimension: str, n_items: int, table: pd.DataFrame, incomplete: list[int]) -> pd.DataFrame:
    named = table.assign(n_dropped=incomplete)
    named.insert(0, "dimension", dimension)
    named.insert(1, "n_items", n_items)
    return named
