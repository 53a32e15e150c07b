"""Path diagrams and residual maps, drawn with matplotlib alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import OptionError

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult

Place = tuple[float, float]
STEP = 2.2
"""Distance of the rows."""
HALF_BOX = 0.28
"""Half the height of a box, where curves begin."""


def _group(result: CFAResult, group: str | None) -> str:
    chosen = result.groups[0] if group is None else str(group)
    if chosen not in result.groups:
        raise OptionError(f"group={group!r} is unknown; the groups are {', '.join(result.groups)}.")
    return chosen


def layers(result: CFAResult) -> dict[str, Place]:
    """Position of every variable.

    Items stand in a row, their factors above them, factors of factors on top; a general factor, whose items are those of
    other factors as well, stands below. Observed causes and outcomes form the top row.
    """
    rows = [r for r in result.table.rows if r.group == 0 and r.op in ("=~", "~")]
    members = {f: [r.rhs for r in rows if r.op == "=~" and r.lhs == f] for f in result.table.latent}
    general = _general_factors(members)
    indicators = {name for names in members.values() for name in names}
    items = _item_order(
        result.table.observed, {f: m for f, m in members.items() if f not in general}, indicators
    )
    places: dict[str, Place] = {name: (float(k), 0.0) for k, name in enumerate(items)}
    level: dict[str, int] = dict.fromkeys(items, 0)
    for _ in members:
        for factor, names in members.items():
            level[factor] = 1 + max((level.get(name, 0) for name in names), default=0)
    for factor in sorted(members, key=lambda name: level[name]):
        height = -STEP if factor in general else level[factor] * STEP
        known = [places[name][0] for name in members[factor] if name in places]
        places[factor] = (_free_place(float(np.mean(known)) if known else 0.0, height, places), height)
    top = max((y for _, y in places.values()), default=0.0) + STEP
    for name in (*result.table.observed, *result.table.given):
        if name not in places:
            near = [
                places[x][0]
                for r in rows
                if r.op == "~"
                for x, y in ((r.lhs, r.rhs), (r.rhs, r.lhs))
                if y == name and x in places
            ]
            places[name] = (_free_place(float(np.mean(near)) if near else 0.0, top, places), top)
    return places


def _general_factors(members: dict[str, list[str]]) -> set[str]:
    """Factors that share all their items with others, each of which has fewer."""
    found = set()
    for factor, names in members.items():
        inside = [m for other, m in members.items() if other != factor and m and set(m) < set(names)]
        if inside and len({name for m in inside for name in m}) > len(names) / 2:
            found.add(factor)
    return found


def _item_order(
    observed: Sequence[str], members: dict[str, list[str]], indicators: set[str]
) -> tuple[str, ...]:
    """Indicators factor by factor, those of a general factor alone last."""
    ordered = [name for names in members.values() for name in names if name in observed]
    return tuple(dict.fromkeys([*ordered, *(name for name in observed if name in indicators)]))


def _free_place(x: float, y: float, places: dict[str, Place]) -> float:
    """The position nearest to ``x`` in row ``y`` that leaves room for a name."""
    taken = [u for u, v in places.values() if v == y]
    candidates = [x + sign * 0.25 * k for k in range(400) for sign in (1.0, -1.0)]
    return next(c for c in candidates if all(abs(c - u) > 0.99 for u in taken))


def draw_path_diagram(result: CFAResult, *, ax: Any = None, group: str | None = None) -> Any:
    """Boxes for observed variables, rounded ones for factors, arrows with standardised estimates."""
    import matplotlib.pyplot as plt

    chosen = _group(result, group)
    places = layers(result)
    xs, ys = (np.array(side) for side in zip(*places.values(), strict=True))
    if ax is None:
        unit = max(0.75, 0.12 * max(len(name) for name in places))
        size = max(5.0, unit * (np.ptp(xs) + 2.0)), 2.0 + 0.8 * (np.ptp(ys) + 1.0)
        _, ax = plt.subplots(figsize=size)
    low, high = float(ys.min()), float(ys.max())
    tidy = result.tidy()
    tidy = tidy[(tidy["group"] == chosen) & (tidy["lhs"] != tidy["rhs"])]
    for row in tidy.itertuples():
        if row.op in ("=~", "~"):
            start, end = (row.lhs, row.rhs) if row.op == "=~" else (row.rhs, row.lhs)
            tip = _draw_path(ax, places[start], places[end], row.std_all)
        elif row.op == "~~" and abs(row.std_all) > 1e-10:
            tip = _draw_arc(ax, places[row.lhs], places[row.rhs], row.std_all, style="<|-|>")
        else:
            continue
        low, high = min(low, tip), max(high, tip)
    for name, place in places.items():
        style = "round,pad=0.4,rounding_size=0.8" if name in result.table.latent else "square,pad=0.35"
        box = {"boxstyle": style, "fc": "white", "ec": "0.2"}
        ax.annotate(name, place, ha="center", va="center", fontsize=9, bbox=box, zorder=3)
    ax.set_xlim(xs.min() - 0.8, xs.max() + 0.8)
    ax.set_ylim(low - 0.5, high + 0.5)
    ax.set_axis_off()
    ax.set_title("Standardised estimates" + (f", {chosen}" if len(result.groups) > 1 else ""))
    return ax


def _draw_path(ax: Any, start: Place, end: Place, value: float) -> float:
    """A straight arrow, or an arc over what stands between two variables of one row; returns its outermost height."""
    if start[1] == end[1] and abs(start[0] - end[0]) > 1.9:
        return _draw_arc(ax, start, end, value, style="-|>")
    arrow = _arrow_style(value) | {"arrowstyle": "-|>", "shrinkA": 12, "shrinkB": 12}
    ax.annotate("", xy=end, xytext=start, arrowprops=arrow)
    share = 0.5 if start[1] == end[1] else 0.64
    _write(ax, start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]), value)
    return end[1]


def _draw_arc(ax: Any, start: Place, end: Place, value: float, *, style: str) -> float:
    """A curve above factors and causes, below items; returns its outermost height."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    below = start[1] == end[1] == 0.0
    side, edge = (-1.0, min(start[1], end[1])) if below else (1.0, max(start[1], end[1]))
    rise = 0.45 + 0.11 * abs(end[0] - start[0])
    middle = (start[0] + end[0]) / 2.0, edge + side * (HALF_BOX + 2.0 * rise)
    points = [(start[0], start[1] + side * HALF_BOX), middle, (end[0], end[1] + side * HALF_BOX)]
    curve = Path(points, [Path.MOVETO, Path.CURVE3, Path.CURVE3])
    ax.add_patch(FancyArrowPatch(path=curve, arrowstyle=style, mutation_scale=9, **_arrow_style(value)))
    x, y = (0.25 * points[0][k] + 0.5 * middle[k] + 0.25 * points[2][k] for k in range(2))
    _write(ax, x, y, value)
    return y


def _arrow_style(value: float) -> dict[str, Any]:
    return {"color": "0.45", "lw": 0.6 + 1.6 * min(abs(value), 1.0), "fill": True}


def _write(ax: Any, x: float, y: float, value: float) -> None:
    text = f"{value:.2f}".replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")
    box = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none"}
    ax.text(x, y, text, fontsize=8, ha="center", va="center", color="0.1", bbox=box, zorder=2.5)


def draw_residuals(result: CFAResult, *, ax: Any = None, group: str | None = None) -> Any:
    """Residual correlations as a coloured map."""
    import matplotlib.pyplot as plt

    chosen = _group(result, group)
    found: pd.DataFrame = result.residuals("cor")
    values = found if len(result.groups) == 1 else found.loc[chosen]
    if ax is None:
        _, ax = plt.subplots()
    limit = max(0.1, float(np.abs(values.to_numpy()).max()))
    image = ax.imshow(values.to_numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
    names = list(result.table.observed)
    ax.set_xticks(range(len(names)), names, rotation=90)
    ax.set_yticks(range(len(names)), names)
    ax.figure.colorbar(image, ax=ax, label="residual correlation")
    return ax
