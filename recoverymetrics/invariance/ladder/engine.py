"""Fits of one model under changing equalities, on sample statistics that are computed once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.cfa.model import ModelOptions, build_table
from recoverymetrics.cfa.pipeline import fit_table
from recoverymetrics.cfa.reading import draw_sample
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec, resolve_estimator
from recoverymetrics.cfa.standardize import row_values
from recoverymetrics.cfa.syntax import ParsedModel, parse_model
from recoverymetrics.cfa.table import Key, ParameterTable, Roles, Row, find_roles
from recoverymetrics.errors import EstimationWarning
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.invariance.ladder.occasions import Occasions, widen
from recoverymetrics.numerics.threads import single_thread
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class LadderEngine:
    """A model and the sample statistics that all its fits share.

    Attributes
    ----------
    model : str
        lavaan syntax.
    parsed : ParsedModel
        The same, parsed.
    roles : Roles
        Roles of the variables.
    sample : Sample
        Sample statistics of all groups.
    spec : EstimatorSpec
        Estimator.
    theta : bool
        Theta parameterisation of ordered items.
    orthogonal : bool
        Factors without covariances.
    occasions : Occasions or None
        Rounds, when the same people are compared with themselves.
    cluster : ndarray of int, shape (n,), or None
        Cluster of each person, as given.
    ordered : tuple of str
        Ordered items; the others are continuous.
    """

    model: str
    parsed: ParsedModel
    roles: Roles
    sample: Sample
    spec: EstimatorSpec
    theta: bool
    orthogonal: bool = False
    occasions: Occasions | None = None
    cluster: IntArray | None = None
    ordered: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """What is compared: groups, rounds, or rounds within groups."""
        groups = self.sample.groups
        return groups if self.occasions is None else self.occasions.cells(groups)

    @property
    def sizes(self) -> FloatArray:
        """Persons in each cell."""
        repeats = 1 if self.occasions is None else len(self.occasions.labels)
        return np.repeat(self.sample.n, repeats).astype(float)

    @property
    def compared(self) -> str:
        """What is compared, in words."""
        if self.occasions is None:
            return f"{len(self.sample.groups)} groups"
        rounds = f"{len(self.occasions.labels)} occasions"
        return rounds if len(self.sample.groups) < 2 else f"{rounds} in {len(self.sample.groups)} groups"

    def locate(self, lhs: str, op: str, rhs: str, cell: int) -> Key:
        """Key in the fitted table of a parameter of the model in a cell."""
        if self.occasions is None:
            return Row(lhs, op, rhs, cell).key
        return self.occasions.key(lhs, op, rhs, cell)

    def values(self, fit: CFAResult, lhs: str, op: str, rhs: str) -> FloatArray:
        """Values of a parameter in all cells."""
        position = {row.key: k for k, row in enumerate(fit.table.rows)}
        every = row_values(fit.table, fit.layout, fit.theta)
        return np.array([every[position[self.locate(lhs, op, rhs, c)]] for c in range(len(self.cells))])

    @property
    def ordinal(self) -> bool:
        """Whether some items are ordered."""
        return bool(self.ordered)

    def first_order(self) -> LadderEngine:
        """The same without higher-order factors: effect sizes and alignment are about factors that items measure."""
        latent = set(self.roles.latent)
        higher = {s.lhs for s in self.parsed.statements if s.op == "=~" and s.rhs in latent}
        if not higher:
            return self
        kept = tuple(s for s in self.parsed.statements if not {s.lhs, s.rhs} & higher)
        parsed = replace(self.parsed, statements=kept)
        return replace(self, parsed=parsed, roles=find_roles(parsed))

    def fit(self, equal: tuple[str, ...] = (), free: tuple[str, ...] = ()) -> CFAResult:
        """Fit with the given equalities; warnings are kept in the result and not issued again."""
        options = ModelOptions(
            equal=equal,
            free=free,
            std_lv=True,
            orthogonal=self.orthogonal,
            mean_structure=True,
            theta=self.theta,
            identification="wu_estabrook",
        )
        table = self.table(options)
        with warnings.catch_warnings(), single_thread():
            warnings.simplefilter("ignore", EstimationWarning)
            return fit_table(table, self.sample, self.spec, model=self.model)

    def table(self, options: ModelOptions) -> ParameterTable:
        """Parameter table of the model under the options."""
        p = len(self.roles.observed)
        counts = np.bincount(self.sample.threshold_item, minlength=p)[:p]
        table = build_table(self.parsed, self.roles, self.cells, [int(k) for k in counts], options)
        if self.occasions is None:
            return table
        return widen(table, self.roles, self.occasions, self.sample.groups, orthogonal=self.orthogonal)


def start_engine(
    record: ItemData,
    model: str,
    *,
    ordered: tuple[str, ...],
    estimator: str | None,
    missing: str,
    theta: bool,
    orthogonal: bool,
    cluster: IntArray | None = None,
    occasions: Occasions | None = None,
) -> LadderEngine:
    """Compute the sample statistics for a model; ``cluster`` numbers the cluster of each person.

    ``ordered`` names items as the model does, also when each of them has a column per occasion.
    """
    parsed = parse_model(model)
    roles = find_roles(parsed)
    spec = resolve_estimator(
        estimator, ordinal=bool(ordered), missing=missing, information=None, likelihood="normal"
    )
    with single_thread():
        columns = roles.observed if occasions is None else occasions.every_column
        codes = ordered if occasions is None else occasions.columns_of(ordered)
        sample = draw_sample(record.select(columns), spec, codes, None, cluster)
    return LadderEngine(model, parsed, roles, sample, spec, theta, orthogonal, occasions, cluster, ordered)
