"""One map over tasks: serial, processes on this machine, or a dask cluster."""

from recoverymetrics.workers._map import map_tasks

__all__ = ["map_tasks"]
