"""``RaschResult``: item and person parameters, fit, and tests of the Rasch model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.irt.rasch.kernel import (
    ConditionalFit,
    category_probabilities,
    category_slices,
    design_matrix,
    maximise_conditional,
    raw_score_estimates,
    score_groups,
)
from recoverymetrics.irt.residuals import Expectation, fill_expectation, mean_squares
from recoverymetrics.irt.responses import CodedResponses
from recoverymetrics.typing import BoolArray, FloatArray


@dataclass(frozen=True, repr=False)
class RaschResult(AbstractResult):
    """A Rasch, partial credit or rating scale model estimated by conditional maximum likelihood.

    Attributes
    ----------
    model : str
        ``"rasch"``, ``"pcm"`` or ``"rsm"``.
    coded : CodedResponses
        Responses.
    fit : ConditionalFit
        Estimates.
    notes : tuple of str
        Warnings.
    """

    model: str
    coded: CodedResponses
    fit: ConditionalFit
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line: model, size, conditional log-likelihood."""
        return f"RaschResult({self.model}, {len(self.coded.items)} items, {self.coded.n} persons, loglik={self.loglik:.3f})"

    @property
    def converged(self) -> bool:
        """Whether the gradient vanished."""
        return self.fit.converged

    @property
    def loglik(self) -> float:
        """Conditional log-likelihood."""
        return self.fit.loglik

    @property
    def npar(self) -> int:
        """Number of free parameters."""
        return int(self.fit.eta.size)

    @property
    def places(self) -> list[slice]:
        """Where each item's categories sit in the easiness vector."""
        return category_slices(self.coded.n_categories)

    @property
    def beta_covariance(self) -> FloatArray:
        """Covariance matrix of the category easiness parameters."""
        W = design_matrix(self.coded.n_categories, self.model)
        return W @ self.fit.covariance @ W.T

    def tidy(self) -> pd.DataFrame:
        """Thresholds (difficulties) with standard errors: columns item, parameter, estimate, std_error."""
        rows = []
        V = self.beta_covariance
        for item, place in zip(self.coded.items, self.places, strict=True):
            size = place.stop - place.start
            step = -(np.eye(size) - np.eye(size, k=-1))
            values = step @ self.fit.beta[place]
            errors = np.sqrt(np.diag(step @ V[place, place] @ step.T))
            names = ["difficulty"] if size == 1 else [f"threshold{k + 1}" for k in range(size)]
            rows += list(zip([item] * size, names, values, errors, strict=True))
        return pd.DataFrame(rows, columns=["item", "parameter", "estimate", "std_error"])

    def easiness(self) -> pd.DataFrame:
        """Cumulated category easiness (sum zero): columns item, category, estimate, std_error."""
        errors = np.sqrt(np.maximum(np.diag(self.beta_covariance), 0.0))
        items = np.repeat(np.asarray(self.coded.items, dtype=object), self.coded.n_categories - 1)
        category = np.concatenate([values[1:] for values in self.coded.categories])
        return pd.DataFrame(
            {"item": items, "category": category, "estimate": self.fit.beta, "std_error": errors}
        )

    def locations(self) -> pd.Series:
        """Item locations: the mean threshold of each item."""
        return self.tidy().groupby("item", sort=False)["estimate"].mean()

    def glance(self) -> pd.DataFrame:
        """One row: n, n_items, npar, loglik (conditional), aic, bic, converged."""
        ll, k, n = self.loglik, self.npar, self.coded.n
        return pd.DataFrame(
            {
                "n": [n],
                "n_items": len(self.coded.items),
                "npar": k,
                "loglik": ll,
                "aic": -2 * ll + 2 * k,
                "bic": -2 * ll + k * np.log(n),
                "converged": self.converged,
            }
        )

    def scores(self) -> pd.DataFrame:
        """Person parameters in input order: raw_score, estimate, std_error (ML), wle, wle_std_error, extreme."""
        frame = pd.DataFrame(
            np.nan,
            index=range(self.coded.n),
            columns=["raw_score", "estimate", "std_error", "wle", "wle_std_error"],
        )
        answered = self.coded.codes >= 0
        patterns, which = np.unique(answered, axis=0, return_inverse=True)
        for g, pattern in enumerate(patterns):
            items = np.flatnonzero(pattern)
            rows = np.flatnonzero(np.asarray(which).ravel() == g)
            if not items.size:
                continue
            table = raw_score_estimates(self.fit.beta, [self.places[j] for j in items])
            raw = self.coded.codes[np.ix_(rows, items)].astype(np.int64).sum(axis=1)
            columns = [table.score, table.theta, table.std_error, table.wle, table.wle_std_error]
            frame.iloc[rows] = np.column_stack([column[raw] for column in columns])
        return frame.assign(extreme=~np.isfinite(frame["estimate"]))

    def score_table(self) -> pd.DataFrame:
        """Raw score on all items to person parameter: sum_score, estimate, std_error, wle, wle_std_error."""
        table = raw_score_estimates(self.fit.beta, self.places)
        return pd.DataFrame(
            {
                "sum_score": table.score,
                "estimate": table.theta,
                "std_error": table.std_error,
                "wle": table.wle,
                "wle_std_error": table.wle_std_error,
            }
        )

    def expectation(self) -> Expectation:
        """Moments of all responses at the ML estimates; NaN for extreme persons."""
        theta = self.scores()["estimate"].to_numpy()
        rows = np.flatnonzero(np.isfinite(theta))
        out = {name: np.full(self.coded.codes.shape, np.nan) for name in Expectation.__dataclass_fields__}
        for j, p in enumerate(category_probabilities(theta[rows], self.fit.beta, self.places)):
            fill_expectation(out, rows, j, p, self.coded.codes[rows, j])
        return Expectation(**out)

    def item_fit(self) -> pd.DataFrame:
        """Item fit over non-extreme persons: chi-square, df, p value, outfit, infit and their z."""
        return self._fit_frame(0, "item", list(self.coded.items))

    def person_fit(self) -> pd.DataFrame:
        """Person fit in input order; NaN for extreme persons."""
        return self._fit_frame(1, "person", list(range(self.coded.n)))

    def _fit_frame(self, axis: int, name: str, labels: list[Any]) -> pd.DataFrame:
        e = self.expectation()
        size = np.sum(~np.isnan(e.residual), axis=axis)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.nansum(e.residual**2 / e.variance, axis=axis)
        df = size - 1
        frame = pd.DataFrame(
            {name: labels, "statistic": value, "df": df, "p_value": chi2.sf(value, np.maximum(df, 1))}
        )
        frame = frame.assign(**mean_squares(e, axis))
        frame.loc[size == 0, frame.columns[1:]] = np.nan
        return frame

    def separation_reliability(self) -> float:
        """Share of the variance of non-extreme person estimates that is not error."""
        scores = self.scores()
        kept = scores[~scores["extreme"]]
        variance = float(kept["estimate"].var(ddof=1))
        return (variance - float((kept["std_error"] ** 2).mean())) / variance

    def split(self, criterion: str | FloatArray) -> list[BoolArray]:
        """Persons of each part: ``"median"`` or ``"mean"`` raw score, or one label per person."""
        if isinstance(criterion, str):
            raw = np.where(self.coded.codes >= 0, self.coded.codes, 0).astype(np.int64).sum(axis=1)
            if criterion == "median":
                low = raw <= np.median(raw)
            elif criterion == "mean":
                low = raw < raw.mean()
            else:
                raise OptionError(f"unknown split {criterion!r}; choose 'median', 'mean' or give labels.")
            return [low, ~low]
        labels = np.asarray(criterion)
        if labels.size != self.coded.n:
            raise DataError(f"the split has {labels.size} labels for {self.coded.n} persons.")
        return [labels == value for value in dict.fromkeys(labels.tolist())]

    def parts(
        self, criterion: str | FloatArray = "median"
    ) -> tuple[list[int], list[ConditionalFit], ConditionalFit]:
        """Items that vary fully in every part, fits of the parts, and the fit of all persons on these items."""
        groups = self.split(criterion)
        K = self.coded.n_categories
        usable = [
            j
            for j in range(K.size)
            if all(np.unique(_seen(self.coded.codes[rows, j])).size == K[j] for rows in groups)
        ]
        if len(usable) < 2:
            raise DataError(
                "fewer than two items use all categories in every part; split the persons differently."
            )
        W = design_matrix(K[usable], self.model)

        def fit(rows: BoolArray) -> ConditionalFit:
            return maximise_conditional(
                score_groups(self.coded.codes[rows][:, usable], K[usable]), K[usable], W
            )

        return usable, [fit(rows) for rows in groups], fit(np.ones(self.coded.n, dtype=bool))

    def lr_test(self, split: str | FloatArray = "median") -> pd.DataFrame:
        """Andersen's (1973) likelihood-ratio test: one row with statistic, df, p_value, n_items, excluded items."""
        usable, fits, whole = self.parts(split)
        value = 2 * (sum(f.loglik for f in fits) - whole.loglik)
        df = sum(f.eta.size for f in fits) - whole.eta.size
        excluded = ", ".join(item for j, item in enumerate(self.coded.items) if j not in usable)
        return pd.DataFrame(
            {
                "statistic": [value],
                "df": df,
                "p_value": chi2.sf(value, df),
                "n_items": len(usable),
                "excluded": excluded,
            }
        )

    def wald_test(self, split: str | FloatArray = "median") -> pd.DataFrame:
        """Wald test of each parameter between two parts: columns item, category, statistic, p_value."""
        usable, fits, _ = self.parts(split)
        if len(fits) != 2:
            raise OptionError(f"the Wald test compares two parts; the split has {len(fits)}.")
        K = self.coded.n_categories[usable]
        W = design_matrix(K, self.model)
        variances = [np.diag(W @ f.covariance @ W.T) for f in fits]
        z = (fits[0].beta - fits[1].beta) / np.sqrt(variances[0] + variances[1])
        items = np.repeat(np.asarray(self.coded.items, dtype=object)[usable], K - 1)
        category = np.concatenate([self.coded.categories[j][1:] for j in usable])
        return pd.DataFrame(
            {"item": items, "category": category, "statistic": z, "p_value": 2 * norm.sf(np.abs(z))}
        )

    def martin_loef_test(self, hard: list[str] | None = None) -> pd.DataFrame:
        """Martin-Loef test of two sets of items measuring one variable.

        Parameters
        ----------
        hard : list of str, optional
            Items of the first set; by default those whose total score does not exceed the median.
        """
        rows = (self.coded.codes >= 0).all(axis=1)
        codes, K = self.coded.codes[rows].astype(np.int64), self.coded.n_categories
        totals = codes.sum(axis=0)
        first = np.isin(self.coded.items, hard) if hard else totals <= np.median(totals)
        value = 0.0
        scores = []
        for part in (first, ~first):
            if part.sum() < 2:
                raise DataError("each set of items needs two items or more.")
            W = design_matrix(K[part], self.model)
            value += 2 * maximise_conditional(score_groups(codes[:, part], K[part]), K[part], W).loglik
            scores.append(codes[:, part].sum(axis=1))
        tops = [int((K[part] - 1).sum()) for part in (first, ~first)]
        joint = np.zeros((tops[0] + 1, tops[1] + 1))
        np.add.at(joint, tuple(scores), 1.0)
        total = np.bincount(scores[0] + scores[1], minlength=sum(tops) + 1).astype(float)
        value -= 2 * self.loglik
        value += 2 * (_entropy(joint) - _entropy(total))
        df = tops[0] * tops[1] - 1
        return pd.DataFrame({"statistic": [value], "df": df, "p_value": chi2.sf(value, df)})

    def _title(self) -> str:
        return f"Conditional maximum likelihood ({self.model})"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Overview", self.glance(), notes=self.notes),
            Table("Thresholds", self.tidy()),
            Table("Item fit", self.item_fit()),
        )


def _seen(column: FloatArray) -> FloatArray:
    value: FloatArray = column[column >= 0]
    return value


def _entropy(table: FloatArray) -> float:
    """``sum n log(n / N)`` over the cells in use."""
    n = table[table > 0]
    return float(np.sum(n * np.log(n / table.sum())))
