"""Consensus and content validity beside published numbers."""

import numpy as np
import pandas as pd
import pytest
from golden import REFERENCE, SHARED, Comparison, ids, load_case, load_data, needs_reference

import recoverymetrics as rm
from recoverymetrics.consensus import convergence
from recoverymetrics.consensus.spread_rules import ipras
from recoverymetrics.content import lawshe_critical
from recoverymetrics.content.indices import critical_count

CLOSED_FORM = 1e-9  # closed formulas; both sides in double precision
PRINTED_1 = 0.05 / 6.1  # the source prints one decimal
PRINTED_2 = 6e-3  # the source prints two decimals of a share
PRINTED_3 = 1.5e-3  # the source prints three decimals
EXACT_COUNT = 0.0  # whole numbers
PRINTED_KAPPA = 1.2e-2  # printed with two decimals after rounding in between


def comparisons() -> list[Comparison]:
    if not REFERENCE.is_dir():
        return []
    return [
        *_rand_ucla(),
        *_scale_indices(),
        *_lawshe(),
        *_convergence(),
        *_kappa_between_rounds(),
        *_chance_corrected(),
    ]


def _rand_ucla() -> list[Comparison]:
    found = float(ipras(np.array(7.0), np.array(8.0)))
    return [
        Comparison("consensus", "rand_ucla", "IPRAS for P30 7, P70 8", found, 6.1, PRINTED_1, "PMC3467596")
    ]


def _scale_indices() -> list[Comparison]:
    matrix = np.full((12, 6), 4)
    matrix[0, 0] = matrix[5, 3] = 2
    rows = [(i, r, x) for i, own in enumerate(matrix) for r, x in enumerate(own)]
    table = pd.DataFrame(rows, columns=["item", "rater", "x"])
    glance = rm.content_validity(table, item="item", rater="rater", relevance="x").glance().iloc[0]
    return [
        Comparison(
            "content", "s_cvi", "S-CVI/Ave", glance["s_cvi_ave"], 0.97, PRINTED_2, "PMC7253559 table 4"
        ),
        Comparison("content", "s_cvi", "S-CVI/UA", glance["s_cvi_ua"], 0.83, PRINTED_2, "PMC7253559 table 4"),
    ]


def _lawshe() -> list[Comparison]:
    table = pd.read_csv(SHARED / "domain" / "lawshe_cvr_critical.csv")
    needed = [critical_count(n) for n in table["panel_n"]]
    ratios = [lawshe_critical(n) for n in table["panel_n"]]
    note = "Ayre and Scally 2014, 5 to 40 raters"
    return [
        Comparison("content", "lawshe", "raters needed", needed, table["n_critical"], EXACT_COUNT, note),
        Comparison("content", "lawshe", "critical ratio", ratios, table["cvr_critical"], PRINTED_3, note),
        Comparison("content", "lawshe", "normal approximation, 13 raters", lawshe_critical(13, table="wilson2012"), 0.456,
                   PRINTED_3, "Wilson, Pan and Schumsky 2012"),
    ]  # fmt: skip


def _convergence() -> list[Comparison]:
    note = "both recovery panels, ENMESH 2024: 45.5% of 22 pooled barriers"
    return [
        Comparison(
            "consensus", "convergence", "barriers, pooled", convergence(5, 10, 12), 0.455, PRINTED_3, note
        )
    ]


def _kappa_between_rounds() -> list[Comparison]:
    """Two raters of 300 targets as two rounds of one statement: the same weighted kappa."""
    raters = load_data("kappa_raters")
    first, second = raters.columns
    rows = [("s", p, r, x) for r, c in ((1, first), (2, second)) for p, x in enumerate(raters[c])]
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x"])
    panel = rm.DelphiPanel.from_frame(frame, statement="s", panelist="p", round="r", rating="x", scale=(1, 6))
    ours = panel.stability().tidy()["kappa"].item()
    theirs = load_case("psych", "kappa")["results"]["weighted.kappa"]
    return [
        Comparison("consensus", "psych/kappa", "weighted kappa between rounds", ours, theirs, CLOSED_FORM)
    ]


def _chance_corrected() -> list[Comparison]:
    """Modified kappa as printed by Polit, Beck and Owen 2007 for four typical panels."""
    printed = {(2, 3): 0.47, (4, 5): 0.76, (4, 6): 0.56, (8, 9): 0.89}
    found = []
    for (agree, n), value in printed.items():
        table = pd.DataFrame({"item": "i", "rater": range(n), "x": [4] * agree + [1] * (n - agree)})
        ours = (
            rm.content_validity(table, item="item", rater="rater", relevance="x")
            .tidy()["modified_kappa"]
            .item()
        )
        found.append(
            Comparison("content", "polit2007", f"modified kappa, {agree} of {n}", ours, value, PRINTED_KAPPA)
        )
    return found


CASES = comparisons()


@needs_reference
@pytest.mark.parametrize("comparison", CASES, ids=ids(CASES))
def test_agrees_with_the_published_number(comparison):
    comparison.check()
