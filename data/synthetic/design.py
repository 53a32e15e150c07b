"""What is planted: every number of the measurement model, and the faults to be found."""

from elements_and_items import DIMENSIONS, ITEMS

SEED = 20_250_609

DIMENSION_ITEMS = {
    name: [item for item, *_ in ITEMS if item[:2] == prefix] for prefix, name in DIMENSIONS.items()
}
REVERSE_ITEMS = [item for item, _, _, reverse in ITEMS if reverse]

LOADINGS = {
    "agency": [0.72, 0.70, 0.68, 0.60, 0.78, 0.58, 0.84, 0.22],
    "connection": [0.74, 0.72, 0.58, 0.80, 0.66, 0.78, 0.62, 0.56],
    "safety_rights": [0.66, 0.74, 0.80, 0.64, 0.57, 0.84, 0.68, 0.20],
    "hope_meaning": [0.76, 0.73, 0.66, 0.60, 0.80, 0.78, 0.65, 0.25],
    "barriers": [0.74, 0.72, 0.80, 0.60, 0.64, 0.70, 0.57, 0.58],
}

# Thresholds of the underlying response: an item's location added to four steps.
STEPS = (-1.25, -0.45, 0.30, 1.10)
LOCATIONS = {
    "agency": [0.00, -0.15, -0.10, 0.10, 0.00, 0.15, 0.00, -0.05],
    "connection": [-0.15, -0.10, 0.15, 0.25, 0.20, 0.00, 0.10, 0.05],
    "safety_rights": [-0.20, 0.05, -0.05, 0.15, 0.10, 0.00, 0.05, -0.10],
    "hope_meaning": [-0.10, -0.05, -0.15, 0.10, 0.15, 0.00, 0.05, -0.05],
    "barriers": [0.10, 0.15, 0.10, 0.05, 0.15, 0.10, 0.20, -0.05],
}

# Order of rows and columns: agency, connection, safety_rights, hope_meaning, barriers.
FACTOR_CORRELATIONS = [
    [1.00, 0.52, 0.60, 0.64, -0.34],
    [0.52, 1.00, 0.50, 0.62, -0.36],
    [0.60, 0.50, 1.00, 0.55, -0.40],
    [0.64, 0.62, 0.55, 1.00, -0.33],
    [-0.34, -0.36, -0.40, -0.33, 1.00],
]

# region: n, means, variances
REGIONS = {
    "EUR": (1750, [0.00, 0.00, 0.00, 0.00, 0.00], [1.00, 1.00, 1.00, 1.00, 1.00]),
    "AMR": (1450, [0.15, 0.10, -0.10, 0.20, 0.05], [1.05, 0.95, 1.10, 1.00, 1.05]),
    "WPR": (950, [-0.20, -0.10, 0.15, -0.15, -0.10], [0.85, 0.90, 0.90, 0.95, 0.90]),
    "SEAR": (750, [-0.25, 0.30, -0.20, 0.10, 0.15], [0.90, 1.10, 1.00, 0.85, 1.10]),
    "EMR": (600, [-0.30, 0.20, -0.35, 0.05, 0.30], [1.10, 1.15, 1.20, 1.05, 1.15]),
    "AFR": (500, [-0.10, 0.35, -0.30, 0.30, 0.35], [1.20, 1.00, 1.15, 0.90, 1.25]),
}

# item, regions, shift of the locations in latent standard deviations, factor on the slope
DIF_ITEMS = [
    ("AG05", ("SEAR", "EMR"), 0.70, 1.0),
    ("AG07", ("AMR", "SEAR"), 0.0, 0.42),
    ("CO04", ("EMR", "AFR"), -0.70, 1.0),
    ("SR03", ("SEAR", "AFR"), 0.70, 1.0),
    ("SR06", ("WPR", "AMR"), 0.0, 0.42),
    ("HM05", ("WPR", "AFR"), -0.65, 1.0),
    ("BA03", ("AMR",), -0.65, 1.0),
]

REDUNDANT_PAIRS = [("AG02", "AG03"), ("CO01", "CO02"), ("HM01", "HM02")]
RESIDUAL_CORRELATION = 0.45
WEAK_ITEMS = ["AG08", "SR08", "HM08"]
LOW_RELEVANCE_ITEMS = ["AG08", "CO08"]
UNCOVERED_ELEMENTS = ["S09"]
LIVED_EXPERIENCE_ONLY = ["S08", "S11"]
PROFESSIONALS_ONLY = ["S16", "S17"]

CARELESS_SHARE = 0.03
MISSING_RATE = 0.025
SENSITIVE_ITEMS = {"BA05": 2.5, "BA04": 1.7, "SR05": 1.7, "SR03": 1.4, "BA07": 1.4, "BA02": 1.3}
MISSING_BY_REGION = {"EUR": 0.8, "AMR": 0.9, "WPR": 1.0, "SEAR": 1.2, "EMR": 1.5, "AFR": 1.4}
MISSING_BY_POSITION = 0.8
STOP_SHARE = 0.008
ALL_MISSING = 4


def flat(by_dimension: dict[str, list[float]]) -> dict[str, float]:
    """One entry per item from one list per dimension."""
    return {
        item: value
        for name, items in DIMENSION_ITEMS.items()
        for item, value in zip(items, by_dimension[name], strict=True)
    }


def thresholds() -> dict[str, list[float]]:
    """Four increasing thresholds per item, for the keyed answers."""
    return {item: [round(place + step, 6) for step in STEPS] for item, place in flat(LOCATIONS).items()}


def clean_items() -> list[str]:
    """Items without any planted fault."""
    faulty = {item for item, *_ in DIF_ITEMS} | {item for pair in REDUNDANT_PAIRS for item in pair}
    faulty |= set(WEAK_ITEMS) | set(LOW_RELEVANCE_ITEMS)
    return [item for item, *_ in ITEMS if item not in faulty]
