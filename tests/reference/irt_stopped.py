"""Reference estimates that stopped short of the maximum: what our likelihood says about them.

Every EM program stops somewhere. Parameters that differ by more than a thousandth are compared in three exact steps
in place of a wide tolerance: our log-likelihood at the stored parameters is the stored log-likelihood (so both sides
work on the same function), its gradient there is not zero and ours is higher, and one Newton step from the stored
parameters ends at our estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from golden import Comparison
from scipy.linalg import block_diag

from recoverymetrics.irt import IRTResult
from recoverymetrics.irt.information import observed_information
from recoverymetrics.typing import FloatArray

SAME_FUNCTION = 1e-11  # relative: the stored parameters have 15 digits
AFTER_NEWTON = 1e-4  # what is left after one Newton step: its quadratic error


def table_cell(table: dict[str, Any], item: str, name: str) -> float:
    """Entry of a stored table of slopes and intercepts."""
    return float(table["values"][table["rows"].index(item)][table["cols"].index(name)])


def point_of(
    fit: IRTResult, tables: Sequence[dict[str, Any]], moments: Sequence[tuple[Any, Any]]
) -> FloatArray:
    """Our free parameters at stored values.

    Parameters
    ----------
    tables : sequence of dict
        Slopes and intercepts per group, in the order of our groups.
    moments : sequence of (mean, covariance)
        Of the primary factors per group.
    """
    layout = fit.calibration.layout
    D = layout.n_primary
    x = np.full(layout.n_free, np.nan)
    for g, j, name, slot in layout.cells():
        if slot < layout.n_free:
            x[slot] = table_cell(tables[g], layout.items[j], name)
    for g, (mean, cov) in enumerate(moments):
        lower = np.atleast_2d(np.asarray(cov, dtype=float))[:D, :D][np.tril_indices(D)]
        values = np.concatenate([np.atleast_1d(np.asarray(mean, dtype=float))[:D], lower])
        free = layout.latent[g] < layout.n_free
        x[layout.latent[g][free]] = values[free]
    return x


@dataclass(frozen=True)
class Stopped:
    """Stored estimates as a point of our likelihood.

    Attributes
    ----------
    fit : IRTResult
        Our fit of the same data on the same nodes.
    x : ndarray, shape (p,)
        Stored parameters in our order.
    """

    fit: IRTResult
    x: FloatArray

    def at_theirs(self) -> IRTResult:
        """Our result with the stored parameters and their observed information."""
        problem = self.fit.calibration.problem
        covariance = np.linalg.inv(observed_information(problem, self.x))
        return replace(self.fit, x=self.x, covariance=covariance, loglik=problem(self.x).value)

    def comparisons(self, case: str, loglik: float, *, same: float = SAME_FUNCTION) -> list[Comparison]:
        """The three steps for one case; refuses (AssertionError) a reference that is higher or stationary."""
        problem = self.fit.calibration.problem
        point = problem(self.x)
        step = np.linalg.solve(observed_information(problem, self.x), point.gradient)
        gain = self.fit.loglik - point.value
        assert gain > 0, f"{case}: the reference is at the higher likelihood, by {-gain:.1e}"
        assert 0.5 * point.gradient @ step > 0.5 * gain, f"{case}: the reference is at a stationary point"
        slope = float(np.abs(point.gradient).max())
        left = float(np.abs(problem(self.fit.x).gradient).max())
        assert slope > 50 * left, f"{case}: our gradient {left:.1e} is not small beside theirs {slope:.1e}"
        note = f"ours is higher by {gain:.1e}; gradient {slope:.1e} there, {left:.1e} here"
        return [
            Comparison("irt", case, "loglik at their parameters", point.value, loglik, same),
            Comparison(
                "irt",
                case,
                "parameters after a Newton step",
                self.fit.x,
                self.x + step,
                AFTER_NEWTON,
                note,
                floor=0.1,
            ),
        ]


def without_latent(fit: IRTResult, kind: str) -> float:
    """M2* or C2 as mirt 1.47 computes it where latent moments are free.

    mirt counts free latent means and (co)variances as parameters but leaves their columns of the derivatives of the
    margins at zero. Zeroing ours gives its values to nine digits; with the columns the statistic is that of the full
    table of response patterns (tests/unit/irt/test_irt_global_fit.py).
    """
    from recoverymetrics.irt.global_fit import group_margins, on_fixed_nodes, quadratic_form

    groups = group_margins(on_fixed_nodes(fit.estimated), kind)
    layout = fit.calibration.layout
    Delta = np.concatenate([g.derivatives for g in groups])
    Delta[:, np.unique(layout.latent[layout.latent < layout.n_free])] = 0.0
    return quadratic_form(
        np.concatenate([g.residual for g in groups]), block_diag(*(g.covariance for g in groups)), Delta
    )
