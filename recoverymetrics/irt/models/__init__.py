"""Item models behind one interface, and the names under which users ask for them."""

from __future__ import annotations

from dataclasses import dataclass

from recoverymetrics.errors import OptionError
from recoverymetrics.irt.models.base import Conventional, Curves, ItemModel
from recoverymetrics.irt.models.divide_by_total import GeneralizedPartialCredit, Nominal, RatingScale
from recoverymetrics.irt.models.graded import Graded, GradedRatingScale
from recoverymetrics.irt.models.logistic import Logistic
from recoverymetrics.irt.models.sequential import Sequential

__all__ = [
    "CHOICES",
    "Choice",
    "Conventional",
    "Curves",
    "GeneralizedPartialCredit",
    "Graded",
    "GradedRatingScale",
    "ItemModel",
    "Logistic",
    "Nominal",
    "RatingScale",
    "Sequential",
    "choose_model",
]


@dataclass(frozen=True)
class Choice:
    """What a model name stands for.

    Attributes
    ----------
    model : ItemModel
        Response function.
    slope : {"free", "one", "common"}
        Slopes estimated, fixed at one (the latent variance is free instead), or equal over the items.
    shared_steps : bool
        Whether step parameters are the same in all items (rating scale).
    """

    model: ItemModel
    slope: str = "free"
    shared_steps: bool = False


CHOICES: dict[str, Choice] = {
    "rasch": Choice(GeneralizedPartialCredit(), "one"),
    "pcm": Choice(GeneralizedPartialCredit(), "one"),
    "1pl": Choice(Logistic(2), "common"),
    "2pl": Choice(Logistic(2)),
    "3pl": Choice(Logistic(3)),
    "4pl": Choice(Logistic(4)),
    "graded": Choice(Graded()),
    "grsm": Choice(GradedRatingScale(), shared_steps=True),
    "gpcm": Choice(GeneralizedPartialCredit()),
    "rsm": Choice(RatingScale(), "one", shared_steps=True),
    "nominal": Choice(Nominal()),
    "sequential": Choice(Sequential()),
}


def choose_model(name: str) -> Choice:
    """Look a model up by name; the error lists the names."""
    key = str(name).lower()
    aliases = {"grm": "graded", "srm": "sequential"}
    key = aliases.get(key, key)
    if key not in CHOICES:
        raise OptionError(f"unknown item model {name!r}; choose one of {', '.join(CHOICES)}.")
    return CHOICES[key]
