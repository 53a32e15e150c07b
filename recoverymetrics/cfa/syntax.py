"""lavaan model syntax: text to statements, with line and column in every complaint."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from recoverymetrics.errors import ModelError

OPERATORS = ("=~", "<~", "~*~", "~~", ":=", "==", "~", "|", "<", ">")
CONSTRAINTS = (":=", "==", "<", ">")

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<comment>[#!][^\n]*)|(?P<newline>[\n;])
    |(?P<operator>=~|<~|~\*~|~~|:=|==|~|\||<|>)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<string>"[^"\n]*"|'[^'\n]*')
    |(?P<name>[^\W\d][\w.]*|\.[\w.]+)
    |(?P<symbol>[-+*/^(),:])""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A piece of model text and where it stands (line and column count from one)."""

    kind: str
    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Modifier:
    """What stands before ``*``: one value per group, or a single value for all of them.

    Attributes
    ----------
    fixed : tuple of float or None
        Fixed values; NaN frees the parameter.
    labels : tuple of str
        Labels.
    start : tuple of float
        Starting values.
    block : str
        Name of the exploratory block of ``efa("name")``.
    """

    fixed: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    block: str = ""


@dataclass(frozen=True)
class Term:
    """A variable with its modifiers."""

    name: str
    modifiers: tuple[Modifier, ...]
    token: Token


@dataclass(frozen=True)
class Statement:
    """``lhs op rhs`` for one pair of variables, ``rhs == ""`` for intercepts."""

    lhs: str
    op: str
    rhs: str
    modifiers: tuple[Modifier, ...]
    line: int
    column: int
    block: str = ""


@dataclass(frozen=True)
class Constraint:
    """A defined parameter or a constraint; both sides are expressions in labels."""

    lhs: str
    op: str
    rhs: str
    line: int
    column: int


@dataclass(frozen=True)
class ParsedModel:
    """The statements and constraints of a model, in the order written."""

    statements: tuple[Statement, ...]
    constraints: tuple[Constraint, ...]
    text: str = field(repr=False, default="")


def parse_model(text: str) -> ParsedModel:
    """Parse lavaan model syntax.

    Parameters
    ----------
    text : str
        Model syntax: ``=~``, ``~``, ``~~``, ``~1``, ``|``, ``~*~``, ``:=``, ``==``, ``<``, ``>``;
        modifiers ``value*``, ``label*``, ``NA*``, ``c(...)*`` with one entry per group, ``start(value)*``,
        ``equal("label")*``, ``efa("block")*``; comments after ``#`` or ``!``.

    Returns
    -------
    ParsedModel

    Raises
    ------
    ModelError
        With line and column of what could not be read.

    Examples
    --------
    >>> [(s.lhs, s.op, s.rhs) for s in parse_model("f =~ x1 + x2").statements]
    [('f', '=~', 'x1'), ('f', '=~', 'x2')]
    """
    if not isinstance(text, str):
        raise ModelError(f"the model must be text in lavaan syntax, not {type(text).__name__}.")
    lines = _split(_tokenise(text), text)
    statements: list[Statement] = []
    constraints: list[Constraint] = []
    for line in lines:
        position = _operator(line, text)
        if line[position].text in CONSTRAINTS:
            constraints.append(_constraint(line, position, text))
        else:
            statements.extend(_formula(line, position, text))
    if not statements:
        raise ModelError("the model is empty: write at least one line such as 'f =~ x1 + x2 + x3'.")
    return ParsedModel(tuple(statements), tuple(constraints), text)


def _complain(text: str, token: Token, what: str) -> NoReturn:
    source = text.split("\n")
    shown = source[token.line - 1] if token.line <= len(source) else ""
    raise ModelError(
        f"model syntax, line {token.line}, column {token.column}: {what}\n  {shown}\n  "
        f"{' ' * (token.column - 1)}^"
    )


def _tokenise(text: str) -> list[Token]:
    tokens, position, line, start = [], 0, 1, 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        here = Token("", text[position], line, position - start + 1)
        if found is None:
            hint = "; write =~ for 'is measured by', ~ for 'is predicted by'" if text[position] == "=" else ""
            _complain(text, here, f"unexpected character {text[position]!r}{hint}.")
        kind = str(found.lastgroup)
        if kind not in ("space", "comment"):
            tokens.append(Token(kind, found.group(), line, here.column))
        position = found.end()
        if found.group() == "\n":
            line, start = line + 1, position
    return tokens


def _split(tokens: list[Token], text: str) -> list[list[Token]]:
    """Cut into statements: a newline ends one unless it is plainly unfinished."""
    lines: list[list[Token]] = [[]]
    depth = 0
    for k, token in enumerate(tokens):
        if token.kind != "newline":
            depth += (token.text == "(") - (token.text == ")")
            lines[-1].append(token)
            continue
        following = next((t for t in tokens[k + 1 :] if t.kind != "newline"), None)
        if token.text == "\n" and (depth > 0 or _unfinished(lines[-1], following)):
            continue
        if lines[-1]:
            lines.append([])
    return [line for line in lines if line]


def _unfinished(line: list[Token], following: Token | None) -> bool:
    if not line or following is None:
        return False
    open_end = line[-1].kind == "operator" or (line[-1].kind == "symbol" and line[-1].text != ")")
    return open_end or following.text in ("+", "*") or (following.kind == "operator")


def _operator(line: list[Token], text: str) -> int:
    places = [k for k, token in enumerate(line) if token.kind == "operator"]
    if not places:
        if len(line) > 1 and line[1].text == ":":
            _complain(text, line[0], f"blocks ({line[0].text}:) are not supported; use group= and c(...)*.")
        _complain(text, line[0], "no operator (=~, ~, ~~, |, ~*~, :=, ==, <, >) in this statement.")
    if len(places) > 1:
        _complain(text, line[places[1]], f"a second operator {line[places[1]].text!r} in one statement.")
    if places[0] == 0:
        _complain(text, line[0], f"nothing stands to the left of {line[0].text!r}.")
    if places[0] == len(line) - 1:
        _complain(text, line[-1], f"nothing stands to the right of {line[-1].text!r}.")
    if line[places[0]].text == "<~":
        _complain(text, line[places[0]], "formative composites (<~) are not supported.")
    return places[0]


def _constraint(line: list[Token], position: int, text: str) -> Constraint:
    left = " ".join(token.text for token in line[:position])
    right = " ".join(token.text for token in line[position + 1 :])
    op = line[position].text
    if op == ":=" and position != 1:
        _complain(text, line[0], "the left side of := must be one new name.")
    return Constraint(left, op, right, line[0].line, line[0].column)


def _formula(line: list[Token], position: int, text: str) -> list[Statement]:
    op = line[position].text
    left = _terms(line[:position], text)
    right = _terms(line[position + 1 :], text)
    found = []
    for target in left:
        block = next((m.block for m in target.modifiers if m.block), "")
        for term in right:
            kind, rhs = op, term.name
            if term.name in ("1", "0"):
                if op != "~":
                    phantom = f"; for a latent variable without indicators write {target.name} =~ 0*x"
                    hint = phantom if (op, term.name) == ("=~", "0") else ""
                    _complain(
                        text, term.token, f"{term.name!r} on the right of {op!r} is not a variable{hint}."
                    )
                kind, rhs = "~1", ""
            modifiers = term.modifiers
            if term.name == "0":
                modifiers = (*modifiers, Modifier(fixed=(0.0,)))
            found.append(
                Statement(target.name, kind, rhs, modifiers, target.token.line, target.token.column, block)
            )
    return found


def _terms(tokens: list[Token], text: str) -> list[Term]:
    terms, current, depth = [], list[Token](), 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "+" and depth == 0:
            terms.append(_term(current, token, text))
            current = []
        else:
            current.append(token)
    terms.append(_term(current, tokens[-1], text))
    return terms


def _term(tokens: list[Token], near: Token, text: str) -> Term:
    if not tokens:
        _complain(text, near, "a variable is missing beside '+'.")
    parts, current, depth = [], list[Token](), 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "*" and depth == 0:
            parts.append(current)
            current = []
        else:
            current.append(token)
    if depth != 0:
        _complain(text, tokens[0], "a parenthesis is not closed.")
    if len(current) != 1 or current[0].kind not in ("name", "number"):
        bad = current[1] if len(current) > 1 else (current[0] if current else tokens[-1])
        _complain(text, bad, f"expected a variable name, '+' or '*', not {bad.text!r}.")
    if current[0].kind == "number" and current[0].text not in ("0", "1"):
        _complain(text, current[0], f"{current[0].text!r} is not a variable; write {current[0].text}*name.")
    modifiers = tuple(_modifier(part, tokens[0], text) for part in parts)
    return Term(current[0].text, modifiers, current[0])


def _modifier(tokens: list[Token], near: Token, text: str) -> Modifier:
    if not tokens:
        _complain(text, near, "a modifier is missing before '*'.")
    head = tokens[0]
    if head.kind == "name" and len(tokens) > 1 and tokens[1].text == "(":
        if tokens[-1].text != ")":
            _complain(text, head, f"the parenthesis of {head.text}( is not closed.")
        entries = _entries(tokens[2:-1], head, text)
        return _call(head, entries, text)
    return _values([tokens], text)


def _entries(tokens: list[Token], near: Token, text: str) -> list[list[Token]]:
    entries: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            entries.append([])
        else:
            entries[-1].append(token)
    if any(not entry for entry in entries):
        _complain(text, near, f"an empty entry in {near.text}(...).")
    return entries


def _call(head: Token, entries: list[list[Token]], text: str) -> Modifier:
    flat: list[list[Token]] = []
    for entry in entries:
        nested = len(entry) > 2 and entry[0].text == "c" and entry[1].text == "("
        flat.extend(_entries(entry[2:-1], entry[0], text) if nested else [entry])
    if head.text == "c":
        return _values(flat, text)
    if head.text == "start":
        return Modifier(start=_values(flat, text).fixed)
    if head.text in ("equal", "label"):
        return Modifier(labels=tuple(entry[0].text.strip("\"'") for entry in flat))
    if head.text == "efa":
        return Modifier(block=flat[0][0].text.strip("\"'"))
    _complain(text, head, f"unknown modifier {head.text}(); known are c, start, equal, label, efa.")


def _values(entries: list[list[Token]], text: str) -> Modifier:
    """Numbers, NA or labels, one per group."""
    numbers: list[float] = []
    labels: list[str] = []
    for entry in entries:
        sign = -1.0 if entry[0].text == "-" else 1.0
        rest = entry[1:] if entry[0].text in "+-" and len(entry) > 1 else entry
        if len(rest) != 1:
            _complain(text, entry[-1], f"cannot read the modifier {''.join(t.text for t in entry)!r}.")
        token = rest[0]
        if token.kind == "number":
            numbers.append(sign * float(token.text))
        elif token.text == "NA":
            numbers.append(float("nan"))
        elif token.kind in ("name", "string"):
            labels.append(token.text.strip("\"'"))
        else:
            _complain(text, token, f"cannot read the modifier {token.text!r}.")
    if numbers and labels:
        if all(number != number for number in numbers):
            ordered = ["" if e[0].text == "NA" else e[0].text.strip("\"'") for e in entries]
            return Modifier(labels=tuple(ordered))
        _complain(text, entries[0][0], "c(...) mixes numbers and labels; write two modifiers.")
    return Modifier(fixed=tuple(numbers), labels=tuple(labels))
