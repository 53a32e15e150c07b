"""Rules of an adaptive test, and the arithmetic that session and simulation share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt.calibration import Estimated, group_index
from recoverymetrics.irt.likelihood import log_weights
from recoverymetrics.irt.persons import probabilities_by_item
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

SELECTIONS = ("information", "kl", "posterior_information", "random")


@dataclass(frozen=True)
class CATRules:
    """How items are chosen and when the test stops.

    Parameters
    ----------
    select : {"information", "kl", "posterior_information", "random"}, default "information"
        Largest Fisher information at the current estimate; largest Kullback-Leibler information averaged over the
        posterior (Chang & Ying 1996); information averaged over the posterior; random.
    randomesque : int, default 1
        Exposure control: draw among this many best items (Kingsbury & Zara 1989).
    min_items, max_items : int, default 1 and all
        Limits of the length.
    std_error : float, default 0.3
        Stop when the posterior standard deviation is no larger; 0 never stops for it.
    min_information : float, default 0
        Stop when no item left has this much information.
    content : mapping of str to str, optional
        Element of each item, for content balance.
    targets : mapping of str to float, optional
        Share of each element; equal shares by default. The element furthest below its share goes next.
    max_exposure : float, optional
        Cap on the share of persons who see an item, by the restricted method (Revuelta & Ponsoda 1998): an item
        seen by this share of the persons before is not shown to the next. After N persons no item has been seen by
        more than ``max_exposure * N + 1`` of them.
    """

    select: str = "information"
    randomesque: int = 1
    min_items: int = 1
    max_items: int | None = None
    std_error: float = 0.3
    min_information: float = 0.0
    content: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)
    max_exposure: float | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.select not in SELECTIONS:
            raise OptionError(
                f"unknown item selection {self.select!r}; choose one of {', '.join(SELECTIONS)}."
            )
        if self.randomesque < 1 or self.min_items < 1:
            raise OptionError("randomesque and min_items must be 1 or more.")
        if self.max_items is not None and self.max_items < self.min_items:
            raise OptionError(f"max_items={self.max_items} is below min_items={self.min_items}.")
        if self.max_exposure is not None and not 0 < self.max_exposure <= 1:
            raise OptionError(f"max_exposure={self.max_exposure} must lie above 0 and not above 1.")


@dataclass(frozen=True)
class Pool:
    """Calibrated items on a grid of latent values.

    Attributes
    ----------
    items : tuple of str
        Names.
    categories : tuple of ndarray
        Original category values.
    theta : ndarray, shape (Q,)
        Grid.
    log_prior : ndarray, shape (Q,)
        Log weights of the latent density.
    log_p : ndarray, shape (J, K, Q)
        Log category probabilities, minus infinity beyond an item's last category.
    information : ndarray, shape (J, Q)
        Fisher information.
    """

    items: tuple[str, ...]
    categories: tuple[FloatArray, ...]
    theta: FloatArray
    log_prior: FloatArray
    log_p: FloatArray
    information: FloatArray


def make_pool(est: Estimated, group: str | None = None) -> Pool:
    """Tabulate a one-factor calibration.

    Raises
    ------
    ModelError
        Several factors.
    """
    from recoverymetrics.irt.curves import item_information

    if len(est.layout.structure.factors) > 1:
        raise ModelError("adaptive testing is for calibrations with one factor.")
    g = group_index(est.layout, group)
    nodes = est.problem.nodes
    tables = probabilities_by_item(est.layout, est.extended, g, nodes.theta)
    widest = max(table.shape[0] for table in tables)
    log_p = np.full((len(tables), widest, nodes.size), -np.inf)
    for j, table in enumerate(tables):
        log_p[j, : table.shape[0]] = np.log(np.maximum(table, 1e-300))
    return Pool(
        est.layout.items,
        est.coded.categories,
        nodes.theta[:, 0],
        log_weights(est.problem, est.extended, g),
        log_p,
        item_information(est, nodes.theta[:, 0], est.layout.groups[g]),
    )


def posterior_moments(
    log_posterior: FloatArray, theta: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Posterior (n, Q), its mean and standard deviation, from unnormalised log posteriors (n, Q)."""
    weights = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    mean = weights @ theta
    return weights, mean, np.sqrt(np.maximum(weights @ theta**2 - mean**2, 0.0))


def criterion(pool: Pool, rules: CATRules, posterior: FloatArray, mean: FloatArray) -> FloatArray:
    """Value of every item for every person, shape (n, J)."""
    if rules.select == "posterior_information":
        return posterior @ pool.information.T
    if rules.select == "kl":
        finite = np.where(np.isfinite(pool.log_p), pool.log_p, 0.0)
        J, K, Q = pool.log_p.shape
        here = np.stack([_interpolate(pool.theta, finite[:, k], mean) for k in range(K)], axis=2)
        p = np.where(np.isfinite(pool.log_p[:, :, 0])[None], np.exp(here), 0.0)
        expected = (posterior @ finite.reshape(J * K, Q).T).reshape(-1, J, K)
        return np.sum(p * (here - expected), axis=2)
    return _interpolate(pool.theta, pool.information, mean)


def _interpolate(theta: FloatArray, table: FloatArray, at: FloatArray) -> FloatArray:
    """Linear interpolation of each row of ``table`` (J, Q) at ``at`` (n,), shape (n, J)."""
    place = np.clip(np.searchsorted(theta, at) - 1, 0, theta.size - 2)
    share = np.clip((at - theta[place]) / (theta[place + 1] - theta[place]), 0.0, 1.0)[:, None]
    value: FloatArray = table[:, place].T * (1 - share) + table[:, place + 1].T * share
    return value


def restricted_items(pool: Pool, rules: CATRules, seen: IntArray, n: int) -> BoolArray:
    """Items that the next person may not see, because ``seen`` of ``n`` persons reach the cap, shape (J,).

    Raises
    ------
    OptionError
        A cap that the pool cannot hold: with J items and tests of L items some item is seen by ``L / J`` or more.
    """
    if rules.max_exposure is None:
        return np.zeros(len(pool.items), dtype=bool)
    length = rules.max_items or rules.min_items
    if rules.max_exposure * len(pool.items) < length:
        raise OptionError(
            f"max_exposure={rules.max_exposure} is too low: tests of {length} items from a pool of "
            f"{len(pool.items)} need {length / len(pool.items):.2f} or more."
        )
    blocked: BoolArray = (seen >= rules.max_exposure * n) & (n > 0)
    return blocked


def allowed_items(
    pool: Pool, rules: CATRules, used: BoolArray, blocked: BoolArray | None = None
) -> BoolArray:
    """Items that may come next for each person, shape (n, J).

    Not used, not blocked by the exposure cap, and of the element furthest below its share among those with items
    left.
    """
    allowed = ~used if blocked is None else ~(used | blocked)
    if not rules.content:
        return allowed
    elements = sorted({rules.content.get(item, "") for item in pool.items})
    label = np.array([elements.index(rules.content.get(item, "")) for item in pool.items])
    shares = np.array([rules.targets.get(e, 1.0 / len(elements)) for e in elements])
    counts = np.stack([used[:, label == e].sum(axis=1) for e in range(len(elements))], axis=1)
    left = np.stack([allowed[:, label == e].any(axis=1) for e in range(len(elements))], axis=1)
    length = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    lag = np.where(left, shares - counts / length, -np.inf)
    value: BoolArray = allowed & (label[None, :] == lag.argmax(axis=1)[:, None])
    return value


def choose(value: FloatArray, allowed: BoolArray, rules: CATRules, rng: np.random.Generator) -> IntArray:
    """Item of each person: the best allowed one, or one of the best few at random."""
    if rules.select == "random":
        value = rng.random(value.shape)
    masked = np.where(allowed, value, -np.inf)
    if rules.randomesque == 1:
        return np.asarray(masked.argmax(axis=1))
    order = np.argsort(-masked, axis=1)[:, : rules.randomesque]
    possible = np.minimum(allowed.sum(axis=1), order.shape[1])
    draw = (rng.random(possible.size) * possible).astype(np.int64)
    return np.asarray(order[np.arange(order.shape[0]), draw])
