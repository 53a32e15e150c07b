"""Conformance checks that ship: what every item model has to satisfy, ours and yours."""

from recoverymetrics.testing.item_models import (
    ITEM_MODEL_CHECKS,
    ItemModelCase,
    check_item_model,
    default_cases,
)

__all__ = ["ITEM_MODEL_CHECKS", "ItemModelCase", "check_item_model", "default_cases"]
