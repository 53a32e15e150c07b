"""``equate_scores``: equating of observed scores, with or without an anchor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.irt.equating import kernel
from recoverymetrics.irt.equating.result import EquatingResult
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import FloatArray, IntArray, Seed

EquatingMethod = Literal["mean", "linear", "equipercentile", "chained", "frequency_estimation"]
ANCHORED = ("chained", "frequency_estimation")


@dataclass(frozen=True)
class LogLinear:
    """Log-linear presmoothing of score distributions.

    Parameters
    ----------
    degree : int or "aic", default "aic"
        Number of moments that are kept; with ``"aic"`` the best of 2 to ``largest``.
    largest : int, default 6
        Largest degree tried.
    """

    degree: int | Literal["aic"] = "aic"
    largest: int = 6

    def __post_init__(self) -> None:
        """Check the values."""
        if self.degree != "aic" and (not isinstance(self.degree, int) or self.degree < 1):
            raise OptionError(f"degree={self.degree!r} must be a whole number from 1 or 'aic'.")

    def smooth(self, counts: FloatArray) -> FloatArray:
        """Smoothed proportions."""
        if self.degree != "aic":
            return kernel.log_linear(counts, min(self.degree, counts.size - 1))[0]
        tried = [kernel.log_linear(counts, d) for d in range(2, min(self.largest, counts.size - 1) + 1)]
        return min(tried, key=lambda found: found[1])[0]


@dataclass(frozen=True)
class _Form:
    """Scores of one group on its form and, with an anchor design, on the anchor."""

    scores: IntArray
    anchor: IntArray | None

    def take(self, rows: IntArray) -> _Form:
        return _Form(self.scores[rows], None if self.anchor is None else self.anchor[rows])


def equate_scores(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    method: EquatingMethod = "equipercentile",
    anchors: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    largest: tuple[int, int] | None = None,
    paired: bool = False,
    smoothing: LogLinear | None = None,
    share: float = 0.5,
    n_draws: int = 0,
    seed: Seed = None,
) -> EquatingResult:
    """Equate sum scores of two forms (Kolen & Brennan 2014).

    Parameters
    ----------
    first, second : array-like of int
        Sum scores, counted from zero, of the persons who took the first and the second form: equivalent groups, or
        the same persons (``paired``), or with ``anchors`` any two groups.
    method : str, default "equipercentile"
        ``"mean"``, ``"linear"`` or ``"equipercentile"`` without an anchor; ``"chained"`` equipercentile or
        ``"frequency_estimation"`` with one.
    anchors : pair of array-like of int, optional
        Scores of both groups on the common items.
    largest : pair of int, optional
        Highest possible scores of the two forms; by default the highest observed.
    paired : bool, default False
        Both scores come from the same persons, so the bootstrap draws persons and not scores.
    smoothing : LogLinear, optional
        Presmoothing, for ``"equipercentile"`` and ``"chained"``.
    share : float, default 0.5
        Weight of the first population in the synthetic one of ``"frequency_estimation"``.
    n_draws : int, default 0
        Bootstrap samples for standard errors.
    seed : int or Generator, optional
        For the bootstrap.

    Returns
    -------
    EquatingResult

    Raises
    ------
    DataError
        Scores that are not whole numbers from zero, lengths that do not match.
    OptionError
        Unknown method, an anchor missing or too many, smoothing where there is none.

    Examples
    --------
    The classical example: proportions .2 .3 .2 .2 .1 against .1 .2 .2 .3 .2.

    >>> x, y = np.repeat(np.arange(5), [2, 3, 2, 2, 1]), np.repeat(np.arange(5), [1, 2, 2, 3, 2])
    >>> equate_scores(x, y).equated.round(4).tolist()
    [0.5, 1.75, 2.8333, 3.5, 4.25]
    """
    _check_options(method, anchors is not None, smoothing, share)
    forms = [
        _form(scores, None if anchors is None else anchors[k], name)
        for k, (scores, name) in enumerate(((first, "first"), (second, "second")))
    ]
    if paired and forms[0].scores.size != forms[1].scores.size:
        raise DataError("paired scores need one score on each form for every person.")
    tops = _largest(forms, largest)
    equate = _equating(method, tops, smoothing, share)
    value = equate(*forms)
    error = np.full(value.size, np.nan)
    if n_draws:
        error = _bootstrap(equate, forms, paired, n_draws, seed)
    return EquatingResult(
        method, np.arange(value.size, dtype=float), value, error, forms[0].scores.size, forms[1].scores.size
    )


def _check_options(method: str, anchored: bool, smoothing: LogLinear | None, share: float) -> None:
    if method not in get_args(EquatingMethod):
        raise OptionError(
            f"unknown equating method {method!r}; choose one of {', '.join(get_args(EquatingMethod))}."
        )
    if anchored != (method in ANCHORED):
        need = "needs anchors=(first, second)" if method in ANCHORED else "takes no anchors"
        raise OptionError(f"method {method!r} {need}.")
    if smoothing is not None and method not in ("equipercentile", "chained"):
        raise OptionError(f"method {method!r} is not presmoothed; leave out smoothing.")
    if not 0 <= share <= 1:
        raise OptionError(f"share={share} must lie between 0 and 1.")


def _form(scores: npt.ArrayLike, anchor: npt.ArrayLike | None, name: str) -> _Form:
    whole = _whole(scores, f"the {name} scores")
    own = None if anchor is None else _whole(anchor, f"the {name} anchor scores")
    if own is not None and own.size != whole.size:
        raise DataError(f"the {name} group has {whole.size} scores and {own.size} anchor scores.")
    return _Form(whole, own)


def _whole(scores: npt.ArrayLike, what: str) -> IntArray:
    values = np.asarray(scores, dtype=float).ravel()
    if values.size < 2 or not np.isfinite(values).all() or (values % 1 != 0).any() or (values < 0).any():
        raise DataError(f"{what} must be two or more whole numbers from zero, without missing values.")
    return values.astype(np.int64)


def _largest(forms: list[_Form], largest: tuple[int, int] | None) -> tuple[int, int]:
    observed = tuple(int(f.scores.max()) for f in forms)
    if largest is None:
        return observed[0], observed[1]
    for k in (0, 1):
        if largest[k] < observed[k]:
            raise DataError(f"a score of {observed[k]} was observed, above largest={largest[k]}.")
    return largest


def _equating(
    method: EquatingMethod, tops: tuple[int, int], smoothing: LogLinear | None, share: float
) -> Callable[[_Form, _Form], FloatArray]:
    """The function of two groups that the bootstrap repeats."""

    def distribution(scores: IntArray, top: int) -> FloatArray:
        counts = np.bincount(scores, minlength=top + 1).astype(float)
        return smoothing.smooth(counts) if smoothing else counts / counts.sum()

    def plain(x: _Form, y: _Form) -> FloatArray:
        p, q = distribution(x.scores, tops[0]), distribution(y.scores, tops[1])
        if method == "mean":
            return np.asarray(np.arange(p.size) + kernel.moments(q)[0] - kernel.moments(p)[0], dtype=float)
        return kernel.linear(p, q) if method == "linear" else kernel.equipercentile(p, q)

    def anchored(x: _Form, y: _Form) -> FloatArray:
        if x.anchor is None or y.anchor is None:
            raise TypeError("no anchor")
        top = int(max(x.anchor.max(), y.anchor.max()))
        if method == "chained":
            on_anchor = kernel.equipercentile(distribution(x.scores, tops[0]), distribution(x.anchor, top))
            return kernel.equipercentile(
                distribution(y.anchor, top), distribution(y.scores, tops[1]), on_anchor
            )
        first = _joint(x.scores, x.anchor, (tops[0] + 1, top + 1))
        second = _joint(y.scores, y.anchor, (tops[1] + 1, top + 1))
        return kernel.equipercentile(*kernel.frequency_estimation(first, second, share))

    return anchored if method in ANCHORED else plain


def _joint(scores: IntArray, anchor: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Joint proportions of form and anchor scores."""
    table = np.zeros(shape)
    np.add.at(table, (scores, anchor), 1.0 / scores.size)
    return table


def _bootstrap(
    equate: Callable[[_Form, _Form], FloatArray], forms: list[_Form], paired: bool, n_draws: int, seed: Seed
) -> FloatArray:
    draws = []
    for rng in spawn(seed, n_draws):
        rows = [rng.integers(0, f.scores.size, f.scores.size) for f in forms]
        rows[1] = rows[0] if paired else rows[1]
        draws.append(equate(forms[0].take(rows[0]), forms[1].take(rows[1])))
    return np.asarray(np.std(draws, axis=0, ddof=1))
