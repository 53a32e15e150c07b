"""A calibrated model as data: what every function after the fit works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import ItemData, read_items, to_pandas
from recoverymetrics.irt.covariates import code_covariates, select_columns
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.likelihood import Problem
from recoverymetrics.irt.responses import CodedResponses, code_responses
from recoverymetrics.irt.spec import IRTSpec
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame


@dataclass(frozen=True)
class Calibration:
    """Request, data and likelihood of a fit.

    Attributes
    ----------
    spec : IRTSpec
        What was asked for.
    coded : CodedResponses
        The calibration sample.
    problem : Problem
        Layout, patterns, nodes and priors.
    """

    spec: IRTSpec
    coded: CodedResponses
    problem: Problem

    @property
    def layout(self) -> Layout:
        """Parameter slots."""
        return self.problem.layout


@dataclass(frozen=True)
class Estimated:
    """Calibration with its estimates; the argument of all functions after the fit.

    Attributes
    ----------
    calibration : Calibration
        Request, data and likelihood.
    x : ndarray, shape (p,)
        Free parameters.
    """

    calibration: Calibration
    x: FloatArray

    @property
    def layout(self) -> Layout:
        """Parameter slots."""
        return self.calibration.layout

    @property
    def problem(self) -> Problem:
        """Layout, patterns, nodes and priors."""
        return self.calibration.problem

    @property
    def coded(self) -> CodedResponses:
        """The calibration sample."""
        return self.calibration.coded

    @property
    def extended(self) -> FloatArray:
        """Free parameters followed by constants."""
        return self.layout.extend(self.x)


def group_index(layout: Layout, group: str | None) -> int:
    """Position of a group label; the first group by default.

    Raises
    ------
    DataError
        Unknown label.
    """
    if group is None:
        return 0
    if group not in layout.groups:
        raise DataError(f"there is no group {group!r}; the groups are {', '.join(layout.groups)}.")
    return layout.groups.index(group)


def code_new(est: Estimated, data: IntoFrame | None, group: GroupSpec) -> CodedResponses:
    """Code data for scoring: the calibration sample when ``data`` is None.

    Raises
    ------
    DataError
        Items of the calibration that are not in the data, unknown groups, categories never calibrated.
    """
    if data is None:
        return est.coded
    record = _read(est, data, group)
    coded = code_responses(record, categories=est.coded.categories)
    covariates = est.coded.covariates
    if covariates is not None:
        frame = select_columns(data, covariates.names)
        covariates = code_covariates(frame, covariates.names, covariates.levels)
    known = est.layout.groups
    if len(known) == 1:
        return CodedResponses(
            coded.items,
            coded.categories,
            coded.codes,
            np.zeros_like(coded.group),
            known,
            coded.weights,
            covariates,
        )
    unknown = [label for label in coded.groups if label not in known]
    if unknown:
        raise DataError(
            f"group {unknown[0]!r} is not one of the calibrated groups ({', '.join(known)}); pass group= with known "
            "labels."
        )
    index = np.array([known.index(label) for label in coded.groups])[coded.group]
    return CodedResponses(coded.items, coded.categories, coded.codes, index, known, coded.weights)


def _read(est: Estimated, data: IntoFrame, group: GroupSpec) -> ItemData:
    items = est.layout.items
    many = len(est.layout.groups) > 1
    column = group if group is not None else est.calibration.spec.group
    if isinstance(data, ItemData):
        return read_items(data, items=items)
    if hasattr(data, "item_data"):
        return read_items(data, items=items, group=(column or "group") if many else None)
    frame = to_pandas(data)
    if many and column is None:
        raise DataError(
            f"the model has {len(est.layout.groups)} groups; name the group column of the new data with group=."
        )
    return read_items(frame, items=items, group=column if many else None)
