"""Published rules for when a step of the ladder holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.errors import OptionError


@dataclass(frozen=True)
class InvarianceCriteria:
    """Largest changes in fit that a step may cost. A limit of None is not looked at.

    Attributes
    ----------
    name : str
        Name of the rule.
    source : str
        Key in ``recoverymetrics.references``.
    cfi, rmsea : tuple of float or None
        Largest drop of CFI and largest rise of RMSEA, at the loadings step and at later steps.
    srmr : tuple of float or None
        Largest rise of SRMR, at the loadings step and at later steps.
    nci, gamma : float or None
        Largest drop of McDonald's noncentrality index and of gamma-hat.
    alpha : float or None
        Smallest p value of the difference test.
    main : str
        Measure that decides alone (``"cfi"``); the other limits then only appear in the reason. Empty: every
        limit counts. Chen (2007) makes CFI the main criterion, because RMSEA and SRMR reject invariant
        models too often in small samples.
    """

    name: str
    source: str
    cfi: tuple[float, float] | None = None
    rmsea: tuple[float, float] | None = None
    srmr: tuple[float, float] | None = None
    nci: float | None = None
    gamma: float | None = None
    alpha: float | None = None
    main: str = ""

    def judge(self, level: str, change: dict[str, float]) -> tuple[bool, str]:
        """Whether a step holds, and the reason in words.

        Parameters
        ----------
        level : str
            Name of the level.
        change : dict
            ``delta_cfi``, ``delta_rmsea``, ``delta_srmr``, ``delta_nci``, ``delta_gamma``, ``delta_p``.
        """
        later = int(level not in ("metric", "thresholds", "loadings"))
        checks = [
            ("cfi", "CFI fell by", -change["delta_cfi"], self.cfi and self.cfi[later]),
            ("rmsea", "RMSEA rose by", change["delta_rmsea"], self.rmsea and self.rmsea[later]),
            ("srmr", "SRMR rose by", change["delta_srmr"], self.srmr and self.srmr[later]),
            ("nci", "McDonald's NCI fell by", -change["delta_nci"], self.nci),
            ("gamma", "gamma-hat fell by", -change["delta_gamma"], self.gamma),
        ]
        broken = {
            name: f"{words} {size:.4f} (limit {limit:.3f})"
            for name, words, size, limit in checks
            if limit is not None and np.isfinite(size) and round(size, 6) > limit
        }
        if self.alpha is not None and not np.isfinite(change["delta_p"]):
            broken["p"] = "the difference test could not be computed"
        elif self.alpha is not None and change["delta_p"] < self.alpha:
            broken["p"] = f"the difference test is significant (p = {change['delta_p']:.2g})"
        holds = self.main not in broken if self.main else not broken
        if not broken:
            return True, "changes in fit stay within the limits"
        text = "; ".join(broken.values())
        return holds, f"{self.main.upper()} stays within its limit, though {text}" if holds else text


NAMED = {
    "chen2007": InvarianceCriteria(
        "chen2007", "chen2007", (0.010, 0.010), (0.015, 0.015), (0.030, 0.010), main="cfi"
    ),
    "chen2007_small": InvarianceCriteria(
        "chen2007_small", "chen2007", (0.005, 0.005), (0.010, 0.010), (0.025, 0.005), main="cfi"
    ),
    "cheung2002": InvarianceCriteria(
        "cheung2002", "cheungrensvold2002", (0.010, 0.010), nci=0.020, gamma=0.001
    ),
    "rutkowski2014": InvarianceCriteria(
        "rutkowski2014", "rutkowskisvetina2014", (0.020, 0.010), (0.030, 0.010)
    ),
    "rutkowski2017": InvarianceCriteria(
        "rutkowski2017", "rutkowskisvetina2017", (0.004, 0.004), (0.050, 0.010)
    ),
    "meade2008": InvarianceCriteria("meade2008", "meade2008", (0.002, 0.002)),
    "likelihood_ratio": InvarianceCriteria("likelihood_ratio", "joreskog1971", alpha=0.05),
}

CONFIGURAL_CFI, CONFIGURAL_RMSEA, CONFIGURAL_SRMR = 0.90, 0.08, 0.08
"""The first rung has no step before it: CFI at least .90, and RMSEA or SRMR at most .08."""


def resolve_criteria(criteria: str | InvarianceCriteria) -> InvarianceCriteria:
    """Look up a rule by name."""
    if isinstance(criteria, InvarianceCriteria):
        return criteria
    if criteria not in NAMED:
        raise OptionError(f"criteria={criteria!r} is not known; choose from {', '.join(NAMED)}.")
    return NAMED[criteria]


def judge_configural(cfi: float, rmsea: float, srmr: float) -> tuple[bool, str]:
    """Whether the configural model fits acceptably, and the reason in words."""
    text = f"CFI {cfi:.3f}, RMSEA {rmsea:.3f}, SRMR {srmr:.3f}"
    if cfi >= CONFIGURAL_CFI and (rmsea <= CONFIGURAL_RMSEA or srmr <= CONFIGURAL_SRMR):
        poor = [
            name
            for name, value, limit in (("RMSEA", rmsea, CONFIGURAL_RMSEA), ("SRMR", srmr, CONFIGURAL_SRMR))
            if value > limit
        ]
        doubt = f", though {poor[0]} is above {CONFIGURAL_RMSEA:.2f}" if poor else ""
        return True, f"acceptable fit: {text}{doubt}"
    return False, f"poor fit: {text}"
