"""The same numbers, whoever does the work."""

import numpy as np
import pytest

from recoverymetrics import OptionError
from recoverymetrics.numerics.seeds import generator, spawn
from recoverymetrics.workers import map_tasks


def draw(rng):
    return float(rng.normal())


def test_processes_give_the_numbers_of_the_serial_run():
    serial = map_tasks(draw, spawn(1, 4))
    assert serial == map_tasks(draw, spawn(1, 4), workers=2)
    assert len(set(serial)) == 4


def test_a_client_is_used_through_map_and_gather():
    class Client:
        def map(self, function, tasks, pure):
            assert pure is False
            return [function(t) for t in tasks]

        def gather(self, futures):
            return futures

    assert map_tasks(abs, [-1, -2], workers=Client()) == [1, 2]


@pytest.mark.parametrize("workers", [0, -1, "two", 1.5])
def test_unknown_workers_are_refused(workers):
    with pytest.raises(OptionError, match="workers="):
        map_tasks(abs, [1], workers=workers)


def test_seeds_leave_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    generator(3).normal(size=10)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
