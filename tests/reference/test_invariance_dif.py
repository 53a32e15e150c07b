"""DIF statistics beside difR, lordif, ordinal::clm and stats::mantelhaen.test."""

import re

import numpy as np
import pytest
from golden import REFERENCE, Comparison, frame, load_case, load_data, matrix, needs_reference

from recoverymetrics.invariance import FlagRule, OrdinalLogistic, detect_dif
from recoverymetrics.invariance.dif import item_parameters as ip
from recoverymetrics.invariance.dif import mantel_haenszel as mh
from recoverymetrics.invariance.dif.categories import merge_sparse_categories
from recoverymetrics.invariance.dif.data import read_dif_data
from recoverymetrics.invariance.dif.matching import sum_scores
from recoverymetrics.invariance.dif.sibtest import corrected_means, uniform_statistic
from recoverymetrics.invariance.dif.strata import stratify

EXACT = 1e-6
"""Closed forms and maximum likelihood of a concave function."""
GLM_WALD = 2e-3
"""R's glm takes the covariance one step before convergence."""
FOUR_DECIMALS = 0.5e-4
"""lordif and difR's Breslow-Day are stored with four decimals; used with a floor of one, so absolutely."""

PURE = FlagRule(minimum=0.0)


def _case(name):
    return load_case("dif", name)["results"]


def _olr():
    data = load_data("bfi_dif")
    for scale in "AN":
        items = [f"{scale}{i}" for i in range(1, 6)]
        case = f"olr_bfi_{scale}_gender"
        theirs = _case(case)
        total = OrdinalLogistic(matching="total")
        result = detect_dif(data, items=items, group="gender", method=total, purify=False)
        ours = result.tidy().set_index("item")
        pairs = {
            "uniform_statistic": ("chi2", "chi2_12"),
            "both_statistic": ("chi2", "chi2_13"),
            "nonuniform_statistic": ("chi2", "chi2_23"),
            "mcfadden_uniform": ("dR2_McFadden", "r12"),
            "mcfadden_both": ("dR2_McFadden", "r13"),
            "nagelkerke_uniform": ("dR2_Nagelkerke", "r12"),
            "nagelkerke_both": ("dR2_Nagelkerke", "r13"),
        }
        for name, (block, key) in pairs.items():
            reference = [theirs[item][block][key] for item in items]
            yield Comparison("dif", case, name, ours.loc[items, name], reference, EXACT)
        beta = [theirs[item]["beta12"] for item in items]
        yield Comparison("dif", case, "beta_change", ours.loc[items, "beta_change"], beta, 1e-4, floor=1e-2)


def _verbal_logistic():
    data = load_data("verbal")
    items = list(data.columns[:24])
    cases = {
        "verbal_logistic_both": (OrdinalLogistic(matching="total", test="both"), False, EXACT),
        "verbal_logistic_udif": (OrdinalLogistic(matching="total", test="uniform"), False, EXACT),
        "verbal_logistic_nudif": (OrdinalLogistic(matching="total", test="nonuniform"), False, EXACT),
        "verbal_logistic_both_purify": (OrdinalLogistic(matching="total", test="both"), "all", EXACT),
        "verbal_logistic_wald": (
            OrdinalLogistic(matching="total", test="both", statistic="wald"),
            False,
            GLM_WALD,
        ),
    }
    for case, (method, purify, tolerance) in cases.items():
        theirs = _case(case)
        result = detect_dif(
            data, items=items, group="Gender", method=method, purify=purify, correction="none", rule=PURE
        )
        table = result.tidy()
        yield Comparison("dif", case, "statistic", table["statistic"], theirs["Logistik"], tolerance)
        size = table[f"nagelkerke_{method.test}"]
        yield Comparison("dif", case, "nagelkerke change", size, theirs["deltaR2"], EXACT)
        flagged = [items.index(name) + 1 for name in result.flagged]
        found = theirs["DIFitems"] if isinstance(theirs["DIFitems"], list) else []
        yield Comparison("dif", case, "flagged", [len(flagged), *flagged], [len(found), *found], 0.0)
    result = detect_dif(
        data,
        items=items,
        group=_four_groups(data),
        method=OrdinalLogistic(matching="total", test="both"),
        purify=False,
        reference="0low",
    )
    theirs = _case("verbal_genlogistic")
    ours = result.tidy()
    yield Comparison(
        "dif", "verbal_genlogistic", "statistic", ours["statistic"], theirs["genLogistik"], EXACT
    )
    yield Comparison(
        "dif", "verbal_genlogistic", "nagelkerke change", ours["nagelkerke_both"], theirs["deltaR2"], EXACT
    )


def _four_groups(data):
    return (data["Gender"].astype(str) + np.where(data["Anger"] > 20, "high", "low")).to_numpy()


def _record(data, items, group, reference=None):
    return read_dif_data(
        data, items=items, group=group, reference=reference, scales=None, drop_groups_below=0
    )


def _tables(record):
    return stratify(record, sum_scores(record, np.ones(len(record.items), dtype=bool), include=True))


def _mantel_haenszel():
    data = load_data("verbal")
    items = list(data.columns[:24])
    tables = _tables(_record(data, items, data["Gender"].to_numpy(), "0"))
    theirs = _case("verbal_mh")
    chi2 = mh.two_group_chi2(tables.counts, tables.values, continuity=True)
    odds = mh.common_odds_ratio(tables.counts)
    yield Comparison("dif", "verbal_mh", "chi2", chi2, theirs["MH"], EXACT)
    yield Comparison("dif", "verbal_mh", "odds ratio", odds.alpha, theirs["alphaMH"], EXACT)
    yield Comparison("dif", "verbal_mh", "variance of log", odds.variance, theirs["varLambda"], EXACT)
    z = np.log(odds.alpha) / np.sqrt(odds.variance)
    yield Comparison("dif", "verbal_mh_logor", "z", z, _case("verbal_mh_logor")["MH"], EXACT)
    theirs = _case("verbal_std")
    pdif = mh.standardised_difference(tables.counts, tables.values)[0]
    yield Comparison("dif", "verbal_std", "STD-P-DIF", pdif, theirs["PDIF"], EXACT)
    ratio = mh.standardised_odds_ratio(tables.counts)
    yield Comparison("dif", "verbal_std", "odds ratio", ratio, theirs["stdAlpha"], EXACT)
    theirs = matrix(_case("verbal_bd")["BD"])
    for column, (name, value) in enumerate(
        zip(("statistic", "df", "p_value"), mh.breslow_day(tables.counts), strict=True)
    ):
        note = "stored with four decimals"
        yield Comparison("dif", "verbal_bd", name, value, theirs.iloc[:, column], FOUR_DECIMALS, note, 1.0)
    four = _tables(_record(data, items, _four_groups(data), "0low"))
    gmh = mh.mean_score_test(four.counts, four.values)[0]
    yield Comparison("dif", "verbal_gmh4", "GMH", gmh, _case("verbal_gmh4")["GMH"], EXACT)


def _mantel_purified():
    from recoverymetrics.invariance import MantelHaenszel

    data = load_data("verbal")
    items = list(data.columns[:24])
    theirs = _case("verbal_mh_nocorrect_purify")
    result = detect_dif(
        data,
        items=items,
        group=data["Gender"].to_numpy(),
        reference="0",
        method=MantelHaenszel(continuity=False),
        purify="all",
        correction="none",
        rule=PURE,
    )
    case = "verbal_mh_nocorrect_purify"
    yield Comparison("dif", case, "chi2", result.tidy()["statistic"], theirs["MH"], EXACT)
    flagged = [items.index(name) + 1 for name in result.flagged]
    yield Comparison("dif", case, "flagged", flagged, theirs["DIFitems"], 0.0)
    path = np.array([flags.astype(int) for flags in result.purified.path])
    yield Comparison("dif", case, "path", path, matrix(theirs["difPur"]).to_numpy()[: len(path)], 0.0)


def _mantel():
    data = load_data("bfi_dif")
    theirs = _case("mantel_bfi_gender")
    for scale in "AN":
        items = [f"{scale}{i}" for i in range(1, 6)]
        tables = _tables(_record(data, items, "gender", "1"))
        values = {
            "mantel_chi2": mh.mean_score_test(tables.counts, tables.values)[0],
            "SMD": mh.standardised_difference(tables.counts, tables.values)[0],
        }
        for name, ours in values.items():
            yield Comparison(
                "dif", "mantel_bfi_gender", f"{scale} {name}", ours, [theirs[i][name] for i in items], EXACT
            )
        general = mh.general_association_test(tables.counts)
        for name, ours in zip(("statistic", "df"), general, strict=True):
            reference = [theirs[i]["gmh"][name] for i in items]
            yield Comparison("dif", "mantel_bfi_gender", f"{scale} CMH {name}", ours, reference, EXACT)


def _sibtest():
    data = load_data("verbal")
    scores, group = data.iloc[:, :24].to_numpy(float), data["Gender"].to_numpy(int)
    theirs = _case("verbal_sibtest")
    ours = np.array(
        [
            uniform_statistic(corrected_means(scores[:, j], np.delete(scores, j, 1), group, 2))
            for j in range(24)
        ]
    )
    compared = np.arange(24) != 13
    note = (
        "item 14 left out: a neighbouring score is empty in one group, which mirt reads as a mean of zero and "
        "we as the next score that has persons"
    )
    beta, error = np.array(theirs["Beta"])[compared], np.array(theirs["SE"])[compared]
    yield Comparison("dif", "verbal_sibtest", "beta", ours[compared, 0], beta, EXACT, note)
    yield Comparison("dif", "verbal_sibtest", "SE", ours[compared, 1], error, EXACT, note)


def _item_parameters():
    theirs = _case("verbal_lord1pl")
    values = matrix(theirs["itemParInit"]).to_numpy(float)
    (b1, e1), (b2, e2) = values[:24].T, values[24:].T
    b2 = ip.centre_difficulties(b1, b2)
    chi2 = ip.lord_chi2(b1[:, None], e1[:, None, None] ** 2, b2[:, None], e2[:, None, None] ** 2)[0]
    yield Comparison("dif", "verbal_lord1pl", "chi2", chi2, theirs["LordChi"], EXACT)
    z = ip.raju_rasch_areas(b1, e1, b2, e2)[1]
    theirs = list(_case("verbal_raju1pl")["RajuZ"].values())
    yield Comparison("dif", "verbal_raju1pl", "z", z, theirs, EXACT)
    theirs = _case("verbal_tid")
    tid = ip.transformed_item_difficulties(matrix(theirs["Props"]).to_numpy(float))
    axis = [tid.intercept, tid.slope]
    yield Comparison("dif", "verbal_tid", "axis", axis, theirs["axis.par"], EXACT)
    distance = np.array(theirs["Dist"]["values"], float)[:, 0]
    yield Comparison("dif", "verbal_tid", "distance", tid.distance, distance, EXACT)


def _eap(table, scores):
    """EAP on lordif's grid from lordif's item parameters; a missing response does not count."""
    theta = np.linspace(-4, 4, 81)
    loglik = np.zeros((scores.shape[0], theta.size))
    for j in range(len(table)):
        b = table.filter(like="cb").iloc[j].to_numpy(float)
        above = 1 / (1 + np.exp(-table["a"].iloc[j] * (theta[:, None] - b[~np.isnan(b)])))
        above = np.column_stack([np.ones(theta.size), above, np.zeros(theta.size)])
        seen = ~np.isnan(scores[:, j])
        loglik[seen] += np.log(above[:, :-1] - above[:, 1:]).T[scores[seen, j].astype(int)]
    weight = np.exp(loglik - loglik.max(axis=1, keepdims=True) - theta**2 / 2)
    return weight @ theta / weight.sum(axis=1)


def _sparse_scores(names, record):
    """Columns of lordif's last calibration: a flagged item appears once per group (I6.1, I6.2)."""
    labels = sorted(record.groups)
    columns = []
    for name in names:
        item, part = re.fullmatch(r"I(\d+)(?:\.(\d+))?", name).groups()
        column = record.scores[:, int(item) - 1].copy()
        if part:
            column[np.array(record.groups)[record.group] != labels[int(part) - 1]] = np.nan
        columns.append(column)
    return np.column_stack(columns)


LORDIF = {
    "chi12": "uniform_p_value",
    "chi13": "both_p_value",
    "chi23": "nonuniform_p_value",
    "beta12": "beta_change",
    "pseudo12.McFadden": "mcfadden_uniform",
    "pseudo13.McFadden": "mcfadden_both",
    "pseudo13.Nagelkerke": "nagelkerke_both",
    "pseudo23.CoxSnell": "cox_snell_nonuniform",
}


def _lordif():
    data = load_data("anxiety")
    items = [f"R{i}" for i in range(1, 30)]
    for grouping in ("age", "gender"):
        for criterion in ("Chisqr", "R2"):
            case = f"lordif_anxiety_{grouping}_{criterion}"
            theirs = _case(case)
            record = merge_sparse_categories(_record(data, items, grouping), 5)
            yield Comparison("dif", case, "categories", record.maximum + 1, theirs["stats"]["ncat"], 0.0)
            theta = _eap(frame(theirs["ipar"]), record.scores)
            if theirs["ipar.sparse"]:
                table = frame(theirs["ipar.sparse"])
                theta = _eap(table, _sparse_scores(table.index, record))
            for block, matching in (("stats", theta), ("stats_raw", record.scores.sum(axis=1))):
                result = detect_dif(
                    data,
                    items=items,
                    group=grouping,
                    method=OrdinalLogistic(matching=matching, min_cell=5, test="both"),
                    purify=False,
                    correction="none",
                    rule=FlagRule(alpha=0.01, minimum=0.0),
                )
                table = result.tidy()
                for name, column in LORDIF.items():
                    yield Comparison(
                        "dif", case, f"{block} {name}", table[column], np.array(theirs[block][name], float),
                        1.01 * FOUR_DECIMALS, "stored with four decimals", 1.0,
                    )  # fmt: skip
                if criterion == "Chisqr":
                    tests = table[["uniform_p_value", "both_p_value", "nonuniform_p_value"]]
                    flags = (tests.min(axis=1) < 0.01).astype(float)
                    key = "flag" if block == "stats" else "flag_raw"
                    yield Comparison("dif", case, key, flags, np.array(theirs[key], float), 0.0)


def comparisons():
    """All comparisons of this module; empty where the reference results are absent."""
    if not REFERENCE.is_dir():
        return []
    sources = (
        _olr, _verbal_logistic, _mantel_haenszel, _mantel_purified, _mantel, _sibtest, _item_parameters, _lordif,
    )  # fmt: skip
    return [comparison for source in sources for comparison in source()]


@needs_reference
@pytest.mark.filterwarnings("ignore::recoverymetrics.DataWarning")
def test_dif_agrees_with_the_reference():
    failures = []
    for comparison in comparisons():
        try:
            comparison.check()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n\n".join(failures)
