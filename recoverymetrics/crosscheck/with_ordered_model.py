"""Ordinal logistic regression DIF through statsmodels' OrderedModel."""

from __future__ import annotations

import numpy as np

from recoverymetrics.crosscheck.packages import contained, load, refuse, version
from recoverymetrics.crosscheck.request import DIFRequest, EngineRun
from recoverymetrics.errors import ModelError
from recoverymetrics.invariance import DIFResult
from recoverymetrics.typing import FloatArray, IntArray

ENGINE = "statsmodels"
TOLERANCE = 1e-4
"""BFGS stops at a gradient of 1e-5 per person; likelihood-ratio statistics then agree to about 1e-5."""

TESTS = ("uniform", "nonuniform", "both")
ITERATIONS = 1000


def dif_request(result: DIFResult) -> DIFRequest:
    """Reduce a DIF analysis by ordinal logistic regression."""
    if result.method != "ordinal_logistic":
        raise refuse(
            ENGINE, f"method {result.method!r}", "OrderedModel serves method='ordinal_logistic' only."
        )
    frame = result.tidy()
    return DIFRequest(
        items=result.data.items,
        scores=result.data.scores,
        group=result.data.group,
        matching=np.broadcast_to(result.matching, result.data.scores.shape),
        degree=int(result.spec.degree),
        ours={
            (f"{test}_statistic", str(item)): float(value)
            for test in TESTS
            for item, value in zip(frame["item"], frame[f"{test}_statistic"], strict=True)
        },
    )


def run(request: DIFRequest) -> EngineRun:
    """Fit the three nested proportional-odds models of every item, person by person."""
    load(ENGINE)
    theirs = {}
    for j, item in enumerate(request.items):
        used = ~np.isnan(request.scores[:, j]) & ~np.isnan(request.matching[:, j])
        y = np.unique(request.scores[used, j], return_inverse=True)[1]
        one, two, three = (
            _log_likelihood(y, x, item)
            for x in _designs(request.matching[used, j], request.group[used], request.degree)
        )
        theirs["uniform_statistic", item] = 2 * (two - one)
        theirs["nonuniform_statistic", item] = 2 * (three - two)
        theirs["both_statistic", item] = 2 * (three - one)
    return EngineRun(
        theirs,
        version(ENGINE),
        TOLERANCE,
        (
            "OrderedModel received the matching values of the last round, one row per person who answered the item: "
            "it rejects missing values and silently ignores freq_weights, so nothing was collapsed.",
        ),
    )


def _designs(matching: FloatArray, group: IntArray, degree: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Matching variable; and groups; and their products."""
    z = (matching - matching.mean()) / matching.std()
    powers = np.column_stack([z**d for d in range(1, degree + 1)])
    dummies = (group[:, None] == np.unique(group)[1:]).astype(float)
    two = np.column_stack([powers, dummies])
    return powers, two, np.column_stack([two, dummies * z[:, None]])


def _log_likelihood(y: IntArray, x: FloatArray, item: str) -> float:
    with contained():
        from statsmodels.miscmodels.ordinal_model import OrderedModel

        fit = OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=0, maxiter=ITERATIONS)
    if not np.isfinite(fit.llf):
        raise ModelError(f"statsmodels could not fit the ordinal logistic regression of item {item!r}.")
    return float(fit.llf)
