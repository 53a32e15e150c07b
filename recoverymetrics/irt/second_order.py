"""Second-order models as bifactor models whose slopes are proportional (Schmid & Leiman 1957; Yung et al. 1999).

A first-order factor ``f = (delta g + u) / sqrt(1 + delta^2)`` of variance one splits into the second-order factor ``g``
and a residual ``u``. An item with slope ``b`` on ``u`` has slope ``delta b`` on ``g``, with one ``delta`` per first-order
factor. Estimation works on ``b`` and ``delta``, so dimension reduction applies (Rijmen 2010), and the estimates are
reported as the slopes of the bifactor model; the loading of ``f`` on ``g`` is ``delta / sqrt(1 + delta^2)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.errors import ModelError
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.restrictions import Restrictions
from recoverymetrics.numerics.em_accelerated import Point
from recoverymetrics.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from recoverymetrics.irt.calibration import Estimated
    from recoverymetrics.irt.likelihood import Problem
    from recoverymetrics.numerics.quadrature import Nodes

BOUND = 0.995
"""A second-order loading beyond this is reported as being at its bound."""


@dataclass(frozen=True)
class Products:
    """Parameters ``x`` that are coordinates of ``y`` or products of two of them.

    Attributes
    ----------
    first : ndarray of int, shape (n,)
        Coordinate behind each parameter.
    second : ndarray of int, shape (n,)
        The other factor of a product, -1 for none.
    size : int
        Number of coordinates, that is of free parameters.
    """

    first: IntArray
    second: IntArray
    size: int

    def expand(self, y: FloatArray) -> FloatArray:
        """All parameters from the coordinates."""
        x: FloatArray = y[self.first]
        both = self.second >= 0
        x[both] *= y[self.second[both]]
        return x

    def restrict(self, x: FloatArray) -> FloatArray:
        """Coordinates from parameters; the common ratio by least squares where they are not proportional."""
        y, plain = np.zeros(self.size), self.second < 0
        y[self.first[plain]] = x[plain]
        for ratio in np.unique(self.second[~plain]):
            rows = np.flatnonzero(self.second == ratio)
            base = y[self.first[rows]]
            y[ratio] = float(base @ x[rows]) / max(float(base @ base), 1e-12)
        return y

    def jacobian(self, y: FloatArray) -> FloatArray:
        """Derivatives of the parameters, shape (n, size)."""
        J = np.zeros((self.first.size, self.size))
        rows = np.arange(self.first.size)
        both = self.second >= 0
        J[rows, self.first] = np.where(both, y[self.second], 1.0)
        J[rows[both], self.second[both]] = y[self.first[both]]
        return J

    def curvature(self, gradient: FloatArray) -> FloatArray:
        """Second derivatives of the parameters weighted with a gradient in them, shape (size, size)."""
        both = self.second >= 0
        out = np.zeros((self.size, self.size))
        np.add.at(out, (self.first[both], self.second[both]), gradient[both])
        np.add.at(out, (self.second[both], self.first[both]), gradient[both])
        return out


@dataclass(frozen=True)
class ProportionalProblem:
    """A bifactor likelihood in the coordinates of a second-order model.

    Attributes
    ----------
    inner : Problem
        Likelihood of the bifactor model.
    products : Products
        Coordinates.
    """

    inner: Problem
    products: Products = field(repr=False)

    @property
    def patterns(self) -> tuple[object, ...]:
        """Patterns of the inner problem."""
        return self.inner.patterns

    def coarse(self, nodes: Nodes, specific: Nodes | None = None) -> ProportionalProblem:
        """The same problem on other nodes in single precision."""
        return replace(self, inner=self.inner.coarse(nodes, specific))

    def single(self) -> ProportionalProblem:
        """The same problem in single precision."""
        return replace(self, inner=self.inner.single())

    def __call__(self, y: FloatArray) -> Point:
        """Log-likelihood, gradient and complete-data information in the coordinates."""
        point, J = self.inner(self.products.expand(y)), self.products.jacobian(y)
        return Point(point.value, J.T @ point.gradient, J.T @ point.information @ J)


def proportional_slopes(layout: Layout, rules: Restrictions) -> Products | None:
    """Coordinates of a second-order model; None for other structures.

    Raises
    ------
    ModelError
        Fixed or constrained slopes, slopes that are equal across groups for some items only.
    """
    structure = layout.structure
    if not structure.first_order:
        return None
    _check(layout, rules)
    place = {(g, j, name): slot for g, j, name, slot in layout.cells()}
    general: dict[int, tuple[int, tuple[int, int]]] = {}
    for (g, j, name), slot in place.items():
        s = structure.specific_of[j]
        if s >= 0 and _is_slope(name) and int(name[1:]) <= structure.n_primary:
            own = place[g, j, f"a{structure.n_primary + s + 1}"]
            general[slot] = (own, (s, -1 if "slopes" in rules.equal else g))
    kept = [k for k in range(layout.n_free) if k not in general]
    position = {slot: k for k, slot in enumerate(kept)}
    ratios = sorted({ratio for _, ratio in general.values()})
    first, second = np.zeros(layout.n_free, dtype=np.int64), np.full(layout.n_free, -1, dtype=np.int64)
    for k in range(layout.n_free):
        if k in general:
            own, ratio = general[k]
            first[k], second[k] = position[own], len(kept) + ratios.index(ratio)
        else:
            first[k] = position[k]
    return Products(first, second, len(kept) + len(ratios))


def _is_slope(name: str) -> bool:
    return name[0] == "a" and name[1:].isdigit()


def _check(layout: Layout, rules: Restrictions) -> None:
    for _, j, name, slot in layout.cells():
        if _is_slope(name) and slot >= layout.n_free:
            raise ModelError(
                f"the slope of item {layout.items[j]!r} is fixed; a second-order model needs free slopes, because they are "
                "proportional within each first-order factor. Use another item model or a Bifactor structure."
            )
    named = [w for w in (*rules.equal, *rules.partial) if w not in ("slopes", "intercepts")]
    if named or rules.constrain:
        raise ModelError(
            "a second-order model takes equal='slopes' and 'intercepts' for all items; single anchors, partial= and "
            "constrain= would break the proportionality of the slopes. Use a Bifactor structure for them."
        )


def second_order_frame(est: Estimated, covariance: FloatArray | None) -> pd.DataFrame:
    """Loadings of the first-order factors and the items' slopes on these, with standard errors.

    Returns
    -------
    DataFrame
        Columns group, factor, item (empty for the factors' loadings), parameter (``"loading"`` or ``"slope"``),
        estimate, std_error.

    Raises
    ------
    ModelError
        Models of another structure.
    """
    layout, structure = est.layout, est.layout.structure
    if not structure.first_order:
        raise ModelError("the model has no second-order factor; write a line such as 'g =~ f1 + f2 + f3'.")
    place = {(g, j, name): slot for g, j, name, slot in layout.cells()}
    loadings, slopes, seen = [], [], set()
    for (g, j, name), slot in place.items():
        s = structure.specific_of[j]
        if s < 0 or not _is_slope(name) or int(name[1:]) > structure.n_primary:
            continue
        pair = np.array([slot, place[g, j, f"a{structure.n_primary + s + 1}"]])
        a, b = est.x[pair]
        length, sign = float(np.hypot(a, b)), float(np.sign(b) or 1.0)
        V = np.full((2, 2), np.nan) if covariance is None else covariance[np.ix_(pair, pair)]
        label, factor = layout.groups[g], structure.first_order[s]
        if (g, s) not in seen:
            seen.add((g, s))
            J = sign * np.array([b**2, -a * b]) / length**3
            loadings.append((label, factor, "", "loading", sign * a / length, float(np.sqrt(J @ V @ J))))
        J = sign * np.array([a, b]) / length
        slopes.append((label, factor, layout.items[j], "slope", sign * length, float(np.sqrt(J @ V @ J))))
    names = ["group", "factor", "item", "parameter", "estimate", "std_error"]
    return pd.DataFrame([*loadings, *slopes], columns=names)


def at_bound(est: Estimated) -> tuple[str, ...]:
    """First-order factors that cannot be told from the second-order factor."""
    table = second_order_frame(est, None).query("parameter == 'loading'")
    return tuple(
        f"the loading of factor {row.factor!r} on the second-order factor is at its bound ({row.estimate:.3f}"
        f"{'' if len(est.layout.groups) == 1 else f' in {row.group}'}): the factor cannot be told from it. Let its "
        "items load on the second-order factor directly."
        for row in table.itertuples()
        if abs(row.estimate) > BOUND
    )
