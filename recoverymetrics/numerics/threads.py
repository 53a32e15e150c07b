"""One BLAS thread while small matrices are multiplied many times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def single_thread() -> Iterator[None]:
    """Hold BLAS to one thread: products of a few megabytes gain little from a second one and lose much on busy cores."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
