"""Accuracy whose class probabilities are multiplied before the likeliest is taken: OOF finds the multipliers."""

from __future__ import annotations

import numpy as np

from pipelines.contract import Choice, Metric, Values
from pipelines.metrics.labels import likeliest
from pipelines.metrics.terms import mean, one_hot, paired

SWEEPS = 4  # passes over the classes; each is exact along its class, so the first ones bring nearly all
ROWS = 200_000  # searched at most, evenly spread: more rows move the multipliers by less than they gain


def _keep(truth: Values, prediction: Values) -> np.ndarray:
    """Probabilities and, last, the class number: (rows, classes + 1)."""
    truth, prediction = paired("accuracy_multipliers", truth, prediction)
    return np.column_stack([prediction, one_hot("accuracy_multipliers", truth)])


def _accuracy(kept: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    return mean((likeliest(kept[:, :-1], choice) == kept[:, -1])[:, None], choice, weights)


def _cut(ratio: np.ndarray, gain: np.ndarray, current: float) -> float:
    """The multiplier with the largest gain: a row turns to the class when the multiplier exceeds its ratio."""
    order = np.argsort(ratio)
    ratio = ratio[order]
    total = np.append(0, np.cumsum(gain[order]))  # gain when the first 0, 1, 2, ... rows turn
    low, high = np.append(ratio[:1] / 2, ratio), np.append(ratio, ratio[-1:] * 2)  # a multiplier lies in (low, high]
    best = total[low < high].max(initial=total[np.searchsorted(ratio, current)])
    if best <= total[np.searchsorted(ratio, current)]:
        return current
    middle = np.sqrt(low * high)[(low < high) & (total == best)]
    return float(middle[np.abs(np.log(middle / current)).argmin()])


def _sweep(shares: np.ndarray, classes: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
    """The multipliers after the best step along each class in turn."""
    multipliers = multipliers.copy()
    for number in range(shares.shape[1]):
        scaled = shares * multipliers
        scaled[:, number] = -np.inf
        rival = scaled.argmax(axis=1)
        height = np.take_along_axis(scaled, rival[:, None], axis=1)[:, 0]
        gain = (classes == number).astype(np.int64) - (classes == rival)
        turns = (shares[:, number] > 0) & (height > 0) & (gain != 0)  # the rows that a finite multiplier can change
        if turns.any():
            ratio = height[turns] / shares[turns, number]
            multipliers[number] = _cut(ratio, gain[turns], multipliers[number])
    return multipliers


def _multipliers(kept: np.ndarray) -> np.ndarray:
    """The multipliers (classes,), from 1 each, as long as a sweep makes more rows right."""
    multipliers = np.ones(kept.shape[1] - 1)
    if not len(kept):
        return multipliers
    kept = kept[:: -(-len(kept) // ROWS)]
    score = _accuracy(kept, multipliers, None)
    for _ in range(SWEEPS):
        candidate = _sweep(kept[:, :-1], kept[:, -1], multipliers)
        reached = _accuracy(kept, candidate, None)
        if reached <= score:
            break
        multipliers, score = candidate, reached
    return multipliers


accuracy_multipliers = Metric(
    name="accuracy_multipliers", higher_is_better=True, best=1.0, keep=_keep, combine=_accuracy, choose=_multipliers
)
