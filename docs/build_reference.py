"""Write one page per package from the public names, so that no public name lacks a page."""

from __future__ import annotations

import inspect
from pathlib import Path

import recoverymetrics as rm


def write_reference(folder: Path) -> None:
    """Write ``index.rst`` and a page for each package that has public names."""
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.rst"):
        stale.unlink()
    homes = {home: names for home, names in rm._HOMES.items() if names}
    pages = ["errors", *homes]
    for home, names in homes.items():
        (folder / f"{home}.rst").write_text(_page(home, names), encoding="utf-8")
    errors = tuple(
        name
        for name in rm.__all__
        if inspect.isclass(value := getattr(rm, name)) and issubclass(value, Exception | Warning)
    )
    (folder / "errors.rst").write_text(_page("errors", errors), encoding="utf-8")
    toc = "\n".join(f"   {page}" for page in pages)
    (folder / "index.rst").write_text(
        f"Reference\n=========\n\n.. toctree::\n   :maxdepth: 1\n\n{toc}\n", encoding="utf-8"
    )


def _page(home: str, names: tuple[str, ...]) -> str:
    parts = [home, "=" * len(home), "", f".. currentmodule:: recoverymetrics.{home}", ""]
    for name in names:
        directive = "autoclass" if inspect.isclass(getattr(rm, name)) else "autofunction"
        parts += [name, "-" * len(name), "", f".. {directive}:: {name}"]
        parts += ["   :members:", ""] if directive == "autoclass" else [""]
    return "\n".join(parts)
