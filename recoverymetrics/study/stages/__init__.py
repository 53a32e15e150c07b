"""The five stages of a study: content, structure, calibration, groups, revision."""

from recoverymetrics.study.stages.calibration import CalibrationStage, run_calibration
from recoverymetrics.study.stages.content import ContentStage, run_content
from recoverymetrics.study.stages.groups import GroupsStage, run_groups
from recoverymetrics.study.stages.revision import RevisionStage, run_revision
from recoverymetrics.study.stages.second import SecondEnginesStage, run_second_engines
from recoverymetrics.study.stages.structure import StructureStage, run_structure

__all__ = [
    "CalibrationStage",
    "ContentStage",
    "GroupsStage",
    "RevisionStage",
    "SecondEnginesStage",
    "StructureStage",
    "run_calibration",
    "run_content",
    "run_groups",
    "run_revision",
    "run_second_engines",
    "run_structure",
]
