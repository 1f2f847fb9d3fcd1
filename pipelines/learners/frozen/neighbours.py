"""Nearest neighbours by the angle between scaled features; nearer ones count for more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.learners.frozen.features import BLOCK, blocks
from pipelines.learners.frozen.problem import Problem

KNOWN, GOAL = "known.npy", "goal.npy"


@dataclass(frozen=True)
class Neighbours:
    """Training rows of length 1 and what they are worth."""

    known: np.ndarray  # (rows, width), float32, mapped
    goal: np.ndarray  # (rows, outputs)
    count: int

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Scaled features (rows, width) -> (rows, outputs)."""
        near = np.empty((len(rows), len(self.known)), np.float32)
        turned = unit(rows)
        for start in range(0, len(self.known), BLOCK):
            near[:, start : start + BLOCK] = turned @ np.asarray(self.known[start : start + BLOCK]).T
        count = min(self.count, len(self.known) - 1)
        order = np.argpartition(-near, count, axis=1)[:, : count + 1]
        found = np.take_along_axis(near, order, axis=1).astype(np.float64)
        # A neighbour's weight falls to 0 where the first row that is none lies, so that no tiny change makes a jump.
        weights = found - found.min(axis=1, keepdims=True)
        total = weights.sum(axis=1, keepdims=True)
        weights = np.where(total > 0, weights, 1.0)
        return np.asarray(np.einsum("rk,rko->ro", weights / weights.sum(axis=1, keepdims=True), self.goal[order]))


def fit(problem: Problem) -> None:
    """Keep the training rows."""
    rows = problem.rows
    if len(rows) < 2:
        raise ValueError(f"expected two training rows or more, got {len(rows)}; look at the folds")
    mapped = np.lib.format.open_memmap(problem.folder / KNOWN, "w+", np.float32, (len(rows), rows.width))
    for place, block in blocks(rows):
        mapped[place] = unit(block)
    mapped.flush()
    np.save(problem.folder / GOAL, problem.goal)


def load(folder: Path, count: int) -> Neighbours:
    """What fit stored; the rows are read as they are needed."""
    return Neighbours(np.load(folder / KNOWN, mmap_mode="r"), np.load(folder / GOAL), count)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows (rows, width) of length 1, float32."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)
