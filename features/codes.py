"""Categories of a column and the code of each cell, for text, categories and numbers alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Categories:
    """Columns of categories as codes 0, 1, ...: the most frequent first, unseen and missing ones NaN."""

    columns: tuple[str, ...] = ()  # empty: every column of text

    def fit(self, table: pd.DataFrame, values: np.ndarray) -> FittedCategories:
        """Number the categories of the training rows."""
        columns = self.columns or text_columns(table)
        require(table, columns, "Categories")
        return FittedCategories({column: vocabulary(table[column]) for column in columns})

    def load(self, state: Mapping[str, Any]) -> FittedCategories:
        """What fit returned, from its state."""
        return FittedCategories({column: pd.Index(known) for column, known in state.items()})


@dataclass(frozen=True)
class FittedCategories:
    """The categories of each column; their places are the codes."""

    known: Mapping[str, pd.Index]

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with its categories as float32 codes."""
        require(table, self.known, "Categories")
        codes = {column: codes_of(table[column], known) for column, known in self.known.items()}
        return table.assign(
            **{column: np.where(code < 0, np.nan, code).astype(np.float32) for column, code in codes.items()}
        )

    def state(self) -> dict[str, Any]:
        """The categories by column."""
        return {column: known.tolist() for column, known in self.known.items()}


def is_text(dtype: Any) -> bool:
    """Whether a column of this type holds text or categories."""
    kinds = pd.api.types
    return isinstance(dtype, pd.CategoricalDtype) or kinds.is_object_dtype(dtype) or kinds.is_string_dtype(dtype)


def text_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns that hold text or categories."""
    return tuple(column for column, dtype in table.dtypes.items() if is_text(dtype))


def vocabulary(column: pd.Series) -> pd.Index:
    """The categories of a column, most frequent first, equals in their own order."""
    counts = column.value_counts(dropna=True)
    counts = counts[counts > 0]
    names: list[Any] = counts.index.tolist()
    strange = [name for name in names if not isinstance(name, str)]
    if any(not isinstance(name, int | float) for name in strange) or 0 < len(strange) < len(names):
        raise ValueError(
            f"column {column.name!r}: expected text or numbers, one kind in the whole column, got "
            f"{type(strange[0]).__name__} {strange[0]!r}; convert it in the features function, or drop it"
        )
    ranked = sorted(zip(names, counts.tolist(), strict=True), key=lambda each: (-each[1], each[0]))
    return pd.Index([name for name, _ in ranked])


def codes_of(column: pd.Series, known: pd.Index) -> np.ndarray:
    """The place of each cell in known, -1 for unseen and missing ones; (rows,) int."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        places = np.append(known.get_indexer(column.cat.categories), -1)  # code -1, a missing cell, finds the last one
        return np.asarray(places[column.cat.codes.to_numpy()])
    return np.asarray(known.get_indexer(pd.Index(column)))


def floats(table: pd.DataFrame) -> np.ndarray:
    """A copy of number columns as float64 (rows, columns), missing ones NaN."""
    return np.array(table.to_numpy(dtype=np.float64, na_value=np.nan))


def require(table: pd.DataFrame, columns: Iterable[str], who: str) -> None:
    """Refuse a table that lacks columns."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"{who}: expected columns {', '.join(map(repr, missing))}, got {few(list(table.columns))}; "
            "name columns that the table and its features function give"
        )


def few(names: Sequence[object]) -> str:
    """The first ten names, and how many there are."""
    return ", ".join(map(str, names[:10])) + (f", ... ({len(names)} in all)" if len(names) > 10 else "")
