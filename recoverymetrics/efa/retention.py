"""How many factors: parallel analysis, and the agreement of several rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from recoverymetrics.correlation.codes import category_codes
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.efa import retention_kernel as kernel
from recoverymetrics.efa.fit import FactorInput, read_factor_input
from recoverymetrics.efa.simulated import NullTask, eigenvalues, null_eigenvalues
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import FloatArray, IntoFrame, Seed, Workers
from recoverymetrics.workers import map_tasks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Method = Literal[
    "parallel", "map", "map4", "ekc", "hull", "kaiser", "vss", "smt_chi2", "smt_rmsea", "cd", "ega"
]
_NEEDS_PERSONS = ("parallel", "cd")


@dataclass(frozen=True)
class ParallelAnalysis:
    """Options of parallel analysis.

    Parameters
    ----------
    n_draws : int, default 100
        Random data sets.
    quantile : float, default 0.95
        Quantile of the random eigenvalues that an eigenvalue must exceed; ``None`` for their mean.
    draw : {"permutation", "normal"}, default "permutation"
        Shuffle the columns (keeps margins and missing values), or draw normal scores.
    reduced : bool, default False
        Eigenvalues of the matrix reduced by squared multiple correlations (common factors) instead of the full
        one (components; the more accurate rule, Auerswald & Moshagen 2019).
    """

    n_draws: int = 100
    quantile: float | None = 0.95
    draw: Literal["permutation", "normal"] = "permutation"
    reduced: bool = False


@dataclass(frozen=True)
class RetentionResult(AbstractResult):
    """Number of factors by one or several rules.

    Attributes
    ----------
    rules : tuple of Rule
        One record per method.
    eigenvalues : ndarray, shape (p,)
        Eigenvalues of the correlation matrix, decreasing.
    reference : ndarray or None, shape (p,)
        What parallel analysis compares them with.
    simulated : ndarray or None, shape (n_draws, p)
        Eigenvalues of the random data sets.
    correlation : str
        Kind of correlation.
    n : float or None
        Persons.
    n_items : int
        Items.
    options : ParallelAnalysis
        Options of the parallel analysis.
    extras : mapping
        Further results by method, such as the network of ``"ega"``.
    """

    rules: tuple[kernel.Rule, ...]
    eigenvalues: FloatArray
    reference: FloatArray | None
    simulated: FloatArray | None
    correlation: str
    n: float | None
    n_items: int
    options: ParallelAnalysis
    extras: dict[str, Any]

    @property
    def votes(self) -> dict[int, int]:
        """How many rules keep each number of factors, Kaiser's rule left out."""
        counted = Counter(rule.n_factors for rule in self.rules if rule.method != "kaiser")
        return dict(sorted(counted.items()))

    @property
    def n_factors(self) -> int:
        """Number of factors that most rules keep.

        Kaiser's rule does not vote. Among equally frequent numbers the one that parallel analysis keeps wins,
        else the smallest.
        """
        votes = self.votes or {rule.n_factors: 1 for rule in self.rules}
        most = max(votes.values())
        tied = [number for number, count in votes.items() if count == most]
        parallel = [rule.n_factors for rule in self.rules if rule.method == "parallel"]
        return parallel[0] if parallel and parallel[0] in tied else min(tied)

    def tidy(self) -> pd.DataFrame:
        """One row per method: ``method``, ``n_factors``, ``agrees`` with the consensus, ``note``."""
        return pd.DataFrame(
            {
                "method": [rule.method for rule in self.rules],
                "n_factors": [rule.n_factors for rule in self.rules],
                "agrees": [rule.n_factors == self.n_factors for rule in self.rules],
                "note": [rule.note for rule in self.rules],
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: the consensus, how many rules agree, and the range."""
        numbers = [rule.n_factors for rule in self.rules]
        row = {
            "n": np.nan if self.n is None else self.n,
            "n_items": self.n_items,
            "correlation": self.correlation,
            "n_methods": len(self.rules),
            "n_factors": self.n_factors,
            "n_agree": sum(number == self.n_factors for number in numbers),
            "n_factors_min": min(numbers),
            "n_factors_max": max(numbers),
        }
        return pd.DataFrame([row])

    def eigenvalue_table(self) -> pd.DataFrame:
        """One row per eigenvalue: observed, reference quantile and mean of the random data."""
        table = pd.DataFrame({"term": np.arange(1, self.n_items + 1), "estimate": self.eigenvalues})
        if self.reference is not None and self.simulated is not None:
            table["reference"] = self.reference
            table["simulated_mean"] = self.simulated.mean(axis=0)
        return table

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Scree plot with the random eigenvalues of parallel analysis.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from recoverymetrics.efa.figures import draw_scree

        return draw_scree(self, ax=ax)

    def _title(self) -> str:
        return f"Number of factors: {self.n_factors}"

    def _tables(self) -> tuple[Table, ...]:
        rule = "Consensus: most frequent number, Kaiser not voting; ties go to parallel analysis, else the smallest."
        return (
            Table("Agreement", self.tidy(), notes=(rule,)),
            Table("Eigenvalues", self.eigenvalue_table()),
        )


def parallel_analysis(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    correlation: str = "polychoric",
    n_iter: int = 100,
    quantile: float | None = 0.95,
    draw: Literal["permutation", "normal"] = "permutation",
    reduced: bool = False,
    missing: Literal["pairwise", "listwise"] = "pairwise",
    n_obs: float | None = None,
    seed: Seed = None,
    workers: Workers = None,
) -> RetentionResult:
    """Horn's parallel analysis (1965): eigenvalues against those of data without structure.

    Parameters
    ----------
    data : Responses, DataFrame, mapping, 2-D array, or a correlation matrix
        One row per person, or a matrix with ``correlation="cor"`` and ``n_obs``.
    items : sequence of str, optional
        Item columns.
    correlation : str, default "polychoric"
        As in :func:`fit_efa`; random data are correlated the same way.
    n_iter : int, default 100
        Random data sets.
    quantile : float or None, default 0.95
        Quantile of the random eigenvalues to exceed; ``None`` for their mean.
    draw : {"permutation", "normal"}, default "permutation"
        Shuffled columns, or normal scores (always normal for a correlation matrix).
    reduced : bool, default False
        Common-factor eigenvalues (squared multiple correlations on the diagonal).
    missing : {"pairwise", "listwise"}, default "pairwise"
        Treatment of missing responses; random data keep the missing values.
    n_obs : float, optional
        Persons behind a correlation matrix.
    seed : int or Generator, optional
        The same seed gives the same numbers whatever the number of workers.
    workers : None, int or dask client
        Where the random data sets run.

    Returns
    -------
    RetentionResult

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> factor = rng.standard_normal((400, 1))
    >>> data = factor + rng.standard_normal((400, 6))
    >>> parallel_analysis(data, correlation="pearson", n_iter=20, seed=1).n_factors
    1
    """
    options = ParallelAnalysis(n_iter, quantile, draw, reduced)
    _check_options(options)
    source = read_factor_input(data, items, correlation, missing, n_obs, False)
    rule, reference, simulated = _parallel(source, options, missing, seed, workers)
    values = eigenvalues(source.matrix, reduced=reduced)
    return RetentionResult(
        (rule,), values, reference, simulated, correlation, source.n, len(source.items), options, {}
    )


def suggest_n_factors(
    data: IntoFrame,
    methods: Sequence[str] = ("parallel", "map", "ekc", "hull", "ega"),
    *,
    items: Sequence[str] | None = None,
    correlation: str = "polychoric",
    max_factors: int | None = None,
    parallel: ParallelAnalysis | None = None,
    missing: Literal["pairwise", "listwise"] = "pairwise",
    n_obs: float | None = None,
    smooth: bool = False,
    seed: Seed = None,
    workers: Workers = None,
) -> RetentionResult:
    """Ask several rules for the number of factors and show where they agree.

    Parameters
    ----------
    data : Responses, DataFrame, mapping, 2-D array, or a correlation matrix
        As in :func:`fit_efa`.
    methods : sequence of str
        Of ``"parallel"``, ``"map"``, ``"map4"``, ``"ekc"``, ``"hull"``, ``"kaiser"``, ``"vss"``, ``"smt_chi2"``,
        ``"smt_rmsea"``, ``"cd"`` (comparison data), ``"ega"`` (exploratory graph analysis).
    items : sequence of str, optional
        Item columns.
    correlation : str, default "polychoric"
        What to factor, as in :func:`fit_efa`.
    max_factors : int, optional
        Most factors to consider; by default what the items identify, 8 or one third of the items.
    parallel : ParallelAnalysis, optional
        Options of the parallel analysis.
    missing, n_obs, smooth
        As in :func:`fit_efa`.
    seed : int or Generator, optional
        Of everything random.
    workers : None, int or dask client
        Where the random data sets run.

    Returns
    -------
    RetentionResult
        ``tidy()`` has one row per method; ``n_factors`` is the consensus.

    Raises
    ------
    OptionError
        Unknown method, or one that needs persons when a correlation matrix was given.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> x = np.repeat(rng.normal(size=(500, 2)), 4, axis=1) + rng.normal(size=(500, 8))
    >>> found = suggest_n_factors(x, ("map", "ekc", "hull"), correlation="pearson")
    >>> found.n_factors
    2
    """
    options = parallel or ParallelAnalysis()
    _check_options(options)
    _check_methods(methods, correlation)
    if max_factors is not None and max_factors < 1:
        raise OptionError(f"max_factors={max_factors!r} must be at least 1, or None.")
    source = read_factor_input(data, items, correlation, missing, n_obs, smooth)
    limit = max_factors or _default_limit(len(source.items))
    streams = dict(zip(methods, spawn(seed, len(methods)), strict=True))
    rules: list[kernel.Rule] = []
    extras: dict[str, Any] = {}
    reference = simulated = None
    for method in methods:
        if method == "parallel":
            rule, reference, simulated = _parallel(source, options, missing, streams[method], workers)
        elif method == "ega":
            from recoverymetrics.efa.network import explore_graph

            extras["ega"] = explore_graph(source.matrix, _size(source), source.items)
            rule = extras["ega"].rule
        elif method == "cd":
            from recoverymetrics.efa.comparison import comparison_data

            rule = comparison_data(_persons(source), limit, streams[method], workers)
        else:
            rule = _from_matrix(method, source, limit)
        rules.append(rule)
    values = eigenvalues(source.matrix)
    if simulated is not None and options.reduced:
        values = eigenvalues(source.matrix, reduced=True)
    return RetentionResult(
        tuple(rules), values, reference, simulated, correlation, source.n, len(source.items), options, extras
    )


def _from_matrix(method: str, source: FactorInput, limit: int) -> kernel.Rule:
    R = source.matrix
    values = eigenvalues(R)
    if method in ("map", "map4"):
        rule = kernel.minimum_average_partial(R, limit, power=4 if method == "map4" else 2)
        return replace(rule, method=method)
    if method == "ekc":
        return kernel.empirical_kaiser(values, _size(source))
    if method == "hull":
        return kernel.hull(R, _size(source), limit)
    if method == "kaiser":
        return kernel.kaiser(values)
    if method == "vss":
        return kernel.very_simple_structure(R, limit)
    chi2, rmsea = kernel.sequential_tests(R, _size(source), limit)
    return chi2 if method == "smt_chi2" else rmsea


def _parallel(
    source: FactorInput, options: ParallelAnalysis, missing: str, seed: Seed, workers: Workers
) -> tuple[kernel.Rule, FloatArray, FloatArray]:
    ordinal = source.kind in ("polychoric", "tetrachoric")
    sizes = None
    values: Any
    draw = options.draw
    if source.data is None:
        values, draw = np.zeros((int(_size(source)), len(source.items))), "normal"
    else:
        record = source.data.complete() if missing == "listwise" else source.data
        values = record.values
        if ordinal:
            values, categories = category_codes(record)
            sizes = np.array([c.size for c in categories])
        elif source.kind == "spearman":
            from recoverymetrics.correlation.ranks import rank_columns

            values = rank_columns(values)
    tasks = [
        NullTask(values, sizes, draw, options.reduced, stream) for stream in spawn(seed, options.n_draws)
    ]
    simulated = np.array(map_tasks(null_eigenvalues, tasks, workers=workers))
    observed = eigenvalues(source.matrix, reduced=options.reduced)
    if options.quantile is None:
        reference, said = simulated.mean(axis=0), "mean"
    else:
        reference, said = np.quantile(simulated, options.quantile, axis=0), f"{options.quantile:g} quantile"
    count = kernel.count_leading(observed > reference)
    note = f"eigenvalues above the {said} of {options.n_draws} random data sets ({draw})"
    return kernel.Rule("parallel", count, reference, 1, note), reference, simulated


def _size(source: FactorInput) -> float:
    if source.n is None:
        raise OptionError("this method needs the number of persons; give n_obs with a correlation matrix.")
    return source.n


def _persons(source: FactorInput) -> FloatArray:
    if source.data is None:
        raise OptionError("comparison data need the responses, not a correlation matrix.")
    complete = source.data.complete()
    if complete.n < 10:
        raise DataError(f"comparison data need complete rows; {complete.n} of {source.data.n} are.")
    return complete.values


def _default_limit(p: int) -> int:
    from recoverymetrics.efa.measures import degrees_of_freedom

    identified = max((k for k in range(1, p) if degrees_of_freedom(p, k) > 0), default=1)
    return max(min(identified, max(8, p // 3)), 1)


def _check_methods(methods: Sequence[str], correlation: str) -> None:
    if isinstance(methods, str) or not methods:
        raise OptionError("methods must be a sequence such as ('parallel', 'map').")
    for method in methods:
        if method not in get_args(Method):
            raise OptionError(
                f"method {method!r} is not known; choose from {', '.join(map(repr, get_args(Method)))}."
            )
    if correlation == "cor" and "cd" in methods:
        raise OptionError("method 'cd' needs the responses, not a correlation matrix.")


def _check_options(options: ParallelAnalysis) -> None:
    if options.n_draws < 1:
        raise OptionError(f"parallel analysis needs at least one random data set, not {options.n_draws}.")
    if options.quantile is not None and not 0 < options.quantile < 1:
        raise OptionError(f"quantile={options.quantile!r} must lie between 0 and 1, or be None for the mean.")
    if options.draw not in ("permutation", "normal"):
        raise OptionError(f"draw={options.draw!r} is not known; choose 'permutation' or 'normal'.")
