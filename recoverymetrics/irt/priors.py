"""Prior densities of item parameters: normal, lognormal, beta."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit

from recoverymetrics.errors import OptionError


class Prior(ABC):
    """Log density of one parameter with two derivatives."""

    @abstractmethod
    def derivatives(self, x: float) -> tuple[float, float, float]:
        """Log density, first and second derivative at ``x``."""


@dataclass(frozen=True)
class Normal(Prior):
    """Normal prior; for asymptotes it applies to their logit.

    Parameters
    ----------
    mean, sd : float
        Moments.
    """

    mean: float = 0.0
    sd: float = 1.0

    def derivatives(self, x: float) -> tuple[float, float, float]:
        """Log density, first and second derivative at ``x``."""
        z = (x - self.mean) / self.sd
        return -0.5 * z * z - np.log(self.sd) - 0.5 * np.log(2 * np.pi), -z / self.sd, -1.0 / self.sd**2


@dataclass(frozen=True)
class LogNormal(Prior):
    """Lognormal prior, for slopes that should stay positive.

    Parameters
    ----------
    mean, sd : float
        Moments of the logarithm.
    """

    mean: float = 0.0
    sd: float = 0.5

    def derivatives(self, x: float) -> tuple[float, float, float]:
        """Log density, first and second derivative at ``x``; minus infinity at or below zero."""
        if x <= 0:
            return -np.inf, 0.0, 0.0
        z = (np.log(x) - self.mean) / self.sd
        value = -0.5 * z * z - np.log(x * self.sd) - 0.5 * np.log(2 * np.pi)
        return value, -(1 + z / self.sd) / x, (1 + z / self.sd - 1 / self.sd**2) / x**2


@dataclass(frozen=True)
class Beta(Prior):
    """Beta prior of an asymptote, as a density of its logit.

    Parameters
    ----------
    alpha, beta : float
        Shape parameters; ``Beta(5, 17)`` expects guessing near .2.
    """

    alpha: float = 5.0
    beta: float = 17.0

    def derivatives(self, x: float) -> tuple[float, float, float]:
        """Log density, first and second derivative at the logit ``x``."""
        p = float(expit(x))
        value = self.alpha * np.log(p) + self.beta * np.log1p(-p) - betaln(self.alpha, self.beta)
        total = self.alpha + self.beta
        return float(value), self.alpha - total * p, -total * p * (1 - p)


@dataclass(frozen=True)
class PriorTerm:
    """A prior on a free parameter."""

    slot: int
    density: Prior


def check_priors(priors: Mapping[str, Prior] | None) -> dict[str, Prior]:
    """A dictionary of priors; anything else is refused with an example."""
    example = "priors={'logit_g': Normal(-1.5, 0.5), 'i3.a1': LogNormal(0, 0.5)}"
    if priors is None:
        return {}
    if not isinstance(priors, Mapping):
        raise OptionError(f"priors= takes a mapping of parameter to prior, {example}, not {priors!r}.")
    for key, prior in priors.items():
        if not isinstance(prior, Prior):
            raise OptionError(
                f"the prior of {key!r} is {prior!r}; give Normal, LogNormal or Beta: {example}."
            )
    return dict(priors)
