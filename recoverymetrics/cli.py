"""The command line: ``recoverymetrics demo | run | new | verify | crosscheck``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from recoverymetrics.errors import ConfigError, RecoveryMetricsError
from recoverymetrics.study import Study, StudyResult, crosscheck_manifest, demo_study_path, new_study, verify

app = typer.Typer(
    help="From consensus elements and answers in six WHO regions to a refined scale and its report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path, typer.Option("--out", help="Folder for report.html, manifest.json and the tables.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes for resampling work.")]

EXIT_MOVED = 1
EXIT_WRONG_INPUT = 2


def _say_version(wanted: bool) -> None:
    if wanted:
        from recoverymetrics import __version__

        typer.echo(f"recoverymetrics {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From consensus elements and answers in six WHO regions to a refined scale and its report."""


@app.command()
def demo(out: Out = Path("out/demo"), workers: Workers = 1) -> None:
    """Run the bundled synthetic six-region study."""
    _run(demo_study_path(), out, workers)


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="The study file (TOML).")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Output folder; 'out' beside the study file when left out.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the input files; that of the study file when left out."),
    ] = None,
    workers: Workers = 1,
) -> None:
    """Run a study file."""
    _run(study, study.parent / "out" if out is None else out, workers, data)


@app.command(name="verify")
def verify_command(
    manifest: Annotated[Path, typer.Argument(help="manifest.json of a run.")],
) -> None:
    """Run a study again and compare every headline number with its manifest."""
    with _errors_as_messages(), _progress() as report_step:
        result = verify(manifest, progress=report_step)
    for name in result.changed_files:
        typer.echo(f"input file changed: {name}")
    for row in result.moved().itertuples():
        typer.echo(
            f"moved: {row.term}: recorded {row.recorded}, found {row.found} (tolerance {row.tolerance:g})"
        )
    if not result.ok:
        typer.echo(
            f"NOT verified: {len(result.moved())} of {len(result.numbers)} numbers moved, {len(result.changed_files)} input files changed"
        )
        raise typer.Exit(EXIT_MOVED)
    typer.echo(f"verified: {len(result.numbers)} numbers agree")


@app.command()
def crosscheck(
    manifest: Annotated[Path, typer.Argument(help="manifest.json of a run.")],
) -> None:
    """Fit the models of a run with second engines and print the differences."""
    with _errors_as_messages():
        table = crosscheck_manifest(manifest)
    typer.echo(table.to_text())


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to create; it must not exist or be empty.")],
) -> None:
    """Start a study: a commented study file with example inputs to replace by your own."""
    with _errors_as_messages():
        path = new_study(folder)
    typer.echo(f"wrote {path}\nrun it: recoverymetrics run {path}")


def _run(study: Path, out: Path, workers: int, data: Path | None = None) -> None:
    with _errors_as_messages(), _progress() as report_step:
        _check_folder(out)
        result = Study.from_toml(study, data=data).run(workers=workers, progress=report_step)
        paths = result.save(out)
    _echo_outcome(result)
    typer.echo(str(paths["report"]))


def _check_folder(out: Path) -> None:
    taken = next((p for p in (out, *out.parents) if p.exists() and not p.is_dir()), None)
    if taken is not None:
        raise ConfigError(f"--out: {str(taken)!r} is a file; name a folder.")
    nearest = next((p for p in (out, *out.absolute().parents) if p.exists()), Path("/"))
    if not _writable(nearest):
        raise ConfigError(f"--out: nothing can be written in {str(nearest)!r}; name another folder.")


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _echo_outcome(result: StudyResult) -> None:
    for note in result.warnings:
        typer.echo(f"note: {note}", err=True)
    typer.echo(result.headline_sentence())


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    try:
        yield
    except (RecoveryMetricsError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_WRONG_INPUT) from None


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None] | None]:
    if os.environ.get("CI") or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description:<34}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def step(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name)

        yield step
