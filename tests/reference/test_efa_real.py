"""The whole of two public questionnaires: 50 items of 19,719 persons, and ten items in six WHO regions."""

import numpy as np
import pandas as pd
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm

pytestmark = [needs_real, pytest.mark.slow]

SCALES = {letter: [f"{letter}{j}" for j in range(1, 11)] for letter in "ENACO"}
REGIONS = ("AFR", "AMR", "SEAR", "EUR", "EMR", "WPR")
N, N_DRAWS = 19_719, 20


@pytest.fixture(scope="module")
def big5():
    items = [item for members in SCALES.values() for item in members]
    return pd.read_csv(REAL / "big5.tsv.gz", sep="\t", usecols=items)[items].replace(0, np.nan)


@pytest.fixture(scope="module")
def keyed(big5):
    """Each item turned to the direction of the first component of its scale."""
    out = big5.copy()
    for members in SCALES.values():
        first = np.linalg.eigh(big5[members].corr())[1][:, -1]
        negative = [item for item, value in zip(members, first, strict=True) if value * first[0] < 0]
        out[negative] = 6 - out[negative]
    return out


@pytest.fixture(scope="module")
def rosenberg():
    responses = rm.Responses(
        pd.read_csv(REAL / "rse.tsv.gz", sep="\t", keep_default_na=False),
        items=[f"Q{j}" for j in range(1, 11)], reverse=["Q3", "Q5", "Q8", "Q9", "Q10"], missing_codes=[0],
        region_from="country", categories=(1, 4),
    )  # fmt: skip
    with pytest.warns(rm.DataWarning, match="251 persons of 47974 without a region label"):
        record = responses.item_data(group="region")
    return pd.DataFrame(record.values, columns=record.items).assign(region=record.group)


def test_big5_polychorics(big5):
    found = rm.polychoric(big5)
    assert found.converged
    R = found.correlations.to_numpy()
    assert np.linalg.eigvalsh(R)[0] > 0
    pearson = big5.corr().to_numpy()
    assert np.corrcoef(R[np.triu_indices(50, 1)], pearson[np.triu_indices(50, 1)])[0, 1] > 0.99
    assert np.abs(R).mean() > np.abs(pearson).mean()


def test_big5_parallel_analysis(big5):
    found = rm.parallel_analysis(big5, n_iter=N_DRAWS, seed=1)
    assert found.simulated.shape == (N_DRAWS, 50)
    assert 5 <= found.n_factors <= 9
    assert found.eigenvalues[4] > 2 * found.reference[4]


def test_big5_five_oblique_factors_are_the_five_scales(big5):
    fit = rm.fit_efa(big5, 5, correlation="polychoric", rotation="oblimin")
    assert fit.converged
    assert fit.admissible
    strongest = fit.loadings.abs().idxmax(axis=1)
    letters = strongest.index.str[0]
    agreement = pd.crosstab(letters, strongest.to_numpy())
    assert agreement.max(axis=1).sum() >= 48
    assert agreement.idxmax(axis=1).nunique() == 5


def test_big5_omegas(keyed):
    table = rm.estimate_reliability(keyed, scales=SCALES).tidy()
    omega = table[table["term"] == "omega_total"].set_index("scale")["estimate"]
    assert omega.between(0.75, 0.92).all()
    general = rm.hierarchical_omega(keyed, 5, flip=True).tidy().set_index("term")["estimate"]
    assert general["omega_hierarchical"] < general["omega_total"]
    ordinal = rm.categorical_omega(keyed, items=SCALES["E"])
    assert ordinal.estimate == pytest.approx(omega["E"], abs=0.03)


def test_self_esteem_in_six_regions(rosenberg):
    found = rm.polychoric(rosenberg, group="region")
    assert found.converged
    assert set(found.groups) == set(REGIONS)
    table = rm.estimate_reliability(rosenberg, group="region").tidy()
    omega = table[table["term"] == "omega_total"].set_index("group")["estimate"]
    assert set(omega.index) == set(REGIONS)
    assert omega.between(0.8, 0.95).all()


@pytest.mark.parametrize("region", REGIONS)
def test_self_esteem_in_one_region(rosenberg, region):
    data = rosenberg[rosenberg["region"] == region].drop(columns="region")
    assert rm.parallel_analysis(data, n_iter=N_DRAWS, seed=1).eigenvalues[0] > 4
    fit = rm.fit_efa(data, 2, correlation="polychoric")
    assert fit.converged
    assert abs(fit.factor_correlations.to_numpy()[0, 1]) > 0.3
