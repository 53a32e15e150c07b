"""Rasch trees: groups with different item parameters, found along covariates (Strobl, Kopf & Zeileis 2015)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import read_items, to_pandas
from recoverymetrics.irt.rasch.fit import fit_rasch
from recoverymetrics.irt.rasch.kernel import (
    ConditionalFit,
    casewise_scores,
    conditional_likelihood,
    design_matrix,
    maximise_conditional,
    score_groups,
)
from recoverymetrics.irt.rasch.tree_result import RaschTree, TreeNode
from recoverymetrics.irt.responses import CodedResponses, code_responses
from recoverymetrics.numerics.fluctuation import FluctuationKind, fluctuation_test
from recoverymetrics.typing import BoolArray, FloatArray, IntArray, IntoFrame

FEW_VALUES = 10
"""A numeric covariate with no more values is tested as ordered categories, whose p value is exact for few cuts."""
MOST_LEVELS = 10
"""Levels of an unordered covariate whose binary partitions are all tried."""
COARSE = 40
"""Cut points tried first along a covariate; then those between the neighbours of the best."""


@dataclass(frozen=True)
class Covariate:
    """A variable along which the sample may be split.

    Attributes
    ----------
    name : str
        Column.
    values : ndarray, shape (n,)
        Numbers, or positions in ``levels``.
    levels : tuple of str
        Levels of a categorical variable, empty for numbers.
    ordered : bool
        Whether the values have an order.
    """

    name: str
    values: FloatArray
    levels: tuple[str, ...]
    ordered: bool

    def kind(self, rows: IntArray) -> FluctuationKind:
        """Test for this variable among some persons."""
        if not self.ordered:
            return "lm"
        few = np.unique(self.values[rows]).size <= FEW_VALUES
        return "ordered_max_lm" if self.levels or few else "max_lm"

    def describe(self, left: FloatArray, present: FloatArray) -> tuple[str, str]:
        """Words for the persons on either side of a split."""
        right = np.setdiff1d(present, left)
        if self.levels:
            return tuple(  # type: ignore[return-value]
                f"{self.name} in {{{', '.join(self.levels[int(v)] for v in side)}}}" for side in (left, right)
            )
        return f"{self.name} <= {left.max():g}", f"{self.name} > {left.max():g}"


def fit_rasch_tree(
    data: IntoFrame,
    covariates: IntoFrame,
    model: str = "rasch",
    *,
    items: Sequence[str] | None = None,
    alpha: float = 0.05,
    min_size: int = 50,
    max_depth: int | None = None,
) -> RaschTree:
    """Split the sample where item parameters change along covariates.

    In each node the model is fitted by conditional maximum likelihood and the parameters are tested for instability
    along every covariate (Bonferroni-corrected within the node). The covariate with the smallest p value splits the
    node at the point with the largest likelihood, until no test is significant.

    Parameters
    ----------
    data : DataFrame, Responses, mapping or 2-D array
        Responses.
    covariates : DataFrame
        One row per person: numbers, ordered categoricals, or text. No missing values.
    model : {"rasch", "pcm", "rsm"}, default "rasch"
        Model of every node (Komboz, Strobl & Zeileis 2018 for partial credit).
    items : sequence of str, optional
        Item columns.
    alpha : float, default 0.05
        Level of the tests after correction.
    min_size : int, default 50
        Smallest node. A node also needs every category of every item to be used.
    max_depth : int, optional
        Largest number of splits above a node.

    Returns
    -------
    RaschTree

    Raises
    ------
    DataError
        Covariates of other length, with missing values, or text with more than ten levels.
    OptionError
        ``alpha`` outside (0, 1), ``min_size`` below 10.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> old = rng.integers(0, 2, 600)
    >>> easy = np.linspace(-1, 1, 5) + np.outer(old, [0, 0, 1.5, 0, 0])
    >>> X = (rng.standard_normal((600, 1)) + rng.logistic(size=(600, 5)) > easy).astype(int)
    >>> tree = fit_rasch_tree(X, pd.DataFrame({"age": 20 + 40 * old + rng.integers(0, 19, 600)}))
    >>> [leaf.rule for leaf in tree.leaves]
    ['age <= 38', 'age > 38']
    """
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha} must lie between 0 and 1.")
    if min_size < 10:
        raise OptionError(f"min_size={min_size} is too small to estimate item parameters; take 10 or more.")
    whole = fit_rasch(data, model, items=items)
    coded = code_responses(read_items(data, items=items))
    variables = read_covariates(covariates, coded.n)
    grower = _Grower(coded, whole.model, variables, alpha, min_size, max_depth)
    nodes = tuple(grower.grow(np.arange(coded.n), (), whole.fit))
    return RaschTree(whole.model, coded, nodes, tuple(v.name for v in variables), alpha)


def read_covariates(covariates: IntoFrame, n: int) -> tuple[Covariate, ...]:
    """Columns as numbers or levels.

    Raises
    ------
    DataError
        Other length, no column, missing values, too many levels.
    """
    frame = to_pandas(covariates)
    if len(frame) != n or not frame.shape[1]:
        raise DataError(f"covariates have {len(frame)} rows and {frame.shape[1]} columns for {n} persons.")
    out = []
    for name in frame.columns:
        column = frame[name]
        if column.isna().any():
            raise DataError(
                f"covariate {str(name)!r} misses {int(column.isna().sum())} values; leave these persons out."
            )
        if pd.api.types.is_numeric_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype):
            out.append(Covariate(str(name), column.to_numpy(dtype=float), (), True))
            continue
        known = column.astype("category").cat
        levels = tuple(str(v) for v in known.categories)
        if not known.ordered and len(levels) > MOST_LEVELS:
            raise DataError(
                f"covariate {str(name)!r} has {len(levels)} levels without order; join them to {MOST_LEVELS} or fewer."
            )
        out.append(Covariate(str(name), known.codes.to_numpy(dtype=float), levels, bool(known.ordered)))
    return tuple(out)


@dataclass(frozen=True)
class _Grower:
    coded: CodedResponses
    model: str
    covariates: tuple[Covariate, ...]
    alpha: float
    min_size: int
    max_depth: int | None

    def estimate(self, rows: IntArray) -> ConditionalFit:
        K = self.coded.n_categories
        return maximise_conditional(score_groups(self.coded.codes[rows], K), K, design_matrix(K, self.model))

    def tests(self, rows: IntArray, fit: ConditionalFit) -> pd.DataFrame:
        """Instability of all parameters along each covariate: covariate, statistic, p_value, p_adjusted, method."""
        K = self.coded.n_categories
        W = design_matrix(K, self.model)
        scores = casewise_scores(fit.beta, self.coded.codes[rows], K) @ W
        now = conditional_likelihood(fit.beta, score_groups(self.coded.codes[rows], K), K)
        information = W.T @ now.information @ W
        trim = min(max(0.1, self.min_size / rows.size), 0.45)
        out: list[tuple[str, float, float, str]] = []
        for variable in self.covariates:
            own = variable.values[rows]
            if np.unique(own).size < 2:
                continue
            kind = variable.kind(rows)
            try:
                found = fluctuation_test(scores, own, kind=kind, information=information, trim=trim)
            except DataError:  # every value lies in the trimmed ends
                continue
            out.append((variable.name, found.statistic, found.p_value, kind))
        frame = pd.DataFrame(out, columns=["covariate", "statistic", "p_value", "method"])
        return frame.assign(
            p_adjusted=-np.expm1(len(out) * np.log1p(-np.minimum(frame["p_value"], 1 - 1e-16)))
        )

    def grow(self, rows: IntArray, path: tuple[str, ...], fit: ConditionalFit) -> Iterator[TreeNode]:
        """Node of these persons and all below it, depth first."""
        tests = self.tests(rows, fit)
        node = TreeNode(path, rows, fit, tests, "", (), ())
        split = self._split(rows, tests) if self._may_split(rows, path, tests) else None
        if split is None:
            yield node
            return
        variable, left = split
        present = np.unique(variable.values[rows])
        words = variable.describe(left, present)
        inside = np.isin(variable.values[rows], left)
        yield TreeNode(path, rows, fit, tests, variable.name, tuple(left.tolist()), words)
        for side, word in ((inside, words[0]), (~inside, words[1])):
            yield from self.grow(rows[side], (*path, word), self.estimate(rows[side]))

    def _may_split(self, rows: IntArray, path: tuple[str, ...], tests: pd.DataFrame) -> bool:
        deep = self.max_depth is not None and len(path) >= self.max_depth
        return not deep and rows.size >= 2 * self.min_size and bool((tests["p_adjusted"] < self.alpha).any())

    def _split(self, rows: IntArray, tests: pd.DataFrame) -> tuple[Covariate, FloatArray] | None:
        """Significant covariate with the smallest p value that has an admissible split, and the values that go left."""
        significant = tests[tests["p_adjusted"] < self.alpha].sort_values("p_value", kind="stable")
        for name in significant["covariate"]:
            variable = next(v for v in self.covariates if v.name == name)
            present = np.unique(variable.values[rows])
            best = (
                self._best_cut(rows, variable, present)
                if variable.ordered
                else self._best_partition(rows, variable, present)
            )
            if best is not None:
                return variable, best
        return None

    def _best_cut(self, rows: IntArray, variable: Covariate, present: FloatArray) -> FloatArray | None:
        cuts = np.arange(1, present.size)
        tried: dict[int, float] = {}
        for fine in (False, True):
            if fine and (not tried or max(tried.values()) == -np.inf):
                break
            wanted = (
                self._finer(tried, cuts)
                if fine
                else cuts[np.unique(np.linspace(0, cuts.size - 1, COARSE).astype(int))]
            )
            for c in wanted:
                if int(c) not in tried:
                    tried[int(c)] = self._gain(rows, np.isin(variable.values[rows], present[:c]))
        best = max(tried, key=lambda c: tried[c]) if tried else 0
        return present[:best] if tried and np.isfinite(tried[best]) else None

    @staticmethod
    def _finer(tried: dict[int, float], cuts: IntArray) -> IntArray:
        """Cuts between the neighbours of the best so far, forty at most."""
        known, best = sorted(tried), max(tried, key=lambda c: tried[c])
        place = known.index(best)
        low, high = known[max(place - 1, 0)], known[min(place + 1, len(known) - 1)]
        between = cuts[(cuts >= low) & (cuts <= high)]
        return between[np.unique(np.linspace(0, between.size - 1, COARSE).astype(int))]

    def _best_partition(self, rows: IntArray, variable: Covariate, present: FloatArray) -> FloatArray | None:
        rest = present[1:]
        sides = [np.array([present[0], *c]) for k in range(rest.size) for c in combinations(rest, k)]
        gains = [self._gain(rows, np.isin(variable.values[rows], side)) for side in sides]
        best = int(np.argmax(gains))
        return sides[best] if np.isfinite(gains[best]) else None

    def _gain(self, rows: IntArray, inside: BoolArray) -> float:
        """Log-likelihood of the two parts; minus infinity when a part cannot be estimated."""
        total = 0.0
        for part in (rows[inside], rows[~inside]):
            if part.size < self.min_size or not self._estimable(part):
                return -np.inf
            total += self.estimate(part).loglik
        return total

    def _estimable(self, rows: IntArray) -> bool:
        codes = self.coded.codes[rows]
        return all(
            np.unique(column[column >= 0]).size == K
            for column, K in zip(codes.T, self.coded.n_categories, strict=True)
        )
