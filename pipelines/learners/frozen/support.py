"""Support vectors: a radial kernel, its matrix made by blocks and solved by libsvm, stored as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.learners.engines.linear import limited
from pipelines.learners.frozen.features import BLOCK, blocks
from pipelines.learners.frozen.memory import require, room_in
from pipelines.learners.frozen.problem import Problem, Scaled

WIDE = 0.1  # half the tube in which an error costs nothing, in spreads of the goal
CACHE = 100  # MB that libsvm keeps kernel rows in
SUPPORT, DUAL, INTERCEPT = "support.npy", "dual.npy", "intercept.npy"


@dataclass(frozen=True)
class Kernel:
    """A sum of bells, one over each support vector."""

    support: np.ndarray  # (vectors, width), float32, mapped
    dual: np.ndarray  # (vectors, outputs)
    intercept: np.ndarray  # (outputs,)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Scaled features (rows, width) -> (rows, outputs)."""
        made = np.tile(self.intercept, (len(rows), 1))
        for start in range(0, len(self.support), BLOCK):
            here = slice(start, start + BLOCK)
            made += bells(rows, np.asarray(self.support[here])) @ self.dual[here]
        return made


def fit(problem: Problem) -> None:
    """Solve each output on one kernel and store what predicts."""
    from sklearn.svm import SVR

    rows, learner, goal = problem.rows, problem.learner, problem.goal
    matrix, kernel = _matrix(rows, learner.memory)
    dual = np.zeros(goal.shape)
    centre, spread = goal.mean(axis=0), goal.std(axis=0)
    intercept = np.array(centre)
    for number in np.flatnonzero(spread > 0):
        label = (goal[:, number] - centre[number]) / spread[number]
        machine = SVR(
            kernel=kernel, gamma=1 / rows.width, C=1 / (learner.strength or 1.0), epsilon=WIDE, cache_size=CACHE
        )
        with limited(learner.threads):
            machine.fit(matrix, label)
        dual[machine.support_, number] = machine.dual_coef_[0] * spread[number]
        intercept[number] += machine.intercept_[0] * spread[number]
    del matrix
    _store(problem, dual, intercept)


def load(folder: Path) -> Kernel:
    """What fit stored; the vectors are read as they are needed."""
    support = np.load(folder / SUPPORT, mmap_mode="r")
    return Kernel(support, np.load(folder / DUAL), np.load(folder / INTERCEPT))


def _matrix(rows: Scaled, memory: str) -> tuple[np.ndarray, str]:
    """What libsvm gets: the kernel matrix where memory holds it (much faster), else the features themselves."""
    count, width = len(rows), rows.width
    beside = 3 * BLOCK * width * 8 + 4 * BLOCK**2 * 8 + CACHE * 10**6  # blocks in the making, libsvm's own rows
    kernel, features = 8 * count**2, 3 * 8 * count * width  # libsvm copies the features and, once more, its vectors
    if kernel + beside <= room_in(memory):
        return gram(rows), "precomputed"
    instead = f", or another --head than svr ({count:,} rows: the time grows with their square)"
    require(min(kernel, features) + beside, memory, f"the svr of {count:,} rows", instead)
    whole = np.empty((count, width))
    for place, block in blocks(rows):
        whole[place] = block
    return whole, "rbf"


def gram(rows: Scaled) -> np.ndarray:
    """The kernel of all pairs of rows, float64 (rows, rows), made in blocks."""
    made = np.empty((len(rows), len(rows)))
    for across, ours in blocks(rows):
        for along, theirs in blocks(rows):
            if along.start < across.start:
                continue  # the mirror image of what is there
            made[across, along] = bells(ours, theirs)
            if along.start > across.start:
                made[along, across] = made[across, along].T
    return made


def bells(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """exp(-distance² / width) of all pairs of rows (rows, width) and others, float64 (rows, others)."""
    ours, theirs = (np.einsum("ij,ij->i", each, each, dtype=np.float64) for each in (rows, others))
    apart = ours[:, None] + theirs - 2.0 * (rows @ others.T)
    return np.asarray(np.exp(-np.maximum(apart, 0) / rows.shape[1]))


def _store(problem: Problem, dual: np.ndarray, intercept: np.ndarray) -> None:
    """Write the rows that matter, in blocks."""
    kept = np.flatnonzero(dual.any(axis=1))
    shape = (len(kept), problem.rows.width)
    if len(kept):
        mapped = np.lib.format.open_memmap(problem.folder / SUPPORT, "w+", np.float32, shape)
        for place, block in blocks(problem.rows):
            here = (kept >= place.start) & (kept < place.stop)
            mapped[here] = block[kept[here] - place.start]
        mapped.flush()
        del mapped
    else:  # a goal that never varies; an empty file cannot be mapped
        kept = np.zeros(1, np.int64)
        np.save(problem.folder / SUPPORT, problem.rows.read(0, 1))
    np.save(problem.folder / DUAL, dual[kept])
    np.save(problem.folder / INTERCEPT, intercept)
