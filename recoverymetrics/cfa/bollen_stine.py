"""Rows turned so that a model holds exactly in them, the population of the Bollen-Stine bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult

EXACT = 1e-7
"""Largest distance, in standard deviations, of the turned rows' moments from the implied ones."""
MAX_ROUNDS = 100


def turned_rows(result: CFAResult) -> tuple[FloatArray, ...]:
    """Rows of each group, transformed so that their (saturated) moments are the implied ones.

    Bollen and Stine (1992) with complete rows. With missing values every row is turned by the moments of the variables
    that it has (Savalei & Yuan 2009); as the saturated moments of rows turned one pattern at a time miss the implied
    ones by a little, what they miss is put on top of the target until they agree.

    Parameters
    ----------
    result : CFAResult
        Fitted model of continuous items.

    Raises
    ------
    DataError
        The rounds do not end, as with patterns of very few persons.
    """
    sample, state = result.sample, result.state
    mean = state.mu if result.moments.means else sample.mean
    if sample.patterns is None:
        return tuple(_turn(*parts) for parts in zip(
            sample.data, sample.mean, sample.covariance, mean, state.sigma, strict=True
        ))  # fmt: skip
    sd = np.sqrt(np.diagonal(state.sigma, axis1=1, axis2=2))
    target_mean, target = mean.copy(), state.sigma.copy()
    for _ in range(MAX_ROUNDS):
        blocks = tuple(_turn(*parts) for parts in zip(
            sample.data, sample.mean, sample.covariance, target_mean, target, strict=True
        ))  # fmt: skip
        got_mean, got = _saturated(result, blocks)
        short_mean, short = mean - got_mean, state.sigma - got
        gap = np.abs(short / sd[:, :, None] / sd[:, None, :]).max()
        if max(float(gap), float(np.abs(short_mean / sd).max())) < EXACT:
            return blocks
        target_mean, target = target_mean + short_mean, target + short
    raise DataError(
        "the incomplete rows cannot be turned so that the model holds in them; use kind='parametric', which keeps their "
        "missing values."
    )


def _turn(
    data: FloatArray, mean: FloatArray, covariance: FloatArray, new_mean: FloatArray, new: FloatArray
) -> FloatArray:
    """Give each row, by the variables that it has, the new mean and covariance."""
    seen = ~np.isnan(data)
    out = np.full_like(data, np.nan)
    kinds, which = np.unique(seen, axis=0, return_inverse=True)
    for k, mask in enumerate(kinds):
        rows, square = np.flatnonzero(which.ravel() == k), np.ix_(mask, mask)
        unit = np.linalg.solve(
            np.linalg.cholesky(covariance[square]), (data[np.ix_(rows, mask)] - mean[mask]).T
        )
        out[np.ix_(rows, mask)] = (np.linalg.cholesky(new[square]) @ unit).T + new_mean[mask]
    return out


def _saturated(result: CFAResult, blocks: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    from recoverymetrics.cfa.bootstrap import resample
    from recoverymetrics.cfa.saturated import fit_saturated

    sample = fit_saturated(resample(result, blocks), result.moments)[0]
    return sample.mean, sample.covariance
