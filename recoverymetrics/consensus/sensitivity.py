"""How much the list of statements depends on choices and on the particular panelists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.consensus.agreement_rules import ConsensusRule
from recoverymetrics.consensus.check import DECIDED, ConsensusResult, check_consensus
from recoverymetrics.consensus.group_rules import WithinGroups
from recoverymetrics.consensus.panel import Deciding, DelphiPanel
from recoverymetrics.consensus.rules import AllOf, AnyOf, Rule, as_rule
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import BoolArray, FloatArray, Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHUNK = 500
"""Bootstrap panels per matrix product; keeps the counts small enough for the processor's cache."""


@dataclass(frozen=True)
class SensitivityPlan:
    """What is varied.

    Attributes
    ----------
    cut_offs : tuple of float
        Other agreement cut-offs.
    equal_weights : sequence of str or None
        Attributes whose groups are weighted equally; None takes region and stakeholder where known.
    leave_out : sequence of str or None
        Attributes whose groups are left out one at a time; None takes region and stakeholder where known.
    n_boot : int
        Bootstrap panels; 0 leaves the bootstrap out.
    """

    cut_offs: tuple[float, ...] = (0.70, 0.75, 0.80, 0.85, 0.90)
    equal_weights: Sequence[str] | None = None
    leave_out: Sequence[str] | None = None
    n_boot: int = 2000

    def __post_init__(self) -> None:
        if self.n_boot < 0:
            raise OptionError(f"n_boot={self.n_boot} must be 0 (no bootstrap) or more.")


@dataclass(frozen=True)
class SensitivityResult(AbstractResult):
    """The list under every scenario.

    Attributes
    ----------
    base : ConsensusResult
        The list as it is.
    decisions : pandas.DataFrame
        Statements x scenarios: in the list or not.
    probability : ndarray, shape (S,)
        Share of bootstrap panels in which each statement is in; NaN without a bootstrap.
    kinds : tuple of str
        Kind of each scenario: cut-off, attrition, equal weights, left out.
    n_boot : int
        Bootstrap panels.
    """

    base: ConsensusResult
    decisions: pd.DataFrame = field(repr=False)
    probability: FloatArray = field(repr=False)
    kinds: tuple[str, ...]
    n_boot: int

    def tidy(self) -> pd.DataFrame:
        """One row per statement: in the list or not, probability to be in, and the scenarios that change it."""
        frame = self.base.tidy()[["statement", "label", "domain", "n", "agreement", "consensus", "status"]]
        frame["probability"] = self.probability
        table = self.decisions.to_numpy(dtype=bool)
        inside = frame["consensus"].to_numpy(dtype=bool)
        frame["n_scenarios"] = table.shape[1]
        frame["n_scenarios_in"] = table.sum(axis=1)
        differs = table != inside[:, None]
        frame["robust"] = ~differs.any(axis=1)
        names = np.array(self.decisions.columns, dtype=object)
        frame["changed_by"] = ["; ".join(names[row]) for row in differs]
        return frame

    def scenarios(self) -> pd.DataFrame:
        """One row per scenario: size of the list, statements that enter and leave, overlap with the list (Jaccard)."""
        base = set(self.base.accepted)
        rows = []
        for kind, name in zip(self.kinds, self.decisions.columns, strict=True):
            now = set(self.decisions.index[self.decisions[name]])
            entered = [s for s in self.decisions.index if s in now - base]
            left = [s for s in self.decisions.index if s in base - now]
            union = len(base | now)
            overlap = len(base & now) / union if union else 1.0
            rows.append((kind, name, len(now), "; ".join(entered), "; ".join(left), overlap))
        return pd.DataFrame(rows, columns=["kind", "scenario", "n_consensus", "entered", "left", "overlap"])

    def glance(self) -> pd.DataFrame:
        """Return one row: statements in the list, how many are robust, how many are uncertain (5 to 95%)."""
        tidy = self.tidy()
        uncertain = ((self.probability > 0.05) & (self.probability < 0.95)).sum()
        return pd.DataFrame(
            {
                "n_statements": [len(tidy)],
                "n_consensus": [int(tidy["consensus"].sum())],
                "n_robust": [int((tidy["robust"] & tidy["status"].isin(DECIDED)).sum())],
                "n_uncertain": [int(uncertain)],
                "n_scenarios": [len(self.kinds)],
                "n_boot": [self.n_boot],
            }
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw one figure: statements by scenarios, with the bootstrap probability beside them."""
        from recoverymetrics.consensus.plots import plot_sensitivity

        return plot_sensitivity(self, ax=ax)

    def _title(self) -> str:
        return "Sensitivity of the consensus list"

    def _tables(self) -> tuple[Table, ...]:
        note = f"probability: share of {self.n_boot} panels resampled from the panelists in which the statement is in."
        return (
            Table("Overview", self.glance()),
            Table("Scenarios", self.scenarios()),
            Table("Statements", self.tidy(), notes=(note,)),
        )


def sensitivity(
    panel: DelphiPanel, rule: Rule | None, plan: SensitivityPlan, *, round: Any = -1, seed: Seed = 0
) -> SensitivityResult:
    """Decide again under every scenario; see :meth:`DelphiPanel.sensitivity`."""
    rule = as_rule(rule, ConsensusRule())
    base = check_consensus(panel, rule, round=round)
    deciding = panel.deciding(round)
    eligible = ~base.frame["status"].isin(_gone(panel, round)).to_numpy()
    found = list(_scenarios(panel, rule, plan, deciding))
    decisions = {name: passed & eligible for _, name, passed in found}
    frame = pd.DataFrame(decisions, index=pd.Index(panel.statements, name="statement"))
    if plan.n_boot:
        chance = _probability(panel, rule, deciding, plan.n_boot, seed) * eligible
    else:
        chance = np.full(len(panel.statements), np.nan)
    chance = np.where(base.frame["status"] == "no data", np.nan, chance)
    return SensitivityResult(base, frame, chance, tuple(kind for kind, _, _ in found), plan.n_boot)


def _gone(panel: DelphiPanel, round: Any) -> list[str]:
    return list(panel.lineage.fate(panel.rounds, panel.round_position(round)).values())


def _scenarios(
    panel: DelphiPanel, rule: Rule, plan: SensitivityPlan, deciding: Deciding
) -> Iterator[tuple[str, str, BoolArray]]:
    as_is = panel.rating_counts(deciding)
    cut_offs = plan.cut_offs if any(isinstance(part, ConsensusRule) for part in _leaves(rule)) else ()
    for cut in cut_offs:
        yield "cut-off", f"cut-off {cut * 100:g}%", with_agreement(rule, cut).evaluate(as_is).passed
    if len(panel.rounds) > 1:
        last = panel.took_part[: int(deciding.round_index.max()) + 1][-1].astype(float)
        stayed = np.broadcast_to(last, deciding.ratings.shape)
        remaining = rule.evaluate(panel.rating_counts(deciding, cases=stayed))
        yield "attrition", "only those who stayed to the end", remaining.passed
    for by in _attributes(panel, plan.equal_weights):
        equal = panel.rating_counts(deciding, cases=equal_weights(panel.membership(by, deciding), deciding))
        yield "equal weights", f"every {by} weighs the same", rule.evaluate(equal).passed
    for by in _attributes(panel, plan.leave_out):
        for label in panel.levels(by):
            others = (panel.membership(by, deciding) != label).astype(float)
            yield (
                "left out",
                f"without {label}",
                rule.evaluate(panel.rating_counts(deciding, cases=others)).passed,
            )


def _attributes(panel: DelphiPanel, wanted: Sequence[str] | None) -> list[str]:
    if wanted is None:
        return [by for by in ("region", "stakeholder") if by in panel.attributes]
    for by in wanted:
        panel.attribute(by)
    return list(wanted)


def _leaves(rule: Rule) -> Iterator[Rule]:
    for part in rule.parts():
        if isinstance(part, WithinGroups):
            yield from _leaves(part.rule)
        else:
            yield part


def with_agreement(rule: Rule, cut_off: float) -> Rule:
    """The same rule with another agreement cut-off in each of its top-box parts."""
    if isinstance(rule, ConsensusRule):
        return replace(rule, agreement=cut_off)
    if isinstance(rule, WithinGroups):
        return replace(rule, rule=with_agreement(rule.rule, cut_off))
    if isinstance(rule, AllOf | AnyOf):
        return type(rule)(tuple(with_agreement(part, cut_off) for part in rule.rules))
    return rule


def equal_weights(membership: np.ndarray, deciding: Deciding) -> FloatArray:
    """Weights of single ratings, shape (S, P), that let every group with data count the same.

    The weights of a statement sum to its number of ratings; people in no group have no weight.
    """
    rated = ~np.isnan(deciding.ratings)
    labels = [label for label in dict.fromkeys(membership.ravel()) if label is not None]
    inside = np.stack([(membership == label) & rated for label in labels])
    size = inside.sum(axis=2)
    n_groups = np.maximum((size > 0).sum(axis=0), 1)
    share = rated.sum(axis=1) / n_groups
    with np.errstate(divide="ignore"):
        each = np.where(size > 0, share / np.maximum(size, 1), 0.0)
    return np.asarray((inside * each[..., None]).sum(axis=0))


def _probability(panel: DelphiPanel, rule: Rule, deciding: Deciding, n_boot: int, seed: Seed) -> FloatArray:
    """Share of resampled panels in which each statement passes, shape (S,)."""
    rng = generator(seed)
    here = (~np.isnan(deciding.ratings)).any(axis=0)
    n = int(here.sum())
    present = np.flatnonzero(here)
    passed = np.zeros(len(panel.statements))
    for start in range(0, n_boot, _CHUNK):
        size = min(_CHUNK, n_boot - start)
        weights = np.zeros((size, len(panel.panelists)), dtype=np.float32)
        weights[:, present] = rng.multinomial(n, np.full(n, 1 / n), size=size)
        passed += rule.evaluate(panel.rating_counts(deciding, weights=weights)).passed.sum(axis=0)
    return passed / n_boot


def bootstrap_consensus(
    panel: DelphiPanel, rule: Rule | None = None, *, n_boot: int = 10_000, seed: Seed = 0
) -> pd.DataFrame:
    """Probability that each statement is in the list after each round, over resampled panelists.

    Panelists are drawn with replacement and bring all their rounds with them; statements keep their deciding
    round.

    Parameters
    ----------
    panel : DelphiPanel
        The panel.
    rule : Rule, optional
        By default at least 80% in the top two categories.
    n_boot : int, default 10000
        Resampled panels.
    seed : int or Generator, default 0
        The same seed gives the same panels, whatever the round.

    Returns
    -------
    pandas.DataFrame
        One row per statement, one column per round; NaN where nobody had rated by then.
    """
    if n_boot < 1:
        raise OptionError(f"n_boot={n_boot} must be at least 1.")
    chosen = as_rule(rule, ConsensusRule())
    columns = {}
    for label in panel.rounds:
        deciding = panel.deciding(label)
        rng = np.random.default_rng(seed) if isinstance(seed, int) else generator(seed)
        share = _probability(panel, chosen, deciding, n_boot, rng)
        columns[label] = np.where(deciding.round_index >= 0, share, np.nan)
    return pd.DataFrame(columns, index=pd.Index(panel.statements, name="statement"))
