"""Path diagrams and residual maps, drawn with matplotlib alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import OptionError

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult

Place = tuple[float, float]


def _group(result: CFAResult, group: str | None) -> str:
    chosen = result.groups[0] if group is None else str(group)
    if chosen not in result.groups:
        raise OptionError(f"group={group!r} is unknown; the groups are {', '.join(result.groups)}.")
    return chosen


def layers(result: CFAResult) -> dict[str, Place]:
    """Position of every variable: items below, factors above them, factors of factors on top."""
    rows = [r for r in result.table.rows if r.group == 0 and r.op == "=~"]
    height: dict[str, int] = dict.fromkeys(result.table.observed, 0)
    for _ in result.table.latent:
        for factor in result.table.latent:
            below = [height.get(r.rhs, 0) for r in rows if r.lhs == factor]
            height[factor] = max(below, default=0) + 1
    places: dict[str, Place] = {name: (float(k), 0.0) for k, name in enumerate(result.table.observed)}
    for factor in sorted(result.table.latent, key=lambda name: height[name]):
        members = [places[r.rhs][0] for r in rows if r.lhs == factor and r.rhs in places]
        x = float(np.mean(members)) if members else 0.0
        while any(abs(x - u) < 0.9 and v == height[factor] * 2.0 for u, v in places.values()):
            x += 1.0
        places[factor] = (x, height[factor] * 2.0)
    return places


def draw_path_diagram(result: CFAResult, *, ax: Any = None, group: str | None = None) -> Any:
    """Boxes for items, ellipses for factors, arrows with standardised estimates."""
    import matplotlib.pyplot as plt

    chosen = _group(result, group)
    places = layers(result)
    if ax is None:
        _, ax = plt.subplots(figsize=(max(6.0, 0.9 * len(result.table.observed)), 5.0))
    tidy = result.tidy()
    tidy = tidy[tidy["group"] == chosen]
    for row in tidy.itertuples():
        if row.op in ("=~", "~"):
            start, end = (row.lhs, row.rhs) if row.op == "=~" else (row.rhs, row.lhs)
            _arrow(ax, places[start], places[end], row.std_all, curved=False)
        elif row.op == "~~" and row.lhs != row.rhs and abs(row.std_all) > 1e-10:
            _arrow(ax, places[row.lhs], places[row.rhs], row.std_all, curved=True)
    for name, place in places.items():
        style = "square" if name in result.table.observed else "round4"
        ax.annotate(
            name,
            place,
            ha="center",
            va="center",
            bbox={"boxstyle": f"{style},pad=0.4", "fc": "white", "ec": "0.2"},
            zorder=3,
        )
    xs, ys = zip(*places.values(), strict=True)
    ax.set_xlim(min(xs) - 1.0, max(xs) + 1.0)
    ax.set_ylim(min(ys) - 0.8, max(ys) + 1.4)
    ax.set_axis_off()
    ax.set_title("Standardised estimates" + (f", {chosen}" if len(result.groups) > 1 else ""))
    return ax


def _arrow(ax: Any, start: Place, end: Place, value: float, *, curved: bool) -> None:
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "<->" if curved else "->",
            "color": "0.35",
            "lw": 0.6 + 2.0 * min(abs(value), 1.0),
            "shrinkA": 14,
            "shrinkB": 14,
            "connectionstyle": "arc3,rad=-0.35" if curved else "arc3",
        },
    )
    lift = 0.35 * abs(end[0] - start[0]) * 0.5 if curved else 0.0
    share = 0.5 if curved else 0.62
    x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]) + lift
    ax.text(x, y, f"{value:.2f}".replace("0.", "."), fontsize=8, ha="center", va="center", color="0.1")


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
