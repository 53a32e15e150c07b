"""Statements of the panel that are not consensus elements, and what panelists wrote in round 1."""

# Statements that never reach consensus.
# statement, domain, label, entered_round, left_round, replaced_by, note, share relevant (lived experience, professionals)
UNRESOLVED = [
    ("N01", "definition", "Being free of all symptoms", 1, "", "", "", 0.34, 0.46),
    ("N02", "definition", "Going back to the life one had before", 1, "", "", "", 0.38, 0.30),
    ("N03", "indicator", "Taking medication as agreed", 1, "", "", "", 0.36, 0.66),
    ("N04", "indicator", "Having paid work", 1, "", "", "", 0.58, 0.62),
    ("N05", "indicator", "Spending fewer days in hospital", 1, "", "", "", 0.52, 0.70),
    ("N06", "facilitator", "Faith or spiritual practice", 1, "", "", "", 0.56, 0.48),
    (
        "N07",
        "facilitator",
        "Contact with services by phone or video",
        2,
        "",
        "",
        "new from free text",
        0.44,
        0.56,
    ),
    ("N08", "barrier", "Long waiting times", 2, "", "", "new from free text", 0.68, 0.64),
]

# Statements that left after round 1: merged, reworded or dropped.
LEFT = [
    (
        "M01",
        "definition",
        "Being in control of one's own life",
        1,
        1,
        "S03",
        "merged: same meaning",
        0.82,
        0.80,
    ),
    ("M02", "definition", "Making one's own choices", 1, 1, "S04", "merged: same meaning", 0.84, 0.78),
    ("M03", "facilitator", "Support from family", 1, 1, "S19", "merged into a wider statement", 0.70, 0.76),
    ("M04", "barrier", "Being shut out of ordinary life", 1, 1, "S22", "reworded", 0.84, 0.82),
    ("M05", "barrier", "Being judged by others", 1, 1, "S24", "merged: same meaning", 0.82, 0.74),
    (
        "M06",
        "barrier",
        "Lack of insight",
        1,
        1,
        "",
        "dropped: panelists found the wording demeaning",
        0.10,
        0.38,
    ),
]

ENTERED_LATER = {"S09": "new from free text", "S22": "rewording of M04", "S28": "new from free text"}
"""Elements that were not yet in round 1."""

FREE_TEXT = {
    "definition": [
        "It has to start from what the person wants.",
        "This is close to what we talk about in our group.",
        "I would say this in simpler words.",
        "It means something else where I live, but it matters.",
        "Nobody can decide this for another person.",
    ],
    "indicator": [
        "I notice it in small everyday things.",
        "Who would judge this, and how?",
        "It goes up and down; it is no straight line.",
        "It should be asked, never assumed.",
    ],
    "facilitator": [
        "Without this the rest hardly helps.",
        "It depends on money in our country.",
        "Peers did more for me than any programme.",
        "Hard to find outside the big cities.",
    ],
    "barrier": [
        "This happens in services too.",
        "Families feel it as well.",
        "It is the thing that hurts most.",
        "Small refusals add up.",
        "The law here allows it.",
    ],
}
