"""The entry function of the plain page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recoverymetrics.errors import require_kind
from recoverymetrics.invariance.plain.facts import collect_facts
from recoverymetrics.invariance.plain.result import PlainSummary
from recoverymetrics.invariance.plain.words import Wording

if TYPE_CHECKING:
    from recoverymetrics.invariance.alignment.result import AlignmentResult
    from recoverymetrics.invariance.dif.result import DIFResult
    from recoverymetrics.invariance.ladder.result import InvarianceResult


def explain_invariance(
    ladder: InvarianceResult,
    alignment: AlignmentResult | None = None,
    dif: DIFResult | None = None,
    *,
    factor: str | None = None,
    concept: str = "what the scale measures",
    unit: str | None = None,
    units: str | None = None,
    names: Mapping[str, str] | None = None,
    questions: Mapping[str, str] | None = None,
) -> PlainSummary:
    """Say on one page and in plain words what can be compared, what cannot, and what to do.

    Parameters
    ----------
    ladder : InvarianceResult
        From ``check_invariance``, over groups or occasions.
    alignment : AlignmentResult, optional
        From ``align_groups``; by default the ladder's configural model is aligned (FIXED).
    dif : DIFResult, optional
        From ``detect_dif``.
    factor : str, optional
        Factor that the page is about; default the first.
    concept : str
        What is measured, in a word or two: ``"self-esteem"``.
    unit, units : str, optional
        What is compared: ``"region"``, ``"regions"``; default group or round.
    names : mapping, optional
        Label in the data to the name to show.
    questions : mapping, optional
        Item to its text.

    Returns
    -------
    PlainSummary
        ``to_html(path)`` writes the page; a notebook shows it by itself.

    Raises
    ------
    OptionError
        Unknown factor.

    Examples
    --------
    >>> import numpy as np
    >>> from recoverymetrics.invariance import check_invariance
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(900, 1)) + rng.normal(size=(900, 4))
    >>> ladder = check_invariance(answers, "f =~ item1 + item2 + item3 + item4", group=np.repeat(["A", "B", "C"], 300))
    >>> explain_invariance(ladder, concept="hope", unit="region", units="regions").headline
    'Yes. Scores can be compared as they are.'
    """
    require_kind(ladder, "InvarianceResult", "ladder", "the result of check_invariance")
    over_time = ladder.engine.occasions is not None
    aligned = ladder.align(method="fixed") if alignment is None else alignment
    single = unit or ("round" if over_time else "group")
    wording = Wording(
        concept, single, units or f"{single}s", dict(names or {}), dict(questions or {}), over_time
    )
    return PlainSummary(collect_facts(ladder, aligned, dif, factor), wording, ladder, aligned, dif)
