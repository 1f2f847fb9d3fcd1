"""Linear heads: ridge regression solved by blocks, its penalty found on the training rows; logistic for classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.learners.engines.linear import ITERATIONS, limited
from pipelines.learners.frozen.features import BLOCK, blocks
from pipelines.learners.frozen.memory import require
from pipelines.learners.frozen.problem import Problem, Scaled

WEIGHTS, INTERCEPT = "weights.npy", "intercept.npy"
PENALTIES = np.logspace(-3, 4, 29)  # tried, in units of the mean eigenvalue
LOGISTIC = 100.0  # penalty of the logistic regression where none is given


@dataclass(frozen=True)
class Line:
    """A weight for each feature and output; shares: as probabilities."""

    weights: np.ndarray  # (width, outputs)
    intercept: np.ndarray  # (outputs,)
    objective: str

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Scaled features (rows, width) -> (rows, outputs)."""
        raw = np.asarray(rows.astype(np.float64) @ self.weights + self.intercept)
        if self.objective == "regression":
            return raw
        from scipy.special import expit, softmax

        return np.asarray(expit(raw) if self.objective == "binary" else softmax(raw, axis=1))


def fit(problem: Problem) -> None:
    """Solve and store."""
    objective = problem.learner.task.objective
    with limited(problem.learner.threads):
        solved = _ridge(problem) if objective == "regression" else _logistic(problem)
    for name, array in zip((WEIGHTS, INTERCEPT), solved, strict=True):
        np.save(problem.folder / name, array)


def load(folder: Path, objective: str) -> Line:
    """What fit stored."""
    return Line(np.load(folder / WEIGHTS), np.load(folder / INTERCEPT), objective)


def _ridge(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Weights (width, outputs) and intercepts; features are centred, so an intercept is the goal's mean."""
    rows, goal = problem.rows, problem.goal
    centre = goal.mean(axis=0)
    side = min(len(rows), rows.width)
    # The matrix, LAPACK's copy of it, its directions and two more to work in; blocks in the making.
    require(5 * 8 * side**2 + 3 * 8 * BLOCK * rows.width, problem.learner.memory, f"ridge of {side:,} by {side:,}", "")
    dual = rows.width > len(rows)
    matrix, onto = _pairs(rows) if dual else _products(rows), goal - centre
    values, vectors = np.linalg.eigh(matrix)
    kept = values > values[-1] * 1e-10
    values, vectors = values[kept], vectors[:, kept]
    # Goals seen along each direction of the features, (directions, outputs).
    along = vectors.T @ onto if dual else vectors.T @ _against(rows, onto) / np.sqrt(values)[:, None]
    penalty = problem.learner.strength or _penalty(values, along, onto)
    problem.out.log(0, {"penalty": float(penalty)})
    shrunk = along * (np.sqrt(values) / (values + penalty))[:, None]
    if dual:
        return _against(rows, vectors @ (shrunk / np.sqrt(values)[:, None])), centre
    return vectors @ shrunk, centre


def _penalty(values: np.ndarray, along: np.ndarray, onto: np.ndarray) -> float:
    """The penalty of the least generalised cross-validation error, all outputs together."""
    count, spread = len(onto), np.square(onto).sum(axis=0)
    errors = []
    for penalty in PENALTIES * values.mean():
        left = penalty / (values + penalty)
        residual = spread - np.square(along).sum(axis=0) + (np.square(left)[:, None] * np.square(along)).sum(axis=0)
        freedom = 1 - (len(values) - left.sum() + 1) / count  # share of the rows that is not used up
        errors.append(np.sum(residual / np.maximum(spread, 1e-300)) / max(freedom, 1e-9) ** 2)
    return float(PENALTIES[int(np.argmin(errors))] * values.mean())


def _products(rows: Scaled) -> np.ndarray:
    """Products of all pairs of features summed over rows, float64 (width, width)."""
    made = np.zeros((rows.width, rows.width))
    for _, block in blocks(rows):
        made += block.T @ block
    return made


def _pairs(rows: Scaled) -> np.ndarray:
    """Products of all pairs of rows summed over features, float64 (rows, rows)."""
    made = np.empty((len(rows), len(rows)))
    for across, ours in blocks(rows):
        for along, theirs in blocks(rows):
            made[across, along] = ours @ theirs.T
    return made


def _against(rows: Scaled, goal: np.ndarray) -> np.ndarray:
    """Features times goal (rows, outputs) summed over rows, (width, outputs)."""
    made = np.zeros((rows.width, goal.shape[1]))
    for place, block in blocks(rows):
        made += block.T.astype(np.float64) @ goal[place]
    return made


def _logistic(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercepts of a logistic regression: one of all classes, or one for each yes/no target."""
    from sklearn.linear_model import LogisticRegression

    learner = problem.learner
    whole = problem.rows.whole(learner.memory, "ridge", 3)
    labels = learner.task.labels(problem.truth)
    several = learner.task.objective == "multiclass"
    outputs = len(learner.task.classes) if several else labels.shape[1]
    weights, intercept = np.zeros((problem.rows.width, outputs)), np.zeros(outputs)
    for number, label in enumerate(labels.T):
        seen = np.unique(label)
        if len(seen) < 2:
            only = learner.task.classes[int(seen[0])]
            raise ValueError(f"expected training rows of two classes or more, got {len(label)} of {only!r} only")
        machine = LogisticRegression(C=1 / (learner.strength or LOGISTIC), max_iter=ITERATIONS)
        machine.fit(whole, label)
        if not several:
            weights[:, number], intercept[number] = machine.coef_[0], machine.intercept_[0]
            continue
        slopes, shift = machine.coef_, machine.intercept_
        if len(seen) == 2:  # scikit-learn keeps one line for two classes
            slopes, shift = np.stack([0 * slopes[0], slopes[0]]), np.array([0.0, shift[0]])
        intercept[:] = -np.inf  # a class that no training row had
        weights[:, seen], intercept[seen] = slopes.T, shift
    return weights, intercept
