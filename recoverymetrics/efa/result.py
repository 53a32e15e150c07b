"""The result of an exploratory factor analysis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recoverymetrics.correlation.result import check_level
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.efa.measures import FitMeasures
from recoverymetrics.typing import BoolArray, FloatArray, IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.efa.schmid_leiman import SchmidLeimanResult


@dataclass(frozen=True)
class EFASpec:
    """What was asked for.

    Attributes
    ----------
    n_factors : int
        Factors.
    correlation : str
        Kind of correlation that was factored.
    extraction : str
        Method of extraction.
    rotation : str
        Rotation.
    n_starts : int
        Starts of the rotation.
    """

    n_factors: int
    correlation: str
    extraction: str
    rotation: str
    n_starts: int


@dataclass(frozen=True)
class EFAEstimates:
    """Numbers of a factor solution, factors in their final order.

    Attributes
    ----------
    loadings : ndarray, shape (p, k)
        Pattern.
    phi : ndarray, shape (k, k)
        Factor correlations.
    uniquenesses : ndarray, shape (p,)
        Unique variances.
    unrotated : ndarray, shape (p, k)
        Loadings before rotation.
    transformation : ndarray, shape (k, k)
        ``loadings = unrotated @ inv(T)'``.
    std_errors : ndarray or None, shape (p, k)
        Standard errors of the loadings.
    phi_errors : ndarray or None, shape (k, k)
        Standard errors of the factor correlations.
    heywood : ndarray of bool, shape (p,)
        Items whose unique variance is at its lower bound, or whose communality reaches 1.
    criterion : float
        Rotation criterion at the solution.
    n_best : int
        Starts of the rotation that found it.
    extraction_converged, rotation_converged : bool
        The two stopping rules.
    iterations : int
        Steps of the extraction.
    """

    loadings: FloatArray
    phi: FloatArray
    uniquenesses: FloatArray
    unrotated: FloatArray
    transformation: FloatArray
    std_errors: FloatArray | None
    phi_errors: FloatArray | None
    heywood: BoolArray
    criterion: float
    n_best: int
    extraction_converged: bool
    rotation_converged: bool
    iterations: int


@dataclass(frozen=True)
class EFAResult(AbstractResult):
    """Exploratory factor solution.

    Factors are ordered by the variance they account for, ``diag(Phi Lambda' Lambda)``, largest first (a general
    factor of a bifactor rotation stays first), and point so that their loadings have a positive sum. They are
    called ``F1, F2, ...``.

    Attributes
    ----------
    spec : EFASpec
        What was asked for.
    items : tuple of str
        Items.
    estimates : EFAEstimates
        Numbers.
    measures : FitMeasures
        Fit.
    correlation_matrix : ndarray, shape (p, p)
        What was factored.
    n_obs : float or None
        Persons.
    centre, scale : ndarray or None, shape (p,)
        Means and standard deviations of the data, for scores.
    notes : tuple of str
        What the analyst should know; also issued as warnings.
    """

    spec: EFASpec
    items: tuple[str, ...]
    estimates: EFAEstimates
    measures: FitMeasures
    correlation_matrix: FloatArray
    n_obs: float | None
    centre: FloatArray | None = None
    scale: FloatArray | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_factors(self) -> int:
        """Number of factors."""
        return self.spec.n_factors

    @property
    def factors(self) -> list[str]:
        """Factor names."""
        return [f"F{k + 1}" for k in range(self.spec.n_factors)]

    @property
    def converged(self) -> bool:
        """Whether extraction and rotation reached their stopping rules."""
        return self.estimates.extraction_converged and self.estimates.rotation_converged

    @property
    def admissible(self) -> bool:
        """Whether no unique variance sits at its bound (Heywood case)."""
        return not bool(self.estimates.heywood.any())

    @property
    def heywood_items(self) -> tuple[str, ...]:
        """Items with a Heywood case."""
        return tuple(item for item, bad in zip(self.items, self.estimates.heywood, strict=True) if bad)

    @property
    def loadings(self) -> pd.DataFrame:
        """Pattern loadings, items by factors."""
        return self._items_by_factors(self.estimates.loadings)

    @property
    def structure(self) -> pd.DataFrame:
        """Correlations of items with factors, ``Lambda Phi``."""
        return self._items_by_factors(self.estimates.loadings @ self.estimates.phi)

    @property
    def unrotated(self) -> pd.DataFrame:
        """Loadings before rotation."""
        return self._items_by_factors(self.estimates.unrotated)

    @property
    def std_errors(self) -> pd.DataFrame | None:
        """Standard errors of the loadings, where they were asked for."""
        errors = self.estimates.std_errors
        return None if errors is None else self._items_by_factors(errors)

    @property
    def factor_correlations(self) -> pd.DataFrame:
        """Correlations of the factors."""
        return pd.DataFrame(self.estimates.phi, self.factors, self.factors)

    @property
    def communalities(self) -> pd.DataFrame:
        """Per item: ``communality``, ``uniqueness``, ``complexity`` (Hofmann 1978)."""
        return pd.DataFrame(
            {
                "communality": self._communality(),
                "uniqueness": self.estimates.uniquenesses,
                "complexity": self.complexity,
            },
            index=list(self.items),
        )

    @property
    def uniquenesses(self) -> pd.Series:
        """Unique variances."""
        return pd.Series(self.estimates.uniquenesses, list(self.items), name="uniqueness")

    @property
    def complexity(self) -> pd.Series:
        """Number of factors an item needs, ``(sum l^2)^2 / sum l^4`` (Hofmann 1978)."""
        square = self.estimates.loadings**2
        bottom = np.sum(square**2, axis=1)
        value = np.sum(square, axis=1) ** 2 / np.where(bottom > 0, bottom, np.nan)
        return pd.Series(value, list(self.items), name="complexity")

    @property
    def variance_accounted(self) -> pd.DataFrame:
        """Sum of squares, share of the total and of the common variance, per factor."""
        L, phi = self.estimates.loadings, self.estimates.phi
        sums = np.diag(phi @ L.T @ L)
        rows = {
            "ss_loadings": sums,
            "proportion": sums / len(self.items),
            "cumulative": np.cumsum(sums) / len(self.items),
            "proportion_explained": sums / sums.sum(),
            "cumulative_explained": np.cumsum(sums) / sums.sum(),
        }
        return pd.DataFrame(rows, index=self.factors).T

    @property
    def residuals(self) -> pd.DataFrame:
        """Observed less reproduced correlations; uniquenesses on the diagonal."""
        L = self.estimates.loadings
        return pd.DataFrame(
            self.correlation_matrix - L @ self.estimates.phi @ L.T, list(self.items), list(self.items)
        )

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """One row per loading: item, factor, estimate, and standard error and interval where computed."""
        check_level(conf_level)
        errors = self.estimates.std_errors
        flat = self.estimates.loadings.ravel()
        error = np.full(flat.size, np.nan) if errors is None else errors.ravel()
        half = ndtri(0.5 + conf_level / 2) * error
        return pd.DataFrame(
            {
                "item": np.repeat(np.array(self.items, dtype=object), self.n_factors),
                "factor": self.factors * len(self.items),
                "estimate": flat,
                "std_error": error,
                "conf_low": flat - half,
                "conf_high": flat + half,
                "communality": np.repeat(self._communality(), self.n_factors),
                "uniqueness": np.repeat(self.estimates.uniquenesses, self.n_factors),
                "complexity": np.repeat(self.complexity.to_numpy(), self.n_factors),
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: size, options, fit, convergence."""
        row = {
            "n": np.nan if self.n_obs is None else self.n_obs,
            "n_items": len(self.items),
            "n_factors": self.n_factors,
            "correlation": self.spec.correlation,
            "extraction": self.spec.extraction,
            "rotation": self.spec.rotation,
            **asdict(self.measures),
            "criterion": self.estimates.criterion,
            "n_heywood": int(self.estimates.heywood.sum()),
            "converged": self.converged,
            "admissible": self.admissible,
        }
        return pd.DataFrame([row])

    def scores(self, data: IntoFrame, *, method: str = "regression") -> pd.DataFrame:
        """Factor scores of persons.

        Parameters
        ----------
        data : DataFrame
            Responses to the same items; rows with missing values get missing scores.
        method : {"regression", "thurstone", "bartlett", "anderson", "tenberge", "harman"}
            Thurstone's regression (1935), Bartlett (1937), Anderson & Rubin (1956), ten Berge et al. (1999),
            Harman's ideal variables (1976).

        Returns
        -------
        DataFrame
            One row per person, one column per factor; items are standardised with the means and standard
            deviations of the sample that was factored. Weights from polychoric correlations belong to the latent
            responses, so scores of observed categories are then approximate; item response scores are not.
        """
        from recoverymetrics.efa.scores import score_persons

        return score_persons(self, data, method)

    def score_weights(self, *, method: str = "regression") -> pd.DataFrame:
        """Weights of the standardised items in the factor scores, items by factors."""
        from recoverymetrics.efa.scores import weights_of

        return self._items_by_factors(weights_of(self, method))

    def score_validity(self, *, method: str = "regression") -> pd.DataFrame:
        """Correlation of the scores with the factors, per factor; below .9 scores rank persons loosely.

        Returns
        -------
        DataFrame
            Columns ``factor``, ``estimate`` and ``r_squared`` (determinacy; Grice 2001).
        """
        from recoverymetrics.efa.scores import score_validity

        return score_validity(self, method)

    def augment(self, data: IntoFrame, *, method: str = "regression") -> pd.DataFrame:
        """Return the data with one score column per factor."""
        from recoverymetrics.instrument import to_pandas

        frame = to_pandas(data)
        scores = self.scores(frame, method=method).set_axis(frame.index)
        return pd.concat([frame, scores], axis=1)

    def schmid_leiman(self) -> SchmidLeimanResult:
        """Schmid-Leiman solution: one general factor and specific factors orthogonal to it."""
        from recoverymetrics.efa.schmid_leiman import schmid_leiman

        return schmid_leiman(self)

    def as_model(self, cutoff: float = 0.4) -> str:
        """Confirmatory model text in lavaan syntax.

        Each item goes to every factor on which its absolute loading reaches ``cutoff``. Items that reach it
        nowhere are named in a comment, never lost without a word. A factor without items is left out, with a
        comment.

        Parameters
        ----------
        cutoff : float, default 0.4
            Smallest absolute loading.

        Returns
        -------
        str
        """
        size = np.abs(self.estimates.loadings)
        lines = []
        for k, factor in enumerate(self.factors):
            members = [item for item, row in zip(self.items, size, strict=True) if row[k] >= cutoff]
            lines.append(
                f"{factor} =~ {' + '.join(members)}" if members else f"# {factor}: no item reaches it"
            )
        lost = self.unassigned(cutoff)
        if lost:
            lines.append(f"# no loading reaches {cutoff:g}: {', '.join(lost)}")
        return "\n".join(lines) + "\n"

    def unassigned(self, cutoff: float = 0.4) -> tuple[str, ...]:
        """Items whose loadings all stay below ``cutoff``."""
        low = np.all(np.abs(self.estimates.loadings) < cutoff, axis=1)
        return tuple(item for item, is_low in zip(self.items, low, strict=True) if is_low)

    def plot(self, *, ax: Axes | None = None, sort: bool = True, annotate: bool | None = None) -> Axes:
        """Heat map of the loadings, items grouped by the factor they load on most.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on.
        sort : bool, default True
            Group items by factor.
        annotate : bool, optional
            Write the numbers; by default up to 16 factors.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from recoverymetrics.correlation.figures import draw_heat_map

        table = self.loadings
        if sort:
            size = table.abs().to_numpy()
            table = table.iloc[np.lexsort((-size.max(axis=1), size.argmax(axis=1)))]
        title = f"Loadings ({self.spec.extraction}, {self.spec.rotation})"
        return draw_heat_map(table, title=title, ax=ax, annotate=annotate, label="loading")

    def _communality(self) -> FloatArray:
        L = self.estimates.loadings
        result: FloatArray = np.sum(L @ self.estimates.phi * L, axis=1)
        return result

    def _items_by_factors(self, matrix: FloatArray) -> pd.DataFrame:
        return pd.DataFrame(matrix, list(self.items), self.factors)

    def _title(self) -> str:
        return f"Exploratory factor analysis: {self.n_factors} factors, {self.spec.extraction}, {self.spec.rotation}"

    def _tables(self) -> tuple[Table, ...]:
        loadings = pd.concat([self.loadings, self.communalities], axis=1)
        loadings.insert(0, "item", list(self.items))
        phi = self.factor_correlations.copy()
        phi.insert(0, "factor", self.factors)
        variance = self.variance_accounted.copy()
        variance.insert(0, "term", variance.index)
        return (
            Table("Fit", self.glance(), notes=self.notes),
            Table("Loadings", loadings),
            Table("Variance accounted for", variance),
            Table("Factor correlations", phi),
        )
