"""A parameter table as lavaan syntax and as Mplus input."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.cfa.syntax import CONSTRAINTS
from recoverymetrics.cfa.table import ParameterTable, Row
from recoverymetrics.errors import ModelError


def to_lavaan(table: ParameterTable) -> str:
    """Write every parameter that is free or fixed on purpose, for ``lavaan()``.

    Covariances within exploratory blocks are left to the rotation: lavaan adds them with ``auto.efa = TRUE``.
    """
    by_line: dict[tuple[str, str, str], list[Row]] = {}
    for row in table.rows:
        turned = bool(row.block) and row.op == "~~"
        if row.origin not in ("derived", "exogenous") and not turned:
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
            group, block = groups.index(str(record["group"])), str(record.get("block") or "")
            row = Row(*key, group, free, value, label=label.strip("."), block=block)
            by_line.setdefault(key, []).append(row)
    return "\n".join([*(_lavaan_line(key, rows) for key, rows in by_line.items()), *lines]) + "\n"


def _lavaan_line(key: tuple[str, str, str], rows: Sequence[Row]) -> str:
    lhs, op, rhs = key
    target = "1" if op == "~1" else rhs
    op = "~" if op == "~1" else op
    values = [f"{row.value:.15g}" if not row.free else "NA" for row in rows]
    block = rows[0].block if op == "=~" else ""
    left = f'efa("{block}")*{lhs}' if block else lhs
    terms = [target if block else f"{_group_entry(values)}*{target}"]
    labels = [row.label for row in rows]
    if any(labels):
        terms.append(
            f"{_group_entry([label or _own(row) for label, row in zip(labels, rows, strict=True)])}*{target}"
        )
    if block and any(labels):
        terms = terms[1:]
    return f"{left} {op} {' + '.join(terms)}"


def _own(row: Row) -> str:
    return f"own.{row.lhs}.{row.rhs or 'int'}.g{row.group + 1}"


def _group_entry(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"c({', '.join(values)})"


def to_mplus(
    table: ParameterTable, spec: EstimatorSpec, *, weights: bool = False, clusters: bool = False
) -> str:
    """Write the model as Mplus input; the data file and its layout are left for the user to fill in.

    Groups, sampling weights and clusters are expected in columns ``grp``, ``wgt`` and ``clus``.
    """
    several = len(table.groups) > 1
    extra = f"{' grp' if several else ''}{' wgt' if weights else ''}{' clus' if clusters else ''}"
    head = ["TITLE: written by recoverymetrics;", "DATA: FILE IS data.dat;"]
    if spec.missing == "listwise":
        head.append("  LISTWISE = ON;")
    head += [
        "VARIABLE:",
        f"  NAMES ARE {' '.join((*table.observed, *table.given))}{extra};",
    ]
    head.append(f"  USEVARIABLES ARE {' '.join((*table.observed, *table.given))};")
    ordered = [name for name, k in zip(table.observed, table.thresholds, strict=True) if k]
    if ordered:
        head.append(f"  CATEGORICAL ARE {' '.join(ordered)};")
    if several:
        names = " ".join(f"{k + 1} = g{k + 1}" for k in range(len(table.groups)))
        head.append(f"  GROUPING IS grp ({names}); ! {', '.join(table.groups)}")
    head += ["  WEIGHT IS wgt;"] * weights + ["  CLUSTER IS clus;"] * clusters
    analysis = [f"ANALYSIS: ESTIMATOR = {_mplus_estimator(spec)};"]
    analysis += ["  TYPE = COMPLEX;"] * clusters
    if ordered:
        analysis.append(f"  PARAMETERIZATION = {'THETA' if table.theta else 'DELTA'};")
    if any(row.block for row in table.rows):
        analysis.append("  ROTATION = GEOMIN (OBLIQUE 0.01);")
    numbers: dict[str, int] = {}
    body = ["MODEL:"]
    for group in range(len(table.groups)):
        if group:
            body.append(f"MODEL g{group + 1}:")
        rows = [row for row in table.rows if row.group == group]
        body += _mplus_blocks(rows, group)
        body += [line for row in rows if not row.block for line in _mplus_line(row, numbers, ordered)]
    constraints = _mplus_constraints(table, numbers)
    return "\n".join([*head, *analysis, *body, *constraints, "OUTPUT: STDYX MODINDICES;"]) + "\n"


def _mplus_blocks(rows: Sequence[Row], group: int) -> list[str]:
    """One line per exploratory block; in later groups only where loadings are not those of the first."""
    lines = []
    for number, name in enumerate(dict.fromkeys(row.block for row in rows if row.block)):
        loadings = [row for row in rows if row.block == name and row.op == "=~"]
        if group and all(row.label for row in loadings):
            continue
        factors = " ".join(dict.fromkeys(row.lhs for row in loadings))
        lines.append(
            f"  {factors} BY {' '.join(dict.fromkeys(row.rhs for row in loadings))} (*{number + 1});"
        )
    return lines


def _mplus_constraints(table: ParameterTable, numbers: dict[str, int]) -> list[str]:
    """Constraints and defined parameters in the names that labels have in the input."""
    if not table.constraints:
        return []
    values = {row.label: row.value for row in table.rows if row.label and not row.free}

    def renamed(text: str) -> str:
        def name(found: re.Match[str]) -> str:
            word = found.group()
            if word in numbers:
                return f"p{numbers[word]}"
            return f"{values[word]:.10g}" if word in values else word

        return re.sub(r"[^\W\d][\w.]*|\.[\w.]+", name, text).replace("^", "**")

    defined = [c.lhs for c in table.constraints if c.op == ":="]
    lines = ["MODEL CONSTRAINT:"] + ([f"  NEW ({' '.join(defined)});"] if defined else [])
    for c in table.constraints:
        if c.op == "==":
            lines.append(f"  0 = ({renamed(c.lhs)}) - ({renamed(c.rhs)});")
        elif c.op == ":=":
            lines.append(f"  {c.lhs} = {renamed(c.rhs)};")
        else:
            lines.append(f"  {renamed(c.lhs)} {c.op} {renamed(c.rhs)};")
    return lines


def _mplus_estimator(spec: EstimatorSpec) -> str:
    return (
        spec.name
        if spec.name in ("ML", "MLR", "MLM", "MLMV", "WLS", "WLSM", "WLSMV", "ULS", "ULSMV", "GLS")
        else "ML"
    )


def _mplus_line(row: Row, numbers: dict[str, int], ordered: Sequence[str]) -> list[str]:
    if row.origin in ("derived", "exogenous"):
        return []
    if row.op == "~1" and row.lhs in ordered:
        wanted = f"  ! {row.lhs} has a free intercept in this group: Mplus needs a factor behind it to estimate one"
        return [wanted] if row.free else []
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
