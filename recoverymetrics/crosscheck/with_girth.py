"""One-factor item response models through girth."""

from __future__ import annotations

from typing import Any

import numpy as np

from recoverymetrics.crosscheck.packages import contained, load, refuse, version
from recoverymetrics.crosscheck.request import EngineRun, ItemResponseRequest, Terms
from recoverymetrics.typing import FloatArray

ENGINE = "girth"
TOLERANCE = 0.05
"""It stops when no discrimination moves by more than 1e-3; seen: locations off by up to 0.03 and 1 % then."""

FUNCTIONS = {"1pl": "onepl_mml", "2pl": "twopl_mml", "graded": "grm_mml", "gpcm": "pcm_mml"}
OPTIONS = {"max_iteration": 500, "quadrature_bounds": (-6, 6), "quadrature_n": 61}


def run(request: ItemResponseRequest) -> EngineRun:
    """Calibrate the same responses with girth; its rows are items."""
    check(request)
    girth = load(ENGINE)
    model = request.models[0]
    codes = request.codes.T
    with contained():
        valid = list(range(int(codes.max()) + 1))
        tagged = girth.tag_missing_data(codes, valid) if np.any(codes < 0) else codes
        found = getattr(girth, FUNCTIONS[model])(tagged, options=dict(OPTIONS))
    return EngineRun(
        _terms(request, found),
        version(ENGINE),
        TOLERANCE,
        (
            "girth received the categories as 0, 1, ... with 61 nodes over [-6, 6]; its rows are items.",
            "It has no standard errors and no log-likelihood, and its AIC and BIC lack the penalty: not compared.",
        ),
    )


def _terms(request: ItemResponseRequest, found: dict[str, Any]) -> Terms:
    p = len(request.items)
    slopes: FloatArray = np.broadcast_to(np.asarray(found["Discrimination"], dtype=float), (p,))
    places = np.asarray(found["Difficulty"], dtype=float).reshape(p, -1)
    theirs = {}
    for j, item in enumerate(request.items):
        theirs["estimate", f"{item} a"] = float(slopes[j])
        own = places[j][~np.isnan(places[j])]
        for k, value in enumerate(own, start=1):
            theirs["estimate", f"{item} b{k}" if own.size > 1 else f"{item} b"] = float(value)
    return theirs


def check(request: ItemResponseRequest) -> None:
    """Refuse what girth has not, or has wrong."""
    if len(set(request.models)) > 1:
        raise refuse(ENGINE, "items of different models", "it calibrates one model at a time.")
    if request.n_factors > 1:
        raise refuse(
            ENGINE,
            "a model with several factors",
            "its multidimensional estimation calls scipy.stats.mvn.mvnun, which SciPy 1.14 and later lack.",
        )
    if len(request.groups) > 1:
        raise refuse(ENGINE, "several groups", "it has no multiple-group estimation.")
    if request.constrained:
        raise refuse(
            ENGINE, "fixed, tied or weighted parameters", "it has no constraints, priors or weights."
        )
    model = request.models[0]
    if model in ("rasch", "pcm", "rsm"):
        raise refuse(
            ENGINE,
            f"model {model!r}",
            "it keeps the latent variance at 1 while this model frees it (and its pcm_mml frees the slopes, "
            "which is the 'gpcm'); compare '1pl' or 'gpcm'.",
        )
    if model not in FUNCTIONS:
        raise refuse(ENGINE, f"model {model!r}", f"only {', '.join(FUNCTIONS)} are the same model in both.")
