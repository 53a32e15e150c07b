"""Fit of persons: mean squares, standardised log-likelihood with and without correction, Guttman errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.persons import item_curves, log_likelihood_slope
from recoverymetrics.irt.residuals import expectation, mean_squares, standardised_likelihood
from recoverymetrics.irt.score_frames import score_codes
from recoverymetrics.typing import FloatArray, IntArray

CHUNK = 20_000
"""Persons whose category curves are in memory at one time."""


def person_fit_frame(est: Estimated, score: str = "eap", alpha: float = 0.05) -> pd.DataFrame:
    """Fit of each person of the calibration sample, in input order.

    Parameters
    ----------
    score : {"eap", "map", "ml", "wle"}, default "eap"
        Latent estimate at which residuals are taken.
    alpha : float, default 0.05
        Level of ``flagged``.

    Returns
    -------
    DataFrame
        outfit, outfit_z, infit, infit_z, zh, n_answered; lz_star, p_value (lower tail), flagged; and for persons
        who answered everything guttman_errors, normed_errors, u3. ``lz_star`` exists for one factor; a posterior
        mean has no estimating equation, so with ``score="eap"`` it is taken at the posterior mode.
    """
    e = expectation(est, score)
    answered = np.sum(~np.isnan(e.residual), axis=1)
    frame = pd.DataFrame(mean_squares(e, 1)).assign(zh=standardised_likelihood(e, 1), n_answered=answered)
    frame.loc[answered == 0, ["outfit", "outfit_z", "infit", "infit_z", "zh"]] = np.nan
    value = corrected_likelihood(est, "map" if score == "eap" else score)
    p_value = norm.cdf(value)
    frame = frame.assign(lz_star=value, p_value=p_value, flagged=p_value < alpha)
    return frame.assign(**_scalogram(est))


def corrected_likelihood(est: Estimated, score: str = "map") -> FloatArray:
    """Standardised log-likelihood lz* with the moments that hold when theta is estimated, shape (n,).

    Snijders (2001), Sinharay (2016) for polytomous items. With ``r`` the derivatives of the log category
    probabilities, ``I = sum E r^2``, ``C = sum Cov(log P, r)`` and the estimate the root of
    ``r0 + sum r = 0`` (``r0`` from prior or bias correction), ``lz* = (l - E l + C / I r0) / sqrt(Var l - C^2 / I)``.
    """
    theta = score_codes(est, est.coded, score).estimate
    out = np.full(est.coded.n, np.nan)
    if theta.shape[1] > 1:
        return out
    for g in range(len(est.layout.groups)):
        own = np.flatnonzero((est.coded.group == g) & np.isfinite(theta).all(axis=1))
        for start in range(0, own.size, CHUNK):
            rows = own[start : start + CHUNK]
            out[rows] = _corrected(est, g, theta[rows], est.coded.codes[rows].astype(np.int64))
    return out


def _corrected(est: Estimated, g: int, theta: FloatArray, codes: IntArray) -> FloatArray:
    gap, spread, mixed = np.zeros(theta.shape[0]), np.zeros(theta.shape[0]), np.zeros(theta.shape[0])
    person = np.arange(theta.shape[0])
    for curves in item_curves(est.layout, est.extended, g, theta):
        for b, item in enumerate(curves.items):
            answered = codes[:, item] >= 0
            x = np.where(answered, codes[:, item], 0).astype(np.int64)
            p, r = curves.p[b], curves.slopes[b, 0] * curves.first[b]
            log_p = np.log(np.maximum(p, 1e-300))
            mean = np.sum(p * log_p, axis=0)
            gap += np.where(answered, log_p[x, person] - mean, 0.0)
            spread += np.where(answered, np.sum(p * log_p**2, axis=0) - mean**2, 0.0)
            mixed += np.where(answered, np.sum(p * r * log_p, axis=0), 0.0)
    slope = log_likelihood_slope(est.layout, est.extended, g, theta, codes)
    information = slope.expected[:, 0, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = -mixed / information * slope.gradient[:, 0]
        variance = spread - mixed**2 / information
        value: FloatArray = np.where(variance > 1e-12, (gap + shift) / np.sqrt(variance), np.nan)
    return value


def _scalogram(est: Estimated) -> dict[str, FloatArray]:
    """Guttman errors and U3 of persons who answered everything, within groups."""
    from recoverymetrics.irt.mokken.guttman import guttman_errors, van_der_flier

    names = ("guttman_errors", "normed_errors", "u3")
    out = {name: np.full(est.coded.n, np.nan) for name in names}
    complete = (est.coded.codes >= 0).all(axis=1)
    for g in range(len(est.layout.groups)):
        own = complete & (est.coded.group == g)
        if not own.any():
            continue
        codes = est.coded.codes[own].astype(np.int64)
        errors, largest = guttman_errors(codes)
        out["guttman_errors"][own] = errors
        out["normed_errors"][own] = np.divide(errors, largest, out=np.zeros_like(errors), where=largest > 0)
        out["u3"][own] = van_der_flier(codes)
    return out
