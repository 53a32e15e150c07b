"""What a scale is: elements, items, the scale with its lineage, responses, WHO regions. No statistics."""

from recoverymetrics.instrument.frame import ItemData, read_items, to_pandas

__all__ = ["ItemData", "read_items", "to_pandas"]
