"""Expressions in labels: defined parameters and constraints, compiled once, differentiated by complex steps."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recoverymetrics.cfa.syntax import Constraint
from recoverymetrics.errors import ModelError
from recoverymetrics.typing import FloatArray

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "abs": lambda x: x * np.sign(np.real(x)),
}
_ALLOWED = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Call,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Pow,
    ast.USub,
    ast.UAdd,
)
COMPLEX_STEP = 1e-30


@dataclass(frozen=True)
class Expression:
    """A compiled expression and the names it uses."""

    code: Any
    names: frozenset[str]
    text: str

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Evaluate at named values."""
        return eval(self.code, {"__builtins__": {}}, {**_FUNCTIONS, **values})


def compile_expression(text: str, constraint: Constraint) -> Expression:
    """Compile arithmetic in labels (``+ - * / ^``, exp, log, sqrt, abs, sin, cos); nothing else is allowed."""
    where = f"model syntax, line {constraint.line}: "
    safe = text.replace("^", "**").replace(" ", "")
    renamed = _rename(safe)
    try:
        tree = ast.parse(renamed, mode="eval")
    except SyntaxError as error:
        raise ModelError(f"{where}cannot read the expression {text!r}.") from error
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise ModelError(f"{where}{type(node).__name__} is not allowed in the expression {text!r}.")
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        ):
            raise ModelError(f"{where}unknown function in {text!r}; known are {', '.join(_FUNCTIONS)}.")
    names = frozenset(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id not in _FUNCTIONS
    )
    return Expression(compile(tree, text, "eval"), names, text)


def _rename(text: str) -> str:
    """Dots are legal in labels but not in names: write them as double underscores."""
    out = []
    for k, char in enumerate(text):
        inside = char == "." and k > 0 and (text[k - 1].isalpha() or text[k - 1] in "_.")
        digits = char == "." and k > 0 and text[k - 1].isdigit() and _in_name(text, k)
        out.append("__dot__" if inside or digits else char)
    return "".join(out)


def _in_name(text: str, k: int) -> bool:
    start = k
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "._"):
        start -= 1
    return text[start].isalpha()


def safe_name(label: str) -> str:
    """The name under which a label appears in compiled expressions."""
    return label.replace(".", "__dot__")


@dataclass(frozen=True)
class ConstraintSet:
    """Defined parameters, equalities and inequalities of a model, as functions of the free parameters.

    Attributes
    ----------
    labels : mapping
        Label -> free parameter.
    fixed : mapping
        Label -> fixed value.
    defined : tuple of (str, Expression)
        ``:=`` lines in order; later ones may use earlier ones.
    equalities, inequalities : tuple of (Expression, Expression)
        ``left == right`` and ``left > right``.
    """

    labels: Mapping[str, int]
    fixed: Mapping[str, float]
    defined: tuple[tuple[str, Expression], ...]
    equalities: tuple[tuple[Expression, Expression], ...]
    inequalities: tuple[tuple[Expression, Expression], ...]

    def _values(self, theta: Any) -> dict[str, Any]:
        values: dict[str, Any] = {safe_name(k): theta[j] for k, j in self.labels.items()}
        values.update({safe_name(k): v for k, v in self.fixed.items()})
        for name, expression in self.defined:
            values[safe_name(name)] = expression(values)
        return values

    def defined_values(self, theta: Any) -> Any:
        """Values of the defined parameters."""
        values = self._values(theta)
        return np.array([values[safe_name(name)] for name, _ in self.defined])

    def equality_values(self, theta: Any) -> Any:
        """``left - right`` of the equalities; zero where they hold."""
        values = self._values(theta)
        return np.array([left(values) - right(values) for left, right in self.equalities])

    def inequality_values(self, theta: Any) -> Any:
        """``left - right`` of the inequalities; non-negative where they hold."""
        values = self._values(theta)
        return np.array([left(values) - right(values) for left, right in self.inequalities])


def jacobian(function: Callable[[Any], Any], theta: FloatArray) -> FloatArray:
    """Derivatives by complex steps, exact to rounding."""
    columns = []
    for k in range(len(theta)):
        shifted = theta.astype(complex)
        shifted[k] += 1j * COMPLEX_STEP
        columns.append(np.imag(function(shifted)) / COMPLEX_STEP)
    return np.stack(columns, axis=1).astype(float)


def compile_constraints(
    constraints: Sequence[Constraint], labels: Mapping[str, int], fixed: Mapping[str, float]
) -> ConstraintSet:
    """Compile the constraint lines of a model against its labels.

    Raises
    ------
    ModelError
        Unreadable expressions and labels that no parameter has.
    """
    defined: list[tuple[str, Expression]] = []
    equalities, inequalities = [], []
    known = {safe_name(name) for name in (*labels, *fixed)}
    for line in constraints:
        right = compile_expression(line.rhs, line)
        left = None if line.op == ":=" else compile_expression(line.lhs, line)
        used = right.names | (left.names if left else frozenset())
        unknown = sorted(used - known)
        if unknown:
            name = unknown[0].replace("__dot__", ".")
            raise ModelError(
                f"model syntax, line {line.line}: {name!r} in '{line.lhs} {line.op} {line.rhs}' is not a label of "
                f"the model; the labels are {', '.join(sorted((*labels, *fixed))) or '(none)'}."
            )
        if left is None:
            if safe_name(line.lhs) in known:
                raise ModelError(f"model syntax, line {line.line}: {line.lhs!r} is already a label.")
            defined.append((line.lhs, right))
            known.add(safe_name(line.lhs))
        elif line.op == "==":
            equalities.append((left, right))
        else:
            inequalities.append((left, right) if line.op == ">" else (right, left))
    return ConstraintSet(labels, fixed, tuple(defined), tuple(equalities), tuple(inequalities))
