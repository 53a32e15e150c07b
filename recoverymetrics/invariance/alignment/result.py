"""What alignment found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.invariance.alignment.extract import FactorParameters
from recoverymetrics.invariance.alignment.inference import explained_variance, invariant_groups, overall_r2
from recoverymetrics.invariance.alignment.kernel import Aligned, Configural, Loss, align
from recoverymetrics.invariance.alignment.sparse import lasso_departures
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import FloatArray, Seed

TRUSTWORTHY = 0.25
"""Largest share of non-invariant parameters at which aligned means are trusted (Muthen & Asparouhov 2014)."""


@dataclass(frozen=True)
class AlignedFactor:
    """One factor: configural input, solution and sampling covariances.

    Attributes
    ----------
    parameters : FactorParameters
    loss : Loss
    solution : Aligned
    reference : int
    free_mean : bool
    moment_covariance : ndarray, shape (2 G, 2 G)
        Of the means, then of the standard deviations.
    parameter_covariance : ndarray
        Of the aligned loadings, then intercepts, group by group.
    """

    parameters: FactorParameters
    loss: Loss
    solution: Aligned
    reference: int
    free_mean: bool
    moment_covariance: FloatArray = field(repr=False)
    parameter_covariance: FloatArray = field(repr=False)

    def columns(self) -> list[tuple[str, str, FloatArray, FloatArray]]:
        """Name, item, values (G,) and covariance (G, G) of each aligned parameter."""
        names = [f"{self.parameters.factor}=~{item}" for item in self.parameters.items]
        names += list(self.parameters.intercept_names)
        g, p = self.solution.loadings.shape
        t = self.solution.intercepts.shape[1]
        items = [
            *self.parameters.items,
            *(self.parameters.items[j] for j in self.parameters.configural.owner),
        ]
        out = []
        for k, (name, item) in enumerate(zip(names, items, strict=True)):
            if k < p:
                rows, values = np.arange(g) * p + k, self.solution.loadings[:, k]
            else:
                rows, values = g * p + np.arange(g) * t + k - p, self.solution.intercepts[:, k - p]
            out.append((name, item, values, self.parameter_covariance[np.ix_(rows, rows)]))
        return out


@dataclass(frozen=True)
class AlignmentResult(AbstractResult):
    """Aligned factor means, and which parameters are not invariant.

    Attributes
    ----------
    factors : tuple of AlignedFactor
        The factors.
    groups : tuple of str
        Groups.
    sizes : ndarray, shape (G,)
        Persons.
    method : str
        ``"free"`` or ``"fixed"``.
    reference : str
        Group with factor variance one.
    alpha : float
        Level of the invariance tests.
    n_starts : int
        Starts.
    notes : tuple of str
        What the analyst should know.
    standard_errors : str
        ``"delta"`` or ``"bootstrap"``.
    """

    factors: tuple[AlignedFactor, ...]
    groups: tuple[str, ...]
    sizes: FloatArray
    method: str
    reference: str
    alpha: float
    n_starts: int = 10
    notes: tuple[str, ...] = ()
    standard_errors: str = "delta"

    @property
    def converged(self) -> bool:
        """Whether every factor's minimisation converged."""
        return all(factor.solution.converged for factor in self.factors)

    @property
    def means(self) -> pd.DataFrame:
        """One row per factor and group: n, mean, mean_se, variance, variance_se, rank of the mean."""
        frames = []
        for factor in self.factors:
            g = len(self.groups)
            error = np.sqrt(np.maximum(np.diag(factor.moment_covariance), 0.0))
            sds = factor.solution.sds
            frames.append(
                pd.DataFrame(
                    {
                        "factor": factor.parameters.factor,
                        "group": list(self.groups),
                        "n": self.sizes.astype(int),
                        "mean": factor.solution.means,
                        "mean_se": error[:g],
                        "variance": sds**2,
                        "variance_se": 2.0 * sds * error[g:],
                        "rank": np.argsort(np.argsort(-factor.solution.means)) + 1,
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def tidy(self) -> pd.DataFrame:
        """One row per aligned parameter and group: estimate, std_error, p_value, invariant.

        ``p_value`` tests the difference from the mean over the groups in which the parameter is invariant.
        """
        rows = []
        for factor in self.factors:
            for name, item, values, covariance in factor.columns():
                invariant, p_values = invariant_groups(values, covariance, self.alpha)
                error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
                rows += [
                    {
                        "factor": factor.parameters.factor,
                        "parameter": name,
                        "item": item,
                        "group": label,
                        "estimate": values[g],
                        "std_error": error[g],
                        "difference": values[g] - values[invariant].mean(),
                        "p_value": p_values[g],
                        "invariant": bool(invariant[g]),
                    }
                    for g, label in enumerate(self.groups)
                ]
        return pd.DataFrame(rows)

    def parameters(self) -> pd.DataFrame:
        """One row per parameter: mean over groups, R2, number of groups in which it is not invariant."""
        tidy = self.tidy()
        shares = []
        for factor in self.factors:
            loading, intercept = explained_variance(factor.parameters.configural, factor.solution)
            shares += [*loading, *intercept]
        grouped = tidy.groupby(["factor", "parameter", "item"], sort=False)
        return grouped.agg(
            estimate=("estimate", "mean"),
            n_noninvariant=("invariant", lambda flags: int((~flags).sum())),
            groups=("group", lambda labels: _listed(tidy, labels)),
        ).reset_index().assign(r2=shares)  # fmt: skip

    @property
    def share_noninvariant(self) -> float:
        """Share of parameters times groups that are not invariant."""
        return float((~self.tidy()["invariant"]).mean())

    def glance(self) -> pd.DataFrame:
        """One row: loss, share of non-invariant parameters, R2 over all loadings and intercepts."""
        share = self.share_noninvariant
        r2 = [overall_r2(factor.parameters.configural, factor.solution) for factor in self.factors]
        return pd.DataFrame(
            {
                "method": [self.method],
                "reference": [self.reference],
                "n": [int(self.sizes.sum())],
                "n_groups": [len(self.groups)],
                "n_factors": [len(self.factors)],
                "loss": [sum(factor.solution.value for factor in self.factors)],
                "share_noninvariant": [share],
                "r2_loadings": [float(np.mean([first for first, _ in r2]))],
                "r2_intercepts": [float(np.mean([second for _, second in r2]))],
                "trustworthy": [share <= TRUSTWORTHY],
                "converged": [self.converged],
            }
        )

    def lasso(self) -> pd.DataFrame:
        """Departures from invariance chosen by a lasso with BIC, one row per departing parameter and group.

        An alternative to the tests of ``tidy``: see ``alignment.sparse.lasso_departures``.
        """
        rows = []
        for factor in self.factors:
            found = lasso_departures(factor.solution, factor.parameter_covariance, float(self.sizes.sum()))
            departures = np.hstack([found.loadings, found.intercepts])
            for k, (name, item, values, _) in enumerate(factor.columns()):
                rows += [
                    {
                        "factor": factor.parameters.factor,
                        "parameter": name,
                        "item": item,
                        "group": self.groups[g],
                        "estimate": values[g],
                        "difference": departures[g, k],
                        "penalty": found.penalty,
                    }
                    for g in np.flatnonzero(departures[:, k])
                ]
        columns = ["factor", "parameter", "item", "group", "estimate", "difference", "penalty"]
        return pd.DataFrame(rows, columns=columns)

    def recovery(self, n_draws: int = 100, *, seed: Seed = 1) -> pd.DataFrame:
        """Monte Carlo check: how well the means come back when the parameters are drawn anew.

        Parameters
        ----------
        n_draws : int, default 100
            Draws of configural parameters from their sampling distribution around this solution.
        seed : int or Generator, default 1

        Returns
        -------
        pandas.DataFrame
            One row per factor and group: mean, average of the redrawn means, their standard deviation (a
            bootstrap standard error), and per factor the average correlation with the means drawn from.
        """
        if n_draws < 2:
            raise OptionError(f"n_draws={n_draws!r} must be 2 or more; some 100 are usual.")
        frames = []
        random = generator(seed)
        for factor in self.factors:
            draws = np.array([solution.means for solution in redraw(factor, n_draws, random)])
            truth = factor.solution.means
            correlation = np.mean([np.corrcoef(truth, row)[0, 1] for row in draws])
            frames.append(
                pd.DataFrame(
                    {
                        "factor": factor.parameters.factor,
                        "group": list(self.groups),
                        "mean": truth,
                        "mean_redrawn": draws.mean(axis=0),
                        "std_error": draws.std(axis=0, ddof=1),
                        "correlation": correlation,
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    @property
    def verdict(self) -> str:
        """The outcome in words."""
        share = self.share_noninvariant
        trusted = "may be compared" if share <= TRUSTWORTHY else "should not be compared on this basis"
        return (
            f"{share:.0%} of the parameters differ between the {len(self.groups)} groups; the aligned means "
            f"{trusted} (limit {TRUSTWORTHY:.0%})."
        )

    def plot(self, kind: str = "means", **options: Any) -> Any:
        """Draw the means with intervals (``"means"``) or the parameters by group (``"parameters"``)."""
        from recoverymetrics.invariance.alignment.plots import plot_alignment

        return plot_alignment(self, kind, **options)

    def _title(self) -> str:
        return f"Alignment of {len(self.groups)} groups ({self.method.upper()})"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Overview", self.glance(), notes=(self.verdict, *self.notes)),
            Table("Factor means", self.means),
            Table("Parameters", self.parameters()),
        )

    def intervals(self, level: float = 0.95) -> FloatArray:
        """Half widths of the confidence intervals of the means, factor by factor."""
        return np.asarray(norm.isf((1 - level) / 2) * self.means["mean_se"].to_numpy(), dtype=float)


def _listed(tidy: pd.DataFrame, labels: pd.Series) -> str:
    flags = ~tidy.loc[labels.index, "invariant"]
    return ", ".join(labels[flags])


def redraw(factor: AlignedFactor, n_draws: int, random: np.random.Generator) -> list[Aligned]:
    """Alignments of configural parameters drawn from their sampling distribution."""
    configural = factor.parameters.configural
    flat = np.concatenate([configural.loadings.ravel(), configural.intercepts.ravel()])
    values, vectors = np.linalg.eigh(factor.parameters.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    cut = configural.loadings.size
    found = []
    for _ in range(n_draws):
        drawn = flat + root @ random.standard_normal(flat.size)
        sample = Configural(
            drawn[:cut].reshape(configural.loadings.shape),
            drawn[cut:].reshape(configural.intercepts.shape),
            configural.owner,
        )
        found.append(
            align(
                sample,
                factor.loss,
                reference=factor.reference,
                free_mean=factor.free_mean,
                n_starts=0,
                seed=1,
                curvature=False,
            )
        )
    return found
