"""Score-based tests of parameter instability along a variable (Zeileis & Hornik 2007; Merkle & Zeileis 2013).

The casewise derivatives of a log-likelihood, summed in the order of a variable, wander like a Brownian bridge when
the parameters are the same for everybody. What is chosen is how the path is condensed to one number:

========================  =======================  ==============================================================
kind                      variable                 statistic
========================  =======================  ==============================================================
``max_lm``                numeric                  largest LM statistic over all cut points inside the trimming
``cvm``                   numeric                  mean squared length of the path
``double_max``            numeric                  largest absolute excursion of any parameter
``ordered_max_lm``        ordered, few categories  largest LM statistic over the cuts between categories
``ordered_double_max``    ordered, few categories  largest standardised excursion of any parameter over these cuts
``lm``                    categories, no order     sum of squared increments over the categories (chi-square)
========================  =======================  ==============================================================

The statistics test the parameters whose scores are passed. To test some of them, the others being estimated and
taken as stable, pass their columns of the scores and their block of the information.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.stats import chi2

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.numerics.fluctuation_limits import (
    cramer_von_mises_p_value,
    double_max_p_value,
    max_lm_p_value,
    ordered_double_max_p_value,
    ordered_max_lm_p_value,
)
from recoverymetrics.typing import FloatArray

FluctuationKind = Literal["max_lm", "cvm", "double_max", "lm", "ordered_max_lm", "ordered_double_max"]


@dataclass(frozen=True)
class FluctuationProcess:
    """Cumulated scores, decorrelated and scaled to a Brownian bridge.

    Attributes
    ----------
    values : ndarray, shape (m + 1,)
        Distinct values of the ordering variable, rising.
    times : ndarray, shape (m,)
        Share of the persons up to and with each value but the last.
    path : ndarray, shape (m, k)
        The process at these times; it is zero at both ends.
    n : int
        Persons.
    """

    values: FloatArray
    times: FloatArray
    path: FloatArray
    n: int

    @property
    def lm(self) -> FloatArray:
        """LM statistic of one change at each time, shape (m,)."""
        value: FloatArray = np.sum(self.path**2, axis=1) / (self.times * (1 - self.times))
        return value


@dataclass(frozen=True)
class FluctuationTest:
    """Outcome of one test.

    Attributes
    ----------
    kind : str
        The statistic.
    statistic, p_value : float
        Value and asymptotic p value.
    n_parameters : int
        Dimension ``k`` of the process.
    cut : float
        Last value before the cut with the largest LM statistic (the one before the largest excursion for the
        double maximum kinds); NaN for categories without order.
    process : FluctuationProcess
        The path behind the number.
    """

    kind: FluctuationKind
    statistic: float
    p_value: float
    n_parameters: int
    cut: float
    process: FluctuationProcess


def fluctuation_process(
    scores: FloatArray, order: FloatArray, information: FloatArray | None = None
) -> FluctuationProcess:
    """Cumulate scores along a variable; tied persons enter together, so their order does not matter.

    Parameters
    ----------
    scores : ndarray, shape (n, k)
        Casewise derivatives of the log-likelihood at its maximum (columns sum to zero).
    order : ndarray, shape (n,)
        Numbers to sort by.
    information : ndarray, shape (k, k), optional
        Information of the whole sample about these parameters; by default the cross-product of the scores. A
        singular one is reduced to its rank.

    Raises
    ------
    DataError
        Lengths differ, missing values, a variable with one value.
    """
    S, v = np.asarray(scores, dtype=float), np.asarray(order, dtype=float)
    if S.ndim != 2 or v.shape != (S.shape[0],):
        raise DataError(f"scores have shape {S.shape} and the ordering variable {v.shape}; they must match.")
    if not (np.isfinite(S).all() and np.isfinite(v).all()):
        raise DataError("scores and ordering variable must be finite; leave out persons with missing values.")
    values, which = np.unique(v, return_inverse=True)
    if values.size < 2:
        raise DataError("the ordering variable has one value; there is nothing to compare.")
    n = S.shape[0]
    J = (S.T @ S if information is None else np.asarray(information, dtype=float)) / n
    totals = np.zeros((values.size, S.shape[1]))
    np.add.at(totals, np.asarray(which).ravel(), S)
    shares = np.cumsum(np.bincount(np.asarray(which).ravel()))[:-1] / n
    path = np.cumsum(totals, axis=0)[:-1] @ _inverse_root(J) / np.sqrt(n)
    return FluctuationProcess(values, shares, path, n)


def _inverse_root(J: FloatArray) -> FloatArray:
    """Symmetric inverse square root; a basis of the range when the matrix is singular."""
    values, vectors = np.linalg.eigh(J)
    kept = values > 1e-10 * values[-1]
    root: FloatArray = vectors[:, kept] / np.sqrt(values[kept])
    return root @ vectors.T if kept.all() else root


def fluctuation_test(
    scores: FloatArray,
    order: FloatArray,
    *,
    kind: FluctuationKind = "max_lm",
    information: FloatArray | None = None,
    trim: float = 0.1,
) -> FluctuationTest:
    """Test whether parameters are the same along a variable.

    Parameters
    ----------
    scores : ndarray, shape (n, k)
        Casewise derivatives of the log-likelihood at its maximum.
    order : ndarray, shape (n,)
        Ordering variable; codes of the categories (any numbers) for ``kind="lm"``.
    kind : str, default "max_lm"
        Statistic; see the module.
    information : ndarray, shape (k, k), optional
        Information of the whole sample; the cross-product of the scores by default.
    trim : float, default 0.1
        Share of persons at either end where ``max_lm`` does not look for a change.

    Raises
    ------
    OptionError
        Unknown kind, trimming outside (0, 0.5).
    DataError
        See ``fluctuation_process``; no cut point inside the trimming.

    Examples
    --------
    >>> rng = np.random.default_rng(5)
    >>> x = rng.standard_normal((400, 1)) + np.repeat([[0.0], [0.6]], 200, axis=0)
    >>> test = fluctuation_test(x - x.mean(), np.arange(400.0))
    >>> test.p_value < 0.001, 150 < test.cut < 250
    (True, True)
    """
    if kind not in get_args(FluctuationKind):
        raise OptionError(
            f"unknown statistic {kind!r}; choose one of {', '.join(get_args(FluctuationKind))}."
        )
    if not 0 < trim < 0.5:
        raise OptionError(f"trim={trim} must lie between 0 and 0.5.")
    process = fluctuation_process(scores, order, information)
    statistic, p_value, cut = _condensed(process, kind, trim)
    return FluctuationTest(kind, statistic, p_value, process.path.shape[1], cut, process)


def _condensed(process: FluctuationProcess, kind: str, trim: float) -> tuple[float, float, float]:
    """Statistic, p value and cut."""
    path, t, k = process.path, process.times, process.path.shape[1]
    if kind == "lm":
        steps = np.diff(np.vstack([np.zeros((1, k)), path, np.zeros((1, k))]), axis=0)
        shares = np.diff(np.concatenate([[0.0], t, [1.0]]))
        value = float(np.sum(steps**2 / shares[:, None]))
        return value, float(chi2.sf(value, k * t.size)), float("nan")
    if kind == "cvm":
        length = np.sum(path**2, axis=1)
        value = float(length @ np.diff(np.concatenate([t, [1.0]])))
        return value, cramer_von_mises_p_value(value, k), float(process.values[int(np.argmax(process.lm))])
    if kind == "max_lm":
        inside = (t >= trim) & (t <= 1 - trim)
        if not inside.any():
            raise DataError(
                "no value of the ordering variable lies inside the trimming; use kind='ordered_max_lm'."
            )
        curve = np.where(inside, process.lm, -np.inf)
        value = float(curve.max())
        p_value = max_lm_p_value(value, k, trim, 1 - trim)
    elif kind == "ordered_max_lm":
        curve = process.lm
        value = float(curve.max())
        p_value = ordered_max_lm_p_value(value, k, t)
    elif kind == "double_max":
        curve = np.abs(path).max(axis=1)
        value = float(curve.max())
        p_value = double_max_p_value(value, k)
    else:
        curve = np.abs(path).max(axis=1) / np.sqrt(t * (1 - t))
        value = float(curve.max())
        p_value = ordered_double_max_p_value(value, k, t)
    return value, p_value, float(process.values[int(np.argmax(curve))])
