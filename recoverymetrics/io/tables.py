"""Read tables from files: CSV, TSV, Parquet, SPSS, Stata."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from recoverymetrics.errors import DataError

_BLANKS = ("NA", "N/A", "NaN", "nan", "NULL", "null", ".")
_SUFFIXES = ".csv, .tsv, .txt (each also .gz), .parquet, .sav, .zsav, .dta"


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table, choosing the format by the file's ending.

    Parameters
    ----------
    path : str or Path
        ``.csv`` (comma, or semicolon when the header has no comma), ``.tsv`` and ``.txt`` (tab), each also as
        ``.gz``; ``.parquet``; SPSS ``.sav`` and ``.zsav``; Stata ``.dta``.

    Returns
    -------
    pandas.DataFrame
        In text files an empty cell is missing. ``NA``, ``NaN``, ``NULL`` and ``.`` are missing only in columns that
        otherwise hold numbers; elsewhere they stay text (``NA`` is the ISO code of Namibia). Give other codes for
        missing answers to ``Responses(missing_codes=...)``. SPSS and Stata values come as numbers, not as value
        labels.

    Raises
    ------
    DataError
        No such file, unknown ending, an empty file, text that is not UTF-8, rows of unequal length, a damaged
        file, or a package missing that reads the format.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}.")
    if path.stat().st_size == 0:
        raise DataError(f"the file {path.name!r} is empty.")
    reader = _reader_for(path)
    frame = reader(path)
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise DataError(f"the file {path.name!r} has {frame.shape[1]} columns but no rows of data.")
    return frame


def _reader_for(path: Path) -> Callable[[Path], pd.DataFrame]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": _read_csv,
        ".tsv": _read_tsv,
        ".txt": _read_tsv,
        ".parquet": _read_parquet,
        ".sav": _read_spss,
        ".zsav": _read_spss,
        ".dta": _read_stata,
    }
    if ending not in readers:
        raise DataError(f"the ending of {path.name!r} is not known; the endings are {_SUFFIXES}.")
    return readers[ending]


def _read_csv(path: Path) -> pd.DataFrame:
    frame = _read_text(path, ",")
    if frame.shape[1] == 1 and ";" in str(frame.columns[0]):
        return _read_text(path, ";")
    return frame


def _read_tsv(path: Path) -> pd.DataFrame:
    return _read_text(path, "\t")


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(
            path, sep=separator, keep_default_na=False, na_values=[""], encoding="utf-8-sig", low_memory=False
        )
    except UnicodeDecodeError as error:
        raise DataError(
            f"the file {path.name!r} is not UTF-8 text (byte {error.start + 1}: {error.reason}); save it as "
            "'CSV UTF-8', or read it with pandas.read_csv(..., encoding=...) and pass the frame."
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"the file {path.name!r} is empty.") from error
    except pd.errors.ParserError as error:
        raise DataError(f"the file {path.name!r} is not a table: {str(error).strip()}.") from error
    except OSError as error:
        raise DataError(f"the file {path.name!r} cannot be read: {error}.") from error
    return frame.apply(_numbers_with_blanks)


def _numbers_with_blanks(column: pd.Series) -> pd.Series:
    """A text column whose cells are all numbers or words for missing becomes numeric; others stay."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    cells = column.dropna().unique()
    numbers = pd.to_numeric(pd.Series([cell for cell in cells if cell not in _BLANKS]), errors="coerce")
    if numbers.empty or numbers.isna().any():
        return column
    return pd.to_numeric(column.where(~column.isin(_BLANKS), None))


def _read_parquet(path: Path) -> pd.DataFrame:
    parquet = _import("pyarrow.parquet", "Parquet")
    return _guard(path, lambda: parquet.read_table(path).to_pandas())


def _read_spss(path: Path) -> pd.DataFrame:
    reader = _import("pyreadstat", "SPSS")
    return _blank_to_missing(_guard(path, lambda: reader.read_sav(str(path), user_missing=False)[0]))


def _read_stata(path: Path) -> pd.DataFrame:
    reader = _import("pyreadstat", "Stata")
    return _blank_to_missing(_guard(path, lambda: reader.read_dta(str(path))[0]))


def _blank_to_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """Empty text is missing, as in text files; these formats have no other way to leave a text cell out."""
    texts = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column].dtype)]
    return frame.assign(**{str(column): frame[column].replace("", None) for column in texts})


def _import(module: str, kind: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise DataError(
            f"reading {kind} files needs {package}, which is not installed: pip install 'recoverymetrics[files]'."
        ) from error


def _guard(path: Path, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    try:
        return read()
    except Exception as error:
        raise DataError(
            f"the file {path.name!r} cannot be read ({type(error).__name__}: {error})."
        ) from error
