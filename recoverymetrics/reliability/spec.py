"""Options of the reliability functions, frozen and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypeAlias, get_args

from recoverymetrics.errors import OptionError, RecoveryMetricsError
from recoverymetrics.numerics.intervals import BOOTSTRAP_METHODS, BootstrapMethod
from recoverymetrics.typing import Seed

Missing = Literal["pairwise", "listwise"]
AlphaInterval = Literal["feldt", "duhachek", "robust", "bootstrap"]
DeltaInterval = Literal["robust", "normal_theory", "bootstrap"]
BoundInterval = Literal["robust", "bootstrap"]
Extraction = Literal["ml", "minres"]
Denominator = Literal["implied", "observed"]


@dataclass(frozen=True)
class Bootstrap:
    """Nonparametric bootstrap over persons.

    Attributes
    ----------
    n_draws : int, default 1000
        Number of resamples.
    method : {"percentile", "bca", "basic", "normal"}, default "percentile"
        How the interval is read off the draws.
    seed : int, numpy.random.Generator or None
        The same int gives the same draws.

    Examples
    --------
    >>> Bootstrap(n_draws=500, seed=1).method
    'percentile'
    """

    n_draws: int = 1000
    method: BootstrapMethod = "percentile"
    seed: Seed = None

    def __post_init__(self) -> None:
        check_option("method", self.method, BOOTSTRAP_METHODS)
        if self.n_draws < 20:
            raise OptionError(f"n_draws={self.n_draws} is too few for an interval; use at least 20.")


AlphaIntervalSpec: TypeAlias = AlphaInterval | Bootstrap
DeltaIntervalSpec: TypeAlias = DeltaInterval | Bootstrap
BoundIntervalSpec: TypeAlias = BoundInterval | Bootstrap


def in_group(label: str) -> str:
    """Where something happened, for messages; empty when there are no groups."""
    return "" if label == "all" else f" in group {label!r}"


@contextmanager
def naming_group(label: str) -> Iterator[None]:
    """Add the group to the message of an error."""
    try:
        yield
    except RecoveryMetricsError as error:
        if label == "all":
            raise
        raise type(error)(f"group {label!r}: {error}") from None


def check_option(name: str, value: object, valid: Sequence[str]) -> None:
    """Raise an ``OptionError`` that lists the valid values."""
    if value not in valid:
        raise OptionError(f"{name}={value!r} is not one of {', '.join(valid)}.")


def check_level(level: float) -> None:
    """Raise when a confidence level is not between 0 and 1."""
    if not isinstance(level, Real) or not 0 < level < 1:
        raise OptionError(f"level={level!r} must lie between 0 and 1, for example 0.95.")


def resolve_interval(interval: object, names: object, seed: Seed) -> tuple[str, Bootstrap]:
    """Turn ``interval=`` into its name and a bootstrap specification."""
    if isinstance(interval, Bootstrap):
        return "bootstrap", interval
    check_option("interval", interval, get_args(names))
    return str(interval), Bootstrap(seed=seed)
