"""From result objects to requests, and from loadings to comparable terms."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from recoverymetrics.crosscheck.request import FactorRequest, ItemResponseRequest, Terms
from recoverymetrics.efa import EFAResult
from recoverymetrics.efa.criteria import resolve_rotation
from recoverymetrics.irt import IRTResult
from recoverymetrics.typing import FloatArray

CRITERION_TOLERANCE = 1e-6
CHECKED_ROTATIONS = ("varimax", "quartimax", "oblimin", "geomin")


def factor_request(result: EFAResult) -> FactorRequest:
    """Reduce an exploratory solution."""
    estimates = result.estimates
    return FactorRequest(
        items=result.items,
        R=result.correlation_matrix,
        n_obs=result.n_obs,
        extraction=result.spec.extraction,
        rotation=result.spec.rotation,
        normalize=_normalisation(result),
        loadings=estimates.loadings,
        ours=factor_terms(result.items, estimates.loadings, estimates.phi, estimates.uniquenesses),
    )


def _normalisation(result: EFAResult) -> bool | None:
    """Whether the stored criterion value is that of raw or of normalised rows; None: of neither.

    The result keeps the name of the rotation, not its options.
    """
    L, name = result.estimates.loadings, result.spec.rotation
    criterion = resolve_rotation(name) if name in CHECKED_ROTATIONS else None
    if criterion is None:
        return False
    communality = np.einsum("jf,fg,jg->j", L, result.estimates.phi, L)
    for normalize in (False, True):
        rows = L / np.sqrt(communality)[:, None] if normalize else L
        value = float(np.ravel(criterion.evaluate(rows[None])[0])[0])
        if abs(value - result.estimates.criterion) < CRITERION_TOLERANCE:
            return normalize
    return None


def factor_terms(
    items: tuple[str, ...], loadings: FloatArray, phi: FloatArray, uniquenesses: FloatArray
) -> dict[tuple[str, str], float]:
    """Loadings, factor correlations and unique variances by name."""
    k = loadings.shape[1]
    terms = {
        ("loading", f"F{f + 1} =~ {item}"): float(loadings[j, f])
        for j, item in enumerate(items)
        for f in range(k)
    }
    terms |= {
        ("correlation", f"F{f + 1} ~~ F{g + 1}"): float(phi[f, g]) for f in range(k) for g in range(f + 1, k)
    }
    return terms | {
        ("uniqueness", item): float(value) for item, value in zip(items, uniquenesses, strict=True)
    }


def align(ours: FloatArray, loadings: FloatArray, phi: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Put the factors of another solution in our order, with our signs (largest congruence)."""
    size = np.outer(np.linalg.norm(ours, axis=0), np.linalg.norm(loadings, axis=0))
    _, order = linear_sum_assignment(-np.abs(ours.T @ loadings) / size)
    moved = loadings[:, order]
    signs = np.where(np.sum(ours * moved, axis=0) < 0, -1.0, 1.0)
    return moved * signs, phi[np.ix_(order, order)] * np.outer(signs, signs)


def item_response_request(result: IRTResult) -> ItemResponseRequest:
    """Reduce a calibration; estimates in the (a, b) metric where items have one slope."""
    spec, coded = result.calibration.spec, result.calibration.coded
    rules = spec.rules
    return ItemResponseRequest(
        items=result.items,
        models=spec.models,
        codes=coded.codes.astype(np.int64),
        groups=coded.groups,
        n_factors=len(spec.structure.factors),
        constrained=bool(rules.fixed or rules.constrain or spec.priors) or bool(np.any(coded.weights != 1)),
        ours=item_response_terms(result),
    )


def item_response_terms(result: IRTResult) -> Terms:
    """Item parameters by name."""
    frame = result.tidy()
    return {
        ("estimate", f"{item} {parameter}"): float(value)
        for item, parameter, value in zip(frame["item"], frame["parameter"], frame["estimate"], strict=True)
    }
