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
    Reference(
        "valemaurelli1983", "Vale CD, Maurelli VA (1983). Psychometrika 48:465-471", "10.1007/BF02293687"
    ),
    Reference("dempster1977", "Dempster AP, Laird NM, Rubin DB (1977). J R Stat Soc B 39:1-38"),
    Reference(
        "dunn2018",
        "Dunn AM, Heggestad ED, Shanock LR, Theilgard N (2018). J Bus Psychol 33:105-121",
        "10.1007/s10869-016-9479-0",
    ),
    Reference(
        "gottfried2022", "Gottfried J, Jezek S, Kralova M, Rihacek T (2022). Pract Assess Res Eval 27:2"
    ),
    Reference(
        "joanesgill1998", "Joanes DN, Gill CA (1998). The Statistician 47:183-189", "10.1111/1467-9884.00122"
    ),
    Reference("linacre2002", "Linacre JM (2002). J Appl Meas 3:85-106"),
    Reference(
        "little1988", "Little RJA (1988). J Am Stat Assoc 83:1198-1202", "10.1080/01621459.1988.10478722"
    ),
    Reference("meadecraig2012", "Meade AW, Craig SB (2012). Psychol Methods 17:437-455", "10.1037/a0028085"),
    Reference(
        "terwee2007", "Terwee CB, et al. (2007). J Clin Epidemiol 60:34-42", "10.1016/j.jclinepi.2006.03.012"
    ),
)
BIBLIOGRAPHY: dict[str, Reference] = {entry.key: entry for entry in _ENTRIES}
