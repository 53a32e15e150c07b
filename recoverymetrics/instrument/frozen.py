"""A dictionary that does not change, for records that are compared, pickled and written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenMapping(dict[K, V], Generic[K, V]):
    """A dictionary whose changing methods raise ``TypeError``; equal to a plain one with the same content."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this mapping is frozen; make a new record instead of changing this one.")

    __setitem__ = __delitem__ = _refuse
    __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[FrozenMapping[K, V]], tuple[dict[K, V]]]:
        return (type(self), (dict(self),))


def freeze(mapping: Mapping[K, V] | None) -> FrozenMapping[K, V]:
    """Copy a mapping (or None) into a frozen one."""
    return FrozenMapping(mapping or {})
