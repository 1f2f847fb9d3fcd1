"""Finds blend weights on OOF predictions: greedy selection, or a search over the simplex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

Loss: TypeAlias = Callable[[np.ndarray], float]  # of a prediction (rows, ...); lower is better

TIE = 1e-12  # relative; the same sum in another order differs by less


def greedy(oof: Sequence[np.ndarray], loss: Loss, rounds: int = 50) -> np.ndarray:
    """Weights, (runs,), by forward selection with replacement (Caruana et al., ICML 2004).

    Round after round the run whose addition to the mean scores best joins; among equals the one chosen most often
    so far, so that few runs are needed. The best of all means on the way counts.
    """
    counts = np.zeros(len(oof))
    total = np.zeros_like(oof[0], dtype=np.float64)
    best, found = np.inf, counts
    for size in range(1, rounds + 1):
        losses = np.array([loss((total + each) / size) for each in oof])
        lowest = losses.min()
        equals = np.flatnonzero(losses <= lowest + TIE * abs(lowest))
        chosen = int(equals[counts[equals].argmax()])
        counts[chosen] += 1
        total += oof[chosen]
        if lowest < best - TIE * abs(lowest):
            best, found = lowest, counts.copy()
    weights: np.ndarray = found / found.sum()
    return weights


def simplex(oof: Sequence[np.ndarray], loss: Loss) -> np.ndarray:
    """Weights, (runs,), from 0 up with sum 1, by SLSQP for smooth scores and then Nelder-Mead for those in steps."""
    from scipy.optimize import minimize

    def blended(raw: np.ndarray) -> float:
        return loss(weigh(oof, normed(raw)))

    equal = np.full(len(oof), 1 / len(oof))
    tried = [equal]
    whole = {"type": "eq", "fun": lambda raw: raw.sum() - 1}
    smooth = minimize(blended, equal, method="SLSQP", bounds=[(0, 1)] * len(oof), constraints=[whole])
    tried.append(normed(smooth.x))
    start = min(tried, key=blended)
    tried.append(normed(minimize(blended, start, method="Nelder-Mead").x))
    return min(tried, key=blended)


def normed(raw: np.ndarray) -> np.ndarray:
    """Any numbers as weights: from 0 up, with sum 1."""
    positive = np.abs(raw)
    return positive / positive.sum() if positive.sum() > 0 else np.full(len(raw), 1 / len(raw))


def weigh(predictions: Sequence[np.ndarray], weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """The weighted sum of predictions of one shape."""
    total = np.zeros_like(predictions[0], dtype=np.float64)
    for prediction, weight in zip(predictions, weights, strict=True):
        total += weight * prediction
    return total
