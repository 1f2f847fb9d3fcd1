"""Ids as arrow text: their order, their sameness, and how a message names them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def text_of(ids: pd.Index) -> Any:
    """The ids as one arrow array of strings, (rows,); raises ValueError for any other type."""
    try:
        texts = pa.array(ids, type=pa.large_string(), from_pandas=True)
    except pa.ArrowException:
        texts = None
    if texts is None or texts.null_count:
        odd = [value for value in ids if not isinstance(value, str)]
        got = show(odd) or f"an index of {ids.dtype}"
        raise ValueError(f"expected ids that are text as the file has it, got {got}; read the id column as text")
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def sorted_positions(ids: pd.Index) -> np.ndarray:
    """Positions that put the ids in the order of their text, (rows,), whatever order they came in."""
    return np.asarray(pc.sort_indices(text_of(ids)))


def check_ids(ids: pd.Index, what: str) -> None:
    """Raise ValueError unless the ids are text and each occurs once."""
    text_of(ids)
    if not ids.is_unique:
        twice = ids[ids.duplicated()].unique()
        raise ValueError(f"expected each id once in {what}, got {show(twice)} more than once; drop the repeated rows")


def show(ids: Iterable[object], most: int = 3) -> str:
    """The first few ids, and how many more there are."""
    known = list(ids)
    rest = len(known) - most
    return ", ".join(repr(one) for one in islice(known, most)) + (f" and {rest:,} more" if rest > 0 else "")
