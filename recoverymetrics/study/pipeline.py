"""Run a study: five stages, one result, a report and a manifest; and run it again to verify."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.display.result import plain
from recoverymetrics.errors import RecoveryMetricsWarning
from recoverymetrics.instrument import Scale
from recoverymetrics.refine import Proposal, ShortForm
from recoverymetrics.study.config import StudyConfig, read_config
from recoverymetrics.study.inputs import Inputs, read_inputs
from recoverymetrics.study.manifest import (
    VerificationResult,
    build_manifest,
    changed_inputs,
    compare_headlines,
    read_manifest,
    recorded_study,
)
from recoverymetrics.study.stages import (
    CalibrationStage,
    ContentStage,
    GroupsStage,
    RevisionStage,
    SecondEnginesStage,
    StructureStage,
    run_calibration,
    run_content,
    run_groups,
    run_revision,
    run_second_engines,
    run_structure,
)
from recoverymetrics.typing import Workers

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Study:
    """A study that can be run.

    Attributes
    ----------
    config : StudyConfig
        What to do.
    base : pathlib.Path
        Folder that the file names of the configuration are relative to.
    """

    config: StudyConfig
    base: Path

    @classmethod
    def from_toml(cls, path: str | Path, *, data: str | Path | None = None) -> Study:
        """Read a study file.

        Parameters
        ----------
        path : str or Path
            The TOML file.
        data : str or Path, optional
            Folder of the input files; the folder of the study file when left out.

        Returns
        -------
        Study

        Raises
        ------
        ConfigError
            No such file, not TOML, or a wrong key; the key is named.
        """
        path = Path(path)
        return cls(read_config(path), path.parent if data is None else Path(data))

    def run(self, workers: Workers = None, *, progress: Progress | None = None) -> StudyResult:
        """Run every stage.

        Parameters
        ----------
        workers : None, int or dask.distributed.Client
            Who does resampling work; the numbers are the same for all.
        progress : callable, optional
            Called as ``progress(done, total, name)`` before each step.

        Returns
        -------
        StudyResult

        Raises
        ------
        ConfigError, DataError, ModelError
            Nothing is written when an input or a model is wrong.

        Notes
        -----
        The many small matrices of these models are slower with several BLAS threads than with one, so one is
        used here; ``workers`` is the way to use more processors.
        """
        with threadpool_limits(limits=1), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RecoveryMetricsWarning)
            inputs = read_inputs(self.config, self.base)
            step = _Steps(self.config, inputs, progress)
            content = run_content(inputs, self.config, step)
            structure = run_structure(inputs, self.config, workers, step)
            calibration = run_calibration(inputs, self.config, step)
            groups = run_groups(inputs, structure, self.config, step)
            revision = run_revision(inputs, content, structure, calibration, groups, self.config, step)
            second = run_second_engines(inputs, step)
        return StudyResult(
            self,
            inputs,
            content,
            structure,
            calibration,
            groups,
            revision,
            second,
            (*_unknown(inputs), *_messages(caught)),
        )


class _Steps:
    """Count the steps for a progress display."""

    def __init__(self, config: StudyConfig, inputs: Inputs, progress: Progress | None) -> None:
        self.total = 14 + len(inputs.scale.factors)
        self.done = 0
        self.progress = progress

    def __call__(self, name: str) -> None:
        if self.progress is not None:
            self.progress(self.done, self.total, name)
        self.done += 1


def _unknown(inputs: Inputs) -> tuple[str, ...]:
    """Countries that the region map does not know, by name."""
    return tuple(note.message for note in inputs.responses.notes if note.kind == "unknown_region")


def _messages(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    own = [w for w in caught if issubclass(w.category, RecoveryMetricsWarning)]
    for other in caught:
        if other not in own:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return tuple(dict.fromkeys(str(w.message) for w in own))


@dataclass(frozen=True)
class StudyResult(AbstractResult):
    """Everything that a study found.

    Attributes
    ----------
    study : Study
        What was asked for.
    inputs : Inputs
        What was read.
    content, structure, calibration, groups, revision
        The five stages.
    second : SecondEnginesStage
        The same models through other programs.
    warnings : tuple of str
        What the analyses warned about, each sentence once.
    """

    study: Study
    inputs: Inputs = field(repr=False)
    content: ContentStage = field(repr=False)
    structure: StructureStage = field(repr=False)
    calibration: CalibrationStage = field(repr=False)
    groups: GroupsStage = field(repr=False)
    revision: RevisionStage = field(repr=False)
    second: SecondEnginesStage = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def proposal(self) -> Proposal:
        """What the rules propose for each item."""
        return self.revision.proposal

    @property
    def scale(self) -> Scale:
        """The accepted scale with its lineage."""
        return self.revision.scale

    @property
    def short_form(self) -> ShortForm | None:
        """The short form; None when the study asks for none."""
        return self.revision.short_form

    @property
    def scoring(self) -> dict[str, pd.DataFrame]:
        """Scoring table of each dimension."""
        return dict(self.revision.scoring)

    def headline(self) -> dict[str, Any]:
        """Every number that the manifest keeps, by name."""
        stages = (self.content, self.structure, self.calibration, self.groups, self.revision)
        numbers: dict[str, Any] = {"n": self.inputs.responses.n, "n_items": self.inputs.responses.n_items}
        for stage in stages:
            numbers |= stage.headline()
        cleaned: dict[str, Any] = plain(numbers)
        return cleaned

    def headline_sentence(self) -> str:
        """Return the outcome in one sentence."""
        row = self.proposal.glance().iloc[0]
        return (
            f"{self.inputs.responses.n} persons, {row['n_items']} items: keep {row['keep']}, revise {row['revise']}, "
            f"drop {row['drop']}; the refined scale has {len(self.scale.items)} items."
        )

    def tidy(self) -> pd.DataFrame:
        """One row per item: the proposal."""
        return self.proposal.tidy()

    def glance(self) -> pd.DataFrame:
        """One row: persons, items, decisions."""
        return self.proposal.glance().assign(
            n=self.inputs.responses.n, n_groups=len(self.inputs.responses.groups)
        )

    def report(self, path: str | Path) -> Path:
        """Write the HTML report.

        Parameters
        ----------
        path : str or Path
            The file to write.

        Returns
        -------
        Path
        """
        from recoverymetrics.study.report import report_html

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report_html(self), encoding="utf-8")
        return path

    def manifest(self, out: str | Path) -> dict[str, Any]:
        """Return the manifest as it would be written to the folder ``out``."""
        return build_manifest(
            self.study.config, self.study.base, Path(out), self.inputs.files, self.headline()
        )

    def save(self, out: str | Path) -> dict[str, Path]:
        """Write report, manifest and tables; the folder appears only when everything is written.

        Parameters
        ----------
        out : str or Path
            Folder; files of an earlier run in it are replaced.

        Returns
        -------
        dict
            ``report``, ``manifest``, ``evidence``, ``proposal``, ``scale`` and the scoring tables -> path.
        """
        out = Path(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".recoverymetrics-") as scratch:
            names = self._write(Path(scratch), out)
            out.mkdir(exist_ok=True)
            for name in names.values():
                shutil.move(Path(scratch) / name, out / name)
        return {key: out / name for key, name in names.items()}

    def _write(self, folder: Path, out: Path) -> dict[str, str]:
        tables = {
            "evidence": self.revision.evidence.wide(),
            "proposal": self.proposal.tidy(),
            **{f"scoring_{name}": table for name, table in self.scoring.items()},
        }
        names = {"report": "report.html", "manifest": "manifest.json", "scale": "scale.json"}
        self.report(folder / names["report"])
        _write_json(folder / names["manifest"], self.manifest(out))
        _write_json(folder / names["scale"], self.scale.to_dict())
        for key, table in tables.items():
            names[key] = f"{key}.csv"
            table.to_csv(folder / names[key], index=False)
        return names


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(plain(value), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def verify(
    manifest_path: str | Path, *, workers: Workers = None, progress: Progress | None = None
) -> VerificationResult:
    """Run the study of a manifest again and compare every headline number.

    Parameters
    ----------
    manifest_path : str or Path
        ``manifest.json`` of a run.
    workers : None, int or dask.distributed.Client
        Who does resampling work.
    progress : callable, optional
        Called as ``progress(done, total, name)`` before each step.

    Returns
    -------
    VerificationResult
        ``ok`` is true when all numbers agree within the stated tolerance and no input file changed.

    Raises
    ------
    ConfigError
        The manifest or an input file cannot be read.
    """
    path = Path(manifest_path)
    manifest = read_manifest(path)
    config, base = recorded_study(manifest, path)
    changed = changed_inputs(manifest, config, base)
    found = Study(config, base).run(workers=workers, progress=progress).headline()
    numbers = compare_headlines(manifest["headline"], found)
    return VerificationResult(bool(numbers["agrees"].all()) and not changed, numbers, changed)


def crosscheck_manifest(manifest_path: str | Path) -> Table:
    """Fit some models of a recorded study through second engines.

    Parameters
    ----------
    manifest_path : str or Path
        ``manifest.json`` of a run.

    Returns
    -------
    Table
        One row per engine: how many numbers were compared and the largest difference.
    """
    path = Path(manifest_path)
    config, base = recorded_study(read_manifest(path), path)
    stage = run_second_engines(read_inputs(config, base), lambda name: None)
    return Table("The same models through other programs", stage.table)
