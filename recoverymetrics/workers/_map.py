from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from recoverymetrics.errors import OptionError
from recoverymetrics.typing import Workers

T = TypeVar("T")
R = TypeVar("R")


def map_tasks(function: Callable[[T], R], tasks: Iterable[T], *, workers: Workers = None) -> list[R]:
    """Apply a function to each task and return the results in order.

    Parameters
    ----------
    function : callable
        Takes one task. Must be importable (a module-level function) when processes or a cluster run it.
    tasks : iterable
        The tasks; anything random in them carries its own generator (see ``numerics.seeds.spawn``).
    workers : None, int or dask.distributed.Client
        ``None`` or 1 runs here; an int above 1 starts that many processes, each with one BLAS thread;
        a client spreads the tasks over its cluster.

    Returns
    -------
    list
        One result per task, in the order of the tasks.

    Raises
    ------
    OptionError
        When ``workers`` is none of the three kinds.

    Examples
    --------
    >>> map_tasks(abs, [-1, 2])
    [1, 2]
    """
    if workers is None or workers == 1:
        return [function(task) for task in tasks]
    if isinstance(workers, int) and workers > 1:
        return _map_processes(function, tasks, workers)
    if hasattr(workers, "map") and hasattr(workers, "gather"):
        gathered: list[Any] = workers.gather(workers.map(function, list(tasks), pure=False))
        return gathered
    raise OptionError(
        f"workers={workers!r} is not understood: give None (serial), a positive int (processes on this "
        "machine) or a dask.distributed.Client."
    )


def _map_processes(function: Callable[[T], R], tasks: Iterable[T], workers: int) -> list[R]:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
        return list(Parallel()(delayed(function)(task) for task in tasks))
