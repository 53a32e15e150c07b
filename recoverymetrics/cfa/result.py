"""The fitted model: parameters, fit, residuals, modification indices, scores, exports."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from recoverymetrics.cfa import modification as mod
from recoverymetrics.cfa.admissibility import NO_CONVERGENCE
from recoverymetrics.cfa.bootstrap import BootstrapResult, bootstrap, dynamic_cutoffs
from recoverymetrics.cfa.estimate import Estimate
from recoverymetrics.cfa.export import to_lavaan, to_mplus
from recoverymetrics.cfa.expressions import ConstraintSet, jacobian
from recoverymetrics.cfa.inference import AnyObjective, Curvature
from recoverymetrics.cfa.inference import invert as invert_information
from recoverymetrics.cfa.measures import fit_measures
from recoverymetrics.cfa.residuals import RESIDUAL_KINDS, residual_matrix, standardised_residuals
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.cfa.standardize import (
    disturbance_variances,
    full_variances,
    row_values,
    standardised_values,
)
from recoverymetrics.cfa.statistics import ModelTest, chi2_tail
from recoverymetrics.cfa.table import ParameterTable
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.sem_ram import (
    MomentMap,
    RamLayout,
    RamState,
    evaluate,
    scaled_covariance,
    scaled_slopes,
)
from recoverymetrics.typing import FloatArray, IntoFrame, Seed, Workers

SCORE_METHODS = ("regression", "bartlett", "ebm", "ml")
GLANCE = (
    "n",
    "npar",
    "loglik",
    "chi2",
    "df",
    "p_value",
    "chi2_scaled",
    "df_scaled",
    "p_value_scaled",
    "scaling_factor",
    "cfi",
    "tli",
    "rmsea",
    "rmsea_conf_low",
    "rmsea_conf_high",
    "srmr",
    "aic",
    "bic",
    "cfi_scaled",
    "tli_scaled",
    "rmsea_scaled",
    "cfi_robust",
    "tli_robust",
    "rmsea_robust",
)


@dataclass(frozen=True, repr=False)
class CFAResult(AbstractResult):
    """A fitted confirmatory factor or structural equation model.

    Attributes
    ----------
    table : ParameterTable
        The resolved model; ``parameter_table`` shows it as a frame.
    sample : Sample
        Sample statistics.
    spec : EstimatorSpec
        Estimator, standard errors, test and treatment of missing data that were used.
    estimate : Estimate
        Free parameters and how the search ended.
    covariance : ndarray, shape (q, q)
        Covariance matrix of the free parameters; ``vcov`` is the same with names.
    test, baseline_test : ModelTest
        Tests of exact fit of the model and of the independence model.
    npar : int
        Number of free parameters, constraints taken off.
    warnings : tuple of str
        What is wrong with the solution, in sentences; empty when nothing is.
    group_name : str
        Column with the groups, where the fit was given one.
    """

    table: ParameterTable
    layout: RamLayout
    moments: MomentMap
    sample: Sample
    spec: EstimatorSpec
    objective: AnyObjective
    estimate: Estimate
    curvature: Curvature
    covariance: FloatArray
    constraints: ConstraintSet
    test: ModelTest
    baseline: Curvature
    baseline_test: ModelTest
    loglik: float
    loglik_saturated: float
    npar: int
    warnings: tuple[str, ...] = ()
    model: str = field(default="", repr=False)
    group_name: str = ""

    def __repr__(self) -> str:
        return (
            f"CFAResult({self.spec.name}, n={int(self.sample.total)}, groups={len(self.table.groups)}, "
            f"npar={self.npar}, chi2={self.test.chi2:.3f}, df={self.test.df}, converged={self.converged}, "
            f"admissible={self.admissible})"
        )

    @property
    def converged(self) -> bool:
        """Whether the search met its stopping rule."""
        return self.estimate.minimum.converged

    @property
    def admissible(self) -> bool:
        """Whether no variance is negative, no factor correlation beyond one, no matrix impossible."""
        return not [note for note in self.reasons if not note.startswith(NO_CONVERGENCE)]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the solution is not admissible or did not converge."""
        return tuple(note for note in self.warnings if note not in self.sample.warnings)

    @property
    def groups(self) -> tuple[str, ...]:
        """Group labels."""
        return self.table.groups

    @property
    def notes(self) -> tuple[str, ...]:
        """Decisions about identification that the analyst should know."""
        return self.table.notes

    @property
    def theta(self) -> FloatArray:
        """Free parameters, shape (q,)."""
        return self.estimate.theta

    def refuse_given(self, what: str) -> None:
        """Refuse what a model given covariates does not say.

        Raises
        ------
        OptionError
            The model is conditional on observed predictors.
        """
        if self.table.given:
            raise OptionError(
                f"{what} is not available for a model given the covariates {', '.join(self.table.given)}; fit it with "
                "conditional_x=False, which treats them as normal variables together with the items."
            )

    @cached_property
    def state(self) -> RamState:
        """The model matrices at the estimates."""
        return evaluate(self.layout, self.theta)

    @cached_property
    def parameter_table(self) -> pd.DataFrame:
        """The parameter table with estimates."""
        frame = self.table.to_frame()
        values = row_values(self.table, self.layout, self.theta)
        extra = len(frame) - len(values)
        return frame.assign(estimate=np.concatenate([values, np.full(extra, np.nan)]))

    @cached_property
    def vcov(self) -> pd.DataFrame:
        """Covariance matrix of the free parameters."""
        names = list(self.table.names())
        return pd.DataFrame(self.covariance, index=names, columns=names)

    # -- parameters ---------------------------------------------------------------------------------

    def tidy(self, *, level: float = 0.95) -> pd.DataFrame:
        """One row per parameter and group, defined parameters last.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level.

        Returns
        -------
        DataFrame
            group, lhs, op, rhs, label, free, estimate, std_error, statistic, p_value, conf_low, conf_high, std_lv,
            std_all. Fixed parameters have standard error 0 and no statistic.
        """
        table = self.table
        estimate = row_values(table, self.layout, self.theta)
        lv, every = standardised_values(table, self.layout, self.theta)
        index = table.index
        own = np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))
        rows = table.rows
        given = np.array([row.origin == "exogenous" for row in rows])
        free = np.where(given, 0, index + 1)
        error = np.where(free > 0, own[index] if len(own) else 0.0, 0.0)
        frame: dict[str, Any] = {
            "group": [table.groups[r.group] for r in rows],
            "lhs": [r.lhs for r in rows],
            "op": [r.op for r in rows],
            "rhs": [r.rhs for r in rows],
            "label": [r.label for r in rows],
            "free": free,
        }
        if self.constraints.defined:
            names = [name for name, _ in self.constraints.defined]
            values = np.asarray(self.constraints.defined_values(self.theta), dtype=float)
            J = jacobian(self.constraints.defined_values, self.theta)
            spread = np.sqrt(np.maximum(np.diagonal(J @ self.covariance @ J.T), 0.0))
            texts = {c.lhs: c.rhs for c in table.constraints if c.op == ":="}
            for key, column in zip(
                ("group", "lhs", "op", "rhs", "label"),
                ("", names, ":=", [texts[n] for n in names], names),
                strict=True,
            ):
                frame[key] = [*frame[key], *([column] * len(names) if isinstance(column, str) else column)]
            frame["free"] = np.concatenate([free, np.zeros(len(names), dtype=int)])
            estimate, error = np.concatenate([estimate, values]), np.concatenate([error, spread])
            lv = np.concatenate([lv, self._defined_from(lv)])
            every = np.concatenate([every, self._defined_from(every)])
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(error > 0, estimate / error, np.nan)
        half = ndtri(0.5 + level / 2.0) * error
        return pd.DataFrame(
            {
                **frame,
                "estimate": estimate,
                "std_error": error,
                "statistic": statistic,
                "p_value": 2.0 * ndtr(-np.abs(statistic)),
                "conf_low": estimate - half,
                "conf_high": estimate + half,
                "std_lv": lv,
                "std_all": every,
            }
        )

    def _defined_from(self, values: Any) -> Any:
        """Defined parameters computed from standardised rows instead of raw ones."""
        theta = np.zeros(self.table.n_free, dtype=values.dtype)
        free = self.table.index >= 0
        theta[self.table.index[free]] = values[: len(free)][free]
        return self.constraints.defined_values(theta)

    def _standardised(self, theta: Any, which: int) -> Any:
        """Standardised rows, then defined parameters computed from them."""
        rows = standardised_values(self.table, self.layout, theta)[which]
        return np.concatenate([rows, self._defined_from(rows)]) if self.constraints.defined else rows

    def standardized(self, *, kind: str = "std_all", level: float = 0.95) -> pd.DataFrame:
        """Standardised estimates, and defined parameters from them, with delta-method standard errors.

        Moments of exogenous predictors count as given.

        Parameters
        ----------
        kind : {"std_all", "std_lv"}, default "std_all"
            All variables standardised, or the latent ones only.
        level : float, default 0.95
            Confidence level.
        """
        if kind not in ("std_all", "std_lv"):
            raise OptionError(f"kind={kind!r} is unknown; choose 'std_all' or 'std_lv'.")
        which = 1 if kind == "std_all" else 0
        estimate = self._standardised(self.theta, which)
        J = jacobian(lambda t: self._standardised(t, which), self.theta)
        given = {
            k for row, k in zip(self.table.rows, self.table.index, strict=True) if row.origin == "exogenous"
        }
        J[:, sorted(given - {-1})] = 0.0
        error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", J, self.covariance, J), 0.0))
        error = np.where(error < 1e-12, 0.0, error)
        half = ndtri(0.5 + level / 2.0) * error
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(error > 0, estimate / error, np.nan)
        frame = self.tidy()[["group", "lhs", "op", "rhs", "label", "free"]]
        return frame.assign(
            estimate=estimate,
            std_error=error,
            statistic=statistic,
            p_value=2.0 * ndtr(-np.abs(statistic)),
            conf_low=estimate - half,
            conf_high=estimate + half,
        )

    # -- fit ----------------------------------------------------------------------------------------

    @cached_property
    def _measures(self) -> dict[str, float]:
        return fit_measures(self)

    def fit_measures(self) -> pd.Series:
        """Every fit index that the estimator has, standard, scaled and robust."""
        measures = self._measures
        return pd.Series(list(measures.values()), index=list(measures), name="value")

    def glance(self) -> pd.DataFrame:
        """One row with n, degrees of freedom, tests and the usual fit indices."""
        measures = self._measures
        row: dict[str, Any] = {name: measures.get(name, np.nan) for name in GLANCE}
        for name in ("n", "npar", "df"):
            row[name] = int(row[name])
        row.update(converged=self.converged, admissible=self.admissible, estimator=self.spec.name)
        return pd.DataFrame([row])

    def r2(self) -> pd.Series:
        """Explained variance of each indicator and each predicted variable, by group and variable."""
        total, left = full_variances(self.layout, self.state), disturbance_variances(self.layout, self.state)
        names = (*self.table.observed, *self.table.latent)
        exogenous = {*self.table.exogenous, *self.table.given}
        predicted = {r.rhs if r.op == "=~" else r.lhs for r in self.table.rows if r.op in ("=~", "~")}
        found = {
            (label, name): 1.0 - left[g, k] / total[g, k]
            for g, label in enumerate(self.groups)
            for k, name in enumerate(names)
            if name in predicted and name not in exogenous
        }
        series = pd.Series(found, name="r2")
        series.index.names = ["group", "item"]
        return series.droplevel("group") if len(self.groups) == 1 else series

    # -- moments ------------------------------------------------------------------------------------

    def implied(self) -> dict[str, Any]:
        """Implied moments: ``cov`` (correlations for ordered items), and ``mean`` or ``thresholds`` where modelled.

        Given covariates, ``cov`` is that of the residuals, thresholds are those at covariates of zero, and ``slopes``
        are the effects of the covariates.

        In several groups, a dictionary of these by group.
        """
        items = list(self.table.observed)
        found = {}
        scaled = scaled_covariance(self.layout, self.state)
        vector = self.moments.moments(self.state)
        n_th = len(self.layout.threshold_item)
        for g, label in enumerate(self.groups):
            entry: dict[str, Any] = {"cov": pd.DataFrame(scaled[g], index=items, columns=items)}
            if n_th:
                entry["thresholds"] = pd.Series(vector[g, :n_th], index=self._threshold_names())
            elif self.moments.means:
                entry["mean"] = pd.Series(self.state.mu[g], index=items)
            if self.table.given:
                slopes = scaled_slopes(self.layout, self.state)[g]
                entry["slopes"] = pd.DataFrame(slopes, index=items, columns=list(self.table.given))
            found[label] = entry
        return found[self.groups[0]] if len(self.groups) == 1 else found

    def _threshold_names(self) -> list[str]:
        counts = self.table.thresholds
        return [
            f"{name}|t{k + 1}"
            for name, count in zip(self.table.observed, counts, strict=True)
            for k in range(count)
        ]

    def residuals(self, kind: str = "cor") -> pd.DataFrame:
        """Residual covariances or correlations.

        Parameters
        ----------
        kind : {"cor", "raw", "cor_bollen", "standardized"}, default "cor"
            ``cor`` divides by the sample standard deviations (Bentler), ``cor_bollen`` turns each matrix into
            correlations first, ``raw`` keeps the metric, ``standardized`` divides ``cor`` by its standard error.

        Returns
        -------
        DataFrame
            Items by items; with groups, stacked under their labels.
        """
        if kind not in RESIDUAL_KINDS:
            raise OptionError(f"kind={kind!r} is unknown; choose from {', '.join(RESIDUAL_KINDS)}.")
        items = list(self.table.observed)
        matrices = standardised_residuals(self) if kind == "standardized" else residual_matrix(self, kind)
        frames = {
            label: pd.DataFrame(matrix, index=items, columns=items)
            for label, matrix in zip(self.groups, matrices, strict=True)
        }
        return frames[self.groups[0]] if len(frames) == 1 else pd.concat(frames, names=["group", "item"])

    # -- score tests --------------------------------------------------------------------------------

    def modification_indices(self, *, minimum: float = 0.0, sort: bool = False) -> pd.DataFrame:
        """Score tests of every cross-loading, covariance, path between predictors and outcomes, and other fixed parameter.

        Parameters
        ----------
        minimum : float, default 0
            Leave out smaller indices.
        sort : bool, default False
            Largest first.

        Returns
        -------
        DataFrame
            group, lhs, op, rhs, mi (one degree of freedom), p_value, epc (expected parameter change), epc_lv,
            epc_all (standardised).
        """
        rows = mod.candidate_rows(self.table)
        wide, q = mod.extend(self.table, self.objective, rows, self.moments)
        theta = np.concatenate([self.theta, [row.value for row in rows]])
        gradient, information = mod.score_parts(wide, theta, self.sample.share)
        inverse = invert_information(information[:q, :q], self.estimate.tangent)[0]
        mi, epc = mod.modification(gradient, information, inverse, q, self.sample.total)
        frame = self._modification_frame(rows, mi, epc)
        frame = frame[frame["mi"].notna() & (frame["mi"] >= minimum)]
        return (
            frame.sort_values("mi", ascending=False, ignore_index=True)
            if sort
            else frame.reset_index(drop=True)
        )

    def _modification_frame(self, rows: list[Any], mi: FloatArray, epc: FloatArray) -> pd.DataFrame:
        position = {name: k for k, name in enumerate(self.table.names_of_variables)}
        factors = {position[name] for name in self.table.latent}
        sd = np.sqrt(np.maximum(full_variances(self.layout, self.state), 0.0))
        residual = np.sqrt(np.maximum(disturbance_variances(self.layout, self.state), 0.0))
        lv, every = np.array(epc), np.array(epc)
        with np.errstate(divide="ignore", invalid="ignore"):
            for k, row in enumerate(rows):
                g, a, b = row.group, position[row.lhs], position.get(row.rhs, position[row.lhs])
                if row.op == "=~":
                    lv[k], every[k] = epc[k] * sd[g, a], epc[k] * sd[g, a] / sd[g, b]
                elif row.op == "~":
                    unit = (sd[g, a] if a in factors else 1.0), (sd[g, b] if b in factors else 1.0)
                    lv[k], every[k] = epc[k] * unit[1] / unit[0], epc[k] * sd[g, b] / sd[g, a]
                elif row.op == "~1":
                    lv[k], every[k] = epc[k] / (sd[g, a] if a in factors else 1.0), epc[k] / sd[g, a]
                elif row.op == "~~":
                    latent = residual[g, a] * residual[g, b] if {a, b} <= factors else 1.0
                    lv[k], every[k] = epc[k] / latent, epc[k] / (residual[g, a] * residual[g, b])
        return pd.DataFrame(
            {
                "group": [self.groups[row.group] for row in rows],
                "lhs": [row.lhs for row in rows],
                "op": [row.op for row in rows],
                "rhs": [row.rhs for row in rows],
                "mi": mi,
                "p_value": [chi2_tail(value, 1) for value in mi],
                "epc": epc,
                "epc_lv": lv,
                "epc_all": every,
            }
        )

    def score_tests(self) -> pd.DataFrame:
        """Score tests of releasing each equality between parameters, and (first row) all of them together.

        Returns
        -------
        DataFrame
            lhs, op, rhs, group (whose parameter is released), statistic, df, p_value, epc (its expected change).
        """
        together, single = mod.equality_score_tests(
            self.objective, self.table, self.theta, self.sample.total, self.sample.share
        )
        rows = [("all", "", "", "", together.statistic, together.df, np.nan)]
        for _, other, found in single:
            row = self.table.rows[other]
            rows.append(
                (row.lhs, row.op, row.rhs, self.groups[row.group], found.statistic, 1, found.change[0])
            )
        frame = pd.DataFrame(rows, columns=["lhs", "op", "rhs", "group", "statistic", "df", "epc"])
        frame["p_value"] = [chi2_tail(s, d) for s, d in zip(frame["statistic"], frame["df"], strict=True)]
        return frame[["lhs", "op", "rhs", "group", "statistic", "df", "p_value", "epc"]]

    # -- persons ------------------------------------------------------------------------------------

    def factor_scores(
        self,
        data: IntoFrame | None = None,
        method: str | None = None,
        *,
        group: Any = None,
        std_error: bool = False,
    ) -> pd.DataFrame:
        """Factor scores, one row per person.

        Parameters
        ----------
        data : DataFrame, optional
            Persons to score; by default the rows that were analysed.
        method : {"regression", "bartlett", "ebm", "ml"}, optional
            Regression by default for continuous items; posterior modes (``ebm``) for ordered ones, where ``ml``
            leaves out the prior.
        group : str or array-like, optional
            Group column or labels of ``data``, when the model has groups; by default the column of the fit.
        std_error : bool, default False
            Add a column ``<factor>_std_error`` per factor.

        Returns
        -------
        DataFrame
            In the order of ``data`` (persons without any response get missing scores), or group after group.
        """
        from recoverymetrics.cfa.persons import score_persons

        ordered = self.layout.any_ordinal
        chosen = (method or ("ebm" if ordered else "regression")).lower()
        if chosen not in SCORE_METHODS:
            raise OptionError(f"method={method!r} is unknown; choose from {', '.join(SCORE_METHODS)}.")
        return score_persons(self, data, chosen, group, std_error=std_error)

    def augment(self, data: IntoFrame, *, group: Any = None, method: str | None = None) -> pd.DataFrame:
        """The data with factor scores and their standard errors in new columns."""
        from recoverymetrics.instrument.frame import to_pandas

        frame = to_pandas(data)
        scores = self.factor_scores(data, method, group=group, std_error=True)
        return frame.assign(**{name: scores[name].to_numpy() for name in scores.columns})

    # -- resampling ---------------------------------------------------------------------------------

    def bootstrap(
        self,
        *,
        n_boot: int = 1000,
        kind: Literal["nonparametric", "parametric", "bollen_stine"] = "nonparametric",
        seed: Seed = None,
        workers: Workers = None,
    ) -> BootstrapResult:
        """Refit the model to resamples; see `recoverymetrics.cfa.bootstrap.bootstrap`."""
        return bootstrap(self, n_boot=n_boot, kind=kind, seed=seed, workers=workers)

    def dynamic_cutoffs(
        self, *, n_sim: int = 500, seed: Seed = None, workers: Workers = None
    ) -> pd.DataFrame:
        """Cut-offs of fit simulated for this model; see `recoverymetrics.cfa.bootstrap.dynamic_cutoffs`."""
        return dynamic_cutoffs(self, n_sim=n_sim, seed=seed, workers=workers)

    # -- export and display -------------------------------------------------------------------------

    def to_lavaan(self) -> str:
        """The complete model in lavaan syntax: every parameter, its labels, fixed values and groups."""
        return to_lavaan(self.table)

    def to_mplus(self) -> str:
        """The model as Mplus input."""
        weights, clusters = self.sample.weights is not None, self.sample.clusters is not None
        return to_mplus(self.table, self.spec, weights=weights, clusters=clusters)

    def compare_with(self, *others: CFAResult, method: str = "auto") -> pd.DataFrame:
        """Difference tests with nested models; the same as ``compare_models``."""
        from recoverymetrics.cfa.compare import compare_models

        return compare_models(self, *others, method=method)

    def plot(self, *, kind: str = "path", ax: Any = None, group: str | None = None) -> Any:
        """Path diagram with standardised estimates; needs matplotlib only.

        Parameters
        ----------
        kind : {"path", "residuals"}, default "path"
            Path diagram, or residual correlations as a map.
        ax : matplotlib Axes, optional
            Where to draw.
        group : str, optional
            Group to show, by default the first.
        """
        from recoverymetrics.cfa.diagram import draw_path_diagram, draw_residuals

        if kind not in ("path", "residuals"):
            raise OptionError(f"kind={kind!r} is unknown; choose 'path' or 'residuals'.")
        draw = draw_path_diagram if kind == "path" else draw_residuals
        return draw(self, ax=ax, group=group)

    def _title(self) -> str:
        kind = "ordered" if self.layout.any_ordinal else "continuous"
        groups = f", {len(self.groups)} groups" if len(self.groups) > 1 else ""
        return f"Structural equation model ({self.spec.name}, {kind}{groups}), n = {int(self.sample.total)}"

    def _tables(self) -> tuple[Table, ...]:
        facts = (
            f"{self.sample.n_dropped} rows left out for missing values." if self.sample.n_dropped else "",
            *self.notes,
            *self.warnings,
        )
        return (
            Table("Fit", self.glance().T.rename(columns={0: "value"}).rename_axis("index").reset_index()),
            Table("Parameters", self.tidy(), tuple(fact for fact in facts if fact)),
        )
