"""How well a column or a classifier tells a target, with bounds that sampling noise does not cross."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from folds.audit_columns import encode

Parts: TypeAlias = Sequence[tuple[np.ndarray, np.ndarray]]  # (train positions, valid positions) of each fold used
Fit: TypeAlias = Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]  # (inputs, truth) -> predict

CLASSES = 20  # a target with more different numbers is a quantity; of more different texts the rare ones are pooled
PER_CLASS = 5  # rows below which different numbers are no classes either
CERTAIN = 1.96  # standard errors of a 95 % interval
LEAVES, LEAF = 256, 3  # of the trees that read one column: how many, of how many rows at least


@dataclass(frozen=True)
class Aim:
    """What is to be told from a column: classes, one column of 0 and 1 each, or a quantity."""

    name: str
    truth: np.ndarray  # (rows, classes) or (rows, 1)
    labels: np.ndarray | None = None  # each row's class from 0, (rows,); None for a quantity

    @property
    def classes(self) -> bool:
        """Whether it is classes."""
        return self.labels is not None

    @property
    def unit(self) -> str:
        """The name of the score."""
        return "AUC" if self.classes else "R2"


@dataclass(frozen=True)
class Score:
    """An AUC or R2 and its 95 % interval."""

    value: float
    low: float
    high: float


def aim_at(target: pd.Series) -> Aim | None:
    """What to tell of a target without missing cells; None if it has but one value."""
    values = encode([target])[0]
    known, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(known) < 2:
        return None
    most = max(2, min(CLASSES, len(values) // PER_CLASS))
    if pd.api.types.is_numeric_dtype(target.dtype) and len(known) > most:
        return Aim(str(target.name), values.astype(np.float64)[:, None])
    told = np.argsort(-counts, kind="stable")[: CLASSES if len(known) > 2 else 1]
    return Aim(str(target.name), (codes[:, None] == told).astype(np.float64), codes)


def read_column(inputs: np.ndarray, truth: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A small tree's predict, fitted on ranks (rows, 1)."""
    from sklearn.tree import DecisionTreeRegressor

    fitted = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF, random_state=0).fit(inputs, truth)
    return lambda others: np.asarray(fitted.predict(others))


def cross_score(inputs: np.ndarray, aim: Aim, parts: Parts, fit: Fit) -> Score:
    """The score of predictions (rows, classes) for the rows that each fit has not seen, pooled."""
    predicted = [fit(inputs[train], aim.truth[train])(inputs[valid]) for train, valid in parts]
    prediction = np.concatenate([part.reshape(len(part), -1) for part in predicted])
    truth = np.concatenate([aim.truth[valid] for _, valid in parts])
    return class_score(truth, prediction) if aim.classes else quantity_score(truth[:, 0], prediction[:, 0])


def class_score(truth: np.ndarray, prediction: np.ndarray) -> Score:
    """The mean AUC of one class against the rest, (rows, classes) each, frequent classes weighing more."""
    counts = truth.sum(axis=0)
    seen = (counts > 0) & (counts < len(truth))
    if not seen.any():
        return Score(0.5, 0.0, 1.0)
    positives, negatives = counts[seen], len(truth) - counts[seen]
    ranks = pd.DataFrame(prediction[:, seen]).rank().to_numpy()  # ties share theirs: the AUC of all columns at once
    areas = ((ranks * truth[:, seen]).sum(axis=0) - positives * (positives + 1) / 2) / (positives * negatives)
    value = float(np.average(areas, weights=positives))
    return Score(value, *auc_bounds(value, float(np.average(positives, weights=positives)), len(truth)))


def quantity_score(truth: np.ndarray, prediction: np.ndarray) -> Score:
    """R2 of (rows,) each; its bounds are those of a correlation of that size (Fisher's z)."""
    spread = ((truth - truth.mean()) ** 2).sum()
    if len(truth) < 5 or spread == 0:
        return Score(0.0, 0.0, 1.0)
    value = float(1 - ((truth - prediction) ** 2).sum() / spread)
    size = np.arctanh(np.sqrt(np.clip(value, 0, 1 - 1e-12)))
    reach = CERTAIN / np.sqrt(len(truth) - 3)
    return Score(value, float(np.tanh(max(size - reach, 0)) ** 2), float(np.tanh(size + reach) ** 2))


def auc_bounds(value: float, positives: float, rows: float) -> tuple[float, float]:
    """The AUCs that a measured one does not rule out at 95 %, by Hanley and McNeil's standard error of each.

    The error is taken at the candidate and not at the measured value: at 1 it would be 0 for however few rows.
    """
    negatives = rows - positives
    candidates = np.linspace(0, 1, 10_001)
    square = candidates**2
    variance = (
        candidates * (1 - candidates)
        + (positives - 1) * (candidates / (2 - candidates) - square)
        + (negatives - 1) * (2 * square / (1 + candidates) - square)
    ) / (positives * negatives)
    near = candidates[np.abs(candidates - value) <= CERTAIN * np.sqrt(np.maximum(variance, 0)) + 1e-4]
    return float(near[0]), float(near[-1])
