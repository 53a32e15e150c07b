"""Structural models of every kind beside lavaan, on simulated responses that are kept here.

``fixtures/cfa_models.R`` holds the R calls, ``cfa_models.csv`` the responses and ``cfa_models.json`` what lavaan 0.6-14
found, so that these comparisons run without R.
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

import recoverymetrics as rm

FIXTURES = Path(__file__).parent / "fixtures"
AREA = "cfa_models"
OPTIMISER = 1e-4  # lavaan stops when a step would still move parameters by about 1e-6 of their size
FLAT = 3e-4  # a parameter along which the fit hardly changes (a residual variance with a standard error of 2)
SCORE_TEST = 5e-4  # score tests take the difference of a gradient that lavaan leaves at about 1e-6
NEAR_ZERO = 1e-2  # floor of the relative difference

OPTIONS = {
    "estimator": "estimator", "group": "group", "group.equal": "equal", "group.partial": "free", "ordered": "ordered",
    "std.lv": "std_lv", "orthogonal": "orthogonal", "meanstructure": "meanstructure", "missing": "missing",
    "parameterization": "parameterization", "sampling.weights": "weights", "cluster": "cluster",
    "effect.coding": "effects_coding", "information": "information",
}  # fmt: skip
GROWTH = "\ni ~ 1\ns ~ 1\nt1 ~ 0*1\nt2 ~ 0*1\nt3 ~ 0*1\nt4 ~ 0*1"
"""What lavaan's growth() adds to a model."""
ROBUST = {"cfi.robust", "tli.robust", "nnfi.robust", "rni.robust", "rmsea.robust", "rmsea.ci.upper.robust"}


@cache
def reference() -> dict:
    with open(FIXTURES / "cfa_models.json", encoding="utf-8") as handle:
        return json.load(handle)


@cache
def data() -> pd.DataFrame:
    frame = pd.read_csv(FIXTURES / "cfa_models.csv")
    return frame.assign(**{f"h{k}": frame[f"x{k}"] for k in (1, 3, 4, 6, 7, 9)})


CASES = [name for name in reference() if name != "about"]
ROTATED = {"esem_metric", "esem_scalar"}
"""Only what rotation does not change is compared: lavaan rotates each group, after which loadings are no longer equal."""
OWN_SCORES = {
    "ord_theta": "lavaan's scores depend on the parameterisation; ours are the same in both (tested)",
    "ord_group_theta": "as in ord_theta",
    "phantom": "without a mean structure lavaan moves all scores by a constant, so that their mean is not zero",
    "mediation_latent": "lavaan leaves the observed mediator out of the prediction",
}


def left_out(case: str) -> set[str]:
    """Fit measures not compared, each for a reason.

    The h0 scaling factor is divided by the number of parameters after equality constraints, as in Mplus; GFI under missing
    data has no published formula that reproduces lavaan's; a saturated model has no critical N and no AGFI; the robust
    TLI that lavaan prints for continuous diagonally weighted least squares is the unscaled one.
    """
    entry = reference()[case]
    out = {"scaling.factor.h0"} if "group" in entry["args"] else set()
    if case.startswith("fiml"):
        out |= {"gfi", "agfi", "pgfi"}
    if entry["fit"]["df"] == 0:
        out |= {"agfi", "cn_05", "cn_01"}
    if case == "wlsmv_cont":
        out |= {"tli.robust", "nnfi.robust", "rni.robust"}
    return out


@cache
def fitted(case: str):
    entry = reference()[case]
    given = {k: v for k, v in entry["args"].items() if k in OPTIONS}
    options = {OPTIONS[name]: value for name, value in given.items()} | {"identification": "default"}
    model = entry["model"]
    if entry["fun"] == "growth":
        model, options["meanstructure"] = model + GROWTH, True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rm.fit_sem(data(), model, **options)


def keys(columns, groups):
    """Model lines of a table of columns, covariances in either order."""
    several = columns.get("group", [1] * len(columns["lhs"]))
    for lhs, op, rhs, group in zip(columns["lhs"], columns["op"], columns["rhs"], several, strict=True):
        a, b = sorted((lhs, rhs)) if op == "~~" else (lhs, rhs)
        yield (a, op, "" if op == ":=" else b, "" if op == ":=" else groups[max(group, 1) - 1])


def ours(frame):
    rows = {}
    for row in frame.itertuples():
        a, b = sorted((row.lhs, row.rhs)) if row.op == "~~" else (row.lhs, row.rhs)
        rows[a, row.op, "" if row.op == ":=" else b, "" if row.op == ":=" else row.group] = row
    return rows


def pair(case, frame, columns, pairs, tolerance, what, floor=NEAR_ZERO):
    """One comparison for each column that both sides have."""
    rows, out = ours(frame), []
    lines = list(keys(columns, fitted(case).groups))
    wanted = [k for k, key in enumerate(lines) if key[1] not in ("==", "<", ">") and key in rows]
    for theirs, mine in pairs.items():
        kept = [k for k in wanted if columns[theirs][k] is not None]
        if not kept:
            continue
        left = [getattr(rows[lines[k]], mine) for k in kept]
        right = [columns[theirs][k] for k in kept]
        out.append(Comparison(AREA, case, f"{what} {mine}", left, right, tolerance, floor=floor))
    return out


def comparisons_of(case: str) -> list[Comparison]:
    """Parameters, standardised ones, fit measures, score tests and scores of one model."""
    entry, fit = reference()[case], fitted(case)
    tolerance = FLAT if "group" in entry["args"] else OPTIMISER
    out = []
    if case not in ROTATED:
        raw = {"est": "estimate", "se": "std_error", "std.lv": "std_lv", "std.all": "std_all"}
        out += pair(case, fit.tidy(), entry["params"], raw, tolerance, "parameters")
        std = {"est.std": "estimate", "se": "std_error"}
        out += pair(case, fit.standardized(), entry["std"], std, tolerance, "standardised")
        out += score_tests(case)
    measures, skipped = fit.fit_measures(), left_out(case) | SETTINGS
    names = [k for k, v in entry["fit"].items() if v is not None and k not in skipped]
    mine = [measures[NAMES.get(name, name.replace(".", "_"))] for name in names]
    out.append(Comparison(AREA, case, "fit measures", mine, [entry["fit"][k] for k in names], FLAT))
    if entry.get("scores") and case not in ROTATED and case not in OWN_SCORES:
        scores = fit.factor_scores().to_numpy()[:5]
        # lavaan searches each person's mode with a tolerance of about 1e-4
        limit = 5e-4 if "ordered" in entry["args"] else OPTIMISER
        out.append(Comparison(AREA, case, "scores", scores, np.array(entry["scores"]), limit, floor=0.1))
    return out


def score_tests(case: str) -> list[Comparison]:
    """Modification indices above one of lines that both sides test.

    lavaan lists scales of latent responses and fixed variances with a standardised change of one; we leave its cap out.
    """
    entry, fit = reference()[case], fitted(case)
    if not entry.get("mi"):
        return []
    table = fit.modification_indices()
    plain = (table.op != "~*~") & ((table.op != "~~") | (table.lhs != table.rhs))
    columns = {"mi": "mi", "epc": "epc", "sepc.lv": "epc_lv", "sepc.all": "epc_all"}
    return pair(case, table[plain], entry["mi"], columns, SCORE_TEST, "score tests", floor=0.1)


def comparisons() -> list[Comparison]:
    """Everything in this module, for the validation page."""
    return [c for case in CASES for c in comparisons_of(case)]


@pytest.mark.parametrize("case", CASES)
def test_models(case):
    for comparison in comparisons_of(case):
        comparison.check()


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_has_its_row(case):
    fit, entry = fitted(case), reference()[case]
    missing = [
        key
        for key in keys(entry["params"], fit.groups)
        if key not in ours(fit.tidy()) and key[1] not in ("==", "<", ">")
    ]
    assert not missing


@pytest.mark.parametrize(
    "case", [c for c in CASES if c in ("mimic", "mediation_latent", "regress_equal", "second_order")]
)
def test_large_indices_that_lavaan_lists_are_listed(case):
    fit, entry = fitted(case), reference()[case]
    listed = ours(fit.modification_indices())
    exogenous = set(fit.table.exogenous)
    absent = [
        key
        for key in keys(entry["mi"], fit.groups)
        if key not in listed
        and (key[2], "=~" if key[1] == "~" else "~", key[0], key[3]) not in listed
        and key[0] not in exogenous
    ]
    assert not absent


def test_scores_do_not_depend_on_the_parameterisation():
    for delta, theta in (("ord_delta", "ord_theta"), ("ord_group", "ord_group_theta")):
        ratio = fitted(theta).factor_scores() / fitted(delta).factor_scores()
        assert (ratio.std() / ratio.mean()).max() < 1e-5
