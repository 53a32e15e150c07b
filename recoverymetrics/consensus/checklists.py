"""What the reporting guidelines ask for, as topics in our own words.

The published guidelines are the authority: ACCORD (Gattrell et al. 2024, 35 items), DELPHISTAR (Niederberger et al. 2024,
38 items), CREDES (Junger et al. 2017, 16 recommendations on conduct and reporting), GRIPP2 (Staniszewska et al. 2017, the
short form with its 5 items on the involvement of patients and the public). The labels below are short paraphrases by topic;
the sections have as many entries as the guideline's, their order within a section is ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One entry: section, our label, and the topic that answers it."""

    section: str
    label: str
    topic: str


def _section(name: str, *entries: tuple[str, str]) -> tuple[ChecklistItem, ...]:
    return tuple(ChecklistItem(name, label, topic) for topic, label in entries)


ACCORD = (
    *_section("title", ("title", "Title says that this is a consensus exercise and by which method")),
    *_section(
        "introduction",
        ("rationale", "Why consensus was needed"),
        ("aim", "Aim, and for whom the result is meant"),
        ("update", "Whether this updates earlier work"),
    ),
    *_section(
        "methods",
        ("registration", "Protocol registered in advance, and where"),
        ("method", "Which consensus method, and why this one"),
        ("steering", "Who steered the process and what their role was"),
        ("criteria", "Who could be a panelist"),
        ("panel_size", "How many panelists, and why"),
        ("recruitment", "How panelists were found and invited"),
        ("composition", "Which groups of people were on the panel"),
        ("involvement", "Part of people with lived experience, patients, public"),
        ("decision_rights", "Who could vote and who could only advise"),
        ("evidence", "How earlier evidence was searched"),
        ("information", "What panelists were told beforehand"),
        ("statements", "How statements were written"),
        ("pilot", "Piloting of the questionnaire"),
        ("rounds", "Number of rounds and their purpose"),
        ("scale", "Answer scale and its wording"),
        ("consensus_definition", "What counted as consensus, fixed in advance"),
        ("feedback", "What panelists saw between rounds"),
        ("anonymity", "Who knew whose answers"),
        ("changes", "How statements were changed, merged, dropped between rounds"),
        ("missing", "How missing answers and absent people were treated"),
        ("analysis", "How answers were analysed"),
    ),
    *_section(
        "results",
        ("response", "Panelists invited and taking part in each round"),
        ("attrition", "Who left, and whether they had rated differently"),
        ("results", "Votes for every statement"),
        ("comments", "What panelists wrote"),
        ("final_list", "The final list"),
    ),
    *_section(
        "discussion",
        ("limitations", "Strengths and limits of the process"),
        ("applicability", "Where the result applies"),
    ),
    *_section(
        "other",
        ("endorsement", "Endorsement by organisations"),
        ("interests", "Interests of steering group and panelists"),
        ("funding", "Funding and its influence"),
    ),
)

DELPHISTAR = (
    *_section(
        "title and abstract",
        ("title", "Title names the Delphi method"),
        ("abstract_panel", "Abstract states panel and rounds"),
        ("abstract_results", "Abstract states the central results"),
    ),
    *_section(
        "context",
        ("rationale", "Why the question is open"),
        ("aim", "Aim of the study"),
        ("method", "Why a Delphi fits, and which variant"),
        ("evidence", "State of knowledge the study builds on"),
        ("steering", "Who ran the study and with what background"),
        ("funding", "Who paid"),
        ("interests", "Interests declared"),
    ),
    *_section(
        "method",
        ("registration", "Protocol or registration"),
        ("ethics", "Ethics approval and consent"),
        ("criteria", "Who counts as an expert here"),
        ("recruitment", "How experts were found and invited"),
        ("panel_size", "Size of the panel and its reason"),
        ("composition", "Make-up of the panel"),
        ("involvement", "Experts by experience and their part"),
        ("statements", "How the questionnaire came about"),
        ("pilot", "Test before the first round"),
        ("rounds", "Number and order of rounds"),
        ("timing", "When and how long each round ran"),
        ("mode", "Online, on paper or in person"),
        ("scale", "Answer scales"),
        ("open_answers", "Room for free text and its analysis"),
        ("feedback", "Feedback between rounds"),
        ("anonymity", "Anonymity among experts"),
        ("consensus_definition", "Definition of consensus"),
        ("stopping", "When the rounds would end"),
        ("changes", "Changes of statements between rounds"),
        ("analysis", "Statistics and software"),
    ),
    *_section(
        "results",
        ("response", "People in each round"),
        ("attrition", "Drop-out and its effect"),
        ("results", "Results for every statement and round"),
        ("final_list", "Consensus and lasting dissent"),
    ),
    *_section(
        "discussion",
        ("interpretation", "What the results mean"),
        ("limitations", "Limits of the method as used"),
        ("applicability", "To whom results carry over"),
        ("use", "What follows from them"),
    ),
)

CREDES = (
    *_section("rationale", ("method", "Why the Delphi technique was chosen")),
    *_section(
        "planning and design",
        ("registration", "Process planned in advance, deviations explained"),
        ("consensus_definition", "Consensus defined beforehand, and what happens without it"),
    ),
    *_section(
        "conduct",
        ("information", "Information given to the panel, reviewed beforehand"),
        ("interests", "Steps against bias of those who run the study"),
        ("interpretation", "Consensus read with care: agreement is not truth; stability and dissent kept"),
        ("external_validation", "Draft reviewed from outside before it is spread"),
    ),
    *_section(
        "reporting",
        ("aim", "Purpose and reasons"),
        ("composition", "Panel: how chosen, who they are"),
        ("rounds", "Method in detail: preparation, rounds, analysis"),
        ("changes", "Course of the rounds, with every change of statements"),
        ("consensus_definition", "How consensus was reached, by the definition"),
        ("results", "Results of every round"),
        ("limitations", "Limits discussed"),
        ("final_list", "Conclusions that follow from the results"),
        ("use", "How the result is published and used"),
    ),
)

GRIPP2 = (
    *_section("aim", ("involvement_aim", "What people were involved for")),
    *_section("methods", ("involvement_methods", "Who was involved, in which rounds, with what say")),
    *_section(
        "study results", ("involvement_results", "What their involvement changed, for better or worse")
    ),
    *_section("discussion", ("involvement_discussion", "How much involvement shaped the study as a whole")),
    *_section("reflections", ("involvement_reflections", "What went well, what did not, told critically")),
)

GUIDELINES = {"accord": ACCORD, "delphistar": DELPHISTAR, "credes": CREDES, "gripp2": GRIPP2}
