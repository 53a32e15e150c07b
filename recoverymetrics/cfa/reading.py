"""From any table to the sample that a model needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.model import (
    check_variables,
)
from recoverymetrics.cfa.sample import Sample, continuous_sample, mixed_sample, ordinal_sample
from recoverymetrics.cfa.sample_conditional import conditional_sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.cfa.table import Roles
from recoverymetrics.errors import OptionError
from recoverymetrics.instrument.frame import ItemData, read_items, to_pandas
from recoverymetrics.typing import FloatArray, GroupSpec, IntArray, IntoFrame


def read_model_data(data: IntoFrame, roles: Roles, group: GroupSpec) -> ItemData:
    """The model's observed variables from any table."""
    if isinstance(data, ItemData) or hasattr(data, "item_data"):
        whole = read_items(data, group=group)
        check_variables(roles, whole.items, ordered=(), categories=False)
        return whole.select(roles.observed)
    columns = column_names(data)
    if columns is not None:
        check_variables(roles, columns, ordered=(), categories=False)
    if isinstance(data, pd.DataFrame) and group is None:
        values = _plain_numbers(data, roles.observed)
        if values is not None:
            return ItemData(values, roles.observed)
    return read_items(data, items=list(roles.observed), group=group)


def _plain_numbers(data: pd.DataFrame, items: Sequence[str]) -> FloatArray | None:
    """The items as an array when every column is an ordinary numeric one; else None, and the careful way is taken."""
    columns = [data[item] for item in items]
    arrays = [column.to_numpy() for column in columns if isinstance(column, pd.Series)]
    if len(arrays) < len(items) or not len(data) or any(a.dtype.kind not in "fiu" for a in arrays):
        return None
    values = np.column_stack(arrays).astype(float, copy=False)
    return None if np.isinf(values).any() else values


def column_names(data: IntoFrame) -> list[str] | None:
    """Names of the columns of any table; None where it does not tell."""
    if isinstance(data, np.ndarray) and data.ndim == 2:
        return [f"item{j + 1}" for j in range(data.shape[1])]
    if isinstance(data, dict):
        return [str(name) for name in data]
    columns = getattr(data, "column_names", getattr(data, "columns", None))
    return None if columns is None or callable(columns) else [str(name) for name in columns]


def ordered_names(
    ordered: bool | Sequence[str], roles: Roles, columns: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The ordered items in model order; names that the data do not have are refused."""
    if isinstance(ordered, str):
        ordered = [ordered]
    if isinstance(ordered, bool):
        return roles.observed if ordered else ()
    chosen = set(ordered)
    strange = sorted(chosen - set(roles.observed) - set(columns or chosen))
    if strange:
        raise OptionError(f"ordered= names {strange[0]!r}, which is not a column of the data.")
    return tuple(name for name in roles.observed if name in chosen)


def given_names(
    roles: Roles, ordered: bool | Sequence[str], ordinal: Sequence[str], conditional_x: bool | None
) -> tuple[str, ...]:
    """Observed predictors that a model with ordered items is conditional on; none otherwise."""
    if conditional_x and not ordinal:
        raise OptionError(
            "conditional_x=True is for models with ordered items; predictors of continuous ones are given as they are."
        )
    if not ordinal or not roles.exogenous or conditional_x is False:
        return ()
    named = [name for name in roles.exogenous if name in ordinal and not isinstance(ordered, bool)]
    if named:
        raise OptionError(
            f"{named[0]!r} is a predictor and given as it is: leave it out of ordered= (and use 0/1 columns for its "
            "categories), or choose conditional_x=False."
        )
    return roles.exogenous


def read_design(
    data: IntoFrame, n: int, weights: str | Sequence[float] | None, cluster: str | Sequence[Any] | None
) -> tuple[FloatArray | None, IntArray | None]:
    """Weights and cluster numbers of all rows."""
    w = c = None
    if weights is not None:
        w = np.asarray(_column(data, weights, "weights"), dtype=float)
        if w.shape != (n,) or not np.isfinite(w).all() or (w <= 0).any():
            raise OptionError(f"weights= needs {n} positive numbers, one per row.")
    if cluster is not None:
        labels = pd.Series(np.asarray(_column(data, cluster, "cluster"), dtype=object))
        if len(labels) != n or labels.isna().any():
            raise OptionError(f"cluster= needs {n} labels, one per row and none missing.")
        c = np.unique(labels.astype(str), return_inverse=True)[1].ravel()
    return w, c


def _column(data: IntoFrame, source: str | Sequence[Any], name: str) -> Any:
    if not isinstance(source, str):
        return source
    frame = to_pandas(data)
    if source not in frame.columns:
        raise OptionError(f"{name}={source!r} is not a column of the data.")
    return frame[source].to_numpy()


def draw_sample(
    record: ItemData,
    spec: EstimatorSpec,
    ordinal: Sequence[str],
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
    given: Sequence[str] = (),
) -> Sample:
    """Sample statistics that the estimator needs, those of ordered models conditional on the variables ``given``."""
    robust = "robust_sem" if ordinal else "huber_white"
    if (weights is not None or cluster is not None) and spec.errors != robust:
        raise OptionError(
            f"weights= and cluster= need robust standard errors, which {spec.name} does not have: choose "
            "estimator='MLR' for continuous items, WLSMV, WLSM, ULSMV or ULSM with ordered ones."
        )
    if given:
        return conditional_sample(
            record, ordinal, given, missing=spec.missing, weights=weights, cluster=cluster
        )
    if ordinal:
        if len(ordinal) < record.n_items:
            return mixed_sample(record, ordinal, missing=spec.missing, weights=weights, cluster=cluster)
        return ordinal_sample(record, missing=spec.missing, weights=weights, cluster=cluster)
    sample = continuous_sample(record, missing=spec.missing, weights=weights, cluster=cluster)
    if spec.wishart:
        factor = sample.n / (sample.n - 1.0)
        return replace(sample, covariance=sample.covariance * factor[:, None, None])
    return sample
