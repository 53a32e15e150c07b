"""Random numbers that do not depend on the number of workers."""

from __future__ import annotations

import numpy as np

from recoverymetrics.errors import OptionError
from recoverymetrics.typing import Seed


def generator(seed: Seed) -> np.random.Generator:
    """Turn a seed into a generator, leaving NumPy's global state alone.

    Parameters
    ----------
    seed : int, numpy.random.Generator or None
        An int gives the same numbers each time; a generator is used as it is.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    OptionError
        Text, fractions or negative numbers.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"seed={seed!r} must be a whole number of at least 0, a Generator or None."
        ) from error


def spawn(seed: Seed, n: int) -> list[np.random.Generator]:
    """Make ``n`` independent generators, one per task.

    Parameters
    ----------
    seed : int, numpy.random.Generator or None
        Parent seed.
    n : int
        Number of tasks.

    Returns
    -------
    list of numpy.random.Generator
        Task ``i`` gets the same stream whatever the number of workers.
    """
    return generator(seed).spawn(n)
