"""Simulated answers with the truth that made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult


@dataclass(frozen=True)
class SimulatedResponses(AbstractResult):
    """Answers, factor scores and planted truth of one simulation.

    Attributes
    ----------
    responses : pandas.DataFrame, shape (n, 1 + p)
        Column ``group`` and one ``Int64`` column per item; missing answers are ``pd.NA``.
    theta : pandas.DataFrame, shape (n, m)
        Factor scores, one column per factor.
    truth : dict
        What was planted, in plain JSON types: ``model``, ``items`` (parameters), ``factor_correlations``,
        ``groups``, ``dif``, ``residual_correlations``, ``reverse``, ``careless`` (row number -> kind).
    """

    responses: pd.DataFrame
    theta: pd.DataFrame
    truth: dict[str, Any]

    @property
    def items(self) -> tuple[str, ...]:
        """Item names, in order."""
        return tuple(self.responses.columns[1:])

    def tidy(self) -> pd.DataFrame:
        """One row per item: its mean answer, its categories in use, its share of missing answers."""
        answers = self.responses[list(self.items)]
        return pd.DataFrame(
            {
                "item": self.items,
                "n": answers.notna().sum().to_numpy(),
                "mean": answers.mean().to_numpy(dtype=float),
                "n_categories": answers.nunique().to_numpy(),
                "missing": answers.isna().mean().to_numpy(dtype=float),
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: persons, items, groups, share of missing answers, careless persons, DIF items."""
        answers = self.responses[list(self.items)]
        return pd.DataFrame(
            {
                "model": [self.truth["model"]],
                "n": [len(answers)],
                "n_items": [len(self.items)],
                "n_groups": [len(self.truth["groups"])],
                "missing": [float(np.mean(answers.isna().to_numpy()))],
                "n_careless": [len(self.truth["careless"])],
                "n_dif": [len({entry["item"] for entry in self.truth["dif"]})],
            }
        )
