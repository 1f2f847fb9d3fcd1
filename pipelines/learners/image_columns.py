"""Columns that an image learner sees beside the images: read as numbers, scaled by the training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.contract import Table
from pipelines.faults import shorten


def numbers_of(table: Table, columns: Sequence[str]) -> np.ndarray:
    """The columns as float32 (rows, columns), missing cells NaN."""
    absent = [name for name in columns if name not in table]
    if absent:
        raise ValueError(
            f"--columns: expected columns of the table, {shorten(list(table.columns), 30)}, got {shorten(absent)}"
        )
    texts = [name for name in columns if not pd.api.types.is_numeric_dtype(table[name])]
    if texts:
        raise ValueError(f"--columns: expected columns of numbers, got {shorten(texts)}; make numbers of them in load")
    return np.asarray(table[list(columns)].to_numpy(np.float32, na_value=np.nan))


def spread_of(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column (columns,), missing cells left out; 0 and 1 where there is none."""
    known = np.isfinite(numbers)
    counts = np.maximum(1, known.sum(axis=0))
    means = np.where(known, numbers, 0).sum(axis=0, dtype=np.float64) / counts
    spreads = np.sqrt(np.where(known, np.square(numbers - means), 0).sum(axis=0, dtype=np.float64) / counts)
    return means, np.where(spreads > 0, spreads, 1)


def scaled(numbers: np.ndarray, means: Sequence[float], spreads: Sequence[float]) -> np.ndarray:
    """Numbers (rows, columns) less their means, in units of their spreads; a missing cell is at the mean."""
    made = (numbers - np.asarray(means)) / np.asarray(spreads)
    return np.asarray(np.nan_to_num(made, nan=0.0, posinf=0.0, neginf=0.0), np.float32)
