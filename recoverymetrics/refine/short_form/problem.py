"""A short form as a 0-1 linear programme: the problem, its solution, and why there may be none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from recoverymetrics.errors import ModelError
from recoverymetrics.typing import BoolArray, FloatArray


@dataclass(frozen=True)
class Rule:
    """A linear constraint on the selection, ``low <= coefficients @ x <= high``.

    Attributes
    ----------
    name : str
        What it asks for, in words: used when no selection satisfies all rules.
    coefficients : ndarray, shape (p,)
        Weight of each item.
    low, high : float
        Limits, infinite when there is none.
    """

    name: str
    coefficients: FloatArray
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class AssemblyProblem:
    """Choose items so that the smallest share of information kept is as large as possible.

    Attributes
    ----------
    shares : ndarray, shape (m, p)
        Share of the full scale's information that item ``j`` gives at target ``i`` (an ability in a group);
        rows sum to 1.
    rules : tuple of Rule
        Constraints.
    """

    shares: FloatArray
    rules: tuple[Rule, ...] = ()

    @property
    def n_items(self) -> int:
        """Number of items to choose from."""
        return int(self.shares.shape[1])


@dataclass(frozen=True)
class Assembly:
    """A selection and how good it is proven to be.

    Attributes
    ----------
    selected : ndarray of bool, shape (p,)
        The selection.
    objective : float
        Smallest share of information kept over the targets.
    bound : float
        No selection that keeps the rules has a larger one.
    gap : float
        ``(bound - objective) / objective``, 0 when the selection is proven optimal.
    optimal : bool
        Whether the solver proved optimality.
    """

    selected: BoolArray
    objective: float
    bound: float
    gap: float
    optimal: bool


def solve(problem: AssemblyProblem, *, time_limit: float = 60.0) -> Assembly:
    """Solve by branch and bound (HiGHS): first the smallest share, then, among the best, the mean share.

    Parameters
    ----------
    problem : AssemblyProblem
        Shares and rules.
    time_limit : float, default 60
        Seconds for each of the two stages; the best selection found by then is returned with its proven
        bound.

    Returns
    -------
    Assembly

    Raises
    ------
    ModelError
        No selection satisfies all rules; the message names rules that cannot hold together.
    """
    p = problem.n_items
    cost = np.r_[np.zeros(p), -1.0]
    worst = np.hstack([problem.shares, -np.ones((problem.shares.shape[0], 1))])
    constraints = [LinearConstraint(worst, lb=0.0), *_linear(problem.rules, p + 1)]
    options = {"mip_rel_gap": 0.0, "time_limit": time_limit}
    first = milp(
        cost, constraints=constraints, integrality=np.r_[np.ones(p), 0.0], bounds=_unit(p), options=options
    )
    if first.x is None:
        raise ModelError(_conflict(problem, first.message))
    objective = _smallest_share(problem, first.x[:p] > 0.5)
    bound = max(float(-first.mip_dual_bound), objective)
    selected = _best_mean(problem, constraints, objective, first.x[:p] > 0.5, options)
    gap = (bound - objective) / objective if objective > 0 else 0.0
    return Assembly(selected, objective, bound, gap if gap > 1e-9 else 0.0, first.status == 0)


def _best_mean(
    problem: AssemblyProblem,
    constraints: list[LinearConstraint],
    objective: float,
    selected: BoolArray,
    options: dict[str, float],
) -> BoolArray:
    """Among selections with the same smallest share, the one that keeps most on average."""
    p = problem.n_items
    bounds = Bounds(np.r_[np.zeros(p), objective * (1 - 1e-7)], np.ones(p + 1))
    second = milp(
        np.r_[-problem.shares.mean(0), 0.0],
        constraints=constraints,
        integrality=np.r_[np.ones(p), 0.0],
        bounds=bounds,
        options=options,
    )
    if second.x is None:
        return selected
    better: BoolArray = second.x[:p] > 0.5
    kept = _smallest_share(problem, better) >= objective * (1 - 1e-6)
    return (
        better
        if kept and problem.shares.mean(0)[better].sum() >= problem.shares.mean(0)[selected].sum()
        else selected
    )


def _smallest_share(problem: AssemblyProblem, selected: BoolArray) -> float:
    return float(problem.shares[:, selected].sum(1).min())


def _unit(p: int) -> Bounds:
    return Bounds(np.zeros(p + 1), np.ones(p + 1))


def _linear(rules: tuple[Rule, ...], width: int) -> list[LinearConstraint]:
    if not rules:
        return []
    matrix = sparse.lil_array((len(rules), width))
    for i, rule in enumerate(rules):
        matrix[i, : rule.coefficients.size] = rule.coefficients
    low, high = np.array([rule.low for rule in rules]), np.array([rule.high for rule in rules])
    return [LinearConstraint(matrix.tocsr(), low, high)]


def _conflict(problem: AssemblyProblem, message: str) -> str:
    """Find the fewest rules to give up (elastic programme) and name them."""
    p, rules = problem.n_items, problem.rules
    slack = len(rules)
    matrix = np.zeros((slack, p + 2 * slack))
    for i, rule in enumerate(rules):
        matrix[i, :p] = rule.coefficients
        matrix[i, p + 2 * i], matrix[i, p + 2 * i + 1] = 1.0, -1.0
    low, high = np.array([r.low for r in rules]), np.array([r.high for r in rules])
    found = milp(
        np.r_[np.zeros(p), np.ones(2 * slack)],
        constraints=LinearConstraint(matrix, low, high),
        integrality=np.r_[np.ones(p), np.zeros(2 * slack)],
        bounds=Bounds(np.zeros(p + 2 * slack), np.r_[np.ones(p), np.full(2 * slack, np.inf)]),
    )
    if found.x is None:
        return f"no selection was found: {message}"
    broken = [rules[i].name for i in range(slack) if found.x[p + 2 * i : p + 2 * i + 2].sum() > 1e-6]
    if not broken:
        return f"no selection was found within the time limit ({message}); give more time with time_limit=."
    return (
        "no selection of items satisfies all rules. The fewest that would have to give way: "
        f"{'; '.join(broken)}. Relax one of them, or the rules they compete with (length, enemies, exclusions)."
    )


@dataclass(frozen=True)
class Requirements:
    """What the short form must satisfy, in the words of the user.

    Attributes
    ----------
    length : tuple of int
        Fewest and most items.
    elements : mapping of str to ndarray of bool
        For each element that must be covered, which items cover it.
    per_element : tuple of (int, int or None)
        Fewest and most items per element.
    include, exclude : frozenset of str
        Items forced in and left out.
    enemies : tuple of frozenset of str
        Sets of which at most one item may be chosen.
    reverse : ndarray of bool, shape (p,)
        Which items are keyed in reverse.
    reverse_keyed : tuple of (int, int) or None
        Fewest and most reverse-keyed items.
    balance : mapping of str to ndarray, shape (p,)
        Signed quantities (such as DIF effects in a region) whose sum over the selection stays within
        ``tolerance``.
    tolerance : float
        Largest absolute sum.
    """

    length: tuple[int, int]
    elements: Mapping[str, BoolArray] = field(default_factory=dict)
    per_element: tuple[int, int | None] = (1, None)
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    enemies: tuple[frozenset[str], ...] = ()
    reverse: BoolArray | None = None
    reverse_keyed: tuple[int, int] | None = None
    balance: Mapping[str, FloatArray] = field(default_factory=dict)
    tolerance: float = np.inf

    def rules(self, items: tuple[str, ...]) -> tuple[Rule, ...]:
        """Write the requirements as linear constraints on the items."""
        name = np.array(items, dtype=object)
        one = np.ones(name.size)
        fewest, most = self.length
        rules = [
            Rule(f"length {fewest}" if fewest == most else f"length {fewest} to {most}", one, fewest, most)
        ]
        rules += [Rule(f"item {i!r} in", (name == i).astype(float), 1, 1) for i in sorted(self.include)]
        rules += [Rule(f"item {i!r} out", (name == i).astype(float), 0, 0) for i in sorted(self.exclude)]
        least, cap = self.per_element
        for element, covers in self.elements.items():
            high = np.inf if cap is None else float(cap)
            limits = f"at least {least}" if cap is None else f"{least} to {cap}"
            rules.append(Rule(f"{limits} items of element {element!r}", covers.astype(float), least, high))
        for group in self.enemies:
            label = f"at most one of {', '.join(sorted(group))}"
            rules.append(Rule(label, np.isin(name, list(group)).astype(float), 0, 1))
        if self.reverse_keyed is not None and self.reverse is not None:
            low, high = self.reverse_keyed
            rules.append(Rule(f"{low} to {high} reverse-keyed items", self.reverse.astype(float), low, high))
        for label, effect in self.balance.items():
            rules.append(Rule(f"balanced {label}", effect, -self.tolerance, self.tolerance))
        return tuple(rules)
