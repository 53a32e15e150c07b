"""The invariance ladder beside lavaan and semTools::measEq.syntax."""

import itertools

import pytest
from golden import REFERENCE, Comparison, frame, load_case, load_data, needs_reference

from recoverymetrics.invariance import check_invariance
from recoverymetrics.invariance.ladder.partial import equality_tests

EXACT = 1e-5
"""Two optimisers of one smooth function; statistics of about 100."""
SCALED = 1e-4
"""Scaled differences: products of the same estimates, errors of both optimisers add up."""
ORDINAL = 1e-4
"""lavaan's own convergence on the ordinal models."""

HS = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
BFI = "agree =~ A1+A2+A3+A4+A5\nconsc =~ C1+C2+C3+C4+C5\nextra =~ E1+E2+E3+E4+E5"
LEVELS = ["configural", "metric", "scalar", "strict"]
THEIR_METHOD = {"ml": "default", "mlr": "satorra.bentler.2001", "mlm": "satorra.bentler.2001"}
ORDINAL_LEVELS = {
    "configural": "configural",
    "thresholds": "thresholds",
    "loadings": "thr_loadings",
    "intercepts": "thr_load_int",
    "residuals": "strict",
    "means": "means",
}


def _continuous(estimator, data, prefix, missing=None):
    options = {"missing": missing} if missing else {}
    result = check_invariance(
        load_data(data), HS, group="school", estimator=estimator.upper(), levels=LEVELS, **options
    )
    table = result.tidy().set_index("level")
    for level in LEVELS:
        fit = load_case("cfa", f"{prefix}_{level}")["results"]["fit"]
        case = f"{prefix}_{level}"
        yield Comparison("cfa", case, "ladder df", table.loc[level, "df"], fit["df"], 0.0)
        yield Comparison("cfa", case, "ladder chi2", table.loc[level, "chi2"], fit["chisq"], EXACT)
        scaled = "" if estimator == "ml" else ".scaled"
        for name in ("cfi", "rmsea"):
            yield Comparison(
                "cfa", case, f"ladder {name}", table.loc[level, name], fit[f"{name}{scaled}"], SCALED
            )
        yield Comparison("cfa", case, "ladder srmr", table.loc[level, "srmr"], fit["srmr"], SCALED)
    theirs = load_case("cfa", f"{prefix}_lrt")["results"][THEIR_METHOD[estimator]]
    for loose, tight in itertools.pairwise(LEVELS):
        test = theirs[f"{loose}_{tight}"]
        ours = table.loc[tight]
        yield Comparison("cfa", f"{prefix}_lrt", f"{tight} df", ours["delta_df"], test["Df diff"][1], 0.0)
        yield Comparison(
            "cfa", f"{prefix}_lrt", f"{tight} chi2", ours["delta_chi2"], test["Chisq diff"][1], SCALED
        )
    yield from _later_levels(estimator, data, prefix, options, theirs)
    if estimator == "ml":
        yield from _score_tests(result, prefix)


def _later_levels(estimator, data, prefix, options, theirs):
    for ours_name, theirs_name in (("variances", "lvcov"), ("means", "means")):
        result = check_invariance(
            load_data(data),
            HS,
            group="school",
            estimator=estimator.upper(),
            levels=["configural", "strict", ours_name],
            **options,
        )
        row = result.tidy().set_index("level").loc[ours_name]
        test = theirs[f"strict_{theirs_name}"]
        yield Comparison("cfa", f"{prefix}_lrt", f"{ours_name} df", row["delta_df"], test["Df diff"][1], 0.0)
        yield Comparison(
            "cfa", f"{prefix}_lrt", f"{ours_name} chi2", row["delta_chi2"], test["Chisq diff"][1], SCALED
        )


def _score_tests(result, prefix):
    theirs = load_case("cfa", f"{prefix}_scoretest")["results"]
    table = frame(theirs["partable"])
    label = dict(zip(table["plabel"], table["lhs"] + table["op"] + table["rhs"], strict=True))
    univariate = frame(theirs["uni"])
    ours = equality_tests(result.steps[2], result).set_index("parameter")["statistic"]
    reference = {label[a]: float(x) for a, x in zip(univariate["lhs"], univariate["X2"], strict=True)}
    names = [f"x{i}~1" for i in range(1, 10)]
    yield Comparison(
        "cfa", f"{prefix}_scoretest", "freed intercepts", ours[names], [reference[n] for n in names], SCALED
    )


def _partial():
    for prefix, options in (("hs_mg_ml", {}), ("hs_mg_fiml_ml", {"missing": "fiml"})):
        data = load_data("hs1939_missing" if options else "hs1939")
        result = check_invariance(data, HS, group="school", **options)
        partial = result.partial("scalar")
        theirs = load_case("cfa", f"{prefix}_partial_scalar")["results"]["fit"]
        yield Comparison(
            "cfa", f"{prefix}_partial_scalar", "freed", [sorted(partial.freed) == ["x3~1", "x7~1"]], [1], 0.0
        )
        yield Comparison(
            "cfa", f"{prefix}_partial_scalar", "chi2", partial.step.row["chi2"], theirs["chisq"], EXACT
        )
        lrt = load_case("cfa", f"{prefix}_lrt")["results"]["default"]["metric_partial"]
        yield Comparison(
            "cfa",
            f"{prefix}_lrt",
            "partial chi2",
            partial.step.change["delta_chi2"],
            lrt["Chisq diff"][1],
            SCALED,
        )


def _ordinal(parameterization, levels):
    result = check_invariance(
        load_data("bfi15_listwise"),
        BFI,
        group="gender",
        ordered=True,
        levels=levels,
        parameterization=parameterization,
    )
    table = result.tidy().set_index("level")
    prefix = f"bfi_mg_{parameterization}"
    for level in levels:
        case = f"{prefix}_{ORDINAL_LEVELS[level]}"
        fit = load_case("cfa_ordinal", case)["results"]["fit"]
        row = table.loc[level]
        yield Comparison("cfa_ordinal", case, "ladder df", row["df"], fit["df"], 0.0)
        yield Comparison("cfa_ordinal", case, "ladder chi2", row["chi2"], fit["chisq"], ORDINAL)
        yield Comparison(
            "cfa_ordinal", case, "ladder scaled", row["chi2_scaled"], fit["chisq.scaled"], ORDINAL
        )
        yield Comparison("cfa_ordinal", case, "ladder cfi", row["cfi"], fit["cfi.scaled"], ORDINAL)
    theirs = load_case("cfa_ordinal", f"{prefix}_lrt")["results"]
    for loose, tight in itertools.pairwise(levels):
        test = theirs[f"{ORDINAL_LEVELS[loose]}|{ORDINAL_LEVELS[tight]}|satorra.2000|delta"]
        row = table.loc[tight]
        yield Comparison(
            "cfa_ordinal", f"{prefix}_lrt", f"{tight} df", row["delta_df"], test["Df diff"][1], 0.0
        )
        yield Comparison(
            "cfa_ordinal", f"{prefix}_lrt", f"{tight} chi2", row["delta_chi2"], test["Chisq diff"][1], ORDINAL
        )


def comparisons():
    """All comparisons of this module; empty where the reference results are absent."""
    if not REFERENCE.is_dir():
        return []
    found = [
        c
        for estimator in ("ml", "mlr", "mlm")
        for c in _continuous(estimator, "hs1939", f"hs_mg_{estimator}")
    ]
    found += _continuous("ml", "hs1939_missing", "hs_mg_fiml_ml", missing="fiml")
    found += _partial()
    found += _ordinal("theta", list(ORDINAL_LEVELS))
    found += _ordinal("delta", list(ORDINAL_LEVELS)[:4])
    return found


@needs_reference
@pytest.mark.filterwarnings("ignore::recoverymetrics.EstimationWarning")
def test_ladder_agrees_with_the_reference():
    failures = []
    for comparison in comparisons():
        try:
            comparison.check()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n\n".join(failures)
