"""What a scale is: elements, items, the scale with its lineage, responses, WHO regions. No statistics."""

from recoverymetrics.instrument.elements import Element, ElementSet
from recoverymetrics.instrument.frame import ItemData, read_items, to_pandas
from recoverymetrics.instrument.items import Item, ItemBank, ItemChange
from recoverymetrics.instrument.notes import Note
from recoverymetrics.instrument.regions import who_region
from recoverymetrics.instrument.responses import Responses
from recoverymetrics.instrument.scale import Revision, Scale

__all__ = [
    "Element",
    "ElementSet",
    "Item",
    "ItemBank",
    "ItemChange",
    "ItemData",
    "Note",
    "Responses",
    "Revision",
    "Scale",
    "read_items",
    "to_pandas",
    "who_region",
]
