"""Power and required sample size: RMSEA-based, and for a named alternative."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from scipy.optimize import brentq
from scipy.special import chdtri, chndtr, chndtrix

from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import OptionError


@dataclass(frozen=True)
class PowerResult(AbstractResult):
    """Power of a test of fit.

    Attributes
    ----------
    power : float
        Probability of rejecting the null hypothesis under the alternative.
    n : int
        Sample size.
    df : int
        Degrees of freedom.
    noncentrality : float
        Noncentrality under the alternative.
    alpha : float
        Level of the test.
    method : str
        Where the alternative comes from.
    """

    power: float
    n: int
    df: int
    noncentrality: float
    alpha: float
    method: str

    def tidy(self) -> pd.DataFrame:
        """One row: power, n, df, noncentrality, alpha, method."""
        row = {
            "method": self.method,
            "power": self.power,
            "n": self.n,
            "df": self.df,
            "noncentrality": self.noncentrality,
            "alpha": self.alpha,
        }
        return pd.DataFrame([row])

    def glance(self) -> pd.DataFrame:
        """The same row."""
        return self.tidy()


def rmsea_power(
    n: int, *, df: int, rmsea_null: float = 0.05, rmsea: float = 0.08, alpha: float = 0.05, n_groups: int = 1
) -> PowerResult:
    """Power of the test of close (or not close) fit, MacCallum, Browne and Sugawara (1996).

    Parameters
    ----------
    n : int
        Persons.
    df : int
        Degrees of freedom of the model.
    rmsea_null, rmsea : float, defaults 0.05 and 0.08
        RMSEA under the null and under the alternative; an alternative below the null tests not-close fit.
    alpha : float, default 0.05
        Level.
    n_groups : int, default 1
        Number of groups.

    Returns
    -------
    PowerResult

    Examples
    --------
    >>> round(rmsea_power(200, df=24).power, 3)
    0.51
    """
    _check(n=n, df=df, alpha=alpha)
    null = (n - 1) * df * rmsea_null**2 / n_groups
    alternative = (n - 1) * df * rmsea**2 / n_groups
    power = _rejection(df, null, alternative, alpha, upper=rmsea > rmsea_null)
    return PowerResult(power, int(n), int(df), alternative, alpha, "rmsea")


def rmsea_sample_size(
    *,
    df: int,
    power: float = 0.80,
    rmsea_null: float = 0.05,
    rmsea: float = 0.08,
    alpha: float = 0.05,
    n_groups: int = 1,
) -> int:
    """Smallest sample with the wanted power for the RMSEA test.

    Parameters
    ----------
    df : int
        Degrees of freedom of the model.
    power : float, default 0.80
        Wanted probability of rejecting the null hypothesis.
    rmsea_null, rmsea : float, default 0.05 and 0.08
        RMSEA under the null hypothesis and in truth.
    alpha : float, default 0.05
        Level of the test.
    n_groups : int, default 1
        Groups of the model.

    Returns
    -------
    int
        Persons in all groups together.

    Examples
    --------
    >>> rmsea_sample_size(df=24)
    375
    """
    return _smallest(
        lambda n: (
            rmsea_power(n, df=df, rmsea_null=rmsea_null, rmsea=rmsea, alpha=alpha, n_groups=n_groups).power
        ),
        power,
    )


def rmsea_power_nested(
    n: int,
    *,
    df_restricted: int,
    df_free: int,
    rmsea_restricted: tuple[float, float],
    rmsea_free: tuple[float, float],
    alpha: float = 0.05,
) -> PowerResult:
    """Power of a difference test between nested models, MacCallum, Browne and Cai (2006).

    Parameters
    ----------
    n : int
        Persons.
    df_restricted, df_free : int
        Degrees of freedom of the two models.
    rmsea_restricted, rmsea_free : (float, float)
        RMSEA of each under the null and under the alternative.
    alpha : float, default 0.05
        Level.
    """
    df = df_restricted - df_free
    _check(n=n, df=df, alpha=alpha)
    null, alternative = (
        (n - 1) * (df_restricted * a**2 - df_free * b**2)
        for a, b in zip(rmsea_restricted, rmsea_free, strict=True)
    )
    power = _rejection(df, null, alternative, alpha, upper=alternative > null)
    return PowerResult(power, int(n), int(df), alternative, alpha, "rmsea_nested")


def chi2_power(noncentrality_per_person: float, *, n: int, df: int, alpha: float = 0.05) -> PowerResult:
    """Power of a chi-square test whose noncentrality grows with n, as in Satorra and Saris (1985).

    Parameters
    ----------
    noncentrality_per_person : float
        Chi-square of the restricted model fitted to the moments of the alternative, divided by n; also the expected
        noncentrality ``mi / n`` of a modification index.
    n : int
        Persons.
    df : int
        Degrees of freedom of the test.
    alpha : float, default 0.05
        Level.
    """
    _check(n=n, df=df, alpha=alpha)
    alternative = n * noncentrality_per_person
    power = _rejection(df, 0.0, alternative, alpha, upper=True)
    return PowerResult(power, int(n), int(df), alternative, alpha, "satorra_saris")


def _check(*, n: float, df: float, alpha: float) -> None:
    if n <= 1 or df < 1:
        raise OptionError(f"n={n} and df={df}: power needs n above 1 and at least one degree of freedom.")
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha} must lie between 0 and 1.")


def _rejection(df: float, null: float, alternative: float, alpha: float, *, upper: bool) -> float:
    if upper:
        critical = chndtrix(1.0 - alpha, df, null) if null > 0 else chdtri(df, alpha)
        return float(1.0 - chndtr(critical, df, alternative))
    return float(chndtr(chndtrix(alpha, df, null), df, alternative))


def _smallest(power_at: Callable[[int], float], power: float) -> int:
    if not 0 < power < 1:
        raise OptionError(f"power={power} must lie between 0 and 1.")
    high = 64
    while power_at(high) < power:
        high *= 2
        if high > 10**8:
            raise OptionError("no sample size reaches this power: the two hypotheses are too close.")
    low = high // 2
    while power_at(low) >= power and low > 2:
        low //= 2
    guess = brentq(lambda n: power_at(n) - power, max(low, 2), high)
    n = math.floor(guess)
    return next(k for k in range(max(n - 1, 2), n + 4) if power_at(k) >= power - 1e-12)
