"""Other engines are guests: found when asked for, and their warnings stay with them."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version as installed_version
from types import ModuleType

from recoverymetrics.errors import ModelError, OptionError


def load(package: str) -> ModuleType:
    """Import an optional package, or say how to get it."""
    with contained():
        try:
            return import_module(package)
        except ImportError as error:
            raise OptionError(
                f"engine {package!r} is not installed; install recoverymetrics with the 'crosscheck' extra."
            ) from error


def version(package: str) -> str:
    """Installed version of a package."""
    return installed_version(package)


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Keep warnings and prints of a third party inside."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def refuse(engine: str, what: str, reason: str) -> ModelError:
    """The error for a path that is known to be wrong, with the reason."""
    return ModelError(f"{engine} cannot check {what}: {reason}")
