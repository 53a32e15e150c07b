"""Reliability and agreement beside psych 2.2.9, semTools 0.5-6 and EFAtools 0.6.0."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from golden import REFERENCE, Comparison, frame, load_case, load_data, matrix, needs_reference

from recoverymetrics import reliability as rel
from recoverymetrics.cfa import fit_cfa
from recoverymetrics.errors import DataWarning, EstimationWarning
from recoverymetrics.numerics.agreement import agreement_weights
from recoverymetrics.numerics.cohen import cohen_kappa
from recoverymetrics.reliability.bifactor import bifactor_indices
from recoverymetrics.reliability.coefficients import smc, ten_berge_zegers
from recoverymetrics.reliability.feldt import feldt_interval
from recoverymetrics.reliability.green_yang import green_yang
from recoverymetrics.reliability.halves import split_halves
from recoverymetrics.reliability.moments import moments

EXACT = 1e-6
"""Closed formulas: agreement to the digits of the reference."""
OPTIMISED = 1e-4
"""Both sides minimise a discrepancy and stop at their own rule."""
LMER = 1e-5
"""lme4 stops before the variance components are exact; the sum of squares give them exactly."""

KEYS = {
    "agree": (["A1", "A2", "A3", "A4", "A5"], ["A1"]),
    "consc": (["C1", "C2", "C3", "C4", "C5"], ["C4", "C5"]),
    "extra": (["E1", "E2", "E3", "E4", "E5"], ["E1", "E2"]),
    "neuro": (["N1", "N2", "N3", "N4", "N5"], []),
    "open": (["O1", "O2", "O3", "O4", "O5"], ["O2", "O5"]),
}
HS_SCALES = {"visual": ["x1", "x2", "x3"], "textual": ["x4", "x5", "x6"], "speed": ["x7", "x8", "x9"]}
HS_MODEL = "\n".join(f"{name} =~ {' + '.join(items)}" for name, items in HS_SCALES.items())
BFI_SCALES = {name: KEYS[name][0] for name in ("agree", "consc", "extra")}
BFI_MODEL = "\n".join(f"{name} =~ {' + '.join(items)}" for name, items in BFI_SCALES.items())


def keyed(name: str, source: str) -> pd.DataFrame:
    items, reverse = KEYS[name]
    data = load_data(source)[items].copy()
    data[reverse] = 7 - data[reverse]
    return data


def alpha_comparisons() -> list[Comparison]:
    out = []
    for scale in KEYS:
        for missing, source in (("listwise", "bfi25_listwise"), ("pairwise", "bfi")):
            case = f"alpha_{scale}_{missing}"
            theirs = load_case("psych", case)["results"]
            data = keyed(scale, source)
            out += _alpha_case(case, data, theirs)
    return out


def _alpha_case(case: str, data: pd.DataFrame, theirs: dict) -> list[Comparison]:
    raw, std = rel.cronbach_alpha(data), rel.cronbach_alpha(data, standardized=True)
    lambdas = rel.guttman_lambdas(data, standardized=True).tidy().set_index("term")["estimate"]
    total, dropped, items = theirs["total"], theirs["alpha.drop"], theirs["item.stats"]
    table, glance = raw.items, raw.glance().iloc[0]
    pairs = [
        ("alpha", raw.estimate, total["raw_alpha"]),
        ("standardised alpha", std.estimate, total["std.alpha"]),
        ("lambda 6", lambdas["lambda6"], total["G6(smc)"]),
        ("standard error", glance["std_error"], total["ase"]),
        ("Feldt lower", glance["conf_low"], theirs["alpha_ci"]["lower.ci"]),
        ("Feldt upper", glance["conf_high"], theirs["alpha_ci"]["upper.ci"]),
        ("n per item", table["n"], items["n"]),
        ("mean", table["mean"], items["mean"]),
        ("sd", table["sd"], items["sd"]),
        ("item-total r", table["r_total"], items["raw.r"]),
        ("standardised item-total r", table["r_standardized"], items["std.r"]),
        ("overlap-corrected r", table["r_cor"], items["r.cor"]),
        ("item-rest r", table["r_drop"], items["r.drop"]),
        ("alpha if deleted", table["alpha_if_deleted"], dropped["raw_alpha"]),
        ("standardised alpha if deleted", table["alpha_standardized_if_deleted"], dropped["std.alpha"]),
        ("lambda 6 if deleted", table["lambda6_if_deleted"], dropped["G6(smc)"]),
        ("mean r if deleted", table["average_r_if_deleted"], dropped["average_r"]),
        ("standard error if deleted", table["std_error_if_deleted"], dropped["alpha se"]),
    ]
    return [Comparison("psych", case, name, ours, ref, EXACT, floor=1e-3) for name, ours, ref in pairs]


def alpha_all_comparisons() -> list[Comparison]:
    """25 items of five scales as one: many small correlations, items that do not fit."""
    theirs = load_case("psych", "alpha_all25")["results"]
    data = pd.concat([keyed(scale, "bfi25_listwise") for scale in KEYS], axis=1)
    with pytest.warns(DataWarning, match="N4"):
        return _alpha_case("alpha_all25", data, theirs | {"alpha_ci": _scalars(theirs["feldt"])})


def _scalars(entry: dict) -> dict[str, float]:
    return {name: value["raw_alpha"] for name, value in entry.items()}


def scale_comparisons() -> list[Comparison]:
    results = load_case("psych", "scoreitems_bfi")["results"]
    theirs, case = results["none"], "scoreitems_bfi"
    data = pd.concat([keyed(scale, "bfi") for scale in KEYS], axis=1)
    ours = rel.score_scales(data, {name: items for name, (items, _) in KEYS.items()})
    table = ours.tidy().pivot(index="scale", columns="term", values="estimate").loc[list(KEYS)]
    corrected = matrix(theirs["corrected"])  # theirs has alpha on the diagonal, as ours has
    reversed_items = {item for _, items in KEYS.values() for item in items}
    sign = np.array([[-1.0 if item in reversed_items else 1.0] for item in data])
    note = "sign of reversed items turned: the reference keeps their direction"
    pairs = [
        ("alpha", table["alpha"], theirs["alpha"]["values"][0], ""),
        ("average r", table["average_r"], theirs["av.r"]["values"][0], ""),
        ("lambda 6 of all items", table["lambda6_all_items"], theirs["G6"]["values"][0], ""),
        ("scale correlations", ours.correlations, matrix(theirs["cor"]), ""),
        ("corrected scale correlations", ours.corrected, corrected, ""),
        ("item-scale r", sign * ours.item_correlations, matrix(theirs["item.cor"]), note),
        ("corrected item-scale r", sign * ours.item_corrected, matrix(theirs["item.corrected"]), note),
    ]
    scores = ours.augment(data)[list(KEYS)].head(20)
    pairs.append(("scores of 20 persons", scores, matrix(results["scores_first20"]), ""))
    return [Comparison("psych", case, name, x, ref, EXACT, words) for name, x, ref, words in pairs]


def feldt_comparisons() -> list[Comparison]:
    out = []
    for row in load_case("psych", "alpha_ci_grid")["results"]:
        limits = feldt_interval(row["alpha"], row["n"], row["k"])
        theirs = [row["lower.ci"], row["upper.ci"]]
        name = f"Feldt interval, alpha {row['alpha']}, n {row['n']}"
        out.append(Comparison("psych", "alpha_ci_grid", name, [limits.low, limits.high], theirs, EXACT))
    return out


def lambda_comparisons() -> list[Comparison]:
    out = []
    names = {"lambda.1": "lambda1", "lambda.2": "lambda2", "lambda.3": "lambda3", "lambda.4": "lambda4"}
    names |= {"lambda.5": "lambda5", "lambda.5p": "lambda5_plus", "lambda.6": "lambda6"}
    for scale in ("agree", "neuro"):
        case = f"splithalf_{scale}"
        theirs = load_case("psych", case)["results"]
        data = keyed(scale, "bfi25_listwise")
        ours = rel.guttman_lambdas(data, standardized=True).tidy().set_index("term")["estimate"]
        for key, term in names.items():
            out.append(Comparison("psych", case, term, ours[term], theirs["guttman"][key], EXACT))
        R = moments(data.to_numpy(float), tuple(data.columns)).R
        mu = [theirs["tenberge"][f"mu{k}"] for k in range(4)]
        out.append(Comparison("psych", case, "ten Berge-Zegers mu", ten_berge_zegers(R), mu, EXACT))
        halves = split_halves(R, n_splits=10, rng=np.random.default_rng(0)).estimates
        raw = theirs["splitHalf"]["raw"]
        note = "psych evaluates the first 5 of the 10 splits of 5 items; ours are all 10"
        nearest = [halves[np.abs(halves - value).argmin()] for value in raw]
        out.append(Comparison("psych", case, "split halves", nearest, raw, EXACT, note))
        out.append(Comparison("psych", case, "best split", halves.max(), theirs["splitHalf"]["maxrb"], EXACT))
    return out


def omega_comparisons() -> list[Comparison]:
    out = []
    for case, n_factors in (("omega_bfi25_3f", 3), ("omega_bfi25_5f", 5)):
        theirs = load_case("psych", case)["results"]
        ours = rel.hierarchical_omega(load_data("bfi25_listwise"), n_factors, flip=True)
        out += _hierarchical(case, ours.tidy(), theirs)
    theirs = load_case("psych", "omega_thurstone")["results"]
    loadings = matrix(theirs["schmid"]["sl"])
    R = load_data("thurstone_cor").set_index("item").to_numpy(float)
    specific = loadings[[c for c in loadings if c.endswith("*")]].to_numpy()
    x = bifactor_indices(loadings["g"].to_numpy(), specific, R, uniquenesses=loadings["u2"].to_numpy())
    group = frame(theirs["omega.group"])
    for name, value, ref in (
        ("omega hierarchical", x.omega_hierarchical, theirs["omega_h"]),
        ("omega total", x.omega_total, theirs["omega.tot"]),
        ("omega asymptotic", x.omega_asymptotic, theirs["omega.lim"]),
        ("ECV", x.ecv, theirs["ECV"]["g"]),
        ("subscales total", x.subscale_total, group["total"][1:]),
        ("subscales general", x.subscale_general, group["general"][1:]),
        ("subscales specific", x.subscale_specific, group["group"][1:]),
        ("specific of total", x.specific_of_total, group["group"].iloc[0]),
    ):
        note = "from psych's loadings"
        out.append(Comparison("psych", "omega_thurstone", name, value, ref, EXACT, note))
    return out + direct_comparisons() + efatools_comparisons()


def direct_comparisons() -> list[Comparison]:
    theirs = load_case("psych", "omega_direct_bfi25")["results"]
    with pytest.warns(EstimationWarning, match="negative general loadings"):  # the reference reversed none
        result = rel.hierarchical_omega(load_data("bfi25_listwise"), 3, method="direct")
    table = result.tidy()
    ours = table[table["factor"].isna()].set_index("term")["estimate"]
    group = frame(theirs["om.group"])
    general = np.sort(table.loc[table["term"] == "omega_subscale_general", "estimate"])
    pairs = [
        ("omega hierarchical", ours["omega_hierarchical"], theirs["omega.g"]),
        ("omega total", ours["omega_total"], group["total"].iloc[0]),
        ("subscales general", general, np.sort(group["general"][1:])),
        ("general loadings", result.items["g"], matrix(theirs["loadings"])["g"]),
    ]
    return [Comparison("psych", "omega_direct_bfi25", n, x, ref, OPTIMISED) for n, x, ref in pairs]


def _hierarchical(case: str, table: pd.DataFrame, theirs: dict) -> list[Comparison]:
    ours = table[table["factor"].isna()].set_index("term")["estimate"]
    names = {"omega_hierarchical": "omega_h", "omega_total": "omega.tot", "omega_asymptotic": "omega.lim"}
    out = [Comparison("psych", case, term, ours[term], theirs[key], OPTIMISED) for term, key in names.items()]
    out.append(Comparison("psych", case, "ecv", ours["ecv"], theirs["ECV"]["g"], OPTIMISED))
    group = frame(theirs["omega.group"]).iloc[1:]
    for term, column in (
        ("omega_subscale", "total"),
        ("omega_subscale_general", "general"),
        ("omega_subscale_specific", "group"),
    ):
        values = np.sort(table.loc[table["term"] == term, "estimate"])
        note = "sorted: factors are ordered differently"
        out.append(Comparison("psych", case, term, values, np.sort(group[column]), OPTIMISED, note))
    return out


def efatools_comparisons() -> list[Comparison]:
    theirs = matrix(load_case("efatools", "omega")["results"])
    solution = load_case("efatools", "sl")["results"]
    loadings, R = matrix(solution["sl"]), matrix(solution["orig_R"])
    specific = loadings[[f"F{k}" for k in range(1, 6)]]
    letters = [name[0] for name in loadings.index]
    order = _letter_factors(specific, letters, theirs)
    members = np.array([order[letter] for letter in letters])
    x = bifactor_indices(
        loadings["g"].to_numpy(),
        specific.to_numpy(),
        R.to_numpy(),
        uniquenesses=loadings["u2"].to_numpy(),
        members=members,
    )
    note = "from EFAtools' loadings"
    pairs = [
        ("omega total", x.omega_total, theirs.loc["g", "tot"]),
        ("omega hierarchical", x.omega_hierarchical, theirs.loc["g", "hier"]),
        ("specific of total", x.specific_of_total, theirs.loc["g", "sub"]),
        ("H", x.construct_h[0], theirs.loc["g", "H"]),
        ("ECV, own loadings", x.ecv_members, theirs.loc["g", "ECV"]),
        ("PUC", x.puc, theirs.loc["g", "PUC"]),
        ("subscales general", x.subscale_general, theirs["hier"][1:]),
        ("subscales specific", x.subscale_specific, theirs["sub"][1:]),
        ("H of subscales", x.construct_h[1:], theirs["H"][1:]),
    ]
    return [Comparison("efatools", "omega", name, ours, ref, EXACT, note) for name, ours, ref in pairs]


def _letter_factors(specific: pd.DataFrame, letters: list[str], theirs: pd.DataFrame) -> dict[str, int]:
    """EFAtools was given the items of each letter as one factor; find which, by the largest loadings."""
    strength = specific.abs().groupby(letters).mean()
    return {letter: int(strength.loc[letter].to_numpy().argmax()) for letter in strength.index}


def icc_comparisons() -> list[Comparison]:
    theirs = load_case("psych", "icc_shrout_fleiss")["results"]
    ours = rel.intraclass_correlation(load_data("shrout_fleiss")).tidy()
    names = {"estimate": "ICC", "statistic": "F", "df": "df1", "df2": "df2", "p_value": "p"}
    names |= {"conf_low": "lower bound", "conf_high": "upper bound"}
    out = [
        Comparison(
            "psych", "icc_shrout_fleiss", column, ours[column], theirs["results"][key], EXACT, floor=1e-4
        )
        for column, key in names.items()
    ]
    lmer = theirs["results_lmer"]["ICC"]
    return [*out, Comparison("psych", "icc_shrout_fleiss", "lmer", ours["estimate"], lmer, LMER)]


def kappa_comparisons() -> list[Comparison]:
    theirs = load_case("psych", "kappa")["results"]
    data = load_data("kappa_raters")
    plain = rel.cohen_kappa(data).glance().iloc[0]
    out = [
        ("kappa", plain["estimate"], theirs["kappa"]),
        ("variance of kappa", plain["std_error"] ** 2, theirs["var.kappa"]),
        ("lower limit", plain["conf_low"], theirs["confid"]["values"][0][0]),
        ("upper limit", plain["conf_high"], theirs["confid"]["values"][0][2]),
        ("quadratic", rel.cohen_kappa(data, weights="quadratic").estimate, theirs["weighted.kappa"]),
        ("linear", rel.cohen_kappa(data, weights="linear").estimate, theirs["linear"]["weighted.kappa"]),
        ("quadratic weights", agreement_weights(np.arange(1.0, 7), "quadratic"), theirs["weight"]["values"]),
    ]
    return [Comparison("psych", "kappa", name, ours, ref, EXACT, floor=1e-4) for name, ours, ref in out]


@cache
def hs_fit(**options):  # type: ignore[no-untyped-def]
    return fit_cfa(load_data("hs1939"), HS_MODEL, **options)


def semtools_comparisons() -> list[Comparison]:
    theirs = load_case("semtools", "hs_reliability")["results"]
    out = []
    for denominator, omega, ave in (
        ("observed", "compRelSEM_total", "AVE"),
        ("implied", "compRelSEM_modelvar", "AVE_modelvar"),
    ):
        table = rel.model_reliability(hs_fit(), denominator=denominator).tidy()
        for key, term in ((omega, "omega"), (ave, "ave")):
            rows = table[table["term"].isin([term, "omega_total"] if "total" in key else [term])]
            for factor, value in zip(rows["factor"], rows["estimate"], strict=True):
                name = f"{term} {factor}, {denominator}"
                out.append(
                    Comparison("semtools", "hs_reliability", name, value, theirs[key][factor], OPTIMISED)
                )
    for factor, items in HS_SCALES.items():
        alpha = rel.cronbach_alpha(load_data("hs1939"), items=items).estimate
        name = f"alpha {factor}"
        out.append(
            Comparison("semtools", "hs_reliability", name, alpha, theirs["compRelSEM_alpha"][factor], EXACT)
        )
    return out + htmt_comparisons() + second_order_comparisons() + multigroup_comparisons()


def htmt_comparisons() -> list[Comparison]:
    theirs = load_case("semtools", "hs_reliability")["results"]
    out = []
    for method in ("htmt", "htmt2"):
        ours = rel.heterotrait_monotrait(load_data("hs1939"), HS_SCALES, method=method).tidy()["estimate"]
        ref = matrix(theirs[method]).to_numpy()[np.triu_indices(3, 1)]
        out.append(Comparison("semtools", "hs_reliability", method, ours, ref, EXACT))
    table = rel.heterotrait_monotrait(
        load_data("bfi15_listwise"), BFI_SCALES, correlation="polychoric"
    ).tidy()
    ref = matrix(load_case("semtools", "bfi15_ordinal_reliability")["results"]["htmt"]).to_numpy()
    note = "polychoric"
    name = "bfi15_ordinal_reliability"
    out.append(
        Comparison("semtools", name, "htmt2", table["estimate"], ref[np.triu_indices(3, 1)], EXACT, note)
    )
    return out


def second_order_comparisons() -> list[Comparison]:
    results = load_case("semtools", "hs_reliability_second_order")["results"]
    fit = fit_cfa(load_data("hs1939"), HS_MODEL + "\ng =~ visual + textual + speed")
    table = rel.model_reliability(fit, denominator="observed").tidy()
    ours = table[table["term"] == "omega"].set_index("factor")["estimate"]
    case = "hs_reliability_second_order"
    out = [
        Comparison("semtools", case, f"omega {k}", ours[k], ref, OPTIMISED)
        for k, ref in results["higher"].items()
    ]
    implied = rel.model_reliability(fit).tidy()
    second = implied[implied["factor"] == "g"].set_index("term")["estimate"]
    names = {"omega": "omegaL1", "omega_factors": "omegaL2", "omega_partial": "partialOmegaL1"}
    return out + [
        Comparison("semtools", case, key, second[term], results["L2"][key], OPTIMISED)
        for term, key in names.items()
    ]


def multigroup_comparisons() -> list[Comparison]:
    theirs = load_case("semtools", "hs_mg_reliability")["results"]
    fit = fit_cfa(load_data("hs1939"), HS_MODEL, group="school", equal="loadings")
    table = rel.model_reliability(fit, denominator="observed").tidy().set_index(["term", "factor", "group"])
    out = []
    for term, key in (("omega", "compRelSEM"), ("ave", "AVE")):
        for factor in HS_SCALES:
            ours = [table.loc[(term, factor, g), "estimate"] for g in theirs[key]["group"]]
            name = f"{term} {factor}"
            out.append(
                Comparison("semtools", "hs_mg_reliability", name, ours, theirs[key][factor], OPTIMISED)
            )
    return out


def ordinal_comparisons() -> list[Comparison]:
    theirs = load_case("semtools", "bfi_c_green_yang")["results"]
    data = load_data("bfi15_listwise")[KEYS["consc"][0]]
    tau = np.array(list(theirs["th"].values())).reshape(5, 5)
    loading = np.array(list(theirs["loadings"].values()))
    with pytest.warns(DataWarning, match="C4, C5"):  # the reference did not reverse any item
        ours = rel.categorical_omega(data)
    R = rel.ordinal.read_ordinal(data, None, None, "pairwise", 3)[1][0].R
    out = [
        Comparison("semtools", "bfi_c_green_yang", "loadings", ours.items["loading"], loading, OPTIMISED),
        Comparison("semtools", "bfi_c_green_yang", "omega", ours.estimate, theirs["green_yang"]["n"], OPTIMISED),
        Comparison(
            "semtools", "bfi_c_green_yang", "omega from their loadings",
            green_yang(tau, np.outer(loading, loading), R), theirs["green_yang"]["n"], EXACT,
        ),
    ]  # fmt: skip
    case, theirs = "bfi15_ordinal_reliability", load_case("semtools", "bfi15_ordinal_reliability")["results"]
    data = load_data("bfi15_listwise")
    table = rel.model_reliability(fit_cfa(data, BFI_MODEL, ordered=True, estimator="WLSMV")).tidy()
    for term, key in (("omega", "green_yang"), ("ave", "AVE")):
        values = table[table["term"] == term].set_index("factor")["estimate"]
        for factor, ref in theirs[key].items():
            out.append(Comparison("semtools", case, f"{term} {factor}", values[factor], ref, OPTIMISED))
    for factor, items in BFI_SCALES.items():
        with pytest.warns(
            DataWarning, match="correlate negatively"
        ):  # the reference did not reverse any item
            alpha = rel.cronbach_alpha(data, items=items).estimate
        with pytest.warns(DataWarning, match="correlate negatively"):
            ordinal = rel.ordinal_alpha(data, items=items).estimate
        out.append(Comparison("semtools", case, f"alpha {factor}", alpha, theirs["alpha"][factor], EXACT))
        ref = theirs["alpha_lrv_ordinal"][factor]
        out.append(Comparison("semtools", case, f"ordinal alpha {factor}", ordinal, ref, OPTIMISED))
    return out


def smc_comparisons() -> list[Comparison]:
    theirs = load_case("psych", "smc_misc_bfi25")["results"]["smc"]
    R = np.corrcoef(load_data("bfi25_listwise").to_numpy(float).T)
    ref = list(theirs.values()) if isinstance(theirs, dict) else theirs
    return [Comparison("psych", "smc_misc_bfi25", "smc", smc(R), ref, EXACT)]


GROUPS = (
    alpha_comparisons,
    alpha_all_comparisons,
    scale_comparisons,
    feldt_comparisons,
    lambda_comparisons,
    omega_comparisons,
    icc_comparisons,
    kappa_comparisons,
    semtools_comparisons,
    ordinal_comparisons,
    smc_comparisons,
)


def comparisons() -> list[Comparison]:
    """Every number of this module beside its reference; empty where the reference is absent."""
    return [c for group in GROUPS for c in group()] if REFERENCE.is_dir() else []


@needs_reference
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_agreement_with_reference(group) -> None:  # type: ignore[no-untyped-def]
    found = group()
    assert found
    for comparison in found:
        comparison.check()


@needs_reference
def test_weighted_kappa_variance_is_fleiss_cohen_everitt_and_not_that_of_psych() -> None:
    data = load_data("kappa_raters").to_numpy(int)
    weights = agreement_weights(np.arange(1.0, 7), "quadratic")
    rng = np.random.default_rng(1)

    def table(rows: np.ndarray) -> np.ndarray:
        return np.bincount((rows[:, 0] - 1) * 6 + rows[:, 1] - 1, minlength=36).reshape(6, 6).astype(float)

    draws = [cohen_kappa(table(data[rng.integers(0, 300, 300)]), weights).estimate for _ in range(4000)]
    ours = cohen_kappa(table(data), weights).std_error ** 2
    psych = load_case("psych", "kappa")["results"]["var.weighted"]
    assert abs(ours / np.var(draws) - 1) < abs(psych / np.var(draws) - 1)


@needs_reference
def test_split_halves_of_five_items_are_ten() -> None:
    data = keyed("neuro", "bfi25_listwise")
    result = rel.split_half(data, standardized=True).tidy().set_index("term")["estimate"]
    assert result["split_half_worst"] < load_case("psych", "splithalf_neuro")["results"]["splitHalf"]["minrb"]


@needs_reference
def test_greatest_lower_bound_dominates_every_other_bound() -> None:
    for scale in KEYS:
        table = rel.guttman_lambdas(keyed(scale, "bfi25_listwise")).tidy().set_index("term")["estimate"]
        assert table["glb"] == table.max()
