"""Confirmatory models as requests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.crosscheck.request import ModelRow, StructuralRequest

FIT = ("chi2", "df", "chi2_scaled", "cfi", "tli", "rmsea", "srmr", "loglik")


def structural_request(result: CFAResult) -> StructuralRequest:
    """Reduce a confirmatory model."""
    table, sample = result.table, result.sample
    blocks = [
        pd.DataFrame(values, columns=list(sample.items)).assign(group=label)
        for label, values in zip(sample.groups, sample.data, strict=True)
    ]
    rows = tuple(
        ModelRow(row.lhs, row.op, row.rhs, bool(row.free), float(row.value), row.label or "", row.origin)
        for row in table.rows
        if row.group == 0
    )
    return StructuralRequest(
        model=result.to_lavaan(),
        rows=rows,
        spec=result.spec,
        variables=sample.items,
        ordered=tuple(name for name, flag in zip(sample.items, sample.ordinal, strict=True) if flag),
        groups=tuple(sample.groups),
        constrained=bool(table.constraints),
        theta=bool(table.theta),
        n=float(np.sum(sample.n)),
        S=sample.covariance[0],
        data=pd.concat(blocks, ignore_index=True),
        ours=structural_terms(result),
    )


def structural_terms(result: CFAResult) -> dict[tuple[str, str], float]:
    """Estimates, standard errors of free parameters, and fit, by name."""
    several = len(result.groups) > 1
    terms: dict[tuple[str, str], float] = {}
    for row in result.tidy().to_dict("records"):
        name = term_name(row["lhs"], row["op"], row["rhs"], row["group"] if several else "")
        terms["estimate", name] = float(row["estimate"])
        if row["free"]:
            terms["std_error", name] = float(row["std_error"])
    glance = result.glance().iloc[0]
    terms |= {("fit", name): float(glance[name]) for name in FIT if name in glance}
    return {key: value for key, value in terms.items() if np.isfinite(value)}


def term_name(lhs: str, op: str, rhs: str, group: str = "") -> str:
    """Name of a parameter; covariances are symmetric, so their two sides are sorted."""
    if op == "~~" and rhs < lhs:
        lhs, rhs = rhs, lhs
    name = f"{lhs} {op} {rhs}".strip()
    return f"{name} [{group}]" if group else name
