"""Fits of one model under changing equalities, on sample statistics that are computed once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from recoverymetrics.cfa.model import ModelOptions, build_table
from recoverymetrics.cfa.pipeline import fit_table
from recoverymetrics.cfa.reading import draw_sample
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec, resolve_estimator
from recoverymetrics.cfa.syntax import ParsedModel, parse_model
from recoverymetrics.cfa.table import Roles, find_roles
from recoverymetrics.errors import EstimationWarning
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.numerics.threads import single_thread
from recoverymetrics.typing import IntArray


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
    """

    model: str
    parsed: ParsedModel
    roles: Roles
    sample: Sample
    spec: EstimatorSpec
    theta: bool
    orthogonal: bool = False

    @property
    def ordinal(self) -> bool:
        """Whether the items are ordered."""
        return bool(self.sample.threshold_item.size)

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
        counts = np.bincount(self.sample.threshold_item, minlength=len(self.roles.observed))
        table = build_table(self.parsed, self.roles, self.sample.groups, [int(k) for k in counts], options)
        with warnings.catch_warnings(), single_thread():
            warnings.simplefilter("ignore", EstimationWarning)
            return fit_table(table, self.sample, self.spec, model=self.model)


def start_engine(
    record: ItemData,
    model: str,
    *,
    ordinal: bool,
    estimator: str | None,
    missing: str,
    theta: bool,
    orthogonal: bool,
    cluster: IntArray | None = None,
) -> LadderEngine:
    """Compute the sample statistics for a model; ``cluster`` numbers the cluster of each person."""
    parsed = parse_model(model)
    roles = find_roles(parsed)
    spec = resolve_estimator(
        estimator, ordinal=ordinal, missing=missing, information=None, likelihood="normal"
    )
    with single_thread():
        chosen = record.select(roles.observed)
        sample = draw_sample(chosen, spec, roles.observed if ordinal else (), None, cluster)
    return LadderEngine(model, parsed, roles, sample, spec, theta, orthogonal)
