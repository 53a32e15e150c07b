"""Covariates of a latent regression: columns read, coded and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import ItemData, to_pandas
from recoverymetrics.instrument.notes import rows_at
from recoverymetrics.typing import FloatArray, IntoFrame


@dataclass(frozen=True)
class Covariates:
    """Coded covariates of some persons.

    Attributes
    ----------
    names : tuple of str
        Columns.
    levels : tuple of tuple
        Levels of each categorical column, the first of which is the reference; empty for numbers.
    terms : tuple of str
        Names of the coded columns: the covariate, or covariate and level (``"site_b"``).
    values : ndarray, shape (n, R)
        Coded columns.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[Any, ...], ...]
    terms: tuple[str, ...]
    values: FloatArray


def covariate_names(covariates: Sequence[str] | str | IntoFrame) -> tuple[str, ...] | None:
    """Names when ``covariates`` are columns of the data, None when they are a table of their own."""
    if isinstance(covariates, str):
        return (covariates,)
    if isinstance(covariates, Sequence) and all(isinstance(name, str) for name in covariates):
        return tuple(covariates)
    return None


def read_covariates(data: IntoFrame, covariates: Sequence[str] | str | IntoFrame, n: int) -> Covariates:
    """Code the covariates of a calibration.

    Raises
    ------
    DataError
        Unknown columns, missing values (rows are named), another number of rows, linear dependence.
    """
    names = covariate_names(covariates)
    frame = to_pandas(covariates) if names is None else select_columns(data, names)
    if len(frame) != n:
        raise DataError(f"the covariates have {len(frame)} rows for {n} persons.")
    levels = tuple(_levels(frame[name]) for name in frame.columns)
    coded = code_covariates(frame, tuple(map(str, frame.columns)), levels)
    X = np.column_stack([np.ones(n), coded.values])
    scale = np.maximum(np.abs(X).max(axis=0), 1e-300)
    if np.linalg.matrix_rank(X / scale) < X.shape[1]:
        raise DataError(
            f"the covariates ({', '.join(coded.terms)}) are linearly dependent, or one is constant; leave one out."
        )
    return coded


def select_columns(data: IntoFrame, names: Sequence[str]) -> pd.DataFrame:
    """Columns of a table by name."""
    if isinstance(data, ItemData) or hasattr(data, "item_data"):
        raise DataError(
            "these responses carry items only; pass the covariates as a table, covariates=frame[[...]]."
        )
    frame = to_pandas(data)
    for name in names:
        if name not in frame.columns:
            raise DataError(
                f"there is no covariate {name!r}; the columns are {', '.join(map(str, frame.columns))}."
            )
    return frame[list(names)]


def code_covariates(
    frame: pd.DataFrame, names: tuple[str, ...], levels: tuple[tuple[Any, ...], ...]
) -> Covariates:
    """Code columns by known levels; indicators of all levels but the first."""
    terms, parts = [], []
    for name, known in zip(names, levels, strict=True):
        column = frame[name]
        absent = np.flatnonzero(column.isna().to_numpy())
        if absent.size:
            raise DataError(
                f"covariate {name!r} is missing in {rows_at(absent)}; impute it or leave these persons out."
            )
        if not known:
            parts.append(_numbers(column, name)[:, None])
            terms.append(name)
            continue
        unknown = np.flatnonzero(~column.isin(known).to_numpy())
        if unknown.size:
            raise DataError(
                f"covariate {name!r} has the unknown level {column.iloc[unknown[0]]!r} in {rows_at(unknown)}; the "
                f"calibrated levels are {', '.join(map(str, known))}."
            )
        parts.append(np.column_stack([(column == level).to_numpy(dtype=float) for level in known[1:]]))
        terms += [f"{name}_{level}" for level in known[1:]]
    return Covariates(names, levels, tuple(terms), np.column_stack(parts))


def _levels(column: pd.Series[Any]) -> tuple[Any, ...]:
    """Levels of a categorical column in order; empty for numbers."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = set(column.dropna())
        levels = tuple(level for level in column.cat.categories if level in used)
    elif pd.api.types.is_numeric_dtype(column):
        return ()
    else:
        levels = tuple(sorted(column.dropna().unique(), key=str))
    if len(levels) == 1:
        raise DataError(f"covariate {column.name!r} is {levels[0]!r} for everybody; leave it out.")
    return levels


def _numbers(column: pd.Series[Any], name: str) -> FloatArray:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise DataError(f"covariate {name!r} is no finite number in {rows_at(wrong)}.")
    return np.asarray(values, dtype=float)
