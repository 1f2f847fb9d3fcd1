"""Columns of a CSV: each one's kind over the whole file, streamed into the smallest type that holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Kinds: TypeAlias = Mapping[str, pa.DataType]  # of columns, by name
Blocks: TypeAlias = Callable[[Kinds], Iterator[pa.RecordBatch]]  # reads columns as these kinds, block by block

WHOLE = 2**24  # up to here float32 tells whole numbers apart; beyond, a column stays float64
TEXT = pd.StringDtype("pyarrow")
# What pandas takes for missing, here in columns of numbers only: in text "NA" is a category, a country or a surname,
# and nothing but the empty cell is missing.
MISSING = ["", "#N/A", "#NA", "N/A", "NA", "<NA>", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "n/a", "None"]
MISSING += ["1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"]
TRUE, FALSE = ["True", "true", "TRUE"], ["False", "false", "FALSE"]


def kind_of(texts: pa.Array) -> pa.DataType:
    """The narrowest of null, bool, int64, float64 and string that reads every cell."""
    known = texts.filter(pc.invert(pc.is_in(texts, pa.array(MISSING))))
    if not len(known):
        return pa.null()
    if pc.all(pc.is_in(known, pa.array(TRUE + FALSE))).as_py():
        return pa.bool_()
    trimmed = pc.utf8_trim(known, " \t")
    for number in (pa.int64(), pa.float64()):
        try:
            trimmed.cast(number)
        except pa.ArrowInvalid:
            continue
        return number
    return pa.string()


def widen(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest kind that reads what either reads."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else pa.string()


def survey(batches: Iterable[pa.RecordBatch], names: Sequence[str]) -> dict[str, pa.DataType]:
    """The kind of each named column over batches of text; one without a value counts as numbers."""
    kinds = dict.fromkeys(names, pa.null())
    for batch in batches:
        for name in names:
            if kinds[name] != pa.string():
                kinds[name] = widen(kinds[name], kind_of(batch.column(name)))
    return {name: pa.int64() if pa.types.is_null(kind) else kind for name, kind in kinds.items()}


def smallest(low: int, high: int) -> np.dtype:
    """The smallest integer type that holds low to high."""
    for kind in (np.uint8, np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.int64)


def span(values: np.ndarray) -> tuple[int | float, int | float]:
    """The least and greatest finite value of (n,), 0 and 0 where there is none."""
    if len(values) and isfinite(low := values.min()) and isfinite(high := values.max()):
        return low.item(), high.item()
    finite = values[np.isfinite(values)]  # of a block of blank lines nothing is left
    return (finite.min().item(), finite.max().item()) if len(finite) else (0, 0)


@dataclass
class Numbers:
    """A column of numbers on its way in: chunks as small as each allows, and what decides the type of the whole."""

    exact: bool
    chunks: list[np.ndarray] = field(default_factory=list)
    low: int | float = 0  # of the finite values and 0
    high: int | float = 0
    integers: bool = True  # and no holes, so far
    rounded: bool = False  # a chunk of fractions became float32

    def add(self, cells: pa.Array) -> None:
        """Take in the next rows."""
        if pa.types.is_boolean(cells.type):
            cells = cells.cast(pa.uint8())
        values = cells.to_numpy(zero_copy_only=False)  # holes become NaN
        low, high = span(values)
        chunk = values.astype(self._fit(low, high, values.dtype.kind != "f"))
        self.chunks.append(chunk)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.integers &= values.dtype.kind != "f"
        self.rounded |= pa.types.is_floating(cells.type) and chunk.dtype == np.float32

    def _fit(self, low: int | float, high: int | float, integers: bool) -> np.dtype:
        if integers:
            return np.dtype(np.int64) if self.exact else smallest(int(low), int(high))
        return np.dtype(np.float64 if self.exact or max(-low, high) > WHOLE else np.float32)

    @property
    def dtype(self) -> np.dtype:
        """The type of the whole column."""
        return self._fit(self.low, self.high, self.integers)

    @property
    def spoilt(self) -> bool:
        """Whether chunks were rounded before a value came that asks for float64."""
        return self.rounded and self.dtype == np.float64

    def move(self, row: np.ndarray) -> None:
        """Move the chunks into row, (n,)."""
        np.concatenate(self.chunks, out=row, casting="unsafe")
        self.chunks.clear()


@dataclass
class Texts:
    """A column of text on its way in."""

    chunks: list[pa.Array] = field(default_factory=list)

    def add(self, cells: pa.Array) -> None:
        """Take in the next rows; an empty cell is a missing one."""
        empty = pc.equal(pc.binary_length(cells), 0)
        self.chunks.append(pc.if_else(empty, None, cells) if pc.any(empty).as_py() else cells)

    def whole(self) -> pa.Array:
        """The column in one piece."""
        wide = [chunk.cast(pa.large_string()) for chunk in self.chunks]  # a string array ends at 2^31 bytes
        return pa.concat_arrays(wide) if wide else pa.array([], pa.large_string())


@dataclass
class Columns:
    """The columns of a file, those of numbers and those of text."""

    names: Sequence[str]
    numbers: dict[str, Numbers]
    texts: dict[str, Texts]
    rows: int = 0

    def frame(self, index: pd.Index, without: Sequence[str] = ()) -> pd.DataFrame:
        """A table of one array per type; the columns are emptied on the way, so that memory holds them once."""
        texts = {name: TEXT.__from_arrow__(self.texts[name].whole()) for name in self.texts if name not in without}
        parts = [pd.DataFrame(texts, index, copy=False)]
        kinds = {name: column.dtype for name, column in self.numbers.items()}
        for kind in dict.fromkeys(kinds.values()):
            names = [name for name in kinds if kinds[name] == kind]
            rows = np.empty((len(names), self.rows), kind)
            for row, name in zip(rows, names, strict=True):
                self.numbers[name].move(row)
            parts.append(pd.DataFrame(rows.T, index, names, copy=False))
        return pd.concat(parts, axis=1)[[name for name in self.names if name not in without]]


def take_in(blocks: Blocks, kinds: Kinds, exact: Sequence[str]) -> Columns:
    """Stream the columns; raises pa.ArrowInvalid at a cell that its column's kind does not read."""
    texts = {name: Texts() for name, kind in kinds.items() if pa.types.is_string(kind)}
    numbers = {name: Numbers(name in exact) for name in kinds if name not in texts}
    columns = Columns(list(kinds), numbers, texts)
    for batch in blocks(kinds):
        columns.rows += len(batch)
        for name, column in (numbers | texts).items():
            column.add(batch.column(name))
    spoilt = [name for name, column in numbers.items() if column.spoilt]
    if spoilt:
        numbers |= take_in(blocks, {name: kinds[name] for name in spoilt}, spoilt).numbers
    return columns


def read_columns(blocks: Blocks, names: Sequence[str], text: Sequence[str], exact: Sequence[str]) -> Columns:
    """All columns, each as the kind that reads every one of its cells; the first block's kinds are tried first."""
    free = [name for name in names if name not in text]
    strings = dict.fromkeys(names, pa.string())
    try:
        return take_in(blocks, strings | survey(islice(blocks(strings), 1), free), exact)
    except pa.ArrowInvalid:
        return take_in(blocks, strings | survey(blocks(strings), free), exact)
