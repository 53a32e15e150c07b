"""Figures of content: the coverage map and the relevance of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recoverymetrics.content.indices import i_cvi_criterion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.content.coverage import CoverageResult
    from recoverymetrics.content.persons import PersonDefinedResult
    from recoverymetrics.content.validity import ContentValidity

INK, PALE, BLUE, ORANGE, GREY = "#222222", "#eef1f4", "#2a6f97", "#c8553d", "#8a8f98"
"""Colours that stay apart in print and for colour-blind readers."""


def plot_coverage(coverage: CoverageResult, *, ax: Axes | None = None) -> Axes:
    """Draw the coverage map: one row per element, a named square per item, empty rows marked.

    Parameters
    ----------
    coverage : CoverageResult
        The coverage.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure high enough to read.

    Returns
    -------
    Axes
    """
    table = coverage.elements.sort_values("domain", key=lambda c: c.map(_order(c)), kind="stable")
    widest = max(int(table["n_items"].max()), 3)
    groups = coverage.stakeholders if len(coverage.stakeholders) <= 6 else {}
    ax = _axes(
        ax, (6.5 + 0.62 * widest + 0.9 * len(groups), 1.6 + 0.3 * (len(table) + table["domain"].nunique()))
    )
    y, ticks, names = 0.0, [], []
    for domain, rows in table.groupby(table["domain"].fillna("unknown"), sort=False):
        ax.text(-0.5, y, str(domain).upper(), ha="left", va="center", fontsize=8, color=GREY, weight="bold")
        y += 1
        for _, row in rows.iterrows():
            _element_row(ax, y, row, coverage.items_of(row["element"]), widest, coverage.redundant_above)
            for k, (_, own) in enumerate(groups.items()):
                if row["element"] in own:
                    ax.plot(
                        widest + 0.4 + 1.2 * k, y, "o", color=BLUE if row["n_items"] else ORANGE, markersize=5
                    )
            ticks.append(y)
            names.append(f"{row['label']}  ({row['element']})")
            y += 1
    ax.set_yticks(ticks, names, fontsize=8)
    ax.set_ylim(y + 0.5, -1.0 - 0.9 * max((_short(n).count("\n") for n in groups), default=0))
    ax.set_xlim(-0.6, widest + 0.1 + 1.2 * len(groups))
    _explain(ax, y, coverage, {name: widest + 0.4 + 1.2 * k for k, name in enumerate(groups)})
    _bare(ax)
    return ax


def _explain(ax: Axes, y: float, coverage: CoverageResult, columns: dict[str, float]) -> None:
    """Title, names over the columns of dots, and what the marks mean."""
    for name, x in columns.items():
        ax.text(x, -0.8, _short(name), ha="center", va="bottom", fontsize=7, color=INK)
    told = [f"grey: beyond {coverage.redundant_above} items"] if coverage.redundant else []
    told += ["dot: in this group's consensus (orange: no item asks about it)"] if columns else []
    ax.text(-0.5, y, "; ".join(told), fontsize=7, color=GREY, va="center")
    n, empty = len(coverage.elements), len(coverage.uncovered)
    without = f", {empty} without" if empty else ""
    ax.set_title(f"{n - empty} of {n} elements have items{without}", loc="left", pad=14)


def _element_row(ax: Axes, y: float, row: object, items: tuple[str, ...], widest: int, most: int) -> None:
    from matplotlib.patches import Rectangle

    if not items:
        ax.add_patch(Rectangle((-0.5, y - 0.42), widest, 0.84, facecolor="#fbe9e5", edgecolor=ORANGE, lw=1))
        ax.text(
            -0.35,
            y,
            "no item asks about this",
            va="center",
            ha="left",
            fontsize=8,
            color=ORANGE,
            weight="bold",
        )
    for k, item in enumerate(items):
        colour = GREY if k >= most else BLUE
        ax.add_patch(Rectangle((k - 0.46, y - 0.42), 0.92, 0.84, facecolor=colour, edgecolor="white"))
        ax.text(k, y, item, va="center", ha="center", fontsize=7, color="white")


def _order(column: object) -> dict[object, int]:
    usual = ("definition", "indicator", "facilitator", "barrier")
    seen = list(dict.fromkeys(column))  # type: ignore[call-overload]
    return {
        name: i
        for i, name in enumerate([*[d for d in usual if d in seen], *[d for d in seen if d not in usual]])
    }


def _short(name: str, width: int = 14) -> str:
    """Break a long name over lines."""
    import textwrap

    return "\n".join(textwrap.wrap(name.replace("_", " "), width)[:4])


def plot_relevance(validity: ContentValidity, *, by: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the I-CVI of every item with its interval; one mark per group of raters with ``by``.

    The dashed line is the criterion, drawn when it is the same for all items and groups shown.
    """
    table = validity.tidy()
    order = table.sort_values("i_cvi", na_position="first")["item"].tolist()
    place = {item: i for i, item in enumerate(order)}
    ax = _axes(ax, (7.0, 1.6 + 0.22 * len(order)))
    if by is None:
        criteria = table["criterion"].to_numpy(dtype=float)
        y = table["item"].map(place)
        low, high = table["i_cvi"] - table["conf_low"], table["conf_high"] - table["i_cvi"]
        below = (table["verdict"] == "below").to_numpy()
        for mask, colour, label in (
            (~below, BLUE, "meets the criterion"),
            (below, ORANGE, "below the criterion"),
        ):
            if mask.any():
                spread = [low[mask].clip(lower=0), high[mask].clip(lower=0)]
                ax.errorbar(
                    table["i_cvi"][mask], y[mask], xerr=spread, fmt="o", color=colour, ms=4, lw=1, label=label
                )
    else:
        groups = validity.by_group(by)
        parts = list(groups.groupby("group", sort=False))
        for k, ((name, rows), colour) in enumerate(zip(parts, _cycle(), strict=False)):
            y = rows["item"].map(place) + 0.5 * (k - (len(parts) - 1) / 2) / len(parts)
            ax.plot(rows["i_cvi"], y, "o", ms=4, color=colour, label=str(name).replace("_", " "))
        criteria = i_cvi_criterion(groups["n"].to_numpy(dtype=float))
    if criteria.min() == criteria.max():
        ax.axvline(float(criteria[0]), color=GREY, lw=1, ls="--")
    ax.set_yticks(range(len(order)), order, fontsize=7)
    ax.margins(y=0.02)
    ax.set_xlim(-0.02, 1.04)
    ax.set_xlabel("share of raters who call the item relevant (I-CVI)")
    ax.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def plot_themes(result: PersonDefinedResult, *, ax: Axes | None = None) -> Axes:
    """Draw how many people named each element in their own words; orange where no item asks about it."""
    table = result.tidy()
    named = table[table["n_persons"] > 0].sort_values("n_persons", kind="stable")
    outside = int(result.themes.loc[~result.themes["in_elements"], "person"].nunique())
    labels = [*named["label"], "something that no element covers"]
    counts = [*named["n_persons"], outside]
    asked = [*(named["n_items"] > 0), False]
    ax = _axes(ax, (7.5, 1.4 + 0.26 * len(labels)))
    for covered, colour, label in (
        (True, BLUE, "an item asks about it"),
        (False, ORANGE, "no item asks about it"),
    ):
        rows = [i for i, own in enumerate(asked) if own == covered]
        ax.barh(rows, [counts[i] for i in rows], color=colour, height=0.75, label=label)
    for i, n in enumerate(counts):
        ax.text(n, i, f" {n}", va="center", fontsize=7, color=INK)
    ax.set_yticks(range(len(labels)), labels, fontsize=8)
    ax.margins(y=0.02)
    ax.set_xlabel(f"people who named it, of {result.themes['person'].nunique()} who answered")
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def _cycle() -> tuple[str, ...]:
    return (BLUE, ORANGE, "#5b8c5a", "#7b5ea7", "#b08900", "#00798c", INK, GREY)


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _bare(ax: Axes) -> None:
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
