"""A parameter table as lavaan syntax and as Mplus input."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.cfa.syntax import CONSTRAINTS
from recoverymetrics.cfa.table import ParameterTable, Row
from recoverymetrics.errors import ModelError


def to_lavaan(table: ParameterTable) -> str:
    """Write every parameter that is free or fixed on purpose; sections by kind."""
    by_line: dict[tuple[str, str, str], list[Row]] = {}
    for row in table.rows:
        if row.origin not in ("derived", "exogenous"):
            by_line.setdefault((row.lhs, row.op, row.rhs), []).append(row)
    lines = [_lavaan_line(key, rows) for key, rows in by_line.items()]
    lines += [f"{c.lhs} {c.op} {c.rhs}" for c in table.constraints]
    return "\n".join(lines) + "\n"


def frame_to_lavaan(frame: pd.DataFrame) -> str:
    """Write an edited parameter table as syntax.

    Raises
    ------
    ModelError
        Columns missing, or a fixed row without a value.
    """
    needed = {"lhs", "op", "rhs", "group", "free", "value", "label"}
    if not needed <= set(frame.columns):
        raise ModelError(f"a parameter table needs the columns {', '.join(sorted(needed))}.")
    groups = list(dict.fromkeys(str(g) for g in frame["group"] if str(g)))
    by_line: dict[tuple[str, str, str], list[Row]] = {}
    lines = []
    for record in frame.to_dict("records"):
        key = (str(record["lhs"]), str(record["op"]), str(record["rhs"]))
        if key[1] in CONSTRAINTS:
            lines.append(f"{key[0]} {key[1]} {key[2]}")
        elif record.get("origin") not in ("derived", "exogenous"):
            free, value = bool(record["free"]), float(record["value"])
            if not free and math.isnan(value):
                raise ModelError(f"{''.join(key)} is fixed but has no value; set free or value.")
            label = str(record["label"] or "")
            row = Row(*key, groups.index(str(record["group"])), free, value, label=label.strip("."))
            by_line.setdefault(key, []).append(row)
    return "\n".join([*(_lavaan_line(key, rows) for key, rows in by_line.items()), *lines]) + "\n"


def _lavaan_line(key: tuple[str, str, str], rows: Sequence[Row]) -> str:
    lhs, op, rhs = key
    target = "1" if op == "~1" else rhs
    op = "~" if op == "~1" else op
    values = [f"{row.value:.15g}" if not row.free else "NA" for row in rows]
    terms = [f"{_group_entry(values)}*{target}"]
    labels = [row.label for row in rows]
    if any(labels):
        terms.append(
            f"{_group_entry([label or _own(row) for label, row in zip(labels, rows, strict=True)])}*{target}"
        )
    return f"{lhs} {op} {' + '.join(terms)}"


def _own(row: Row) -> str:
    return f"own.{row.lhs}.{row.rhs or 'int'}.g{row.group + 1}"


def _group_entry(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"c({', '.join(values)})"


def to_mplus(table: ParameterTable, spec: EstimatorSpec) -> str:
    """Write the model as Mplus input; the data file and its layout are left for the user to fill in."""
    several = len(table.groups) > 1
    head = ["TITLE: written by recoverymetrics;", "DATA: FILE IS data.dat;", "VARIABLE:"]
    head.append(f"  NAMES ARE {' '.join(table.observed)}{' grp' if several else ''};")
    head.append(f"  USEVARIABLES ARE {' '.join(table.observed)};")
    ordered = [name for name, k in zip(table.observed, table.thresholds, strict=True) if k]
    if ordered:
        head.append(f"  CATEGORICAL ARE {' '.join(ordered)};")
    if several:
        names = " ".join(f"{k + 1} = g{k + 1}" for k in range(len(table.groups)))
        head.append(f"  GROUPING IS grp ({names}); ! {', '.join(table.groups)}")
    analysis = [f"ANALYSIS: ESTIMATOR = {_mplus_estimator(spec)};"]
    if ordered:
        analysis.append(f"  PARAMETERIZATION = {'THETA' if table.theta else 'DELTA'};")
    numbers: dict[str, int] = {}
    body = ["MODEL:"]
    for group in range(len(table.groups)):
        if group:
            body.append(f"MODEL g{group + 1}:")
        body += [line for row in table.rows if row.group == group for line in _mplus_line(row, numbers)]
    return "\n".join([*head, *analysis, *body, "OUTPUT: STDYX MODINDICES;"]) + "\n"


def _mplus_estimator(spec: EstimatorSpec) -> str:
    return (
        spec.name
        if spec.name in ("ML", "MLR", "MLM", "MLMV", "WLS", "WLSM", "WLSMV", "ULS", "ULSMV", "GLS")
        else "ML"
    )


def _mplus_line(row: Row, numbers: dict[str, int]) -> list[str]:
    if row.origin in ("derived", "exogenous"):
        return []
    if row.free:
        mark = "*" if math.isnan(row.start) else f"*{row.start:g}"
    else:
        mark = f"@{row.value:.10g}"
    label = ""
    if row.label and row.free:
        label = f" (p{numbers.setdefault(row.label, len(numbers) + 1)})"
    text = {
        "=~": f"{row.lhs} BY {row.rhs}{mark}{label};",
        "~": f"{row.lhs} ON {row.rhs}{mark}{label};",
        "~1": f"[{row.lhs}{mark}]{label};",
        "|": f"[{row.lhs}${row.rhs[1:]}{mark}]{label};",
        "~*~": f"{{{row.lhs}{mark}}}{label};",
    }.get(row.op)
    if row.op == "~~":
        text = f"{row.lhs}{mark}{label};" if row.lhs == row.rhs else f"{row.lhs} WITH {row.rhs}{mark}{label};"
    return [f"  {text}"]
