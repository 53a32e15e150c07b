"""``IRTResult``: the fitted model and everything that can be asked of it."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError, require_kind
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.irt import curves, tables
from recoverymetrics.irt.calibration import Calibration, Estimated
from recoverymetrics.irt.global_fit import global_fit_frame
from recoverymetrics.irt.item_fit import item_fit_frame
from recoverymetrics.irt.person_fit import person_fit_frame
from recoverymetrics.irt.reliability import reliability_frame
from recoverymetrics.irt.residuals import local_dependence_frame
from recoverymetrics.irt.restrictions import Restrictions
from recoverymetrics.irt.score_frames import raw_score_table, score_frame
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.irt.latent_regression import LatentRegression


@dataclass(frozen=True, repr=False)
class IRTResult(AbstractResult):
    """A calibrated item response model.

    Attributes
    ----------
    calibration : Calibration
        Request, coded data, likelihood.
    x : ndarray, shape (p,)
        Free parameters; ``parameter_table`` says which is which.
    covariance : ndarray, shape (p, p), or None
        Covariance matrix of the estimates.
    loglik : float
        Marginal log-likelihood, without log priors.
    log_prior : float
        Sum of the log prior densities.
    n_evaluations : int
        E-steps used.
    stopped : bool
        Whether the stopping rule was reached.
    information_positive : bool or None
        Whether the information matrix is positive definite; None when it was not computed.
    notes : tuple of str
        Every warning that the estimation gave.
    """

    calibration: Calibration
    x: FloatArray
    covariance: FloatArray | None
    loglik: float
    log_prior: float
    n_evaluations: int
    stopped: bool
    information_positive: bool | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line: model, size, log-likelihood."""
        names = sorted(set(self.calibration.spec.models))
        return (
            f"IRTResult({'+'.join(names)}, {len(self.items)} items, {self.n} persons, "
            f"{len(self.groups_labels)} group{'s' if len(self.groups_labels) > 1 else ''}, loglik={self.loglik:.3f})"
        )

    @property
    def estimated(self) -> Estimated:
        """Calibration with estimates, the argument of the functions in this package."""
        return Estimated(self.calibration, self.x)

    @property
    def items(self) -> tuple[str, ...]:
        """Item names."""
        return self.calibration.layout.items

    @property
    def groups_labels(self) -> tuple[str, ...]:
        """Group labels."""
        return self.calibration.layout.groups

    @property
    def n(self) -> int:
        """Number of persons in the calibration sample."""
        return self.calibration.coded.n

    @property
    def npar(self) -> int:
        """Number of free parameters."""
        return self.calibration.problem.n_parameters

    @property
    def converged(self) -> bool:
        """Whether the stopping rule was reached."""
        return self.stopped

    @property
    def admissible(self) -> bool:
        """Positive definite information (when computed) and finite estimates."""
        return bool(np.isfinite(self.x).all()) and self.information_positive is not False

    def tidy(self, metric: str = "ab") -> pd.DataFrame:
        """Item parameters, one row per group, item and parameter.

        Parameters
        ----------
        metric : {"ab", "slope_intercept"}
            Discrimination and difficulty, or slopes and intercepts; standard errors by the delta method.

        Returns
        -------
        DataFrame
            Columns group, item, parameter, estimate, std_error (NaN for constants).
        """
        return tables.parameter_frame(self.estimated, self.covariance, metric)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_items, n_groups, npar, loglik, aic, bic, sabic, hq, converged, admissible."""
        n, k, ll = self.n, self.npar, self.loglik
        return pd.DataFrame(
            {
                "n": [n],
                "n_items": len(self.items),
                "n_groups": len(self.groups_labels),
                "npar": k,
                "loglik": ll,
                "aic": -2 * ll + 2 * k,
                "bic": -2 * ll + k * np.log(n),
                "sabic": -2 * ll + k * np.log((n + 2) / 24),
                "hq": -2 * ll + 2 * k * np.log(np.log(n)),
                "log_prior": self.log_prior,
                "iterations": self.n_evaluations,
                "converged": self.converged,
                "admissible": self.admissible,
            }
        )

    @property
    def item_parameters(self) -> pd.DataFrame:
        """One row per item (indexed by item, or by group and item): a, b1, ... or a1, ..., d1, ..."""
        return tables.wide_parameters(self.estimated)

    @property
    def groups(self) -> pd.DataFrame:
        """Latent moments per group: n, mean, mean_se, variance, variance_se."""
        return tables.group_frame(self.estimated, self.covariance)

    @property
    def regression(self) -> pd.DataFrame:
        """Latent regression on ``covariates=``, estimated with the items; one row per (factor and) term.

        Columns term, estimate, std_error, statistic, p_value, conf_low, conf_high. The residual (co)variances are in
        ``parameter_table``; ``groups`` has mean and variance of the latent variable over the sample.

        Raises
        ------
        ModelError
            The model has no covariates.
        """
        return tables.regression_frame(self.estimated, self.covariance)

    @property
    def parameter_table(self) -> pd.DataFrame:
        """All parameters with the number of their free slot; rows with one number are one parameter."""
        frame = self.calibration.layout.to_frame(self.x)
        errors = np.full(self.x.size + 1, np.nan)
        if self.covariance is not None:
            errors[1:] = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        return frame.assign(std_error=errors[frame["free"].to_numpy()])

    def fixed_values(
        self, items: Collection[str] | None = None, group: str | None = None
    ) -> dict[str, float]:
        """Slope-intercept parameters as the ``fixed=`` argument of another calibration."""
        frame = self.calibration.layout.to_frame(self.x)
        label = self.groups_labels[0] if group is None else group
        wanted = frame[(frame["group"] == label) & frame["item"].isin(list(items or self.items))]
        return {
            f"{i}.{p}": float(v)
            for i, p, v in zip(wanted["item"], wanted["parameter"], wanted["estimate"], strict=True)
        }

    def refit(
        self,
        *,
        equal: Collection[str] | None = None,
        partial: Collection[str] | None = None,
        free: Collection[str] | None = None,
        constrain: Collection[Collection[str]] | None = None,
        fixed: Mapping[str, float] | None = None,
        se: str | None = None,
        tolerance: float = 1e-7,
        max_iterations: int = 500,
    ) -> IRTResult:
        """Fit the same data again with other restrictions, from these estimates.

        The coded data and the patterns are kept and parameters start where they are, so a sweep over items
        (``refit(partial=[item])`` frees one item across groups, ``refit(equal=[*anchors, item])`` adds an anchor)
        costs a few E-steps per item. Arguments left out keep their values; standard errors are off by default.
        """
        from dataclasses import replace

        from recoverymetrics.irt.fit import calibrate

        old = self.calibration.spec.rules
        rules = Restrictions(
            old.equal if equal is None else tuple(equal),
            old.partial if partial is None else tuple(partial),
            old.free if free is None else tuple(free),
            old.fixed if fixed is None else dict(fixed),
            old.constrain if constrain is None else tuple(tuple(c) for c in constrain),
        )
        spec = replace(self.calibration.spec, rules=rules, se=se)
        return calibrate(
            spec,
            self.calibration.coded,
            problem=self.calibration.problem,
            start=self,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )

    def scores(
        self, data: IntoFrame | None = None, method: str = "eap", *, group: GroupSpec = None
    ) -> pd.DataFrame:
        """Score persons (the calibration sample by default); one row per person, input order.

        Parameters
        ----------
        data : DataFrame, optional
            Responses in the calibrated categories.
        method : {"eap", "map", "ml", "wle", "sum_eap"}
            Kind of score.
        group : str or array-like, optional
            Group of each person, for a model of several groups.

        Returns
        -------
        DataFrame
            estimate, std_error, n_answered, flagged. A person without answers gets the prior mean and is flagged.
        """
        return score_frame(self.estimated, data, method, group)

    def augment(self, data: IntoFrame | None = None, method: str = "eap") -> pd.DataFrame:
        """The data with the scores beside; without data the scores alone."""
        scores = self.scores(data, method)
        if data is None:
            return scores
        frame = to_pandas(data)
        scores.index = frame.index
        return pd.concat([frame, scores.drop(columns="group", errors="ignore")], axis=1)

    def information(self, theta: npt.ArrayLike = curves.GRID, group: str | None = None) -> pd.DataFrame:
        """Information of items and test along theta: columns theta, one per item, test, std_error."""
        return curves.information_frame(self.estimated, theta, group)

    def probabilities(self, theta: npt.ArrayLike = curves.GRID, group: str | None = None) -> pd.DataFrame:
        """Category probabilities: columns theta, item, category, probability."""
        return curves.probability_frame(self.estimated, theta, group)

    def expected_scores(self, theta: npt.ArrayLike = curves.GRID, group: str | None = None) -> pd.DataFrame:
        """Expected item and test scores: columns theta, one per item, test."""
        return curves.expected_scores(self.estimated, theta, group)

    def category_functioning(self) -> pd.DataFrame:
        """Use of each category, mean score of those who chose it, threshold, and whether these are in order."""
        from recoverymetrics.irt.categories import category_frame

        return category_frame(self.estimated)

    def item_fit(self, method: str = "s_x2", *, score: str = "eap") -> pd.DataFrame:
        """Fit of each item: ``"s_x2"`` or ``"infit"`` (with outfit and Zh)."""
        return item_fit_frame(self.estimated, method, score)

    def person_fit(self, *, score: str = "eap", alpha: float = 0.05) -> pd.DataFrame:
        """Fit of each person: outfit, infit, Zh, lz* with p value and flag, Guttman errors, U3; input order.

        Zh keeps its level too well (it flags too few) because theta is estimated; lz* corrects for that.
        """
        return person_fit_frame(self.estimated, score, alpha)

    def local_dependence(self, method: str = "q3", *, score: str = "eap") -> pd.DataFrame:
        """Pairs of items: Q3, or the chi-square of their two-way table (``"x2"``, ``"g2"``)."""
        return local_dependence_frame(self.estimated, method, score)

    def global_fit(self, kind: str | None = None) -> pd.DataFrame:
        """M2, M2* or C2 with RMSEA2, SRMSR, CFI, TLI; chosen by item type and degrees of freedom by default."""
        return global_fit_frame(self.estimated, kind)

    def reliability(self) -> pd.DataFrame:
        """Marginal and empirical reliability per group."""
        return reliability_frame(self.estimated)

    def score_table(self) -> pd.DataFrame:
        """Summed score to theta (EAP), standard error and T score."""
        return raw_score_table(self.estimated)

    def standardised_loadings(self, rotation: str | None = None) -> pd.DataFrame:
        """Slopes as loadings of the latent responses, rotated for exploratory models.

        Parameters
        ----------
        rotation : {"oblimin", "quartimin", "geomin", "varimax", "none"}, optional
            By default oblimin for exploratory models and none for others.

        Returns
        -------
        DataFrame
            Items by factors (first group); factor correlations in ``attrs["factor_correlations"]``.
        """
        from recoverymetrics.irt.rotate import loading_frame

        return loading_frame(self.estimated, rotation)

    def second_order(self) -> pd.DataFrame:
        """Second-order models: loadings of the first-order factors, and slopes of the items on these.

        Returns
        -------
        DataFrame
            Columns group, factor, item (empty for loadings), parameter (``"loading"``, ``"slope"``), estimate,
            std_error. ``tidy`` gives the same model as slopes on the second-order factor and on the residuals.
        """
        from recoverymetrics.irt.second_order import second_order_frame

        return second_order_frame(self.estimated, self.covariance)

    def simulate(
        self, n: int | None = None, *, theta: npt.ArrayLike | None = None, seed: Seed = None
    ) -> pd.DataFrame:
        """Draw responses from the fitted model, in the original categories.

        Parameters
        ----------
        n : int, optional
            Persons per group; by default as many as were calibrated.
        theta : array-like, optional
            Latent values (first group) in place of draws.
        seed : int or Generator, optional
            Random numbers.
        """
        from recoverymetrics.irt.simulated import simulate_from

        return simulate_from(self.estimated, n, theta, seed)

    def q3_cutoff(self, *, n_draws: int = 100, quantile: float = 0.99, seed: Seed = None) -> pd.DataFrame:
        """Parametric bootstrap of the largest Q3 minus the mean Q3 (Christensen, Makransky & Horton 2017).

        Returns
        -------
        DataFrame
            One row: cutoff (of ``adjusted`` in ``local_dependence("q3")``), largest observed, n_flagged, n_draws.
        """
        from recoverymetrics.irt.simulated import q3_cutoff

        return q3_cutoff(self, n_draws, quantile, seed)

    def latent_regression(self, covariates: IntoFrame) -> LatentRegression:
        """Regress the latent variable on covariates of the calibration sample, item parameters held fixed.

        ``fit_irt(..., covariates=)`` estimates the regression together with the items.

        Parameters
        ----------
        covariates : DataFrame
            One row per calibrated person; text columns become indicators.

        Returns
        -------
        LatentRegression
            Coefficients with standard errors; ``plausible_values(n, seed)`` draws from the conditional posteriors.
        """
        from recoverymetrics.irt.latent_regression import fit_latent_regression

        return fit_latent_regression(self.estimated, covariates)

    def plausible_values(self, n: int = 5, *, seed: Seed = None) -> pd.DataFrame:
        """Draws from each person's posterior (one factor): columns pv1, pv2, ...; input order."""
        from recoverymetrics.irt.latent_regression import plausible_values

        return plausible_values(self.estimated, n, seed)

    def compare_with(self, *others: IRTResult, method: str = "auto") -> pd.DataFrame:
        """Likelihood-ratio tests and information criteria beside other fits of the same data.

        Parameters
        ----------
        *others : IRTResult
            Other models of the same persons and items.
        method : {"auto", "lrt", "vuong"}, default "auto"
            Table of all models with successive likelihood-ratio tests, or Vuong's test of two models.
        """
        from recoverymetrics.irt.compare import compare_fits, vuong_test

        if method == "vuong":
            if len(others) != 1:
                raise OptionError(f"Vuong's test compares two models; {1 + len(others)} were given.")
            return vuong_test(self, others[0])
        if method not in ("auto", "lrt"):
            raise OptionError(f"unknown comparison {method!r}; choose 'auto', 'lrt' or 'vuong'.")
        return compare_fits((self, *others))

    def plot(self, kind: str = "information", **options: Any) -> Axes:
        """Draw ``"information"``, ``"categories"`` (``item=``), ``"expected"`` or ``"wright"``; returns the Axes."""
        from recoverymetrics.irt import plots

        if kind not in plots.KINDS:
            raise OptionError(f"unknown plot {kind!r}; choose one of {', '.join(plots.KINDS)}.")
        draw = plots.KINDS[kind]
        known = [name for name in inspect.signature(draw).parameters if name != "est"]
        for name in options:
            if name not in known:
                raise OptionError(f"the plot {kind!r} has no option {name!r}; it has {', '.join(known)}.")
        return draw(self.estimated, **options)

    def _title(self) -> str:
        return f"Item response model ({', '.join(sorted(set(self.calibration.spec.models)))})"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Overview", self.glance(), notes=self.notes),
            Table("Groups", self.groups),
            *((Table("Latent regression", self.regression),) if self.calibration.layout.terms else ()),
            Table("Item parameters", self.item_parameters.reset_index()),
        )


def estimated_of(fit: Any, name: str) -> Estimated:
    """What was estimated; a result of another kind is named."""
    require_kind(fit, "IRTResult", name, "the result of fit_irt")
    estimated: Estimated = fit.estimated
    return estimated
