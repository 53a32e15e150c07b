"""Agreement coefficients beside the Python package irrCAC, whose requirement of an older SciPy keeps it out of the dependencies.

Birth certificate: irrCAC 0.4.4 with numpy 1.26.4, pandas 2.3.3, scipy 1.12.0, Python 3.11.7, 2026-11-23, calls

    CAC(pandas.DataFrame(RATINGS), weights=kind, digits=10)  # .fleiss(), .gwet(), .bp(), .krippendorff()
    CAC(relevance.pivot(index="item", columns="rater", values="element"), digits=12)  # the synthetic study's assignments
    CAC((relevance.pivot(index="item", columns="rater", values="relevance") >= 3).astype(int), digits=12)  # .gwet()

``est["coefficient_value"]`` and ``est["se"]`` (sampling of units only, as ours).
"""

import numpy as np
import pandas as pd
import pytest
from golden import Comparison, ids

import recoverymetrics as rm
from recoverymetrics.numerics import agreement as ag
from recoverymetrics.numerics import krippendorff

PRINTED = 5e-9  # ten decimals of numbers from 0.03 up, relative
NA = np.nan
# 25 units, 4 raters, 5 categories, eight missing ratings
RATINGS = np.array(
    [
        [5, 5, 5, 5], [NA, 4, 4, 4], [5, 5, 4, 4], [5, 5, 5, 5], [3, 4, 2, 4], [4, 3, 3, 4], [4, 4, 5, NA], [2, 3, 3, 3],
        [1, NA, 1, NA], [2, 2, 2, 3], [1, 1, 1, 3], [5, 5, 5, 5], [5, 5, 4, NA], [2, 1, 1, 1], [3, NA, 4, 2], [5, 5, 5, 5],
        [1, 1, 1, 1], [3, 4, 4, 4], [1, 1, 2, 1], [3, 3, 3, 2], [4, 5, 5, NA], [2, 2, 1, 2], [3, 2, 2, 2], [3, 2, 2, 2],
        [NA, 4, 4, 4],
    ]
)  # fmt: skip
SCALE = np.arange(1.0, 6.0)
COUNTS = ag.category_counts(RATINGS, SCALE)

GOLDEN = {
    ("identity", "fleiss_kappa"): (0.4875815529, 0.0756400069),
    ("identity", "gwet_ac"): (0.492677788, 0.0775755816),
    ("identity", "brennan_prediger"): (0.4916666667, 0.0770927171),
    ("linear", "fleiss_kappa"): (0.7216992715, 0.0567249461),
    ("linear", "gwet_ac"): (0.7200148227, 0.0495484128),
    ("linear", "brennan_prediger"): (0.7166666667, 0.0475529675),
    ("quadratic", "fleiss_kappa"): (0.8693324268, 0.0376572246),
    ("quadratic", "gwet_ac"): (0.8665255962, 0.0313460908),
    ("quadratic", "brennan_prediger"): (0.8633333333, 0.0295138072),
    ("ordinal", "fleiss_kappa"): (0.8279592913, 0.0442301179),
    ("ordinal", "gwet_ac"): (0.8250157486, 0.0363953155),
    ("ordinal", "brennan_prediger"): (0.8214285714, 0.0341938253),
}


# squared distances are the interval metric; the package's "ordinal" weights are not Krippendorff's ordinal metric, and
# its standard error linearises what ours takes by the infinitesimal jackknife (0.0714 and 0.0706), so estimates alone
ALPHA = {"nominal": 0.4906884596, "interval": 0.8689555859}
SYNTHETIC = {
    "fleiss_kappa": (0.829731688092, 0.034207891892),
    "gwet_ac1": (0.832532146879, 0.033589566319),
    "krippendorff_alpha": (0.830649161483,),
}
RELEVANCE_AC1 = 0.872540207597


def comparisons() -> list[Comparison]:
    return [*_weighted(), *_alpha(), *_synthetic()]


def _weighted() -> list[Comparison]:
    found = []
    for (kind, name), golden in GOLDEN.items():
        ours = getattr(ag, name)(COUNTS, ag.agreement_weights(SCALE, kind))
        numbers = [ours.estimate, ours.std_error]
        quantity = f"{name}, {kind} weights: estimate, standard error"
        found.append(Comparison("content", "irrCAC", quantity, numbers, golden, PRINTED))
    return found


def _alpha() -> list[Comparison]:
    return [
        Comparison("content", "irrCAC", f"krippendorff_alpha, {metric}",
                   krippendorff.krippendorff_alpha(COUNTS, SCALE, metric).estimate, golden, PRINTED)
        for metric, golden in ALPHA.items()
    ]  # fmt: skip


def _synthetic() -> list[Comparison]:
    table = pd.read_csv(rm.load_synthetic("six_regions").path / "relevance.csv")
    validity = rm.content_validity(
        table, item="item", rater="rater", relevance="relevance", element="element"
    )
    coefficients = validity.assignment().coefficients
    case = "irrCAC, synthetic study"
    found = []
    for name, golden in SYNTHETIC.items():
        numbers = [coefficients[name].estimate, coefficients[name].std_error][: len(golden)]
        found.append(Comparison("content", case, f"{name} of assignments", numbers, golden, PRINTED))
    ac1 = validity.glance()["gwet_ac1"].item()
    return [*found, Comparison("content", case, "gwet_ac1 of relevance", ac1, RELEVANCE_AC1, PRINTED)]


CASES = comparisons()


@pytest.mark.parametrize("comparison", CASES, ids=ids(CASES))
def test_agrees_with_irrcac(comparison):
    comparison.check()
