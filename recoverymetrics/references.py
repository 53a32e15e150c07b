"""The bibliography: each paper is written once here and cited by key from docstrings and reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One cited work.

    Attributes
    ----------
    key : str
        Short key, first author and year, lower case.
    citation : str
        Authors, year, journal, volume, pages.
    doi : str
        Digital object identifier, or ``""`` when none is known.
    """

    key: str
    citation: str
    doi: str = ""


def cite(key: str) -> Reference:
    """Look up a reference by its key.

    Parameters
    ----------
    key : str
        A key of ``BIBLIOGRAPHY``.

    Returns
    -------
    Reference

    Raises
    ------
    KeyError
        When the key is not in the bibliography.

    Examples
    --------
    >>> cite("cronbach1951").citation
    'Cronbach LJ (1951). Psychometrika 16:297-334'
    """
    return BIBLIOGRAPHY[key]


_ENTRIES = (
    Reference(
        "guerrero2025",
        "Guerrero E, Barrios M, Sampietro HM, Aza A, Guilera G, Gomez-Benito J (2025). Soc Sci Med 381:118302",
        "10.1016/j.socscimed.2025.118302",
    ),
    Reference(
        "guerrero2024",
        "Guerrero E, Barrios M, Sampietro HM, Aza A, Gomez-Benito J, Guilera G (2024). Epidemiol Psychiatr Sci 33",
    ),
    Reference("cronbach1951", "Cronbach LJ (1951). Psychometrika 16:297-334", "10.1007/BF02310555"),
    Reference("samejima1969", "Samejima F (1969). Psychometrika Monograph Supplement 17"),
    Reference("chen2007", "Chen FF (2007). Struct Equ Modeling 14:464-504", "10.1080/10705510701301834"),
    Reference(
        "wuestabrook2016", "Wu H, Estabrook R (2016). Psychometrika 81:1014-1045", "10.1007/s11336-016-9506-0"
    ),
    Reference(
        "choi2011", "Choi SW, Gibbons LE, Crane PK (2011). J Stat Softw 39(8):1-30", "10.18637/jss.v039.i08"
    ),
    Reference("fleishman1978", "Fleishman AI (1978). Psychometrika 43:521-532", "10.1007/BF02293811"),
    Reference("valemaurelli1983", "Vale CD, Maurelli VA (1983). Psychometrika 48:465-471", "10.1007/BF02293687"),
)
BIBLIOGRAPHY: dict[str, Reference] = {entry.key: entry for entry in _ENTRIES}
