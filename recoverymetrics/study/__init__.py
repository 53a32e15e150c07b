"""A study from its file to its report: configuration, pipeline, manifest, verification."""

from recoverymetrics.study.config import StudyConfig, parse_config, read_config
from recoverymetrics.study.pipeline import Study, StudyResult, crosscheck_manifest, verify
from recoverymetrics.study.starter import demo_study_path, new_study

__all__ = [
    "Study",
    "StudyConfig",
    "StudyResult",
    "crosscheck_manifest",
    "demo_study_path",
    "new_study",
    "parse_config",
    "read_config",
    "verify",
]
