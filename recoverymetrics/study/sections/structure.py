"""Screening, number of factors, factor analysis, item response theory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.display import Table
from recoverymetrics.report import Block, Callout, Figure, Section
from recoverymetrics.report.figures import draw_forest, draw_heat, draw_lines
from recoverymetrics.study.stages.structure import screened_items, standardised_loadings

if TYPE_CHECKING:
    from recoverymetrics.study.pipeline import StudyResult


def screening_section(result: StudyResult) -> Section:
    """Missing answers, extremes, careless answering."""
    screening = result.structure.screening
    items, persons = screened_items(screening), screening.persons()
    blocks: list[Block] = [Table("Items", items)]
    empty = int(np.isnan(result.inputs.responses.values).all(axis=1).sum())
    if empty:
        blocks.insert(
            0,
            Callout(
                f"{empty} people answered no item. They are kept in the data and counted; no analysis can use them."
            ),
        )
    notes = [note.message for note in result.inputs.responses.notes]
    if notes:
        blocks.append(Table("Noticed while reading the answers", pd.DataFrame({"note": notes})))
    lead = (
        f"{result.inputs.responses.n:,} people, {len(items)} items, {items['missing'].mean():.1%} of answers missing. "
        f"{int(persons['flagged'].sum())} people ({persons['flagged'].mean():.1%}) answer in a way that looks careless; they are flagged, not removed."
    )
    return Section("The answers", lead, tuple(blocks))


def factors_section(result: StudyResult) -> Section:
    """Number of factors, EFA and CFA."""
    structure = result.structure
    loadings = structure.efa.loadings
    fit = structure.cfa.glance().iloc[0]
    cfi = fit.get("cfi_scaled", fit["cfi"])
    table = pd.DataFrame(
        {
            "item": loadings.index,
            "dimension": [result.inputs.scale.factor_of(i) for i in loadings.index],
            "loading": standardised_loadings(structure.cfa).reindex(loadings.index).to_numpy(),
        }
    )
    drawn = structure.retention.plot().figure
    lead = (
        f"The methods for the number of factors point to {structure.retention.n_factors}; the scale was built for {len(result.inputs.scale.factors)} dimensions. "
        f"The confirmatory model has CFI {cfi:.3f} and SRMR {fit['srmr']:.3f}."
    )
    return Section(
        "Dimensions",
        lead,
        (
            Figure(
                drawn,
                "Eigenvalues of the answers beside those of data without factors.",
                "Scree plot with parallel analysis.",
            ),
            Table("How many factors? Each method's answer", structure.retention.tidy()),
            Figure(
                draw_heat(loadings, label="loading"),
                "Rotated loadings (exploratory, oblique).",
                "Heat map of the loadings of all items on all factors.",
            ),
            Table("Factor correlations (exploratory)", _with_names(structure.efa.factor_correlations)),
            Table("Fit of the confirmatory model", structure.cfa.glance()),
            Table("Standardised loadings (confirmatory)", table),
        ),
    )


def _with_names(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename_axis("factor").reset_index()


def calibration_section(result: StudyResult) -> Section:
    """Graded response models by dimension."""
    calibration = result.calibration
    curves = pd.concat(
        [_test_information(name, fit) for name, fit in calibration.fits.items()], ignore_index=True
    )
    parameters = pd.concat(
        [_one_group(fit).assign(dimension=name) for name, fit in calibration.fits.items()], ignore_index=True
    )
    figure = Figure(
        draw_lines(
            curves,
            x="theta",
            y="information",
            group="dimension",
            xlabel="theta (0 = mean of the reference region)",
            ylabel="test information",
        ),
        "Where each dimension measures precisely: information 10 means a standard error of .32.",
        "Curves of test information over theta, one per dimension.",
    )
    blocks: list[Block] = [
        figure,
        Table("Item parameters", parameters),
        Table("Item fit (S-X2)", calibration.item_fit),
    ]
    if result.inputs.responses.groups:
        groups = pd.concat(
            [_group_rows(name, fit) for name, fit in calibration.fits.items()], ignore_index=True
        )
        blocks[1:1] = [_means_figure(groups)]
        blocks.append(Table("Latent means and variances by region", groups))
    bad = [name for name, fit in calibration.fits.items() if not fit.converged]
    if bad:
        blocks.insert(
            0, Callout(f"Not converged: {', '.join(bad)}. Do not read their parameters.", "warning")
        )
    lead = f"A graded response model for each of the {len(calibration.fits)} dimensions, all regions together with their own means and variances."
    return Section("Items on the latent scale", lead, tuple(blocks))


def _one_group(fit: Any) -> pd.DataFrame:
    frame = fit.item_parameters.reset_index()
    frame = frame.drop(columns=[c for c in ("index",) if c in frame])
    return frame.drop_duplicates("item").drop(columns=[c for c in ("group",) if c in frame])


def _group_rows(name: str, fit: Any) -> pd.DataFrame:
    return fit.groups[["group", "mean", "mean_se", "variance", "variance_se"]].assign(dimension=name)


def _means_figure(groups: pd.DataFrame) -> Figure:
    half = 1.96 * groups["mean_se"].fillna(0.0)
    frame = groups.assign(
        estimate=groups["mean"], conf_low=groups["mean"] - half, conf_high=groups["mean"] + half
    )
    reference = str(groups["group"].iloc[0])
    return Figure(
        draw_forest(
            frame,
            panel="dimension",
            row="group",
            label=f"latent mean with 95% interval; {reference} is set to 0",
            least=0.0,
        ),
        f"Latent means of the regions, in standard deviations of {reference}, before any item is revised. "
        "Read them only as far as the invariance section allows.",
        "Forest plot of latent means by region, one panel per dimension.",
    )


def _test_information(name: str, fit: Any) -> pd.DataFrame:
    theta = np.linspace(-3.5, 3.5, 71)
    return pd.DataFrame(
        {"dimension": name, "theta": theta, "information": fit.information(theta)["test"].to_numpy()}
    )
