"""Array aliases and the option names that several packages share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ObjectArray: TypeAlias = npt.NDArray[np.object_]

IntoFrame: TypeAlias = Any
"""A pandas, polars or pyarrow table, a mapping of columns, or a two-dimensional array."""

Seed: TypeAlias = int | np.random.Generator | None
Workers: TypeAlias = Any
"""``None`` (serial), an int (processes on this machine) or a ``dask.distributed.Client``."""

GroupSpec: TypeAlias = str | Sequence[Any] | npt.NDArray[Any] | None
Region = Literal["AFR", "AMR", "SEAR", "EUR", "EMR", "WPR"]
REGIONS: tuple[Region, ...] = ("AFR", "AMR", "SEAR", "EUR", "EMR", "WPR")
