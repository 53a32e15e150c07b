"""Figures of item response models; matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt.calibration import Estimated, group_index
from recoverymetrics.irt.curves import expected_scores, information_frame, probability_frame
from recoverymetrics.irt.score_frames import score_codes
from recoverymetrics.irt.tables import wide_parameters

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = np.linspace(-4, 4, 161)


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]


def plot_information(
    est: Estimated, item: str | None = None, ax: Axes | None = None, group: str | None = None
) -> Axes:
    """Test information with the standard error on a second axis, or the information of one item."""
    axes = _axes(ax)
    frame = information_frame(est, GRID, group)
    if item is not None:
        axes.plot(frame["theta"], frame[_known(est, item)], color="#1f4e79")
        axes.set(xlabel="theta", ylabel="information", title=item)
        axes.set_ylim(bottom=0)
        return axes
    axes.plot(frame["theta"], frame["test"], color="#1f4e79", label="information")
    axes.set(xlabel="theta", ylabel="test information", ylim=(0, 1.3 * float(frame["test"].max())))
    twin = axes.twinx()
    twin.plot(frame["theta"], frame["std_error"], color="#b04a3a", linestyle="--", label="standard error")
    twin.set(ylabel="standard error", ylim=(0, min(float(frame["std_error"].max()) * 1.05, 2.0)))
    lines = [*axes.get_lines(), *twin.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], frameon=False, loc="upper center", ncols=2)
    return axes


def plot_categories(
    est: Estimated, item: str | None = None, ax: Axes | None = None, group: str | None = None
) -> Axes:
    """Category probabilities of one item (the first by default)."""
    axes = _axes(ax)
    name = est.layout.items[0] if item is None else _known(est, item)
    frame = probability_frame(est, GRID, group)
    frame = frame[frame["item"] == name]
    for category, rows in frame.groupby("category"):
        axes.plot(rows["theta"], rows["probability"], label=str(category))
    axes.set(xlabel="theta", ylabel="probability", title=name, ylim=(0, 1))
    axes.legend(title="category", frameon=False)
    return axes


def plot_expected(
    est: Estimated, item: str | None = None, ax: Axes | None = None, group: str | None = None
) -> Axes:
    """Expected test score, or the expected score of one item."""
    axes = _axes(ax)
    frame = expected_scores(est, GRID, group)
    axes.plot(frame["theta"], frame["test" if item is None else _known(est, item)], color="#1f4e79")
    axes.set(xlabel="theta", ylabel="expected test score" if item is None else "expected score")
    axes.set_title(item or "")
    return axes


def _known(est: Estimated, item: str) -> str:
    """Name of an item of the calibration."""
    if item not in est.layout.items:
        raise OptionError(f"there is no item {item!r}; choose one of {', '.join(est.layout.items)}.")
    return item


def plot_wright(est: Estimated, ax: Axes | None = None, group: str | None = None) -> Axes:
    """Wright map: distribution of the persons (of one group) beside the item thresholds."""
    axes = _axes(ax)
    frame, g = wide_parameters(est), group_index(est.layout, group)
    if len(est.layout.groups) > 1:
        frame = frame.xs(est.layout.groups[g], level="group")
    thresholds = frame[[c for c in frame.columns if c.startswith("b")]]
    if thresholds.empty:
        raise ModelError("a Wright map needs items with thresholds: one factor, and no nominal items alone.")
    scores = score_codes(est, est.coded, "eap").estimate[est.coded.group == g, 0]
    counts, edges = np.histogram(scores, bins=30)
    axes.barh(
        edges[:-1],
        -counts / counts.max() * 3,
        height=np.diff(edges),
        align="edge",
        color="#9db8d2",
        label="persons",
    )
    for position, (_, row) in enumerate(thresholds.iterrows(), start=1):
        values = row.dropna().to_numpy()
        axes.plot(np.full(values.size, position), values, "o-", color="#b04a3a", linewidth=0.8, markersize=4)
    axes.set_xticks(range(1, len(thresholds) + 1), list(thresholds.index), rotation=90)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(ylabel="theta", title="persons and item thresholds")
    return axes


KINDS: dict[str, Callable[..., Axes]] = {
    "information": plot_information,
    "categories": plot_categories,
    "expected": plot_expected,
    "wright": plot_wright,
}
