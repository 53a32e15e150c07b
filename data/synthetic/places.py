"""Countries and languages by WHO region, as the regions stand from 2025-05-23 (Indonesia in WPR)."""

# region: (ISO-2 code, language, weight)
COUNTRIES = {
    "AFR": [("NG", "en", 5), ("KE", "sw", 4), ("ZA", "en", 4), ("GH", "en", 3), ("SN", "fr", 2)],
    "AMR": [
        ("BR", "pt", 5),
        ("US", "en", 5),
        ("MX", "es", 4),
        ("CA", "en", 3),
        ("CL", "es", 3),
        ("CO", "es", 2),
    ],
    "SEAR": [("IN", "hi", 6), ("LK", "si", 3), ("BD", "bn", 3), ("NP", "ne", 2), ("TH", "th", 3)],
    "EUR": [
        ("ES", "es", 5),
        ("GB", "en", 5),
        ("DE", "de", 4),
        ("PL", "pl", 3),
        ("SE", "sv", 2),
        ("TR", "tr", 3),
    ],
    "EMR": [("EG", "ar", 5), ("PK", "ur", 4), ("JO", "ar", 3), ("MA", "ar", 3), ("TN", "fr", 2)],
    "WPR": [
        ("JP", "ja", 5),
        ("AU", "en", 4),
        ("PH", "en", 3),
        ("ID", "id", 4),
        ("NZ", "en", 2),
        ("KR", "ko", 2),
    ],
}


def place(region: str, uniform: float) -> tuple[str, str]:
    """Country and language of a person in a region, by a number in [0, 1)."""
    places = COUNTRIES[region]
    mark = uniform * sum(weight for *_, weight in places)
    for country, language, weight in places:
        if mark < weight:
            return country, language
        mark -= weight
    raise ValueError(f"{uniform} is not in [0, 1)")
