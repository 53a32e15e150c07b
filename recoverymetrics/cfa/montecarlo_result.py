"""What a model does in samples from a known population."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recoverymetrics.display import AbstractResult
from recoverymetrics.typing import FloatArray


@dataclass(frozen=True, repr=False)
class MonteCarloPower(AbstractResult):
    """What a model does in samples from a known population.

    Attributes
    ----------
    parameters : DataFrame
        group, lhs, op, rhs, label and population value of each estimated or defined parameter.
    estimates, errors : ndarray, shape (R, k)
        Estimates and standard errors of each replication that converged.
    p_values : ndarray, shape (R,)
        p value of the test of fit, scaled where the estimator scales it.
    n : tuple of int
        Persons of each group.
    n_reps, n_failed : int
        Replications asked for, and those that could not be fitted or did not converge.
    share_admissible : float
        Share of the converged replications without Heywood cases and the like.
    df : int
        Degrees of freedom of the analysis model.
    misfit : float
        Chi-square of the analysis model in the population, per person: 0 when it is correct. It is what
        ``chi2_power`` asks for.
    alpha : float
        Level of the tests.
    search : DataFrame
        Sample sizes tried and the power found, when a sample size was searched.
    """

    parameters: pd.DataFrame
    estimates: FloatArray
    errors: FloatArray
    p_values: FloatArray
    n: tuple[int, ...]
    n_reps: int
    n_failed: int
    share_admissible: float
    df: int
    misfit: float
    alpha: float
    search: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        return f"MonteCarloPower(n={sum(self.n)}, n_reps={self.n_reps}, n_failed={self.n_failed}, alpha={self.alpha})"

    @property
    def converged(self) -> bool:
        """Whether every replication could be fitted."""
        return self.n_failed == 0

    @property
    def admissible(self) -> bool:
        """Whether every converged replication was admissible."""
        return self.share_admissible == 1.0

    def tidy(self) -> pd.DataFrame:
        """One row per parameter.

        Returns
        -------
        DataFrame
            group, lhs, op, rhs, label, population, estimate (mean), bias, relative_bias, sd (of the estimates),
            std_error (mean), se_ratio (mean standard error over sd), mse, interval_coverage, power (share of
            replications in which the parameter differs from zero at ``alpha``).
        """
        truth = self.parameters["population"].to_numpy()
        mean, sd = self.estimates.mean(axis=0), self.estimates.std(axis=0, ddof=1)
        half = ndtri(1.0 - self.alpha / 2.0) * self.errors
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(truth != 0, (mean - truth) / truth, np.nan)
            ratio = self.errors.mean(axis=0) / sd
        return self.parameters.assign(
            estimate=mean,
            bias=mean - truth,
            relative_bias=relative,
            sd=sd,
            std_error=self.errors.mean(axis=0),
            se_ratio=ratio,
            mse=((self.estimates - truth) ** 2).mean(axis=0),
            interval_coverage=(np.abs(self.estimates - truth) <= half).mean(axis=0),
            power=(np.abs(self.estimates) > half).mean(axis=0),
        )

    def glance(self) -> pd.DataFrame:
        """One row: n, n_reps, n_failed, share_converged, share_admissible, df, misfit, rejection_rate, alpha."""
        known = self.p_values[np.isfinite(self.p_values)]
        row = {
            "n": sum(self.n),
            "n_reps": self.n_reps,
            "n_failed": self.n_failed,
            "share_converged": 1.0 - self.n_failed / self.n_reps,
            "share_admissible": self.share_admissible,
            "df": self.df,
            "misfit": self.misfit,
            "rejection_rate": float((known < self.alpha).mean()) if known.size else math.nan,
            "alpha": self.alpha,
        }
        return pd.DataFrame([row])

    def _title(self) -> str:
        return f"Monte Carlo power, n = {sum(self.n)}, {self.n_reps} replications"
