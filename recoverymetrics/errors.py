"""Errors and warnings: one base of each, a short tree, and messages that say what to do."""


class RecoveryMetricsError(ValueError):
    """Base of every error that this library raises on purpose."""


class DataError(RecoveryMetricsError):
    """The data cannot be analysed as asked; the message names items, groups and rows."""


class ModelError(RecoveryMetricsError):
    """The model is misspelt, not identified, or does not fit the data's columns."""


class OptionError(RecoveryMetricsError):
    """An option has a value that the function does not know."""


class ConfigError(RecoveryMetricsError):
    """A study configuration is wrong; the message names the key."""


class RecoveryMetricsWarning(UserWarning):
    """Base of every warning that this library issues."""


class EstimationWarning(RecoveryMetricsWarning):
    """Non-convergence, inadmissible estimates, empty categories; also a field of the result."""


class DataWarning(RecoveryMetricsWarning):
    """Something about the data that the analyst should know; also a field of the result."""


def require_kind(value: object, kind: str, name: str, wanted: str) -> None:
    """Refuse an argument that is no ``kind`` (the name of a class), and say what is wanted: "the result of fit_cfa"."""
    if kind not in (cls.__name__ for cls in type(value).__mro__):
        raise ModelError(f"{name} is of type {type(value).__name__}; give {wanted}.")
