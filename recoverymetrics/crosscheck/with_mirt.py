"""One-factor item response models through the R package mirt."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from recoverymetrics.crosscheck.packages import refuse
from recoverymetrics.crosscheck.request import EngineRun, ItemResponseRequest
from recoverymetrics.crosscheck.rscript import require, run_script, write_options

ENGINE = "mirt"
TOLERANCE = 1e-3
"""Its EM stops when no parameter moves by more than 1e-7 in a cycle; slow items are still 1e-4 away."""

ITEM_TYPES = {"2pl": "2PL", "graded": "graded", "gpcm": "gpcm"}
"""Models without lower asymptotes, with one slope per item and a standard normal trait in both."""


def run(request: ItemResponseRequest) -> EngineRun:
    """Calibrate the same responses with ``mirt::mirt`` and compare slopes and intercepts."""
    check(request)
    rscript = require(ENGINE)
    with TemporaryDirectory() as name:
        folder = Path(name)
        codes = pd.DataFrame(request.codes, columns=list(request.items)).astype("Int64")
        codes.mask(codes < 0).to_csv(folder / "data.csv", index=False, na_rep="NA")
        write_options(folder, [("itemtype", ITEM_TYPES[request.models[0]])])
        version = run_script(ENGINE, rscript, folder)
        rows = pd.read_csv(folder / "terms.csv")
    theirs = _in_ab_metric(rows, request)
    notes = ("mirt received the categories as 0, 1, ... with 61 nodes over [-6, 6].",)
    return EngineRun(theirs, version, TOLERANCE, notes)


def _in_ab_metric(rows: pd.DataFrame, request: ItemResponseRequest) -> dict[tuple[str, str], float]:
    """Difficulties from slopes and intercepts: ``b = -d / a``; GPCM steps from differences of intercepts."""
    value = dict(zip(rows["term"], rows["value"].astype(float), strict=True))
    theirs = {("fit", "loglik"): value["loglik"]}
    gpcm = request.models[0] == "gpcm"
    for item, top in zip(request.items, request.codes.max(axis=0), strict=True):
        a = value[f"{item} a1"]
        d = [value[f"{item} d"]] if f"{item} d" in value else [value[f"{item} d{k + 1}"] for k in range(top)]
        if gpcm:
            d = [after - before for before, after in zip([0.0, *d], d, strict=False)]
        theirs["estimate", f"{item} a"] = a
        for k, intercept in enumerate(d, start=1):
            theirs["estimate", f"{item} b{k}" if top > 1 else f"{item} b"] = -intercept / a
    return theirs


def check(request: ItemResponseRequest) -> None:
    """Refuse what this adapter does not pass on."""
    if request.n_factors > 1 or len(request.groups) > 1 or request.constrained:
        raise refuse(
            ENGINE,
            "several factors, groups or constraints",
            "only unconstrained one-factor calibrations of one group are passed on.",
        )
    if len(set(request.models)) > 1 or request.models[0] not in ITEM_TYPES:
        raise refuse(
            ENGINE,
            f"model {'+'.join(sorted(set(request.models)))!r}",
            f"only {', '.join(ITEM_TYPES)} have the same parameters and the same trait metric in both.",
        )
