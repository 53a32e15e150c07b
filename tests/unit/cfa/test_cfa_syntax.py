import math

import pytest

from recoverymetrics.cfa import parse_model
from recoverymetrics.errors import ModelError


def test_terms_labels_values_and_starts_are_read():
    parsed = parse_model(
        "f =~ x1 + start(0.5)*x2 + c(a, b)*x3 + c(NA, 1)*x4 + -2*x5 # note\nx1 ~~ 0*x2; x3 ~ 1"
    )
    lines = [(s.lhs, s.op, s.rhs) for s in parsed.statements]
    assert lines[:3] == [("f", "=~", "x1"), ("f", "=~", "x2"), ("f", "=~", "x3")]
    assert lines[-2:] == [("x1", "~~", "x2"), ("x3", "~1", "")]
    assert parsed.statements[1].modifiers[0].start == (0.5,)
    assert parsed.statements[2].modifiers[0].labels == ("a", "b")
    freed, fixed = parsed.statements[3].modifiers[0].fixed
    assert math.isnan(freed)
    assert fixed == 1.0
    assert parsed.statements[4].modifiers[0].fixed == (-2.0,)


def test_a_statement_goes_on_after_plus_and_operators():
    parsed = parse_model("f =~ x1 +\n x2\n + x3\ng =~\n y1 + y2")
    assert [s.rhs for s in parsed.statements] == ["x1", "x2", "x3", "y1", "y2"]


def test_constraints_keep_their_text():
    parsed = parse_model("f =~ a*x1 + b*x2\nab := a*b\na == b^2\na > 0")
    assert [(c.lhs, c.op) for c in parsed.constraints] == [("ab", ":="), ("a", "=="), ("a", ">")]


def test_exploratory_blocks_are_marked():
    parsed = parse_model('efa("a")*F1 + efa("a")*F2 =~ x1 + x2')
    assert {(s.lhs, s.block) for s in parsed.statements} == {("F1", "a"), ("F2", "a")}


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("f = x1", "line 1, column 3", "unexpected character"),
        ("f =~ x1 x2", "line 1, column 9", "expected a variable name"),
        ("f =~ x1\n=~ x2 +", "line 2, column 1", "operator"),
        ("f =~ x1 ++ x2", "line 1, column 10", "variable is missing"),
        ("f =~ foo(3)*x1", "line 1, column 6", "unknown modifier"),
        ("f =~ c(1, a)*x1", "line 1, column 8", "mixes numbers and labels"),
        ("f =~ 2*", "line 1, column 7", "expected"),
        ("f <~ x1 + x2", "line 1, column 3", "composites"),
        ("x1 x2", "line 1, column 1", "no operator"),
    ],
)
def test_errors_name_line_and_column(text, place, what):
    with pytest.raises(ModelError, match=place) as caught:
        parse_model(text)
    assert what in str(caught.value)


def test_an_empty_model_is_refused():
    with pytest.raises(ModelError, match="empty"):
        parse_model("# nothing")
