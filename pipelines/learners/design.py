"""From a table to the float32 matrix that engines read: row-wise features, fitted encoders, columns by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from features.codes import Categories, FittedCategories, few, is_text, text_columns
from features.encoders import Crossed, Encoder, Fitted
from pipelines.contract import Table, Values

Features: TypeAlias = Callable[[Table], Table]
Kind: TypeAlias = Literal["number", "text"]
PROBE = 20  # rows whose features are made twice: alone, and among as many others


@dataclass(frozen=True)
class Columns:
    """The columns of the matrix, and the numbers of those that hold category codes."""

    names: tuple[str, ...]
    categorical: tuple[int, ...]


@dataclass(frozen=True)
class Design:
    """What training rows decided of the matrix: its columns, and the state of the encoders."""

    given: Mapping[str, Kind]  # columns before encoding
    unused: tuple[str, ...]  # columns that are no features: dropped ones, sample weights
    fitted: tuple[Fitted, ...]
    names: tuple[str, ...]  # columns of the matrix

    @property
    def columns(self) -> Columns:
        """The columns of the matrix, as engines want them."""
        coded = {name for each in self.fitted if isinstance(each, FittedCategories) for name in each.known}
        return Columns(self.names, tuple(number for number, name in enumerate(self.names) if name in coded))

    def matrix(self, table: Table) -> np.ndarray:
        """Rows that were not trained on, as float32 (rows, columns)."""
        self._check(table)
        for each in self.fitted:
            table = each.apply(table)
        return fill([table], len(table), self.names)

    def state(self) -> dict[str, Any]:
        """All of it, as JSON."""
        encoders = [each.state() for each in self.fitted]
        return {"given": dict(self.given), "unused": self.unused, "names": self.names, "encoders": encoders}

    @classmethod
    def load(cls, state: Mapping[str, Any], encoders: Sequence[Encoder]) -> Design:
        """The design that had this state, by the encoders it was fitted with."""
        states = state["encoders"]
        if len(states) - len(encoders) not in (0, 1):
            raise ValueError(
                f"expected a model of {len(encoders)} encoders, got one of {len(states)}; "
                "load it with the learner that fitted it"
            )
        fitted = tuple(step.load(each) for step, each in zip((*encoders, Categories()), states, strict=False))
        return cls(state["given"], tuple(state["unused"]), fitted, tuple(state["names"]))

    def _check(self, table: Table) -> None:
        """Refuse a table whose columns are not those of training."""
        names = [name for name in table.columns if name not in self.unused]
        missing = [name for name in self.given if name not in table.columns]
        strange = [name for name in names if name not in self.given]
        if missing or strange:
            raise ValueError(
                f"expected the {len(self.given)} columns of training, got {len(names)}: missing {few(missing) or '-'}, "
                f"unexpected {few(strange) or '-'}; mend load or the features function, or name columns in drop"
            )
        for name, kind in self.given.items():
            if kind_of(table[name]) != kind and not table[name].isna().all():
                raise ValueError(
                    f"column {name!r}: expected {kind} as in training, got {table[name].dtype}; "
                    "read train and test with the same types"
                )


def fit_design(
    chunks: Iterator[Table], truth: Values, encoders: Sequence[Encoder], unused: Sequence[str]
) -> tuple[Design, np.ndarray]:
    """The design and the matrix of the training rows; truth holds one value per row of all chunks."""
    first = next(chunks)
    _check_names(first, unused)
    given = {name: kind_of(first[name]) for name in first.columns if name not in unused}
    tables: Iterable[Table] = chain([first], chunks)
    if not encoders and "text" not in given.values():  # nothing to learn: the chunks need not meet
        return Design(given, tuple(unused), (), tuple(given)), fill(tables, len(truth), list(given))
    table = first if len(first) == len(truth) else pd.concat(tables)
    fitted: list[Fitted] = []
    for encoder in encoders:
        fitted.append(encoder.fit(table, truth))
        table = _encoded(table, fitted[-1])
    texts = tuple(name for name in text_columns(table) if name not in unused)
    if texts:
        fitted.append(Categories(texts).fit(table, truth))
        table = _encoded(table, fitted[-1])
    names = tuple(name for name in table.columns if name not in unused)
    return Design(given, tuple(unused), tuple(fitted), names), fill([table], len(truth), names)


def _encoded(table: Table, fitted: Fitted) -> Table:
    """The training rows; what was made of targets shows none of them its own."""
    return fitted.apply_crossed(table) if isinstance(fitted, Crossed) else fitted.apply(table)


def fill(tables: Iterable[Table], rows: int, columns: Sequence[str]) -> np.ndarray:
    """The float32 matrix (rows, columns) of tables that follow each other, column by column in memory."""
    matrix = np.empty((rows, len(columns)), np.float32, order="F")
    start = 0
    for table in tables:
        part = matrix[start : start + len(table)]
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
            for number, name in enumerate(columns):
                part[:, number] = _numbers(table[name])
        bad = np.isinf(part)
        if bad.any():
            row, number = np.argwhere(bad)[0]
            raise ValueError(
                f"column {columns[number]!r}: expected numbers of less than 3.4e38, got {int(bad.sum())} that are not, "
                f"first {table[columns[number]].iloc[row]} in row {table.index[row]}; mend them in load or features"
            )
        start += len(table)
    return matrix


def make_features(rows: Table, features: Features) -> Table:
    """The features of some rows, one row each."""
    made = features(rows)
    if not isinstance(made, pd.DataFrame) or not made.index.equals(rows.index):
        raise ValueError(
            f"{_name(features)}: expected a table of the same {len(rows)} rows in their order, got "
            f"{f'{len(made)} rows' if isinstance(made, pd.DataFrame) else type(made).__name__}; "
            "features are row-wise: filter rows in load"
        )
    return made


def check_rowwise(rows: Table, features: Features) -> None:
    """Refuse features that change with the other rows of the table: what learns from rows is an encoder."""
    few_rows, more = make_features(rows.iloc[:PROBE], features), make_features(rows.iloc[: 2 * PROBE], features)
    for name in more.columns:
        if name not in few_rows.columns or not _same(few_rows[name], more[name].iloc[: len(few_rows)]):
            raise ValueError(
                f"{_name(features)}: expected each row's features to depend on that row only, got a column {name!r} "
                f"that changes when {len(few_rows)} rows come alone; what learns from other rows is an encoder"
            )


def kind_of(column: pd.Series) -> Kind:
    """Whether a column holds numbers or text."""
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return "number"
    if is_text(column.dtype):
        return "text"
    raise ValueError(
        f"column {column.name!r}: expected numbers, text or categories, got {column.dtype}; "
        "turn it into numbers in the features function, or name it in drop"
    )


def _check_names(table: Table, unused: Sequence[str]) -> None:
    names = list(table.columns)
    absent = [name for name in unused if name not in names]
    if absent:
        raise ValueError(f"--drop or --weight: expected columns of {few(names)}, got {few(absent)}")
    if len(set(names)) < len(names):
        raise ValueError(
            f"expected each column once, got {few(sorted({n for n in names if names.count(n) > 1}))} again"
        )
    if len(absent) + len(set(unused)) >= len(names):
        raise ValueError(f"expected columns to learn from, got none beside {few(list(unused)) or 'the targets'}")


def _numbers(column: pd.Series) -> np.ndarray:
    if isinstance(column.dtype, np.dtype):
        return np.asarray(column.to_numpy())
    return np.asarray(column.to_numpy(dtype=np.float32, na_value=np.nan))


def _same(one: pd.Series, other: pd.Series) -> bool:
    if kind_of(one) == kind_of(other) == "number":
        return bool(np.isclose(_numbers(one).astype(float), _numbers(other).astype(float), equal_nan=True).all())
    return bool(one.astype(str).tolist() == other.astype(str).tolist())


def _name(features: Features) -> str:
    inner = features.func if isinstance(features, partial) else features
    return str(getattr(inner, "__name__", type(inner).__name__))
