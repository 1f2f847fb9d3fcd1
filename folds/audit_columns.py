"""The columns that train and test share, as plain numbers that the checks of the audit can compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api import types

from folds.ids import text_of

MOST = 10_000  # rows of each table that the costly checks look at
CELLS = 1_000_000  # of those rows; with more columns fewer rows are looked at, so that the time stays the same
FEWEST = 1_000  # rows, however many columns


@dataclass(frozen=True)
class Shared:
    """A column of both tables: numbers as they are, else codes in the order of the values; NaN is missing."""

    name: str
    train: np.ndarray  # (train rows,)
    test: np.ndarray  # (test rows,), of the same type
    names: bool  # texts, classes and whole numbers: values that may name something
    refers: bool  # cells that stand for something else, such as a file: nothing can be read off their order


@dataclass(frozen=True)
class Excerpt:
    """Rows drawn from both tables, their columns as ranks: trees see the same, however large the numbers."""

    train: np.ndarray  # (rows,), positions in the train table, rising
    test: np.ndarray  # (test rows,)
    names: tuple[str, ...]  # of the columns that do not refer
    ranks: np.ndarray  # float32 (train rows + test rows, columns), NaN is missing


def share_columns(train: pd.DataFrame, test: pd.DataFrame, targets: Sequence[str]) -> list[Shared]:
    """The columns that both tables have and that are no target."""
    both = [name for name in train.columns if name in test.columns and name not in targets]
    return [_share(str(name), train[name], test[name]) for name in both]


def draw_rows(columns: Sequence[Shared], train: int, test: int, seed: int) -> Excerpt:
    """At most MOST of each table's rows, the same for the same seed."""
    known = [column for column in columns if not column.refers]
    most = max(min(MOST, CELLS // max(len(known), 1)), FEWEST)
    rng = np.random.default_rng(seed)
    rows, others = (np.sort(rng.choice(n, min(n, most), replace=False)) for n in (train, test))
    ranks = np.empty((len(known), len(rows) + len(others)), dtype=np.float32)
    for row, column in zip(ranks, known, strict=True):
        row[:] = rank(np.concatenate([column.train[rows], column.test[others]]))
    return Excerpt(rows, others, tuple(column.name for column in known), ranks.T)


def rank(values: np.ndarray) -> np.ndarray:
    """Each value's place among the different values, (rows,) float32; NaN stays."""
    ranks = np.unique(values, return_inverse=True)[1].astype(np.float32)
    ranks[np.isnan(values)] = np.nan
    return ranks


def whole_numbers(ids: pd.Index) -> np.ndarray | None:
    """Ids as int64, (rows,), if they all are whole numbers."""
    try:
        return np.asarray(text_of(ids).cast(pa.int64()))
    except pa.ArrowInvalid:
        return None


def encode(cells: Sequence[pd.Series]) -> list[np.ndarray]:
    """Several columns as numbers of one type: equal cells are equal numbers in all of them, NaN is missing."""
    if all(isinstance(column.dtype, np.dtype) and column.dtype.kind in "buif" for column in cells):
        kind = np.result_type(*(column.dtype for column in cells))
        return [column.to_numpy(kind if kind.itemsize <= 8 else np.float64) for column in cells]
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in cells):
        categories = encode([pd.Series(column.cat.categories) for column in cells])
        return [_classes(column, known) for column, known in zip(cells, categories, strict=True)]
    if any(isinstance(column.dtype, pd.CategoricalDtype) for column in cells):
        return encode([_plain(column) for column in cells])
    if all(types.is_numeric_dtype(column.dtype) for column in cells):
        return [column.to_numpy(np.float64, na_value=np.nan) for column in cells]
    if all(types.is_datetime64_any_dtype(column.dtype) for column in cells):
        return [_moments(column) for column in cells]
    return _codes([_texts(column) for column in cells])


def refers(column: pd.Series) -> bool:
    """Whether cells are objects other than text: paths and the like."""
    return column.dtype == object and types.infer_dtype(column, skipna=True) not in ("string", "empty")


def _share(name: str, train: pd.Series, test: pd.Series) -> Shared:
    ours, theirs = encode([train, test])
    # A float is a measurement; codes of text and classes are floats too, so it is the column's own type that tells.
    measured = any(types.is_float_dtype(column.dtype) for column in (train, test))
    return Shared(name, ours, theirs, names=not measured, refers=refers(train) or refers(test))


def _classes(column: pd.Series, known: np.ndarray) -> np.ndarray:
    """The numbers of a column of classes, from those of its classes."""
    codes = column.cat.codes.to_numpy()
    values = np.append(known.astype(np.float64), np.nan)
    return np.asarray(values[codes])  # code -1 is missing, and the last one


def _plain(column: pd.Series) -> pd.Series:
    """A column of classes as their own values."""
    return column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column


def _moments(column: pd.Series) -> np.ndarray:
    """Dates as microseconds."""
    moments = column.to_numpy("datetime64[us]")
    return np.where(np.isnat(moments), np.nan, moments.view(np.int64))


def _texts(column: pd.Series) -> pa.Array:
    """Cells as text; what is no text is named by its repr."""
    if isinstance(column.dtype, pd.StringDtype):
        texts = pa.array(column, type=pa.large_string(), from_pandas=True)
        return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    cells = [cell if isinstance(cell, str) else repr(cell) for cell in column]
    return pa.array(cells, type=pa.large_string(), mask=column.isna().to_numpy())


def _codes(texts: Sequence[pa.Array]) -> list[np.ndarray]:
    """The place of each text among all of them in order: a place by first appearance would tell train from test."""
    encoded = pa.concat_arrays(texts).dictionary_encode()
    order = np.asarray(pc.sort_indices(encoded.dictionary))
    places = np.empty(len(order) + 1)
    places[order] = np.arange(len(order))
    places[-1] = np.nan
    codes = places[encoded.indices.fill_null(len(order)).to_numpy()]
    return np.split(codes, np.cumsum([len(part) for part in texts])[:-1])
