"""Ordered items with observed covariates beside lavaan, whose default is conditional.x = TRUE.

``fixtures/cfa_conditional.R`` holds the R calls, ``cfa_conditional.csv`` the simulated responses and
``cfa_conditional.json`` what lavaan 0.6-14 found, so that these comparisons run without R.
"""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from golden import Comparison
from test_cfa_continuous import NAMES, SETTINGS
from test_cfa_models import OPTIONS, keys, ours

import recoverymetrics as rm

FIXTURES = Path(__file__).parent / "fixtures"
AREA = "cfa_conditional"
OPTIMISER = 1e-4  # lavaan stops when a step would still move parameters by about 1e-6 of their size
FLAT = 5e-4  # a factor mean of -0.02 with a standard error of 0.2
SCORE_TEST = 5e-4  # score tests take the difference of a gradient that lavaan leaves at about 1e-6
NEAR_ZERO = 1e-2  # floor of the relative difference


@cache
def reference() -> dict:
    with open(FIXTURES / "cfa_conditional.json", encoding="utf-8") as handle:
        return json.load(handle)


@cache
def data(case: str) -> pd.DataFrame:
    frame = pd.read_csv(FIXTURES / "cfa_conditional.csv")
    if case == "pairwise":
        frame = frame.astype({"o1": float, "o3": float})
        frame.loc[0::9, "o1"] = np.nan
        frame.loc[3::7, "o3"] = np.nan
        frame.loc[:4, "age"] = np.nan
    return frame


CASES = [name for name in reference() if name != "about"]
MIXED = {"mixed", "mixed_ulsmv"}
"""Weights and errors of continuous outcomes are the sample's own here, as under MLR; lavaan takes them from the normal
density, so that only estimates with weights of one are compared."""
AVERAGED = {"rmr", "rmr_nomean", "srmr", "srmr_bentler", "srmr_bentler_nomean"}


@cache
def fitted(case: str):
    entry = reference()[case]
    options = {OPTIONS[name]: value for name, value in entry["args"].items()} | {"identification": "default"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rm.fit_sem(data(case), entry["model"], ordered=entry["ordered"], **options)


def pair(case, frame, columns, pairs, tolerance, what, floor=NEAR_ZERO):
    """One comparison for each column that both sides have."""
    rows, out = ours(frame), []
    lines = list(keys(columns, fitted(case).groups))
    wanted = [k for k, key in enumerate(lines) if key[1] not in ("==", "<", ">") and key in rows]
    for theirs, mine in pairs.items():
        kept = [k for k in wanted if columns[theirs][k] is not None]
        if not kept:
            continue
        left, right = [getattr(rows[lines[k]], mine) for k in kept], [columns[theirs][k] for k in kept]
        out.append(Comparison(AREA, case, f"{what} {mine}", left, right, tolerance, floor=floor))
    return out


def average_over(name: str, value: float, fit) -> float:
    """RMR and SRMR on lavaan's count: it divides by one more per covariate, although none of its residuals enters."""
    p, k, n_th = len(fit.table.observed), len(fit.table.given), len(fit.layout.threshold_item)
    count = p * (p + 1) / 2 + (n_th if name in ("rmr", "srmr_bentler") else 0)
    return value * np.sqrt(count / (count + k))


def comparisons_of(case: str) -> list[Comparison]:
    """Parameters, standardised ones, R2, residuals, fit measures and score tests of one model."""
    entry, fit = reference()[case], fitted(case)
    raw = {"est": "estimate", "se": "std_error", "std.lv": "std_lv", "std.all": "std_all"}
    if case in MIXED:
        if case == "mixed":
            return []
        return pair(
            case, fit.tidy(), entry["params"], {k: raw[k] for k in raw if k != "se"}, OPTIMISER, "parameters"
        )
    tolerance = FLAT if case == "group_theta" else OPTIMISER
    out = pair(case, fit.tidy(), entry["params"], raw, tolerance, "parameters")
    std = {"est.std": "estimate", "se": "std_error"}
    out += pair(case, fit.standardized(), entry["std"], std, tolerance, "standardised")
    if entry.get("mi"):
        table = fit.modification_indices()
        table = table[table.op != "~*~"]
        columns = {"mi": "mi", "epc": "epc", "sepc.lv": "epc_lv", "sepc.all": "epc_all"}
        out += pair(case, table, entry["mi"], columns, SCORE_TEST, "score tests", floor=0.1)
    measures = fit.fit_measures()
    names = [k for k, v in entry["fit"].items() if v is not None and k not in SETTINGS]
    mine = [measures[NAMES.get(name, name.replace(".", "_"))] for name in names]
    mine = [average_over(k, v, fit) if k in AVERAGED else v for k, v in zip(names, mine, strict=True)]
    theirs = [entry["fit"][k] for k in names]
    out.append(Comparison(AREA, case, "fit measures", mine, theirs, OPTIMISER, floor=NEAR_ZERO))
    if "group" not in entry["args"]:
        out.append(Comparison(AREA, case, "R2", fit.r2().to_numpy(), np.array(entry["r2"]), OPTIMISER))
        residuals = fit.residuals("cor").to_numpy()
        out.append(
            Comparison(AREA, case, "residuals", residuals, np.array(entry["residuals"]), OPTIMISER, floor=0.1)
        )
    return out


def comparisons() -> list[Comparison]:
    """Everything in this module, for the validation page."""
    return [c for case in CASES for c in comparisons_of(case)]


@pytest.mark.parametrize("case", CASES)
def test_conditional_models(case):
    for comparison in comparisons_of(case):
        comparison.check()


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_has_its_row(case):
    fit, entry = fitted(case), reference()[case]
    listed = ours(fit.tidy())
    missing = [
        key
        for key in keys(entry["params"], fit.groups)
        if key not in listed and key[1] not in ("==", "<", ">")
    ]
    assert not missing


def test_continuous_outcomes_differ_by_their_weights_alone():
    fit, entry = fitted("mixed"), reference()["mixed"]
    left = [getattr(row, "estimate") for row in fit.tidy().itertuples() if row.op in ("=~", "~")]
    rows = dict(zip(keys(entry["params"], fit.groups), entry["params"]["est"], strict=True))
    right = [
        rows[row.lhs, row.op, row.rhs, row.group] for row in fit.tidy().itertuples() if row.op in ("=~", "~")
    ]
    np.testing.assert_allclose(left, right, atol=0.02)
    assert fit.test.df == entry["fit"]["df"]
