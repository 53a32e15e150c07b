"""Stage four: reliability, measurement invariance and DIF across regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recoverymetrics.invariance import FlagRule, check_invariance, detect_dif
from recoverymetrics.reliability import estimate_reliability
from recoverymetrics.study.config import StudyConfig
from recoverymetrics.study.inputs import Inputs
from recoverymetrics.study.stages.structure import StructureStage, ordinal_options


@dataclass(frozen=True)
class GroupsStage:
    """What holds, and what does not, in each region.

    Attributes
    ----------
    reliability : ReliabilityResult
    invariance : InvarianceResult or None
        None when the study has no groups.
    dif : DIFResult or None
        None when the study has no groups.
    """

    reliability: Any
    invariance: Any
    dif: Any

    def headline(self) -> dict[str, Any]:
        """Numbers that the manifest keeps."""
        numbers: dict[str, Any] = {}
        for row in self.reliability.tidy().itertuples():
            numbers[f"{row.term}.{row.scale}.{row.group}"] = float(row.estimate)
        if self.invariance is not None:
            for row in self.invariance.tidy().itertuples():
                numbers |= {
                    f"invariance.{row.level}.{c}": float(getattr(row, c))
                    for c in ("chi2", "cfi", "rmsea")
                    if pd.notna(getattr(row, c))
                }
        if self.dif is not None:
            numbers["dif.flagged"] = ", ".join(sorted(self.dif.flagged))
        return numbers


def run_groups(
    inputs: Inputs, structure: StructureStage, config: StudyConfig, step: Callable[[str], None]
) -> GroupsStage:
    """Compare the regions."""
    responses, scales = inputs.responses, {d: list(items) for d, items in inputs.scale.factors.items()}
    group = inputs.grouping
    step("reliability by region")
    reliability = estimate_reliability(responses, group=group, scales=scales)
    if group is None:
        return GroupsStage(reliability, None, None)
    step("measurement invariance")
    analysis = config.analysis
    invariance = check_invariance(
        responses, structure.model, group=group, estimator=analysis.estimator,
        criteria=analysis.invariance_criteria, merge_empty=analysis.merge_empty, **ordinal_options(config),
    )  # fmt: skip
    step("differential item functioning")
    dif = detect_dif(
        responses,
        group=group,
        method=analysis.dif_method,
        scales=scales,
        rule=FlagRule(alpha=analysis.dif_alpha),
    )
    return GroupsStage(reliability, invariance, dif)
