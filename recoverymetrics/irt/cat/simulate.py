"""Simulated adaptive tests, all persons at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError
from recoverymetrics.irt.calibration import code_new
from recoverymetrics.irt.cat.rules import (
    CATRules,
    Pool,
    allowed_items,
    choose,
    criterion,
    make_pool,
    posterior_moments,
    restricted_items,
)
from recoverymetrics.irt.result import IRTResult, estimated_of
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import BoolArray, FloatArray, IntArray, IntoFrame, Seed


@dataclass(frozen=True, repr=False)
class CATResult(AbstractResult):
    """Outcome of simulated adaptive tests.

    Attributes
    ----------
    items : tuple of str
        Item pool.
    persons : DataFrame
        One row per person: theta (true, or the full-test estimate for real answers), estimate, std_error, n_items,
        first_item.
    administered : ndarray of int, shape (n, J)
        Position at which each item was given, 0 for not.
    """

    items: tuple[str, ...]
    persons: pd.DataFrame
    administered: IntArray

    def __repr__(self) -> str:
        """Persons, items and mean length."""
        return f"CATResult({len(self.persons)} persons, {len(self.items)} items, mean length {self.persons['n_items'].mean():.1f})"

    def tidy(self) -> pd.DataFrame:
        """One row per item: item, exposure (share of persons who saw it), mean_position."""
        given = self.administered > 0
        with np.errstate(invalid="ignore"):
            position = np.where(given, self.administered, 0).sum(axis=0) / given.sum(axis=0)
        return pd.DataFrame({"item": self.items, "exposure": given.mean(axis=0), "mean_position": position})

    def glance(self) -> pd.DataFrame:
        """One row: n, mean_items, bias, rmse, correlation, mean_std_error, max_exposure, n_unused."""
        gap = self.persons["estimate"] - self.persons["theta"]
        exposure = self.tidy()["exposure"]
        return pd.DataFrame(
            {
                "n": [len(self.persons)],
                "mean_items": float(self.persons["n_items"].mean()),
                "bias": float(gap.mean()),
                "rmse": float(np.sqrt((gap**2).mean())),
                "correlation": float(self.persons["estimate"].corr(self.persons["theta"])),
                "mean_std_error": float(self.persons["std_error"].mean()),
                "max_exposure": float(exposure.max()),
                "n_unused": int((exposure == 0).sum()),
            }
        )

    def augment(self) -> pd.DataFrame:
        """One row per person."""
        return self.persons

    def _title(self) -> str:
        return "Simulated adaptive test"

    def _tables(self) -> tuple[Table, ...]:
        return Table("Overview", self.glance()), Table("Items", self.tidy())


def simulate_cat(
    fit: IRTResult,
    *,
    rules: CATRules | None = None,
    n: int = 1000,
    theta: npt.ArrayLike | None = None,
    data: IntoFrame | None = None,
    group: str | None = None,
    seed: Seed = None,
) -> CATResult:
    """Run an adaptive test on simulated or real answers.

    Parameters
    ----------
    fit : IRTResult
        One-factor calibration, the item pool.
    rules : CATRules, optional
        Item selection, exposure control, content balance, stopping.
    n : int, default 1000
        Persons drawn from the latent density when neither ``theta`` nor ``data`` is given.
    theta : array-like, optional
        True latent values.
    data : DataFrame, optional
        Complete real answers: a post-hoc simulation that asks each person in adaptive order; the yardstick is the
        estimate from all items.
    group : str, optional
        Group whose parameters are used.
    seed : int or Generator, optional
        For latent values, answers and random selection.

    Returns
    -------
    CATResult

    Raises
    ------
    DataError
        Real answers with missing responses.
    ModelError
        Several factors.
    OptionError
        A cap on exposure that the pool cannot hold.

    Examples
    --------
    >>> from recoverymetrics.irt import fit_irt
    >>> rng = np.random.default_rng(1)
    >>> X = (rng.standard_normal((300, 1)) + rng.logistic(size=(300, 12)) > np.linspace(-1, 1, 12)).astype(int)
    >>> rules = CATRules(max_items=4, std_error=0, max_exposure=0.5)
    >>> result = simulate_cat(fit_irt(X, "2pl", se=None), rules=rules, n=200, seed=1)
    >>> bool(result.glance()["max_exposure"][0] <= 0.5 + 1 / 200)
    True
    """
    wanted, rng = rules or CATRules(), generator(seed)
    pool = make_pool(estimated_of(fit, "fit"), group)
    if data is not None:
        codes = code_new(fit.estimated, data, None).codes.astype(np.int64)
        if (codes < 0).any():
            raise DataError(
                "post-hoc simulation needs complete answers; leave out persons with missing responses."
            )
        truth = _full_estimate(pool, codes)
    else:
        truth = _draw(pool, n, rng) if theta is None else np.asarray(theta, dtype=float).ravel()
        codes = draw_answers(pool, truth, rng)
    administered, estimate, error = run(pool, wanted, codes, rng)
    persons = pd.DataFrame(
        {
            "theta": truth,
            "estimate": estimate,
            "std_error": error,
            "n_items": (administered > 0).sum(axis=1),
            "first_item": np.asarray(pool.items, dtype=object)[(administered == 1).argmax(axis=1)],
        }
    )
    return CATResult(pool.items, persons, administered)


def _draw(pool: Pool, n: int, rng: np.random.Generator) -> FloatArray:
    weights = np.exp(pool.log_prior)
    mean = float(weights @ pool.theta)
    spread = float(np.sqrt(weights @ pool.theta**2 - mean**2))
    return rng.normal(mean, spread, n)


def draw_answers(pool: Pool, theta: FloatArray, rng: np.random.Generator) -> IntArray:
    """Answers to every item, by interpolating the category curves, shape (n, J)."""
    place = np.clip(np.searchsorted(pool.theta, theta) - 1, 0, pool.theta.size - 2)
    share = np.clip((theta - pool.theta[place]) / np.diff(pool.theta)[place], 0.0, 1.0)
    p = np.exp(pool.log_p)
    here = p[:, :, place] * (1 - share) + p[:, :, place + 1] * share
    cumulative = np.cumsum(here, axis=1)
    u = rng.random((len(pool.items), theta.size))
    return np.asarray((u[:, None, :] > cumulative[:, :-1]).sum(axis=1).T, dtype=np.int64)


def _full_estimate(pool: Pool, codes: IntArray) -> FloatArray:
    total = pool.log_prior + sum(pool.log_p[j, codes[:, j]] for j in range(len(pool.items)))
    return posterior_moments(np.asarray(total), pool.theta)[1]


def run(
    pool: Pool, rules: CATRules, codes: IntArray, rng: np.random.Generator
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Give items until every person's test has stopped; returns positions, estimates and standard errors.

    All persons at once, or with a cap on exposure one after the other, because each test depends on those before.
    """
    if rules.max_exposure is None:
        return _run_together(pool, rules, codes, rng, None)
    seen = np.zeros(len(pool.items), dtype=np.int64)
    parts = []
    for n, own in enumerate(codes):
        blocked = restricted_items(pool, rules, seen, n)
        parts.append(_run_together(pool, rules, own[None], rng, blocked))
        seen += parts[-1][0][0] > 0
    administered, estimate, error = (np.concatenate(part) for part in zip(*parts, strict=True))
    return administered, estimate, error


def _run_together(
    pool: Pool, rules: CATRules, codes: IntArray, rng: np.random.Generator, blocked: BoolArray | None
) -> tuple[IntArray, FloatArray, FloatArray]:
    n, J = codes.shape
    administered = np.zeros((n, J), dtype=np.int64)
    log_posterior = np.repeat(pool.log_prior[None, :], n, axis=0)
    active = np.arange(n)
    longest = min(rules.max_items or J, J)
    for position in range(1, longest + 1):
        posterior, mean, error = posterior_moments(log_posterior[active], pool.theta)
        value = criterion(pool, rules, posterior, mean)
        allowed = allowed_items(pool, rules, administered[active] > 0, blocked)
        going = allowed.any(axis=1)
        if position > rules.min_items:
            best = np.where(allowed, value, -np.inf).max(axis=1)
            going &= (error > rules.std_error) & (best >= rules.min_information)
        active, value, allowed = active[going], value[going], allowed[going]
        if not active.size:
            break
        item = choose(value, allowed, rules, rng)
        administered[active, item] = position
        log_posterior[active] += pool.log_p[item, codes[active, item]]
    _, mean, error = posterior_moments(log_posterior, pool.theta)
    return administered, mean, error
