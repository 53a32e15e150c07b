"""Omega total of one factor: kernel with derivative, entry function."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recoverymetrics.errors import EstimationWarning
from recoverymetrics.numerics.intervals import Interval, bootstrap_interval, wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.alpha import row
from recoverymetrics.reliability.groups import keying_notes, missing_notes, pool_within, read_groups
from recoverymetrics.reliability.moments import Moments, to_correlation
from recoverymetrics.reliability.one_factor import (
    OneFactor,
    fit_one_factor,
    information,
    observed_information,
)
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import (
    Bootstrap,
    DeltaInterval,
    DeltaIntervalSpec,
    Denominator,
    Extraction,
    Missing,
    check_level,
    check_option,
    resolve_interval,
)
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed

FORMULAS = {
    "implied": "omega total = (sum of loadings)^2 / ((sum of loadings)^2 + sum of unique variances), one factor "
    "(McDonald 1999)",
    "observed": "omega total = (sum of loadings)^2 / observed variance of the sum, one factor "
    "(Bentler 2009; Kelley & Pornprasertmanit 2016)",
}
INTERVALS = {
    "robust": "delta method, distribution-free, symmetric on the scale log(1 - omega)",
    "normal_theory": "delta method, normal theory, symmetric on the scale log(1 - omega)",
    "bootstrap": "bootstrap over persons",
}


@dataclass(frozen=True)
class OmegaOptions:
    """How omega is computed: extraction, denominator, interval, level, bootstrap."""

    extraction: Extraction
    denominator: Denominator
    interval: str
    bootstrap: Bootstrap
    level: float


@dataclass(frozen=True)
class OmegaFit:
    """Omega of one group: the row of ``tidy``, the loadings, the two flags, linearly dependent items."""

    row: dict[str, object]
    loadings: pd.DataFrame
    converged: bool
    admissible: bool
    failed_draws: int
    dependent: tuple[str, ...] = ()


def mcdonald_omega(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    missing: Missing = "pairwise",
    extraction: Extraction = "ml",
    denominator: Denominator = "implied",
    interval: DeltaIntervalSpec = "robust",
    level: float = 0.95,
    seed: Seed = None,
) -> CoefficientResult:
    """Omega total: the reliability of the sum score when one factor explains the items.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        One omega per group; ``glance`` then has the omega of the covariances pooled within groups.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Covariances over the persons who answered both items, or over persons who answered all.
    extraction : {"ml", "minres"}, default "ml"
        How the one-factor model is fitted.
    denominator : {"implied", "observed"}, default "implied"
        Variance of the sum score: implied by the model, or observed (the better choice when one factor does
        not fit well).
    interval : {"robust", "normal_theory", "bootstrap"} or Bootstrap, default "robust"
        Delta method with distribution-free or normal-theory standard errors, or bootstrap.
    level : float, default 0.95
        Confidence level.
    seed : int, Generator or None
        For ``interval="bootstrap"``.

    Returns
    -------
    CoefficientResult
        ``glance()`` has ``estimate conf_low conf_high``; ``tidy()`` one row per group; ``items`` the loadings
        and unique variances.

    Raises
    ------
    DataError
        Fewer than three items, an item without variance, or two items never answered together.
    OptionError
        Unknown option.

    Warns
    -----
    EstimationWarning
        The one-factor fit did not converge (no interval is given then) or has a unique variance that is not
        positive.
    DataWarning
        Items that correlate negatively with the sum of the others: probably not keyed.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> data = rng.normal(size=(500, 1)) + rng.normal(size=(500, 4))
    >>> round(mcdonald_omega(data).estimate, 1)
    0.8

    References
    ----------
    mcdonald1999, kelley2016, bentler2009
    """
    check_level(level)
    check_option("extraction", extraction, ("ml", "minres"))
    check_option("denominator", denominator, ("implied", "observed"))
    name, bootstrap = resolve_interval(interval, DeltaInterval, seed)
    options = OmegaOptions(extraction, denominator, name, bootstrap, level)
    groups = read_groups(data, items=items, group=group, missing=missing, at_least=3)
    rng = generator(bootstrap.seed)
    fits = [omega_fit(m, options, rng) for m in groups]
    overall = fits[0] if len(groups) == 1 else omega_fit(pool_within(groups), options, rng)
    return CoefficientResult(
        coefficient="omega_total",
        formula=f"{FORMULAS[denominator]}; {extraction} extraction",
        estimates=pd.DataFrame([f.row for f in fits]),
        overall={k: v for k, v in overall.row.items() if k not in ("group", "term")},
        level=level,
        interval=INTERVALS[name],
        details=pd.concat([f.loadings for f in fits], ignore_index=True),
        notes=(*missing_notes(groups, missing), *keying_notes(groups), *fit_notes(fits)),
        has_converged=all(f.converged for f in fits),
        is_admissible=all(f.admissible for f in fits),
    )


def omega_fit(m: Moments, options: OmegaOptions, rng: np.random.Generator) -> OmegaFit:
    """Fit one factor to one group and compute omega with its interval."""
    fit = fit_one_factor(m.S, options.extraction)
    estimate = float(omega_total(m.S, fit, options.denominator))
    se, limits, failed = np.nan, Interval(np.asarray(np.nan), np.asarray(np.nan)), 0
    if fit.converged:
        se, limits, failed = _error(m, fit, estimate, options, rng)
    loadings = pd.DataFrame(
        {
            "group": m.label,
            "item": list(m.items),
            "loading": fit.loadings,
            "uniqueness": fit.uniquenesses,
            "std_all": fit.loadings / np.sqrt(np.diag(m.S)),
        }
    )
    return OmegaFit(
        row(m, "omega_total", estimate, se, limits),
        loadings,
        bool(fit.converged),
        bool(fit.admissible),
        failed,
        m.dependent_items(),
    )


def _error(
    m: Moments, fit: OneFactor, estimate: float, options: OmegaOptions, rng: np.random.Generator
) -> tuple[float, Interval, int]:
    """Standard error, limits, and how many bootstrap fits failed."""
    normal = options.interval == "normal_theory"
    G = omega_gradient(m.S, fit, options.extraction, options.denominator, expected=normal)
    if options.interval != "bootstrap":
        se = m.normal_theory_se(G) if normal else m.robust_se(G)
        return se, wald_interval(estimate, se, level=options.level, scale="log_complement"), 0
    draws, failed = omega_draws(m, options, rng)
    limits = bootstrap_interval(
        draws, estimate, level=options.level, method=options.bootstrap.method, influence=m.influence(G)
    )
    return float(np.nanstd(draws, ddof=1)), limits, failed


def omega_total(S: FloatArray, fit: OneFactor, denominator: str) -> FloatArray:
    """Omega total of each matrix of a stack."""
    common = np.sum(fit.loadings, axis=-1) ** 2
    variance = c.total(S) if denominator == "observed" else common + np.sum(fit.uniquenesses, axis=-1)
    return np.asarray(common / variance)


def omega_draws(m: Moments, options: OmegaOptions, rng: np.random.Generator) -> tuple[FloatArray, int]:
    """Bootstrap replications; fits that failed are NaN and counted."""
    S = m.resample_covariances(options.bootstrap.n_draws, rng)
    fit = fit_one_factor(S, options.extraction)
    draws = np.where(fit.converged, omega_total(S, fit, options.denominator), np.nan)
    return draws, int(np.sum(~fit.converged))


def omega_gradient(
    S: FloatArray, fit: OneFactor, extraction: str, denominator: str, *, expected: bool = False
) -> FloatArray:
    """Derivative of omega in the covariances, through the fitted model; shape (p, p), symmetric.

    With ``expected`` the Hessian of the ML discrepancy is replaced by its expectation under the model, which
    is the normal-theory convention; else the derivative is exact whether or not the model holds.
    """
    p = S.shape[0]
    total = float(fit.loadings.sum())
    variance = float(c.total(S)) if denominator == "observed" else total**2 + float(fit.uniquenesses.sum())
    omega = total**2 / variance
    if denominator == "observed":
        by_loading, by_unique, direct = 2 * total / variance, 0.0, -omega / variance
    else:
        by_loading, by_unique, direct = 2 * total * (1 - omega) / variance, -omega / variance, 0.0
    if extraction == "ml":
        through = _ml_gradient(S, fit, by_loading, by_unique, expected)
    else:
        through = _minres_gradient(S, fit, by_loading, by_unique)
    return through + direct * np.ones((p, p))


def _ml_gradient(
    S: FloatArray, fit: OneFactor, by_loading: float, by_unique: float, expected: bool
) -> FloatArray:
    p = S.shape[0]
    Sigma = np.outer(fit.loadings, fit.loadings) + np.diag(fit.uniquenesses)
    W = np.asarray(np.linalg.inv(Sigma), dtype=float)
    if expected:
        H = information(W[None], (W @ fit.loadings)[None], fit.loadings[None])[0]
    else:
        H = observed_information(fit, S)
    slope = np.linalg.solve(H, np.r_[np.full(p, by_loading), np.full(p, by_unique)])
    along = np.outer(slope[:p], fit.loadings)
    inner: FloatArray = W @ (along + along.T + np.diag(slope[p:])) @ W
    return inner


def _minres_gradient(S: FloatArray, fit: OneFactor, by_loading: float, by_unique: float) -> FloatArray:
    sd = np.sqrt(np.diag(S))
    x = fit.loadings / sd
    residual = to_correlation(S) - np.outer(x, x)
    np.fill_diagonal(residual, 0.0)
    H = np.outer(x, x) - residual
    np.fill_diagonal(H, np.sum(x**2) - x**2)
    slope = np.linalg.solve(H, by_loading * sd - 2 * by_unique * sd**2 * x)
    half = np.outer(slope, x)
    G = (half + half.T) / 2
    np.fill_diagonal(G, 0.0)
    scale = by_loading * x / (2 * sd) + by_unique * (1 - x**2)  # item variances at fixed correlations
    return c.correlation_gradient(G, S) + np.diag(scale)


def fit_notes(fits: Sequence[OmegaFit]) -> tuple[str, ...]:
    """Say, and warn, which one-factor fits failed."""
    notes = []
    for verb, bad in (
        ("did not converge", [f for f in fits if not f.converged]),
        ("has a unique variance that is not positive (Heywood case)", [f for f in fits if not f.admissible]),
    ):
        if bad:
            groups = ", ".join(str(f.row["group"]) for f in bad)
            copies = dict.fromkeys(item for f in bad if not f.converged for item in f.dependent)
            remedy = (
                f" These items are linearly dependent: {', '.join(copies)}; leave copies out."
                if copies
                else ""
            )
            notes.append(f"the one-factor fit {verb}: {groups}.{remedy}")
            warnings.warn(notes[-1], EstimationWarning, stacklevel=4)
    failed = sum(f.failed_draws for f in fits)
    if failed:
        notes.append(f"{failed} bootstrap fits did not converge and were left out.")
    return tuple(notes)
