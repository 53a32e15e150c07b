"""One person's adaptive test, item by item, for a real front end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.irt.cat.rules import (
    CATRules,
    allowed_items,
    choose,
    criterion,
    make_pool,
    posterior_moments,
    restricted_items,
)
from recoverymetrics.irt.result import IRTResult, estimated_of
from recoverymetrics.numerics.seeds import generator


class CATSession:
    """An adaptive test in progress.

    Parameters
    ----------
    fit : IRTResult
        One-factor calibration.
    rules : CATRules, optional
        Item selection and stopping.
    answers : mapping of str to int, optional
        Answers so far, in order: a session is nothing but its answers, so this resumes one.
    group : str, optional
        Group whose parameters and latent density are used.
    seed : int, default 1
        For randomesque selection.
    blocked : sequence of str, optional
        Items that this person may not see; ``CATSession.blocked_by`` lists those that have reached the cap on
        exposure.

    Examples
    --------
    >>> from recoverymetrics.irt import fit_irt
    >>> rng = np.random.default_rng(1)
    >>> X = (rng.standard_normal((300, 1)) + rng.logistic(size=(300, 6)) > 0).astype(int)
    >>> session = CATSession(fit_irt(X, "2pl", se=None), CATRules(max_items=2, std_error=0))
    >>> while not session.finished:
    ...     session = session.answer(session.next_item(), 1)
    >>> len(session.answers)
    2
    """

    def __init__(
        self,
        fit: IRTResult,
        rules: CATRules | None = None,
        answers: Mapping[str, int] | None = None,
        *,
        group: str | None = None,
        seed: int = 1,
        blocked: Sequence[str] = (),
    ):
        self.fit, self.rules, self.group, self.seed = fit, rules or CATRules(), group, seed
        self.blocked = tuple(blocked)
        self.answers: dict[str, int] = dict(answers or {})
        self._pool = make_pool(estimated_of(fit, "fit"), group)
        self._log_posterior = self._pool.log_prior.copy()
        self._blocked = np.zeros(len(self._pool.items), dtype=bool)
        self._blocked[[self._position(item) for item in self.blocked]] = True
        for item, value in self.answers.items():
            self._log_posterior += self._pool.log_p[self._position(item), self._code(item, value)]

    def __repr__(self) -> str:
        """Answers so far and the estimate."""
        return (
            f"CATSession({len(self.answers)} answers, theta={self.theta:.3f}, std_error={self.std_error:.3f})"
        )

    def _position(self, item: str) -> int:
        if item not in self._pool.items:
            raise DataError(f"there is no item {item!r} in the pool ({', '.join(self._pool.items)}).")
        return self._pool.items.index(item)

    def _code(self, item: str, value: int) -> int:
        known = self._pool.categories[self._position(item)]
        place = np.flatnonzero(known == value)
        if not place.size:
            listed = ", ".join(f"{v:g}" for v in known)
            raise DataError(f"item {item!r} has no category {value!r}; its categories are {listed}.")
        return int(place[0])

    @property
    def theta(self) -> float:
        """Posterior mean."""
        return float(posterior_moments(self._log_posterior[None], self._pool.theta)[1][0])

    @property
    def std_error(self) -> float:
        """Posterior standard deviation."""
        return float(posterior_moments(self._log_posterior[None], self._pool.theta)[2][0])

    @property
    def finished(self) -> bool:
        """Whether a stopping rule holds."""
        n, rules = len(self.answers), self.rules
        if n >= (rules.max_items or len(self._pool.items)) or n >= len(self._pool.items):
            return True
        if not self._values()[1].any():
            return True
        if n < rules.min_items:
            return False
        return self.std_error <= rules.std_error or self._best_value() < rules.min_information

    def _values(self) -> tuple[Any, Any]:
        posterior, mean, _ = posterior_moments(self._log_posterior[None], self._pool.theta)
        used = np.array([[item in self.answers for item in self._pool.items]])
        return criterion(self._pool, self.rules, posterior, mean), allowed_items(
            self._pool, self.rules, used, self._blocked
        )

    def _best_value(self) -> float:
        value, allowed = self._values()
        return float(np.where(allowed, value, -np.inf).max())

    def next_item(self) -> str | None:
        """Name of the item to show next; None when the test is over."""
        if self.finished:
            return None
        value, allowed = self._values()
        rng = generator(self.seed + len(self.answers))
        return self._pool.items[int(choose(value, allowed, self.rules, rng)[0])]

    def answer(self, item: str | None, value: int) -> CATSession:
        """Session with one more answer; this one is left as it is.

        Raises
        ------
        DataError
            Unknown item or category, an item answered before.
        """
        if item is None or item in self.answers:
            raise DataError(f"item {item!r} cannot be answered now.")
        self._code(item, value)
        return CATSession(
            self.fit,
            self.rules,
            self.answers | {item: value},
            group=self.group,
            seed=self.seed,
            blocked=self.blocked,
        )

    def to_dict(self) -> dict[str, Any]:
        """State as plain JSON types; ``from_dict`` with the same calibration resumes the session."""
        return {
            "answers": {k: int(v) for k, v in self.answers.items()},
            "rules": {k: dict(v) if isinstance(v, Mapping) else v for k, v in vars(self.rules).items()},
            "group": self.group,
            "seed": self.seed,
            "blocked": list(self.blocked),
            "theta": self.theta,
            "std_error": self.std_error,
            "finished": self.finished,
        }

    @classmethod
    def from_dict(cls, fit: IRTResult, state: Mapping[str, Any], rules: CATRules | None = None) -> CATSession:
        """Resume a session from ``to_dict``, with its own rules unless others are given."""
        return cls(
            fit,
            rules or CATRules(**state.get("rules", {})),
            state["answers"],
            group=state.get("group"),
            seed=int(state.get("seed", 1)),
            blocked=state.get("blocked", ()),
        )

    @staticmethod
    def blocked_by(fit: IRTResult, rules: CATRules, seen: Mapping[str, int], n: int) -> tuple[str, ...]:
        """Items that the next person may not see under ``rules.max_exposure``.

        Parameters
        ----------
        fit : IRTResult
            Calibration.
        rules : CATRules
            With a cap on exposure.
        seen : mapping of str to int
            How many persons have seen each item; items left out count as unseen.
        n : int
            Persons tested so far.
        """
        pool = make_pool(fit.estimated)
        counts = np.array([int(seen.get(item, 0)) for item in pool.items])
        return tuple(np.asarray(pool.items, dtype=object)[restricted_items(pool, rules, counts, n)])
