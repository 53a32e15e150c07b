"""Greatest lower bound beside two general semidefinite solvers.

Birth certificate: CVXPY 1.9.3 with Clarabel 0.11.1 (gaps of 1e-12 asked for), R 4.2.2, psych 2.2.9 with Rcsdp 0.1.57.4,
2026-11-23, calls

    Problem(Maximize(sum(d)), [d >= 0, diag(d) << S]).solve(solver=CLARABEL)  # 1 - sum(d) / sum(S)
    psych::glb.algebraic(S)$glb

``FOUR`` is the example in the documentation of ``glb.algebraic``.
"""

import numpy as np
import pytest
from golden import Comparison, ids

from recoverymetrics.reliability.glb import greatest_lower_bound

SOLVERS = 5e-9
"""Two general solvers differ from one another by 2e-9: Clarabel asked for gaps of 1e-12, CSDP for 1e-8."""

# Covariances of the nine tests of Holzinger & Swineford (1939), 301 pupils, lower triangle by rows.
HOLZINGER = """
1.3629 0.4087 1.3864 0.5818 0.4526 1.2791 0.5065 0.2096 0.2089 1.3552 0.4421 0.2118 0.1127 1.1014 1.6653
0.4563 0.2484 0.2449 0.8985 1.0179 1.2003 0.0850 -0.0971 0.0886 0.2205 0.1435 0.1446 1.1871 0.2647 0.1100
0.2130 0.1260 0.1812 0.1660 0.5370 1.0254 0.4599 0.2448 0.3751 0.2442 0.2962 0.2368 0.3745 0.4588 1.0184
"""


def symmetric(text: str) -> np.ndarray:
    values = np.array(text.split(), dtype=float)
    p = int((np.sqrt(8 * values.size + 1) - 1) / 2)
    S = np.zeros((p, p))
    S[np.tril_indices(p)] = values
    return S + np.tril(S, -1).T


def pseudo_random(p: int, shift: float) -> np.ndarray:
    """Cross-products of p + 3 rows of a formula that looks random and is the same everywhere."""
    rows, columns = np.indices((p + 3, p))
    noise = np.modf(1000 * np.sin(12.9898 * rows + 78.233 * columns + shift))[0]
    x = noise + 0.5 * noise[:, :1]
    return np.round(x.T @ x, 6)


def with_sum(S: np.ndarray) -> np.ndarray:
    """One more item: the sum of the first two."""
    A = np.vstack([np.eye(len(S)), np.r_[1, 1, np.zeros(len(S) - 2)]])
    return A @ S @ A.T


FOUR = np.array([[215, 64, 33, 22], [64, 97, 57, 25], [33, 57, 103, 36], [22, 25, 36, 77]], dtype=float)

SECOND_OPINION = {
    "Holzinger-Swineford": (symmetric(HOLZINGER), 0.8766114025, 0.8766114019),
    "four subtests": (FOUR, 0.7412008282, 0.7412008277),
    "6 items": (pseudo_random(6, 1.0), 0.9289444281, 0.9289444267),
    "12 items": (pseudo_random(12, 2.0), 0.9934317621, 0.9934317615),
    "20 items": (pseudo_random(20, 3.0), 0.9948226323, 0.9948226320),
    "an item that is a sum": (with_sum(symmetric(HOLZINGER)), 0.9440989321, 0.9440989318),
}


def comparisons() -> list[Comparison]:
    found = []
    for name, (S, clarabel, csdp) in SECOND_OPINION.items():
        ours = greatest_lower_bound(S).estimate
        found.append(Comparison("psych", "glb.algebraic", name, ours, csdp, SOLVERS))
        found.append(
            Comparison(
                "reliability", "CVXPY, Clarabel", f"greatest lower bound, {name}", ours, clarabel, SOLVERS
            )
        )
    return found


CASES = comparisons()


@pytest.mark.parametrize("comparison", CASES, ids=ids(CASES))
def test_agrees_with_two_other_solvers(comparison) -> None:
    comparison.check()


@pytest.mark.parametrize("name", SECOND_OPINION)
def test_errors_are_variances_and_leave_a_covariance_matrix(name: str) -> None:
    S = SECOND_OPINION[name][0]
    bound = greatest_lower_bound(S)
    assert bound.converged
    assert bound.error_variances.min() >= 0
    assert np.linalg.eigvalsh(S - np.diag(bound.error_variances))[0] > -1e-9 * S.max()
    assert greatest_lower_bound(7 * S).estimate == pytest.approx(bound.estimate, abs=1e-9)
