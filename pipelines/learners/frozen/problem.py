"""What a head is given: scaled features by blocks, goals, and where to leave what it found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.contract import Out, Values
from pipelines.learners.frozen.features import Rows, blocks
from pipelines.learners.frozen.memory import require
from pipelines.learners.frozen.settings import FrozenSettings
from pipelines.learners.tasks import Task


@dataclass(frozen=True)
class Scale:
    """Mean and spread of each feature over the training rows, (width,) each."""

    means: np.ndarray
    spreads: np.ndarray

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Features (rows, width) less their means, in units of their spreads, float32."""
        return np.asarray((features - self.means) / self.spreads, np.float32)


@dataclass(frozen=True)
class Scaled:
    """Rows as a head sees them."""

    rows: Rows
    scale: Scale

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return self.rows.width

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop, float32 (rows, width)."""
        return self.scale.apply(self.rows.read(start, stop))

    def whole(self, memory: str, head: str, times: int, beside: int = 0) -> np.ndarray:
        """All rows at once, float32 (rows, width), of which the head needs so many times their size, and more bytes."""
        require(
            4 * len(self) * self.width * times + beside,
            memory,
            f"{len(self):,} rows of {self.width:,} features",
            f", or another --head than {head}",
        )
        made = np.empty((len(self), self.width), np.float32)
        for place, block in blocks(self):
            made[place] = block
        return made


@dataclass(frozen=True)
class Problem:
    """One fit of a head."""

    rows: Scaled
    truth: Values
    learner: FrozenSettings
    out: Out

    @property
    def goal(self) -> np.ndarray:
        """What regressions learn, float64 (rows, outputs): numbers through their link, 0 and 1 of classes."""
        task = self.learner.task
        return np.asarray(task.labels(self.truth) if task.objective == "regression" else self.truth, np.float64)

    @property
    def folder(self) -> Path:
        """Where the head's files go."""
        return self.out.folder


def scale_of(rows: Rows) -> Scale:
    """The scale of rows, read in blocks; a feature that never varies counts for nothing."""
    total, squares = np.zeros(rows.width), np.zeros(rows.width)
    for _, block in blocks(rows):
        total += block.sum(axis=0, dtype=np.float64)
    means = total / len(rows)
    for _, block in blocks(rows):
        squares += np.square(block - means).sum(axis=0)
    spreads = np.sqrt(squares / len(rows))
    return Scale(means, np.where(spreads > 1e-6 * np.maximum(1, np.abs(means)), spreads, np.inf))


def values_of(task: Task, raw: np.ndarray) -> Values:
    """Values shaped as truth from what a head gives, (rows, outputs)."""
    if task.objective == "regression":
        return task.values(list(raw.T))
    shares = raw.clip(0, 1)
    if task.objective == "binary":
        return task.values(list(shares.T))
    total = shares.sum(axis=1, keepdims=True)
    return task.values([np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / shares.shape[1])])
