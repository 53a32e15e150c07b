"""``fit_rasch``: conditional maximum likelihood of the Rasch family."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from recoverymetrics.errors import EstimationWarning, ModelError, OptionError
from recoverymetrics.instrument.frame import read_items
from recoverymetrics.irt.checks import check_variation
from recoverymetrics.irt.rasch.kernel import ConditionalFit, design_matrix, maximise_conditional, score_groups
from recoverymetrics.irt.rasch.result import RaschResult
from recoverymetrics.irt.responses import CodedResponses, code_responses
from recoverymetrics.typing import IntArray, IntoFrame

MODELS = ("rasch", "pcm", "rsm")


def fit_rasch(data: IntoFrame, model: str = "rasch", *, items: Sequence[str] | None = None) -> RaschResult:
    """Estimate a Rasch, partial credit or rating scale model by conditional maximum likelihood.

    No distribution of the latent variable is assumed. Persons with missing responses contribute the items that
    they answered.

    Parameters
    ----------
    data : DataFrame, Responses, mapping or 2-D array
        One row per person, one column per item.
    model : {"rasch", "pcm", "rsm"}, default "rasch"
        Binary Rasch model, partial credit model (Masters 1982), rating scale model (Andrich 1978).
    items : sequence of str, optional
        Item columns.

    Returns
    -------
    RaschResult

    Raises
    ------
    DataError
        Items without variation.
    ModelError
        Binary model for polytomous items, rating scale over unequal numbers of categories.
    OptionError
        Unknown model.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> X = (rng.standard_normal((200, 1)) + rng.logistic(size=(200, 4)) > 0).astype(int)
    >>> fit_rasch(X).converged
    True
    """
    name = str(model).lower()
    if name not in MODELS:
        raise OptionError(f"unknown Rasch model {model!r}; choose one of {', '.join(MODELS)}.")
    coded = code_responses(read_items(data, items=items))
    notes = check_variation(coded)
    K = coded.n_categories
    if name == "rasch" and (K > 2).any():
        raise ModelError(
            f"item {coded.items[int(np.argmax(K > 2))]!r} has more than two categories; use model='pcm'."
        )
    if name == "rsm" and np.unique(K).size > 1:
        raise ModelError(
            f"the rating scale model needs equal numbers of categories, found {sorted(set(K.tolist()))}."
        )
    fit = estimate(coded.codes, K, name)
    if not fit.converged:
        notes = (*notes, "the conditional likelihood did not converge; items may be separable from the rest.")
    for note in notes:
        warnings.warn(note, EstimationWarning, stacklevel=2)
    return RaschResult(name, coded, fit, notes)


def estimate(codes: IntArray, n_categories: IntArray, model: str) -> ConditionalFit:
    """Conditional estimates from codes."""
    return maximise_conditional(
        score_groups(codes, n_categories), n_categories, design_matrix(n_categories, model)
    )


def coded_again(coded: CodedResponses, rows: IntArray, model: str) -> ConditionalFit:
    """Estimates from some persons."""
    return estimate(coded.codes[rows], coded.n_categories, model)
