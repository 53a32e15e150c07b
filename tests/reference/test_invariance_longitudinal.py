"""Longitudinal ladders beside lavaan models written out by hand (longitudinal/models.R)."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from golden import Comparison

from recoverymetrics.invariance import check_invariance

HERE = Path(__file__).parent / "longitudinal"
STATISTIC = 1e-4
"""Two optimisers of one smooth function; scaled differences add up the errors of both."""
INDEX = 1e-4
"""Functions of the same statistics."""
ROUNDS = {"t1": "{item}_1", "t2": "{item}_2", "t3": "{item}_3"}
MODEL = "f =~ x1 + x2 + x3 + x4 + x5"
CUTS = (-0.85, 0.15, 1.05)
NAMES = {"chi2": "chisq", "chi2_scaled": "chisq.scaled", "npar": "npar", "df": "df", "srmr": "srmr"}


def _data():
    data = pd.read_csv(HERE / "data.csv")
    answers = data.copy()
    columns = [name for name in data if name.startswith("x")]
    answers[columns] = np.searchsorted(CUTS, data[columns].to_numpy())
    return data, answers


def _ladder(case, theirs, table):
    levels = [name for name in theirs if "|" not in name]
    for level in levels:
        ours, fit = table.loc[level], theirs[level]
        scaled = ".scaled" if "chisq.scaled" in fit else ""
        pairs = {**NAMES, "cfi": f"cfi{scaled}", "rmsea": f"rmsea{scaled}"}
        for name, other in pairs.items():
            if other in fit:
                tolerance = 0.0 if name in ("df", "npar") else STATISTIC if "chi2" in name else INDEX
                yield Comparison(
                    "longitudinal", case, f"{level} {name}", ours[name], fit[other], tolerance, floor=1.0
                )
    for loose, tight in itertools.pairwise(levels):
        statistic, df = theirs[f"{loose}|{tight}"]
        ours = table.loc[tight]
        yield Comparison("longitudinal", case, f"{tight} change df", ours["delta_df"], df, 0.0)
        yield Comparison(
            "longitudinal", case, f"{tight} change chi2", ours["delta_chi2"], statistic, STATISTIC
        )


def comparisons():
    """All comparisons of this module."""
    theirs = json.loads((HERE / "lavaan.json").read_text())
    data, answers = _data()
    found = []
    for estimator in ("ML", "MLR", "WLSMV"):
        ordered = estimator == "WLSMV"
        levels = [name for name in theirs[estimator] if "|" not in name]
        result = check_invariance(
            answers if ordered else data, MODEL, occasions=ROUNDS, ordered=ordered, estimator=estimator,
            levels=levels,
        )  # fmt: skip
        found += _ladder(estimator, theirs[estimator], result.tidy().set_index("level"))
    for level, ordered in (("scalar", False), ("intercepts", True)):
        result = check_invariance(
            answers if ordered else data,
            MODEL,
            occasions=ROUNDS,
            group="sex",
            ordered=ordered,
            levels=[level],
        )
        row, fit = result.tidy().set_index("level").loc[level], theirs["groups"][level]
        for name, other in NAMES.items():
            if other in fit:
                tolerance = 0.0 if name in ("df", "npar") else STATISTIC
                found.append(
                    Comparison("longitudinal", f"two groups {level}", name, row[name], fit[other], tolerance)
                )
    return found


@pytest.mark.filterwarnings("ignore::recoverymetrics.EstimationWarning")
def test_longitudinal_ladders_agree_with_lavaan():
    failures = []
    for comparison in comparisons():
        try:
            comparison.check()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n\n".join(failures)
