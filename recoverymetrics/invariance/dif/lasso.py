"""Regularised DIF: a graded model whose items have penalised effects in every group.

Magis, Tuerlinckx & De Boeck 2015 (lasso on group-by-item effects), Tutz & Schauberger 2015 (group lasso per item),
Belzak & Bauer 2020 (impact and DIF together, information criteria). The marginal likelihood is maximised by EM: the
E-step is one matrix product per group, the M-step one proximal Newton step for all items together. The path starts
where no effect is needed and uses each solution as the start of the next. The effects on the path are shrunken, so
every set of effects is estimated again without penalty before an information criterion compares it (relaxed lasso,
Meinshausen 2007); the means of the groups are then free of shrinkage too.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import gammaln

from recoverymetrics.errors import EstimationWarning
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.irt import CONTRASTS, GroupItem, fill_contrasts, item_data, read_item
from recoverymetrics.invariance.dif.spec import Lasso
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.irt import fit_irt
from recoverymetrics.numerics.em import OneHot, expected_counts
from recoverymetrics.numerics.ordinal_logistic_lasso import (
    Blocks,
    GroupEffects,
    category_log_probabilities,
    penalised_step,
    standardise_blocks,
    tabulated_problem,
)
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

PATH_GAIN = 0.05
"""Gain in penalised log-likelihood at which EM moves on along the path."""
FINAL_GAIN = 0.01
"""Gain at which EM stops where no penalty is in force."""
MAX_CYCLES = 200
"""Most EM cycles for one penalty or one set."""
SMALLEST = 2.0
"""Penalty at which the path ends: about the root of the score statistic that chance alone reaches."""
PATIENCE = 4
"""Sets worse than the best one after which the path is left."""


@dataclass(frozen=True)
class Model:
    """Items with group effects, and the groups' latent distributions.

    Attributes
    ----------
    items : GroupEffects
        ``p`` items in ``G`` groups.
    means, sds : ndarray, shape (G,)
        Latent distributions.
    loglik : float
        Marginal log-likelihood at the start of the last cycle.
    """

    items: GroupEffects
    means: FloatArray
    sds: FloatArray
    loglik: float = -np.inf


@dataclass(frozen=True)
class Candidate:
    """A set of effects, estimated without penalty.

    Attributes
    ----------
    active : ndarray of bool, shape (p, n_blocks)
        The set.
    model : Model
        Its estimates.
    criterion : float
        Its information criterion.
    converged : bool
        Whether EM settled.
    """

    active: BoolArray
    model: Model
    criterion: float
    converged: bool


@dataclass(frozen=True)
class Persons:
    """Responses of the groups, and the nodes."""

    groups: tuple[OneHot, ...]
    theta: FloatArray
    n_categories: int

    @property
    def n(self) -> int:
        """Persons in all groups."""
        return sum(group.n for group in self.groups)


def sweep_lasso(data: DIFData, anchors: BoolArray, spec: Lasso, *, to_reference: bool) -> Sweep:
    """Choose the items and groups that need effects of their own; ``anchors`` is of no use here."""
    p, g = len(data.items), len(data.groups)
    contrasts = {name: np.full((p, g), np.nan) for name in (*CONTRASTS, "shift", "log_spread")}
    chosen, converged = np.zeros(p, dtype=bool), np.ones(p, dtype=bool)
    entered = np.full(p, np.nan)
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale)
        best, first = choose_effects(data, members, spec)
        chosen[members], converged[members] = best.active.any(axis=1), best.converged
        entered[members] = first
        items = best.model.items
        moments = np.stack([best.model.means, best.model.sds**2])
        for row, j in enumerate(members.tolist()):
            fill_contrasts(contrasts, data, j, moments, _group_item(items, row), to_reference)
            contrasts["shift"][j] = -items.shift[row] / items.slope[row]
            contrasts["log_spread"][j] = items.turn[row]
    missing = np.full(p, np.nan)
    return Sweep(
        statistic=missing,
        df=missing,
        p_value=missing,
        effect=np.nanmax(np.abs(contrasts["unsigned_difference"]), axis=1),
        n=data.answered.sum(axis=0).astype(float),
        converged=converged,
        chosen=chosen,
        columns={"penalty_entered": entered},
        contrasts={
            name: value for name, value in contrasts.items() if name not in ("statistic", "df", "p_value")
        },
    )


def _group_item(items: GroupEffects, row: int) -> GroupItem:
    """Slope and intercepts of one item in every group, in slope-intercept form."""
    spread = np.exp(items.turn[row])
    own = items.thresholds[row]
    real = own[own > -50.0]
    intercepts = spread[:, None] * (real + items.shift[row][:, None])
    return GroupItem(np.column_stack([spread * items.slope[row], intercepts]), None)


def choose_effects(data: DIFData, members: IntArray, spec: Lasso) -> tuple[Candidate, FloatArray]:
    """Walk the path for one scale; the best set, and the penalty at which each item entered (NaN: never)."""
    persons = read_persons(data, members, spec.quadrature)
    model = equal_model(data, members)
    counts, model = _e_step(persons, model)
    positions = _block_members(len(data.groups), spec)
    blocks, scores = standardise_blocks(tabulated_problem(persons.theta, counts), model.items, positions)
    count = _Counting(spec, len(data.groups), positions)
    empty = np.zeros((members.size, len(positions)), dtype=bool)
    best = _candidate(persons, model, blocks, empty, count)
    seen, worse = {empty.tobytes()}, 0
    entered = np.full(members.size, np.nan)
    for value in _penalties(float(scores.max()), spec.n_lambda):
        model, _ = maximise(persons, model, blocks, np.full(empty.shape, value), PATH_GAIN)
        active = active_blocks(model.items, positions)
        entered = np.where(np.isnan(entered) & active.any(axis=1), value, entered)
        if active.tobytes() in seen:
            continue
        seen.add(active.tobytes())
        found = _candidate(persons, model, blocks, active, count)
        worse = 0 if found.criterion < best.criterion else worse + 1
        best = min(best, found, key=lambda candidate: candidate.criterion)
        if worse >= PATIENCE:
            break
    return _prune(persons, best, blocks, count), entered


def _penalties(largest: float, n: int) -> FloatArray:
    smallest = min(SMALLEST, 0.5 * largest)
    return np.asarray(np.geomspace(0.999 * largest, smallest, n), dtype=float)


def _prune(persons: Persons, best: Candidate, blocks: Blocks, count: _Counting) -> Candidate:
    """Take effects away, the smallest first, as long as the criterion falls."""
    while best.active.any():
        items = best.model.items
        effects = np.concatenate([items.shift, items.turn], axis=1)
        size = np.full(best.active.shape, np.inf)
        for b, (block, root) in enumerate(zip(blocks.members, blocks.roots, strict=True)):
            u = (np.swapaxes(root, 1, 2) @ effects[:, block, None])[:, :, 0]
            size[:, b] = np.where(best.active[:, b], np.sum(u**2, axis=1), np.inf)
        weakest = np.unravel_index(int(np.argmin(size)), size.shape)
        if size[weakest] > 4.0 * count.price(best.active, weakest, persons.n):
            return best
        fewer = best.active.copy()
        fewer[weakest] = False
        trial = _candidate(persons, best.model, blocks, fewer, count)
        if trial.criterion >= best.criterion:
            return best
        best = trial
    return best


@dataclass(frozen=True)
class _Counting:
    """Number of free effects of a set, and what the criterion charges for it."""

    spec: Lasso
    n_groups: int
    positions: tuple[IntArray, ...]

    def size(self, active: BoolArray) -> float:
        kinds = 2 if self.spec.nonuniform else 1
        per_item = active @ np.array([block.size for block in self.positions])
        return float(np.minimum(per_item, kinds * (self.n_groups - 1)).sum())

    def charge(self, active: BoolArray, n: int) -> float:
        if self.spec.criterion == "aic":
            return 2.0 * self.size(active)
        charge = np.log(n) * self.size(active)
        if self.spec.criterion == "ebic":
            sets, chosen = active.size, int(active.sum())
            charge += 2.0 * float(gammaln(sets + 1) - gammaln(chosen + 1) - gammaln(sets - chosen + 1))
        return charge

    def price(self, active: BoolArray, block: Any, n: int) -> float:
        fewer = active.copy()
        fewer[block] = False
        return self.charge(active, n) - self.charge(fewer, n)


def _candidate(
    persons: Persons, start: Model, blocks: Blocks, active: BoolArray, count: _Counting
) -> Candidate:
    """Estimate a set of effects without penalty."""
    start = replace(start, items=_only(start.items, blocks.members, active))
    model, converged = maximise(persons, start, blocks, np.where(active, 0.0, np.inf), FINAL_GAIN)
    criterion = -2.0 * model.loglik + count.charge(active, persons.n)
    return Candidate(active, model, criterion, converged)


def _only(items: GroupEffects, positions: tuple[IntArray, ...], active: BoolArray) -> GroupEffects:
    effects = np.concatenate([items.shift, items.turn], axis=1)
    keep = np.zeros(effects.shape, dtype=bool)
    for b, block in enumerate(positions):
        keep[:, block] = active[:, b, None]
    effects = np.where(keep, effects, 0.0)
    g = items.shift.shape[1]
    return replace(items, shift=effects[:, :g], turn=effects[:, g:])


def active_blocks(items: GroupEffects, positions: tuple[IntArray, ...]) -> BoolArray:
    """Blocks with an effect that is not zero, (p, n_blocks)."""
    effects = np.concatenate([items.shift, items.turn], axis=1)
    return np.stack([np.any(effects[:, block] != 0.0, axis=1) for block in positions], axis=1)


def _block_members(g: int, spec: Lasso) -> tuple[IntArray, ...]:
    """Positions of each block's effects; one block per item leaves the first group out, as all shifted is none."""
    pairs = [np.array([k, g + k]) if spec.nonuniform else np.array([k]) for k in range(g)]
    return (np.concatenate(pairs[1:]),) if spec.penalty == "item" else tuple(pairs)


def read_persons(data: DIFData, members: IntArray, quadrature: int) -> Persons:
    """One-hot responses of one scale, group by group; categories are numbered without gaps."""
    columns = []
    for j in members:
        values = np.unique(data.scores[data.answered[:, j], j])
        code = np.searchsorted(values, np.where(data.answered[:, j], data.scores[:, j], values[0]))
        columns.append(np.where(data.answered[:, j], code, -1))
    codes = np.column_stack(columns).astype(np.int16)
    k = int(codes.max()) + 1
    groups = []
    for g in range(len(data.groups)):
        own = codes[data.group == g]
        groups.append(OneHot(own, np.full(members.size, k), np.ones(own.shape[0])))
    return Persons(tuple(groups), np.linspace(-6.0, 6.0, quadrature), k)


def equal_model(data: DIFData, members: IntArray) -> Model:
    """The graded model with all items equal, as the start of the path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        fit = fit_irt(
            item_data(data, members.tolist()),
            "graded",
            equal=("slopes", "intercepts"),
            se=None,
            tolerance=1e-4,
        )
    rows = [read_item(fit, data.items[j]).values[0] for j in members]
    k = max(row.size for row in rows) - 1
    thresholds = np.broadcast_to(-60.0 - np.arange(k), (members.size, k)).copy()
    for i, row in enumerate(rows):
        thresholds[i, : row.size - 1] = row[1:]
    zero = np.zeros((members.size, len(data.groups)))
    items = GroupEffects(thresholds, np.array([row[0] for row in rows]), zero, zero.copy())
    moments = fit.groups
    return Model(items, moments["mean"].to_numpy(float), np.sqrt(moments["variance"].to_numpy(float)))


def _e_step(persons: Persons, model: Model) -> tuple[FloatArray, Model]:
    """Expected counts (p, G, Q, K), and the model with its log-likelihood and new latent distributions."""
    tables = category_log_probabilities(model.items, persons.theta)
    g, p, k, q = tables.shape
    counts, loglik = np.empty((p, g, q, k)), 0.0
    means, sds = np.empty(g), np.empty(g)
    for h, group in enumerate(persons.groups):
        z = (persons.theta - model.means[h]) / model.sds[h]
        prior = -0.5 * z**2
        prior -= np.log(np.exp(prior).sum())
        found = expected_counts(group, tables[h].reshape(p * k, q), prior)
        loglik += found.loglik
        counts[:, h] = np.swapaxes(found.category.reshape(p, k, q), 1, 2)
        means[h] = found.node @ persons.theta / group.n
        sds[h] = np.sqrt(found.node @ (persons.theta - means[h]) ** 2 / group.n)
    return counts, replace(model, means=means, sds=sds, loglik=loglik)


def maximise(
    persons: Persons, model: Model, blocks: Blocks, penalty: FloatArray, gain: float
) -> tuple[Model, bool]:
    """EM until the log-likelihood gains less than ``gain`` per cycle."""
    before = -np.inf
    for _ in range(MAX_CYCLES):
        counts, model = _e_step(persons, model)
        problem = tabulated_problem(persons.theta, counts)
        items = penalised_step(problem, model.items, blocks, penalty)
        model = _rescale(replace(model, items=items))
        if abs(model.loglik - before) < gain:
            return model, True
        before = model.loglik
    return model, False


def _rescale(model: Model) -> Model:
    """Move the latent metric so that the first group has mean zero and variance one."""
    mean, sd = model.means[0], model.sds[0]
    items = model.items
    moved = np.where(
        items.thresholds > -50.0, items.thresholds + items.slope[:, None] * mean, items.thresholds
    )
    items = replace(items, thresholds=moved, slope=items.slope * sd)
    return replace(model, items=items, means=(model.means - mean) / sd, sds=model.sds / sd)
