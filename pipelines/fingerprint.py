"""The fingerprint of a table: other values, ids, names or order change it; other types or folders do not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api import types

from pipelines.contents import Contents, hash_file


def table_fingerprint(table: pd.DataFrame, contents: Contents | None = None) -> str:
    """Hex digest of ids, column names and values, in their order.

    Numbers count by value (0.1 as float32 is another value than as float64), missing ones are all alike; a Path counts
    by its name and what its file holds, remembered in `contents`.
    """
    whole = hashlib.blake2b(digest_size=16)
    for name, cells in [(table.index.name, table.index.to_series()), *table.items()]:
        column = hashlib.blake2b(f"{name}\0{len(cells)}\0".encode())
        for part in canonical(cells, contents):
            column.update(part)
        whole.update(column.digest())
    return whole.hexdigest()


def canonical(cells: pd.Series, contents: Contents | None) -> Iterator[bytes | memoryview]:
    """A column's kind and its values, as bytes that no library version decides."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = pd.Series(np.asarray(cells), name=cells.name)
    if types.is_datetime64_any_dtype(cells.dtype):
        utc = cells.dt.tz_convert(None) if isinstance(cells.dtype, pd.DatetimeTZDtype) else cells
        yield b"time"
        yield utc.to_numpy().astype("datetime64[ns]").view(np.int64).data
    elif types.is_timedelta64_dtype(cells.dtype):
        yield b"duration"
        yield cells.to_numpy().astype("timedelta64[ns]").view(np.int64).data
    elif isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "biu":
        yield b"integer"
        yield np.ascontiguousarray(cells.to_numpy(), np.int64).data
    elif types.is_numeric_dtype(cells.dtype):
        yield b"number"
        values = cells.to_numpy(np.float64, na_value=np.nan) + 0.0  # -0.0 is 0.0
        values[np.isnan(values)] = np.nan  # of NaN's many bit patterns, one
        yield values.data
    else:
        yield from canonical_text(cells, contents)


def canonical_text(cells: pd.Series, contents: Contents | None) -> Iterator[bytes | memoryview]:
    """The lengths of the texts, -1 where missing, and all their bytes."""
    files = list(dict.fromkeys(cell for cell in cells if isinstance(cell, Path))) if cells.dtype == object else []
    if files:
        named = file_texts(files, contents)
        cells = cells.map(lambda cell: named.get(cell, cell))
    try:
        texts = pa.array(cells, pa.large_string(), from_pandas=True)
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise ValueError(
            f"column {cells.name!r}: expected numbers, times, texts or Paths, got other objects ({error}): "
            "let load make one of those"
        ) from error
    filled = pc.fill_null(texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts, "")
    lengths = pc.if_else(texts.is_null(), -1, pc.binary_length(filled)).to_numpy(zero_copy_only=False)
    yield b"file" if files else b"text"
    yield np.ascontiguousarray(lengths, np.int64).data
    ends = np.frombuffer(filled.buffers()[1], np.int64)[filled.offset : filled.offset + len(filled) + 1]
    if len(filled) and ends[-1]:
        yield memoryview(filled.buffers()[2])[ends[0] : ends[-1]]


def file_texts(files: list[Path], contents: Contents | None) -> dict[Path, str]:
    """Of every file its name and content hash, not its folder: moved data are the same data."""
    hashes = contents.hashes(files) if contents else [hash_file(file) for file in files]
    return {file: f"{file.name}\0{found}" for file, found in zip(files, hashes, strict=True)}
