"""Consensus elements and candidate items, in our own words.

The items are original, in the first person and in plain language; none is taken from an existing scale.
Answers run from 1 (not at all true for me) to 5 (completely true for me).
"""

PROFESSIONALS = "after professionals_2025"
EXPERTS = "after experts_by_experience_2024"
BOTH = "after professionals_2025 and experts_by_experience_2024"
OWN = "own addition"

# element_id, domain, label, theme, source
ELEMENTS = [
    ("S01", "definition", "Developing a sense of agency", "Empowerment", PROFESSIONALS),
    ("S02", "definition", "Empowerment", "Empowerment", BOTH),
    ("S03", "definition", "Autonomy", "Empowerment", PROFESSIONALS),
    ("S04", "definition", "Self-determination", "Empowerment", PROFESSIONALS),
    ("S05", "definition", "Leading a fulfilling life", "Meaning", EXPERTS),
    ("S06", "definition", "Safe living conditions", "Transition", EXPERTS),
    ("S07", "definition", "Being recognised as a holder of rights", "Transition", EXPERTS),
    ("S08", "definition", "Moving away from the biomedical model", "Transition", EXPERTS),
    ("S09", "definition", "Advocating collective rights", "Transition", EXPERTS),
    ("S10", "definition", "Hope for the time ahead", "Hope", OWN),
    ("S11", "definition", "Being more than a diagnosis", "Identity", OWN),
    ("S12", "indicator", "Informed decision-making", "Empowerment", PROFESSIONALS),
    ("S13", "indicator", "Being safe when using services", "Transition", PROFESSIONALS),
    ("S14", "indicator", "Taking part in community life", "Connectedness", OWN),
    ("S15", "indicator", "Having roles that matter", "Meaning", OWN),
    ("S16", "facilitator", "Services promote self-determination", "Empowerment", PROFESSIONALS),
    ("S17", "facilitator", "Holistic approach within services", "Transition", BOTH),
    ("S18", "facilitator", "Peer support", "Connectedness", PROFESSIONALS),
    ("S19", "facilitator", "Supportive social environment", "Connectedness", EXPERTS),
    ("S20", "facilitator", "Respectful social environment", "Connectedness", EXPERTS),
    ("S21", "facilitator", "Financial security", "Transition", BOTH),
    ("S22", "barrier", "Social exclusion", "Connectedness", BOTH),
    ("S23", "barrier", "Discrimination", "Identity", EXPERTS),
    ("S24", "barrier", "Stigma", "Identity", BOTH),
    ("S25", "barrier", "Self-stigma", "Identity", BOTH),
    ("S26", "barrier", "Coercion", "Empowerment", BOTH),
    ("S27", "barrier", "No support from significant others", "Connectedness", EXPERTS),
    ("S28", "barrier", "Unsafe housing", "Transition", OWN),
]

DIMENSIONS = {
    "AG": "agency",
    "CO": "connection",
    "SR": "safety_rights",
    "HM": "hope_meaning",
    "BA": "barriers",
}

# item_id, text, elements, reverse
ITEMS = [
    ("AG01", "The choices that shape my days are mine to make.", "S04;S03", False),
    ("AG02", "When something matters to me, I find a way to act on it.", "S01", False),
    ("AG03", "When I care about something, I find some way to act on it.", "S01", False),
    ("AG04", "I know my options before I agree to any kind of help.", "S12", False),
    ("AG05", "I can say no to a plan that others made for me.", "S04;S16", False),
    ("AG06", "Other people settle important matters in my life without asking me.", "S03;S02", True),
    ("AG07", "What I learned in hard times helps me decide what to do next.", "S02;S01", False),
    ("AG08", "I plan most of my week ahead of time.", "S01", False),
    ("CO01", "There is someone who stands by me when things get hard.", "S19", False),
    ("CO02", "When things get hard, someone stays by my side.", "S19", False),
    ("CO03", "I spend time with people who have lived through something similar.", "S18", False),
    ("CO04", "People in my neighbourhood greet me as one of them.", "S20;S14", False),
    ("CO05", "I join in things that bring people together where I live.", "S14", False),
    ("CO06", "People listen to what I have to say.", "S20", False),
    ("CO07", "Days go by without anyone asking how I am.", "S19", True),
    ("CO08", "I send many messages on my phone.", "S14", False),
    ("SR01", "I feel safe in the place where I sleep.", "S06", False),
    ("SR02", "I know which rights I have, and others honour them.", "S07", False),
    ("SR03", "I can speak up about my care without fearing what happens next.", "S07;S13", False),
    ("SR04", "Those who offer me help ask about my whole life.", "S20;S17", False),
    ("SR05", "I worry that a service could harm me.", "S13", True),
    ("SR06", "I can see what is written about me and have mistakes put right.", "S07;S12", False),
    ("SR07", "My own way of understanding what I went through counts.", "S07;S08", False),
    ("SR08", "I keep my papers and letters in order at home.", "S06", False),
    ("HM01", "I can picture good days ahead of me.", "S10", False),
    ("HM02", "I can imagine good days that are still to come.", "S10", False),
    ("HM03", "There is more to me than what I have been through.", "S05;S11", False),
    ("HM04", "I have let go of things that I once wished for.", "S10", True),
    ("HM05", "Somebody needs what I have to give.", "S15", False),
    ("HM06", "Much of my time goes into what I care about.", "S05", False),
    ("HM07", "My days seem empty to me.", "S05", True),
    ("HM08", "I like to think about how things used to be.", "S05", False),
    ("BA01", "I am left out of things that other people here can join.", "S22", False),
    ("BA02", "I am refused things that others get, because of my mental health history.", "S23", False),
    ("BA03", "People change towards me once they hear about my distress.", "S24", False),
    ("BA04", "I sometimes believe the bad things that are said about people like me.", "S25", False),
    ("BA05", "I am pushed into treatment that I did not agree to.", "S26", False),
    ("BA06", "Those closest to me turn away when I need them.", "S27", False),
    ("BA07", "I might lose the place where I live.", "S28", False),
    ("BA08", "I have enough money for what I need.", "S21", True),
]

EXCLUSIVE_DOMAIN = {"BA": "barrier"}
"""Barriers are a domain of their own and are never netted against recovery."""


def domain_of(item: str) -> str:
    """Domain of an item: barriers apart, all else recovery."""
    return EXCLUSIVE_DOMAIN.get(item[:2], "recovery")


def item_rows() -> list[dict[str, str]]:
    """The item bank with the provenance of each item."""
    rows = []
    for number, (item, text, elements, reverse) in enumerate(ITEMS):
        lived = number % 3 != 1
        rows.append(
            {
                "item_id": item,
                "text": text,
                "element": elements,
                "domain": domain_of(item),
                "dimension": DIMENSIONS[item[:2]],
                "reverse": "true" if reverse else "false",
                "proposed_by": "lived_experience" if lived else "professional",
                "approved_by": "lived_experience;professional" if number % 4 else "lived_experience",
                "origin": f"written for statement {elements.split(';')[0]}",
                "licence": "CC0-1.0",
            }
        )
    return rows
