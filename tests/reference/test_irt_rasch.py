"""Conditional maximum likelihood beside eRm 1.0-2 (R)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, needs_reference

from recoverymetrics.irt import fit_rasch

LOGLIK = 1e-9
PARAMETER = 1e-3  # eRm maximises with nlm, whose gradient is not zero to the last digit; floor .1 near zero
FIT = 1e-3
Z = 1e-3  # z statistics near zero: floor 1

CASES = {
    "erm_rm_lsat7": ("rasch", "lsat7"),
    "erm_rm_raschdat1": ("rasch", "raschdat1"),
    "erm_pcm_pcmdat": ("pcm", "pcmdat"),
    "erm_pcm_pcmdat2": ("pcm", "pcmdat2"),
    "erm_rsm_rsmdat": ("rsm", "rsmdat"),
}
DIVERGING = {("erm_pcm_pcmdat", "mean"), ("erm_rsm_rsmdat", "mean"), ("erm_rsm_rsmdat", "median")}
"""Halves of 20 persons in which parameters run to infinity on both sides."""
NAMES = [
    ("outfit", "outfitMSQ", FIT),
    ("infit", "infitMSQ", FIT),
    ("outfit_z", "outfitZ", Z),
    ("infit_z", "infitZ", Z),
]


@cache
def fitted(case: str) -> Any:
    model, data = CASES[case]
    return fit_rasch(load_data(data), model)


def _numbers(table: Any) -> np.ndarray:
    return np.array(list(table.values()) if isinstance(table, dict) else table, dtype=float)


def _rows(table: dict[str, Any]) -> list[int]:
    return [int(name[1:]) - 1 for name in table]


def _estimates(case: str) -> list[Comparison]:
    fit, theirs = fitted(case), load_case("rasch", case)["results"]
    easiness = fit.easiness()
    person = next(iter(theirs["person_theta"].values()))
    errors = next(iter(theirs["person_se"].values()))
    scores = fit.scores()
    compare = [
        Comparison("rasch", case, "loglik", fit.loglik, theirs["loglik"], LOGLIK),
        Comparison("rasch", case, "npar", fit.npar, theirs["npar"], 0.0),
        Comparison(
            "rasch", case, "beta", easiness["estimate"], _numbers(theirs["betapar"]), PARAMETER, floor=0.1
        ),
        Comparison("rasch", case, "beta SE", easiness["std_error"], _numbers(theirs["se_beta"]), PARAMETER),
        Comparison(
            "rasch", case, "theta", scores["estimate"].to_numpy()[_rows(person)], _numbers(person), FIT
        ),
        Comparison(
            "rasch", case, "theta SE", scores["std_error"].to_numpy()[_rows(errors)], _numbers(errors), FIT
        ),
        Comparison(
            "rasch", case, "separation", fit.separation_reliability(), theirs["SepRel"]["sep.rel"], FIT
        ),
    ]
    if theirs["threshpar"]:
        table = fit.tidy()
        compare += [
            Comparison(
                "rasch",
                case,
                "thresholds",
                table["estimate"],
                _numbers(theirs["threshpar"]),
                PARAMETER,
                floor=0.1,
            ),
            Comparison(
                "rasch", case, "threshold SE", table["std_error"], _numbers(theirs["se_thresh"]), PARAMETER
            ),
        ]
    return compare


def _fit(case: str) -> list[Comparison]:
    fit, theirs = fitted(case), load_case("rasch", case)["results"]
    items, persons = fit.item_fit(), fit.person_fit()
    rows = _rows(theirs["personfit"]["p.fit"])
    mine = persons["statistic"].to_numpy()[rows]
    compare = [
        Comparison("rasch", case, "item chi2", items["statistic"], _numbers(theirs["itemfit"]["i.fit"]), FIT),
        Comparison("rasch", case, "item df", items["df"], _numbers(theirs["itemfit"]["i.df"]) - 1, 0.0),
        Comparison("rasch", case, "person chi2", mine, _numbers(theirs["personfit"]["p.fit"]), FIT),
        Comparison("rasch", case, "eta", fit.fit.eta, -_numbers(theirs["etapar"]), PARAMETER, floor=0.1),
        Comparison(
            "rasch",
            case,
            "eta SE",
            np.sqrt(np.diag(fit.fit.covariance)),
            _numbers(theirs["se_eta"]),
            PARAMETER,
        ),
    ]
    for ours, name, tolerance in NAMES:
        floor = 1.0 if ours.endswith("z") else 1e-2
        compare.append(
            Comparison(
                "rasch",
                case,
                f"item {name}",
                items[ours],
                _numbers(theirs["itemfit"][f"i.{name}"]),
                tolerance,
                floor=floor,
            )
        )
        mine = persons[ours].to_numpy()[rows]
        compare.append(
            Comparison(
                "rasch",
                case,
                f"person {name}",
                mine,
                _numbers(theirs["personfit"][f"p.{name}"]),
                tolerance,
                floor=floor,
            )
        )
    return compare


def _tests(case: str) -> list[Comparison]:
    fit, theirs = fitted(case), load_case("rasch", case)["results"]
    criteria = np.asarray(theirs["IC"]["values"], dtype=float)[2, 2:4]
    compare = [
        Comparison(
            "rasch", case, "conditional AIC, BIC", fit.glance()[["aic", "bic"]].iloc[0], criteria, LOGLIK
        )
    ]
    for split in ("median", "mean"):
        reference = theirs.get(f"LRtest_{split}")
        if not reference:
            continue
        ours = fit.lr_test(split).iloc[0]
        compare.append(Comparison("rasch", case, f"LR {split}", ours["statistic"], reference["LR"], 1e-6))
        compare.append(Comparison("rasch", case, f"LR {split} df", ours["df"], reference["df"], 0.0))
        wald = theirs.get(f"Waldtest_{split}")
        if wald and (case, split) not in DIVERGING:
            z = np.asarray(wald["values"], dtype=float)[:, 0]
            mine = fit.wald_test(split)["statistic"]
            compare.append(Comparison("rasch", case, f"Wald {split}", mine, z, FIT, floor=1.0))
    if theirs.get("MLoef") and case != "erm_rsm_rsmdat":  # eRm fits partial credit models to the halves
        ours = fit.martin_loef_test().iloc[0]
        compare.append(
            Comparison("rasch", case, "Martin-Loef", ours["statistic"], theirs["MLoef"]["LR"], 1e-6)
        )
        compare.append(Comparison("rasch", case, "Martin-Loef df", ours["df"], theirs["MLoef"]["df"], 0.0))
    return compare


@cache
def _all() -> tuple[Comparison, ...]:
    if not REFERENCE.is_dir():
        return ()
    return tuple(c for case in CASES for c in (*_estimates(case), *_fit(case), *_tests(case)))


def comparisons() -> list[Comparison]:
    return list(_all())


@needs_reference
@pytest.mark.parametrize("comparison", comparisons(), ids=ids(comparisons()))
def test_agrees_with_erm(comparison: Comparison) -> None:
    comparison.check()
