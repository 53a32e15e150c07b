"""The sentences of the page: short, without terms of art."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recoverymetrics.invariance.plain.facts import Facts, GroupFact, ItemFact

if TYPE_CHECKING:
    from recoverymetrics.invariance.ladder.result import InvarianceResult, LevelResult


UNNAMED = "what the scale measures"


@dataclass(frozen=True)
class Wording:
    """Words that the reader knows.

    Attributes
    ----------
    concept : str
        What is measured, such as ``"self-esteem"``.
    unit : str
        What is compared, in the singular: ``"region"``, ``"country"``, ``"round"``.
    units : str
        The same in the plural.
    names : mapping
        Label in the data to the name to show.
    questions : mapping
        Item to its text.
    over_time : bool
        Whether the same people are compared with themselves.
    """

    concept: str = UNNAMED
    unit: str = "group"
    units: str = "groups"
    names: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, str] = field(default_factory=dict)
    over_time: bool = False

    def name(self, label: str) -> str:
        """Name of a group."""
        return str(self.names.get(label, label))

    @property
    def same(self) -> str:
        """What equals have in common."""
        return f"level of {self.concept}" if self.concept == UNNAMED else self.concept

    def question(self, item: str) -> str:
        """An item with its text."""
        text = self.questions.get(item)
        return f"{item} (“{text}”)" if text else item


ANSWERS = {
    "scores": "Yes. Scores can be compared as they are.",
    "means": "Yes for averages, with one limit.",
    "adjusted": "Only after an adjustment.",
    "nothing": "No, not on these data.",
}


def headline(facts: Facts) -> str:
    """The answer in one line."""
    return ANSWERS[facts.state]


def explanation(facts: Facts, words: Wording) -> str:
    """What the answer means."""
    w = words
    return {
        "scores": f"The questions work in {_nearly(facts)}the same way in every {w.unit}. A difference between two "
        f"averages is a difference in {w.concept}, not in how people read or answer the questions.",
        "means": f"People with the same {w.same} give the same answers on average in every {w.unit}. Averages can be "
        f"compared. The questions are not equally precise everywhere, so a single person's score is more certain in "
        f"some {w.units} than in others.",
        "adjusted": f"Some questions are answered differently in some {w.units} by people with the same {w.same}. Raw "
        f"averages mix the two. Because most questions do work alike ({1 - facts.share:.0%} over all {w.units}), the "
        "averages can be adjusted for the ones that do not.",
        "nothing": f"The questions do not work alike enough in these {w.units}. A difference between two averages may come from {w.concept}, or from the questions; these data "
        "cannot tell which.",
    }[facts.state]


def _nearly(facts: Facts) -> str:
    return "nearly " if facts.items else ""


STEPS = {
    "configural": ("Do the questions hang together in the same way?", "they measure the same thing"),
    "thresholds": ("Are the answer options used in the same way?", "the options mean the same"),
    "metric": ("Does each question count equally much?", "links with other things can be compared"),
    "scalar": ("Do people with the same {same} give the same answers?", "averages can be compared"),
    "strict": ("Is each question equally precise?", "single scores can be compared"),
    "variances": ("Do people differ from one another equally much?", "the spread is the same"),
    "means": ("Are the averages the same?", "there is no difference between the averages"),
}
SAME = {"loadings": "metric", "intercepts": "scalar", "residuals": "strict"}


def step_rows(ladder: InvarianceResult, words: Wording) -> list[tuple[str, str, str]]:
    """Question, answer and what follows, step by step."""
    rows = []
    for step in ladder.steps:
        name = step.rung.level.name
        question, follows = STEPS[SAME.get(name, name)]
        rows.append((question.format(same=words.same), *_answer(step, follows)))
    return rows


def _answer(step: LevelResult, follows: str) -> tuple[str, str]:
    if step.holds is None:
        return "Cannot be tested", "the questions have too few answer options for this check"
    if not step.fit.converged:
        return "Not known", f"the calculation found no solution, so it is not certain that {follows}"
    if not step.holds:
        return "No", f"so it is not certain that {follows}"
    if step.given:
        return "Depends", "this check builds on one above that was not passed; it changes nothing"
    if "though" in step.reason and not step.change:
        return "Roughly", f"so mostly {follows}"
    return "Yes", f"so {follows}"


def all_fair(facts: Facts, words: Wording) -> str:
    """What to say when the questions move no raw average noticeably; empty when they do."""
    if facts.state == "nothing" or any(g.use != "raw" for g in facts.groups):
        return ""
    moved = f"The questions shift the raw average of no {words.unit} by as much as a tenth of a standard deviation"
    return (
        f"{moved}; the adjusted ones are the safer choice."
        if facts.state == "adjusted"
        else f"{moved}: all are fair."
    )


USES = {
    "raw": "raw average is fair",
    "adjusted": "use the adjusted average",
    "none": "leave out of comparisons",
}


def group_use(fact: GroupFact, facts: Facts) -> str:
    """What to do with one group's average."""
    if facts.state == "nothing":
        return "do not compare"
    return USES[fact.use]


def group_effect(fact: GroupFact) -> str:
    """What the questions do to a raw average."""
    size = abs(fact.bias)
    if size < 0.10:
        return "hardly any"
    how_much = "a little" if size < 0.20 else "clearly"
    return f"makes it {how_much} too {'high' if fact.bias > 0 else 'low'}"


def item_sentence(item: ItemFact, words: Wording) -> str:
    """One question that works differently."""
    place = f"at {words.name(item.group)}" if words.over_time else f"in {words.name(item.group)}"
    others = "at other times" if words.over_time else "elsewhere"
    if abs(item.signed) < 0.5 * item.dmacs:
        what = f"tells people apart differently {place} than {others}"
    else:
        way = "higher" if item.signed > 0 else "lower"
        what = f"{place} people choose {way} answers than people with the same {words.same} {others}"
    return f"{words.question(item.item)}: {what} ({item.size} difference)."


def listed(labels: Sequence[str], words: Wording, most: int = 4) -> str:
    """Some names, and how many more."""
    names = [words.name(label) for label in labels]
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names) or "\u2013"


def advice(facts: Facts, words: Wording) -> list[str]:
    """What to do, most important first."""
    w = words
    out = []
    adjust = [g.label for g in facts.groups if g.use == "adjusted"]
    leave = [g.label for g in facts.groups if g.use == "none"]
    if facts.state == "nothing":
        out.append(f"Do not rank the {w.units} and do not report differences between their averages.")
        within = "groups of people at one round" if w.over_time else f"people within one {w.unit}"
        out.append(f"Comparisons of {within} are not affected by this result.")
    elif facts.state == "adjusted":
        out.append("Report the adjusted averages of the picture with their intervals, not the raw ones.")
    elif not adjust and not leave:
        out.append("Compare the averages. Read only those differences as real that the table names.")
    if facts.state != "nothing" and adjust:
        out.append(
            f"In {listed(adjust, w, 8)} the raw average is off by a tenth of a standard deviation or more: use the adjusted one."
        )
    if facts.state != "nothing" and leave:
        out.append(
            f"Leave {listed(leave, w, 8)} out: more than half of the questions work differently there."
        )
    if facts.items:
        first = ", ".join(item.item for item in facts.items[:4])
        out.append(
            f"Ask people what {first} means to them and whether that has changed."
            if w.over_time
            else f"Look at the wording and translation of {first} with people from the {w.units} concerned."
        )
    overlapping = sum(not (g.above or g.below) for g in facts.groups)
    if overlapping and facts.state != "nothing":
        verb = "is" if overlapping == 1 else "are"
        noun = w.unit if overlapping == 1 else w.units
        out.append(
            f"{overlapping} {noun} {verb} not clearly different from any other: do not read an order into them."
        )
    return out
