"""The page as HTML: one sheet of paper, no script, no outside file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from recoverymetrics.invariance.plain import words as say

if TYPE_CHECKING:
    from recoverymetrics.invariance.plain.result import PlainSummary

STYLE = """
.plain { color: #1d2a33; background: #fff; font: 15px/1.45 system-ui, "Segoe UI", Roboto, Arial, sans-serif; max-width: 54rem;
  margin: 0 auto; padding: 1.2rem 1.4rem; }
.plain h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .2rem; }
.plain h2 { font-size: 1.08rem; margin: 1.1rem 0 .3rem; }
.plain p { margin: .2rem 0 .5rem; }
.plain .soft { color: #5b6b76; font-size: .9rem; }
.plain .answer { border-left: 6px solid #0f6b6b; background: #eef8f1; padding: .6rem 1rem; border-radius: 0 8px 8px 0; margin: .8rem 0; }
.plain .answer.adjusted { border-color: #a85b00; background: #fdf4e7; }
.plain .answer.nothing { border-color: #a3293d; background: #fbeef0; }
.plain .answer strong { font-size: 1.18rem; display: block; margin-bottom: .15rem; }
.plain table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
.plain th { text-align: left; color: #5b6b76; border-bottom: 2px solid #dfe5e8; padding: .2rem .6rem .2rem 0; }
.plain td { border-bottom: 1px solid #dfe5e8; padding: .22rem .6rem .22rem 0; vertical-align: top; }
.plain .yes { color: #1e7a46; font-weight: 600; white-space: nowrap; }
.plain .no { color: #a3293d; font-weight: 600; white-space: nowrap; }
.plain .open { color: #a85b00; font-weight: 600; white-space: nowrap; }
.plain table.dense { font-size: .8rem; line-height: 1.2; }
.plain table.dense td { padding-top: .1rem; padding-bottom: .1rem; }
.plain ul { margin: .2rem 0 .4rem; padding-left: 1.2rem; }
.plain li { margin: .12rem 0; }
.plain svg { max-width: 100%; height: auto; }
@media print { .plain { font-size: 12px; padding: 0; } }
"""
MARK = {"Yes": "yes", "No": "no"}
MOST_ITEMS = 6
MANY = (
    "Half of the questions or more show a difference of some kind, which large samples often find. Each is judged beside "
    "the others, so that with so many nobody can tell which are at fault; what counts here is their size."
)
ROUGH = (
    "The questions do not form one clean scale anywhere: some go together more than the rest, for example those worded "
    "the same way. The checks are about the common part."
)


def render_page(summary: PlainSummary, title: str) -> str:
    """A whole document."""
    name = escape(_heading(summary, title))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n</head>\n<body>\n{render_body(summary, title)}\n</body>\n</html>\n"
    )


def _heading(summary: PlainSummary, title: str) -> str:
    words, n = summary.wording, len(summary.facts.groups)
    return title or f"Can {words.concept} be compared between {n} {words.units}?"


def render_body(summary: PlainSummary, title: str) -> str:
    """The sheet alone, with its style."""
    facts, words = summary.facts, summary.wording
    n = sum(g.n for g in facts.groups)
    if summary.ladder.engine.occasions is not None:
        n = int(summary.ladder.engine.sample.total)
    items = len(summary.ladder.engine.roles.observed)
    parts = [
        f"<style>{STYLE}</style>",
        '<article class="plain">',
        f"<h1>{escape(_heading(summary, title))}</h1>",
        f'<p class="soft">{items} questions, {n:,} people, {len(facts.groups)} {escape(words.units)}.</p>',
        f'<div class="answer {facts.state}"><strong>{escape(summary.headline)}</strong>'
        f"{escape(say.explanation(facts, words))}</div>",
        "<h2>What to do</h2>",
        _bullets(summary.advice),
        f"<h2>The averages of the {escape(words.units)}</h2>",
        f"<figure style='margin:0' role='img' aria-label='Adjusted and raw averages of the {escape(words.units)}'>"
        f"{_picture(summary)}</figure>",
        _caption(summary),
        _group_table(summary),
        "<h2>What was checked</h2>",
        _steps(summary),
        *_items(summary),
        *_notes(summary),
        "</article>",
    ]
    return "\n".join(parts)


def _bullets(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _picture(summary: PlainSummary) -> str:
    import matplotlib
    import matplotlib.pyplot as plt

    with matplotlib.rc_context({"svg.hashsalt": "plain", "svg.fonttype": "path", "font.size": 9}):
        figure = summary.plot().figure
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        plt.close(figure)
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _caption(summary: PlainSummary) -> str:
    w, facts = summary.wording, summary.facts
    if facts.state == "nothing":
        text = f"Shown for completeness: these {w.units} should not be compared by their averages."
    else:
        text = (
            f"Filled: averages adjusted for questions that work differently; hollow: raw averages. Green: the raw average "
            f"is fair; orange: use the adjusted one; red: leave out. Two {w.units} differ clearly when the table says so, "
            "not whenever the dots do."
        )
    return f'<p class="soft">{escape(text)}</p>'


def _group_table(summary: PlainSummary) -> str:
    facts, w = summary.facts, summary.wording
    same = say.all_fair(facts, w)
    columns = {
        w.unit: lambda g: w.name(g.label),
        "people": lambda g: f"{g.n:,}",
        "effect of the questions on its raw average": say.group_effect,
        "use": lambda g: say.group_use(g, facts),
        "clearly higher than": lambda g: "\u2013" if facts.state == "nothing" else say.listed(g.above, w, 12),
    }
    if same:
        del columns["use"], columns["effect of the questions on its raw average"]
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(read(g)))}</td>" for read in columns.values()) + "</tr>"
        for g in sorted(facts.groups, key=lambda g: -g.mean)
    )
    dense = " class='dense'" if len(facts.groups) > 10 else ""
    table = f"<table{dense}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<p>{escape(same)}</p>{table}" if same else table


def _steps(summary: PlainSummary) -> str:
    rows = []
    for question, answer, reason in say.step_rows(summary.ladder, summary.wording):
        kind = MARK.get(answer, "open")
        rows.append(
            f'<tr><td>{escape(question)}</td><td class="{kind}">{escape(answer)}</td><td>{escape(reason)}</td></tr>'
        )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _items(summary: PlainSummary) -> list[str]:
    facts, words = summary.facts, summary.wording
    lines = [say.item_sentence(item, words) for item in facts.items[:MOST_ITEMS]]
    if len(facts.items) > MOST_ITEMS:
        lines.append(f"And {len(facts.items) - MOST_ITEMS} more with smaller differences.")
    named = {item.item for item in facts.items}
    slight = [item for item in facts.flagged if item not in named]
    if slight:
        lines.append(f"Detectable, but too small to matter: {', '.join(slight)}.")
    if not lines:
        lines = ["None that matters."]
    return ["<h2>Questions that work differently</h2>", _bullets(lines)]


def _technical(summary: PlainSummary) -> set[str]:
    """Notes on identification; what cannot be tested is in the table of checks, in plain words."""
    return {note for step in summary.ladder.steps for note in step.fit.table.notes}


def _notes(summary: PlainSummary) -> list[str]:
    notes = list(dict.fromkeys((*summary.ladder.notes, *summary.alignment.notes)))
    notes = [note for note in notes if note not in _technical(summary)]
    if "though" in summary.ladder.steps[0].reason:
        notes.insert(0, ROUGH)
    if 2 * len(summary.facts.flagged) >= len(summary.ladder.engine.roles.observed):
        notes.append(MANY)
    limits = [
        "The checks compare how answers go together; they cannot show that a translation is good.",
        "Rules of thumb decide what counts as a difference; the full tables are in the technical report.",
    ]
    return ["<h2>How sure is this?</h2>", _bullets([*notes, *limits])]
