"""The rungs of the invariance ladder: what each holds equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recoverymetrics.errors import OptionError


@dataclass(frozen=True)
class Level:
    """One rung.

    Attributes
    ----------
    name : str
        Name in the table.
    adds : tuple of str
        Parameters that become equal here, in the words of ``fit_cfa(equal=...)``.
    needs : tuple of str
        Parameters that must be equal already for the rung to mean anything.
    allows : str
        What may be compared between groups when the rung holds.
    """

    name: str
    adds: tuple[str, ...]
    needs: tuple[str, ...]
    allows: str


CONTINUOUS = (
    Level("configural", (), (), "the same items measure the same dimensions"),
    Level("metric", ("loadings",), (), "correlations and regressions of the factors may be compared"),
    Level("scalar", ("intercepts",), ("loadings",), "factor means may be compared"),
    Level("strict", ("residuals",), ("loadings", "intercepts"), "observed scores may be compared"),
    Level("variances", ("lv_variances", "lv_covariances"), ("loadings",), "factors vary equally"),
    Level("means", ("means",), ("loadings", "intercepts"), "the groups have equal factor means"),
)
ORDINAL = (
    Level("configural", (), (), "the same items measure the same dimensions"),
    Level("thresholds", ("thresholds",), (), "the answer categories are used alike"),
    Level(
        "loadings",
        ("loadings",),
        ("thresholds",),
        "correlations and regressions of the factors may be compared",
    ),
    Level("intercepts", ("intercepts",), ("thresholds", "loadings"), "factor means may be compared"),
    Level(
        "residuals",
        ("residuals",),
        ("thresholds", "loadings", "intercepts"),
        "observed scores may be compared",
    ),
    Level(
        "variances",
        ("lv_variances", "lv_covariances"),
        ("thresholds", "loadings"),
        "factors vary equally",
    ),
    Level(
        "means", ("means",), ("thresholds", "loadings", "intercepts"), "the groups have equal factor means"
    ),
)
ALIASES = {
    "weak": "metric",
    "strong": "scalar",
    "residual": "strict",
    "loadings": "metric",
    "intercepts": "scalar",
    "residuals": "strict",
}
DEFAULT = {False: ("configural", "metric", "scalar", "strict"), True: tuple(x.name for x in ORDINAL[:5])}


@dataclass(frozen=True)
class Rung:
    """A level with everything that is equal on it."""

    level: Level
    equal: tuple[str, ...]


def plan_levels(levels: Sequence[str] | None, *, ordinal: bool) -> tuple[Rung, ...]:
    """Resolve level names to rungs; what an earlier rung holds equal stays equal.

    Parameters
    ----------
    levels : sequence of str, optional
        Names; by default the measurement part of the ladder. ``"weak"``, ``"strong"``, and the names of the
        other ladder (``"metric"`` for ``"loadings"``) are understood.
    ordinal : bool
        Which ladder.
    """
    known = {level.name: level for level in (ORDINAL if ordinal else CONTINUOUS)}
    wanted = DEFAULT[ordinal] if levels is None else (levels,) if isinstance(levels, str) else levels
    if not wanted:
        raise OptionError(f"levels= is empty; choose from {', '.join(known)}, or leave it out.")
    rungs: list[Rung] = []
    equal: tuple[str, ...] = ()
    order = list(known)
    for name in sorted((_resolve(name, known, ordinal) for name in wanted), key=order.index):
        level = known[name]
        equal = tuple(dict.fromkeys((*equal, *level.needs, *level.adds)))
        if not rungs or rungs[-1].level is not level:
            rungs.append(Rung(level, equal))
    if rungs[0].level.name != "configural":
        rungs.insert(0, Rung(known["configural"], ()))
    return tuple(rungs)


def _resolve(name: str, known: dict[str, Level], ordinal: bool) -> str:
    key = str(name).lower()
    if key not in known:
        key = ALIASES.get(key, key)
    if ordinal:
        key = {"metric": "loadings", "scalar": "intercepts", "strict": "residuals"}.get(key, key)
    if key not in known:
        raise OptionError(f"level {name!r} is not known; choose from {', '.join(known)}.")
    return key
