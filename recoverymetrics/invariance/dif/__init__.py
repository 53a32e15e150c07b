"""Differential item functioning: which items work differently in which region, and what that does.

Which method when. Twelve graded items of five categories, six regions whose means span one standard deviation,
shifts of half a standard deviation; false positives among clean items / power, 20 replications, items flagged
at a corrected p of .05 and an effect of at least 0.10, in the first two rows 0.12 as by default (IRT: 3
replications; ``benchmarks/invariance.py`` makes the table again):

=================================  ==================  ==================  ==================  ==================
method                             no DIF              2 items, both ways  40 %, one way       slope halved
                                   200-500 / 500-3000  200-500 / 500-3000  200-500 / 500-3000  200-500
=================================  ==================  ==================  ==================  ==================
ordinal logistic (default)         .013 / .000         .01, .95 / .00, 1   .02, .89 / .00, 1   .01, .60
IRT likelihood ratio               .000 / .000         .00, 1.0 / .00, 1   .00, .87 / .00, 1   .00, .67
the same as the first, 0.10        .013 / .000         .02, .95 / .01, 1   .04, .88 / .01, 1   .01, .85
the same, product term (lordif)    .000 / .000         .00, .95 / .01, 1   .18, .82 / .01, 1   .00, .00
the same, rest score               .021 / .267         .15, .98 / .42, 1   .94, .91 / 1.0, 1   .15, .90
the same, p value alone            .017 / .000         .02, .95 / .03, 1   .05, .88 / .19, 1   .01, 1.0
the same, McFadden .02             .000 / .000         .00, .00 / .00, 0   .00, .00 / .00, 0   .00, .30
Mantel-Haenszel                    .013 / .000         .02, .98 / .01, 1   .07, .93 / .01, 1   .02, .08
SIBTEST                            .008 / .004         .01, .70 / .01, 1   .14, .73 / .01, 1   .02, .00
MIMIC                              .004 / .000         .01, .95 / .00, 1   .01, .94 / .05, .95 .01, .05
=================================  ==================  ==================  ==================  ==================

The first row was measured with ``test="graded"``; the default, ``"any"``, also sees slopes that change while
the distances between thresholds do not.

So: the default for a first look at any scale, with few persons too. ``"irt_lr"`` where every category is used
in every region and the parameters themselves matter. ``"mantel_haenszel"`` and ``"sibtest"`` for checks without a
model; they do not see differences in discrimination. Never a rest score when regions differ in mean. A change
in R2 over all regions dilutes DIF of a single region: McFadden's .02 finds none of these shifts.
"""

from recoverymetrics.invariance.dif.covariate import CovariateDIFResult, detect_covariate_dif
from recoverymetrics.invariance.dif.detect import detect_dif
from recoverymetrics.invariance.dif.result import DIFResult
from recoverymetrics.invariance.dif.spec import (
    CovariateLogistic,
    FlagRule,
    IRTLikelihoodRatio,
    IRTWald,
    Lasso,
    Lord,
    MantelHaenszel,
    Mimic,
    Ncdif,
    OrdinalLogistic,
    RajuArea,
    ScoreBased,
    Sibtest,
)

__all__ = [
    "CovariateDIFResult",
    "CovariateLogistic",
    "DIFResult",
    "FlagRule",
    "IRTLikelihoodRatio",
    "IRTWald",
    "Lasso",
    "Lord",
    "MantelHaenszel",
    "Mimic",
    "Ncdif",
    "OrdinalLogistic",
    "RajuArea",
    "ScoreBased",
    "Sibtest",
    "detect_covariate_dif",
    "detect_dif",
]
