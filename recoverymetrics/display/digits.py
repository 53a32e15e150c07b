"""How many digits a number deserves: no more than its standard error supports."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def decimals_for(std_error: float, *, most: int = 6) -> int:
    """Decimals at which an estimate is worth printing: two significant digits of its standard error.

    Parameters
    ----------
    std_error : float
        Standard error of the estimate, same unit.
    most : int, default 6
        Upper limit.

    Returns
    -------
    int
        Number of decimals, 0 to ``most``; 3 when the standard error is unknown or zero.

    Examples
    --------
    >>> decimals_for(0.034), decimals_for(12.0)
    (3, 0)
    """
    if not math.isfinite(std_error) or std_error <= 0:
        return 3
    return int(min(max(1 - math.floor(math.log10(std_error)), 0), most))


def format_estimate(estimate: float, std_error: float = math.nan) -> str:
    """Format an estimate with the digits that its standard error supports."""
    if not np.isfinite(estimate):
        return "no value" if np.isnan(estimate) else str(estimate)
    return f"{estimate:.{decimals_for(std_error)}f}"


def format_p(p_value: Any) -> str:
    """Format a p value: three decimals, ``<.001`` below that.

    Examples
    --------
    >>> format_p(0.0321), format_p(1e-9)
    ('.032', '<.001')
    """
    if not np.isfinite(p_value):
        return "no value"
    return "<.001" if p_value < 0.0005 else f"{p_value:.3f}".replace("0.", ".", 1)


def format_whole(value: object) -> str:
    """Format a cell of a column of whole numbers that is stored as floats; missing as a dash."""
    return format_number(
        int(value) if isinstance(value, float | np.floating) and np.isfinite(value) else value
    )


def format_number(value: object) -> str:
    """Format a cell for reading: integers whole, floats with three decimals, missing as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:.3f}" if abs(number) < 1000 else f"{number:,.1f}"
    return str(value)
