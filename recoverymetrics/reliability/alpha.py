"""Coefficient alpha: raw, standardised and ordinal, with intervals and the item table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.numerics.intervals import Interval, bootstrap_interval, wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.feldt import feldt_interval
from recoverymetrics.reliability.groups import keying_notes, missing_notes, pool_within, read_groups
from recoverymetrics.reliability.items import item_table
from recoverymetrics.reliability.moments import Moments, resample_weights, to_correlation
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import (
    AlphaInterval,
    AlphaIntervalSpec,
    Bootstrap,
    Missing,
    check_level,
    resolve_interval,
)
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed

FORMULA = "alpha = p/(p-1) (1 - sum of item variances / variance of the sum) (Cronbach 1951)"
FORMULA_STANDARDIZED = "alpha of the correlation matrix = p r / (1 + (p-1) r), r the mean correlation"
INTERVALS = {
    "feldt": "F distribution (Feldt 1965)",
    "duhachek": "normal theory, Wald (van Zyl, Neudecker & Nel 2000; Duhachek & Iacobucci 2004)",
    "robust": "distribution-free, Wald (Yuan, Guarnaccia & Hayslip 2003; Maydeu-Olivares, Coffman & Hartmann 2007)",
    "bootstrap": "bootstrap over persons",
}


def cronbach_alpha(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    missing: Missing = "pairwise",
    interval: AlphaIntervalSpec = "feldt",
    standardized: bool = False,
    level: float = 0.95,
    seed: Seed = None,
) -> CoefficientResult:
    """Coefficient alpha with its interval and the item table.

    Alpha is a lower bound of the reliability of the sum score when errors are uncorrelated, and equals it
    when all items load equally. Items must be keyed in one direction; nothing is reversed here.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        One alpha per group; ``glance`` then has the alpha of the covariances pooled within groups.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Covariances over the persons who answered both items, or over persons who answered all.
    interval : {"feldt", "duhachek", "robust", "bootstrap"} or Bootstrap, default "feldt"
        ``"feldt"``: F theory; ``"duhachek"``: normal theory; ``"robust"``: distribution-free; the bootstrap
        takes its options from a ``Bootstrap`` object (1,000 draws, percentile, by default). The column
        ``std_error`` is distribution-free for ``"robust"``, of the draws for the bootstrap, else normal
        theory.
    standardized : bool, default False
        Alpha of the correlation matrix: the reliability of the sum of standardised items.
    level : float, default 0.95
        Confidence level.
    seed : int, Generator or None
        For ``interval="bootstrap"``.

    Returns
    -------
    CoefficientResult
        ``glance()`` has ``estimate conf_low conf_high``; ``tidy()`` one row per group; ``items`` the item
        table (``r_drop``, ``alpha_if_deleted``, ...).

    Raises
    ------
    DataError
        Fewer than two items, an item without variance, or two items never answered together.
    OptionError
        Unknown option.

    Warns
    -----
    DataWarning
        Items that correlate negatively with the sum of the others: probably not keyed.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.array([[1, 2, 1], [2, 2, 3], [3, 4, 3], [4, 4, 5], [5, 4, 5]])
    >>> round(cronbach_alpha(data).estimate, 4)
    0.9364

    References
    ----------
    cronbach1951, feldt1965, vanzyl2000, duhachek2004, maydeu2007
    """
    check_level(level)
    name, bootstrap = resolve_interval(interval, AlphaInterval, seed)
    groups = read_groups(data, items=items, group=group, missing=missing)
    term = "alpha_standardized" if standardized else "alpha"
    rng = generator(bootstrap.seed)
    rows = [alpha_row(m, term, name, bootstrap, level, rng) for m in groups]
    overall = (
        rows[0] if len(groups) == 1 else alpha_row(pool_within(groups), term, name, bootstrap, level, rng)
    )
    table = pd.concat([item_table(m) for m in groups], ignore_index=True)
    return CoefficientResult(
        coefficient=term,
        formula=FORMULA_STANDARDIZED if standardized else FORMULA,
        estimates=pd.DataFrame(rows),
        overall={k: v for k, v in overall.items() if k not in ("group", "term")},
        level=level,
        interval=INTERVALS[name],
        details=table,
        notes=(*missing_notes(groups, missing), *keying_notes(groups)),
    )


def alpha_row(
    m: Moments, term: str, interval: str, bootstrap: Bootstrap, level: float, rng: np.random.Generator
) -> dict[str, object]:
    """One row of ``tidy``: estimate, standard error and interval of one group."""
    standardized = term == "alpha_standardized"
    estimate = float(c.alpha(m.R if standardized else m.S))
    G = c.correlation_gradient(c.alpha_gradient(m.R), m.S) if standardized else c.alpha_gradient(m.S)
    se = m.robust_se(G) if interval == "robust" else m.normal_theory_se(G)
    if interval == "feldt":
        limits = feldt_interval(estimate, m.n, m.p, level=level)
    elif interval == "bootstrap":
        draws = alpha_draws(m, bootstrap.n_draws, rng, standardized=standardized)
        se = float(np.nanstd(draws, ddof=1))
        influence = m.influence(G) if bootstrap.method == "bca" else None
        limits = bootstrap_interval(
            draws, estimate, level=level, method=bootstrap.method, influence=influence
        )
    else:
        limits = wald_interval(estimate, se, level=level)
    return row(m, term, estimate, se, limits)


def row(m: Moments, term: str, estimate: float, se: float, limits: Interval) -> dict[str, object]:
    """Assemble the columns that every coefficient has."""
    return {
        "group": m.label,
        "term": term,
        "estimate": estimate,
        "std_error": se,
        "conf_low": float(limits.low),
        "conf_high": float(limits.high),
        "n": m.n,
        "n_items": m.p,
    }


def alpha_draws(
    m: Moments, n_draws: int, rng: np.random.Generator, *, standardized: bool = False
) -> FloatArray:
    """Bootstrap replications of alpha, shape (n_draws,).

    With complete data raw alpha needs only the weighted sums of each item, of the sum score squared and of
    the sum of squares, not the whole covariance matrix.
    """
    if standardized or not m.complete:
        S = m.resample_covariances(n_draws, rng)
        return c.alpha(to_correlation(S) if standardized else S)
    Z = m.centred
    features = np.column_stack([Z, np.sum(Z**2, axis=1), np.sum(Z, axis=1) ** 2])
    draws = np.empty(n_draws)
    for where, weights in resample_weights(m.n, n_draws, rng):
        sums = weights @ features
        items = sums[:, :-2]
        own = sums[:, -2] - np.sum(items**2, axis=1) / m.n
        whole = sums[:, -1] - np.sum(items, axis=1) ** 2 / m.n
        draws[where] = m.p / (m.p - 1) * (1 - own / whole)
    return draws


def z_quantile(level: float) -> float:
    """Normal quantile of a two-sided level."""
    return float(stats.norm.ppf(0.5 + level / 2))
