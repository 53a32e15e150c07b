"""Equality across groups, and the identification that each pattern of equality needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recoverymetrics.cfa.table import Roles, Row
from recoverymetrics.errors import ModelError, OptionError

EQUAL = (
    "loadings",
    "intercepts",
    "residuals",
    "residual_covariances",
    "means",
    "thresholds",
    "regressions",
    "lv_variances",
    "lv_covariances",
)
"""Kinds of parameters that ``equal=`` can hold equal across groups."""


def check_equal(equal: str | Iterable[str]) -> tuple[str, ...]:
    """Normalise ``equal=``: a name or several, dots and underscores alike."""
    names = (equal,) if isinstance(equal, str) else tuple(equal)
    found = tuple(str(name).replace(".", "_").lower() for name in names if name)
    for name in found:
        if name not in EQUAL:
            raise OptionError(f"equal={name!r} is unknown; choose from {', '.join(EQUAL)}.")
    return found


def kind_of(row: Row, roles: Roles) -> str:
    """Kind of a parameter in the words of ``equal=``; empty for rows that no equality concerns."""
    latent = set(roles.latent)
    if row.op == "=~":
        return "loadings"
    if row.op == "~":
        return "regressions"
    if row.op == "|":
        return "thresholds"
    if row.op == "~1":
        return "means" if row.lhs in latent else "intercepts"
    if row.op == "~~" and row.lhs in latent:
        return "lv_variances" if row.lhs == row.rhs else "lv_covariances"
    if row.op == "~~":
        return "residuals" if row.lhs == row.rhs else "residual_covariances"
    return ""


def freed_keys(free: str | Iterable[str], rows: Sequence[Row]) -> set[tuple[str, str, str]]:
    """Read ``free=`` lines such as ``"x2~1"``, ``"f=~x2"``, ``"A1|t2"`` or ``"A1|"`` (all thresholds)."""
    lines = (free,) if isinstance(free, str) else tuple(free)
    known = {(row.lhs, row.op, row.rhs) for row in rows}
    found: set[tuple[str, str, str]] = set()
    for line in lines:
        text = "".join(str(line).split())
        matched = {key for key in known if text in _spellings(key)}
        if not matched:
            raise ModelError(
                f"free={line!r} matches no parameter of the model; write it as in the model, for example "
                f"{'~'.join(['x1', '1'])!r} or {'f=~x1'!r}."
            )
        found |= matched
    return found


def _spellings(key: tuple[str, str, str]) -> set[str]:
    lhs, op, rhs = key
    names = {f"{lhs}{op}{rhs}"}
    if op == "~~":
        names.add(f"{rhs}{op}{lhs}")
    if op == "|":
        names.add(f"{lhs}|")
    return names


def apply_equality(
    rows: list[Row], roles: Roles, equal: Sequence[str], freed: set[tuple[str, str, str]]
) -> None:
    """Give corresponding parameters of all groups one label, in place."""
    first = {(r.lhs, r.op, r.rhs): r for r in rows if r.group == 0}
    later: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.group > 0:
            later.setdefault((row.lhs, row.op, row.rhs), []).append(row)
    for number, row in enumerate(first.values()):
        key = (row.lhs, row.op, row.rhs)
        if kind_of(row, roles) not in equal or key in freed or row.origin == "exogenous":
            continue
        others = later.get(key, [])
        if not row.free and all(not r.free for r in others):
            continue
        label = row.label or f".p{number + 1}."
        for member in (row, *others):
            if not member.label:
                member.label = label


def identify_means(rows: list[Row], roles: Roles, equal: Sequence[str], *, anchored: bool) -> None:
    """Free the factor means of all groups but the first when the items anchor them, in place."""
    if not anchored or "means" in equal:
        return
    for row in rows:
        top = row.lhs in roles.latent and row.lhs not in roles.indicators
        if row.group > 0 and row.op == "~1" and top and row.origin == "default":
            row.release()


def identify_variances(rows: list[Row], roles: Roles, equal: Sequence[str]) -> None:
    """Free the variances of standardised factors in all groups but the first once loadings are equal, in place."""
    if "loadings" not in equal or "lv_variances" in equal:
        return
    for row in rows:
        if (
            row.group > 0
            and row.op == "~~"
            and row.lhs == row.rhs
            and row.lhs in roles.latent
            and row.origin == "default"
        ):
            row.release()


def equal_thresholds(
    rows: Sequence[Row], equal: Sequence[str], freed: set[tuple[str, str, str]]
) -> dict[str, int]:
    """Number of thresholds of each item that are equal across groups."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.group == 0 and row.op == "|":
            held = "thresholds" in equal and (row.lhs, "|", row.rhs) not in freed
            counts[row.lhs] = counts.get(row.lhs, 0) + int(held)
    return counts


def identify_wu_estabrook(
    rows: list[Row],
    roles: Roles,
    equal: Sequence[str],
    freed: set[tuple[str, str, str]],
    *,
    theta: bool,
) -> tuple[str, ...]:
    """Identify ordered items in several groups as Wu and Estabrook (2016) do, in place.

    The first group has intercepts 0, scales 1 and standardised factors. In the others, equal thresholds
    (two or more) free the intercept and the scale of an item; equal loadings free the factor variances;
    equal intercepts free the factor means. With a single threshold loadings are only testable together
    with intercepts, so that the loadings step leaves the model equivalent to the one before.

    Returns
    -------
    tuple of str
        Which steps are not testable, in words.
    """
    counts = equal_thresholds(rows, equal, freed)
    loadings, intercepts = "loadings" in equal, "intercepts" in equal
    scale_op = "~~" if theta else "~*~"
    for row in rows:
        if row.group == 0 or row.lhs not in counts or row.origin == "modified":
            continue
        held = counts[row.lhs]
        if row.op == "~1" and held and (not intercepts or (row.lhs, "~1", "") in freed):
            row.release()
        if row.op == scale_op and row.lhs == row.rhs:
            own = (row.lhs, scale_op, row.lhs) in freed or (row.lhs, "~~", row.lhs) in freed
            open_scale = held >= 2 or (held == 1 and loadings)
            if open_scale and ("residuals" not in equal or own):
                row.release()
    anchored = intercepts and ("thresholds" in equal or len(counts) < len(roles.observed))
    identify_means(rows, roles, equal, anchored=anchored)
    identify_variances(rows, roles, equal)
    if loadings and not intercepts:
        _pin_binary_factors(rows, roles, counts)
    return _untestable(rows, counts, equal)


def _pin_binary_factors(rows: list[Row], roles: Roles, counts: dict[str, int]) -> None:
    """Keep the variance of a factor at one when all its items have one equal threshold only."""
    for factor in roles.latent:
        items = [r.rhs for r in rows if r.op == "=~" and r.lhs == factor and r.group == 0]
        if not items or any(counts.get(item, 0) != 1 for item in items):
            continue
        for row in rows:
            if row.op == "~~" and row.lhs == row.rhs == factor and row.origin == "default":
                row.fix(1.0)


def _untestable(rows: Sequence[Row], counts: dict[str, int], equal: Sequence[str]) -> tuple[str, ...]:
    if "thresholds" not in equal:
        return ()
    total: dict[str, int] = {}
    for row in rows:
        if row.group == 0 and row.op == "|":
            total[row.lhs] = total.get(row.lhs, 0) + 1
    few = [item for item, k in total.items() if k <= 2]
    single = [item for item, k in total.items() if k == 1]
    notes = []
    if few:
        notes.append(
            f"Equal thresholds restrict nothing for items with two or three categories ({', '.join(few)})."
        )
    if single and "loadings" in equal and "intercepts" not in equal:
        notes.append(
            f"Equal loadings of items with two categories ({', '.join(single)}) are testable only together "
            "with equal intercepts."
        )
    del counts
    return tuple(notes)
