"""The baseline that knows nothing: the same value for every row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from pipelines.contract import Chunks, Out, Table, Targets, Values

CELLS = 2**24  # truth cells looked at together: 16 MB of masks, 128 MB of numbers
ROWS, FILES = 100_000, 8  # rows predicted together: of a table, and where a row stands for a file (perhaps a map)
STORE = "constant.npy"


@dataclass(frozen=True, kw_only=True)
class ConstantLearner:
    """The mean or median of the training rows' truth, whatever its shape: class shares, a mean mask, a number."""

    statistic: Literal["mean", "median"] = "mean"
    """What to predict; the median holds the truth of all rows in memory."""
    seed: int = 0
    """Draws nothing."""

    def __post_init__(self) -> None:
        if self.statistic not in (known := get_args(Literal["mean", "median"])):
            raise ValueError(f"--statistic: expected one of {', '.join(known)}, got {self.statistic!r}")

    def inputs(self, table: Table) -> Chunks:
        """How many rows there are."""
        size = FILES if len(table) and _holds_files(table) else ROWS
        for start in range(0, len(table), size):
            ids = table.index[start : start + size]
            yield ids, len(ids)

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> ConstantModel:
        """Look at the training rows' truth only."""
        if not len(train):
            raise ValueError("expected training rows, got none; look at the folds")
        value = _mean(train, targets) if self.statistic == "mean" else _median(train, targets)
        if value.ndim > 1:
            value = value.astype(np.float32)  # a map
        out.folder.mkdir(parents=True, exist_ok=True)
        np.save(out.folder / STORE, value)
        return ConstantModel(value)

    def load(self, out: Out) -> ConstantModel:
        """The value that fit left in out."""
        path = Path(out.folder / STORE)
        if not path.exists():
            raise FileNotFoundError(f"{path}: expected a fitted model, got none; fit this fold first")
        return ConstantModel(np.load(path))


@dataclass(frozen=True)
class ConstantModel:
    """One value."""

    value: np.ndarray

    @property
    def found(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    def predict(self, inputs: Any) -> Values:
        """The value for each of `inputs` rows, (rows, ...); a read-only view."""
        return np.broadcast_to(self.value, (inputs, *self.value.shape))


def _truths(train: Table, targets: Targets) -> Iterator[Values]:
    """The truth, a few rows at a time where it is large."""
    first = np.asarray(targets.values(train.iloc[:1]))
    size = max(1, CELLS // first.size)
    for start in range(0, len(train), size):
        yield np.asarray(targets.values(train.iloc[start : start + size]))


def _mean(train: Table, targets: Targets) -> np.ndarray:
    total = sum(truth.sum(axis=0, dtype=np.float64) for truth in _truths(train, targets))
    return np.asarray(total / len(train))


def _median(train: Table, targets: Targets) -> np.ndarray:
    return np.asarray(np.median(np.concatenate(list(_truths(train, targets))), axis=0), np.float64)


def _holds_files(table: Table) -> bool:
    return any(isinstance(cell, Path) for cell in table.iloc[0])
