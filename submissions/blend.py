"""Blends several runs: weights found on their OOF predictions, and the score that this search deserves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from submissions.weights import Loss, greedy, weigh

Score: TypeAlias = Callable[[np.ndarray, np.ndarray], float]  # (truth, prediction) -> score
Fit: TypeAlias = Callable[[Sequence[np.ndarray], Loss], np.ndarray]  # (an array per run, loss) -> weights (runs,)


@dataclass(frozen=True)
class Blend:
    """Weights by run, and what they are worth."""

    weights: Mapping[str, float]  # they sum to 1
    score: float  # on the rows that the weights were fitted on: optimistic
    nested: float  # each fold with weights fitted on the others: honest
    mean: float  # equal weights, nothing fitted
    single: Mapping[str, float]  # each run alone

    def apply(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        """The blend of the same runs' predictions for other rows, (rows, ...)."""
        if set(predictions) != set(self.weights):
            raise ValueError(f"expected predictions of {list(self.weights)}, got {list(predictions)}; give those runs")
        return weigh([predictions[name] for name in self.weights], list(self.weights.values()))

    def __str__(self) -> str:
        used = ", ".join(f"{name} {weight:.3f}" for name, weight in self.weights.items() if weight > 0)
        worth = f"{self.nested:.5f} with weights from other folds, {self.score:.5f} on their own rows"
        return f"blend {worth}, {self.mean:.5f} with equal weights ({used})"


def blend_weights(
    oof: Mapping[str, np.ndarray],
    truth: np.ndarray,
    score: Score,
    higher_is_better: bool,
    folds: Sequence[np.ndarray],
    fit: Fit = greedy,
) -> Blend:
    """The weights of runs, (rows, ...) each, that score best on truth; folds holds the positions each fold validates.

    The nested score pools the folds. Rows that validate more than once are averaged by the caller beforehand.
    """
    check_runs(oof, truth)
    check_folds(folds, len(truth))
    runs = list(oof.values())

    def loss(rows: np.ndarray | slice) -> Loss:
        sign = -1.0 if higher_is_better else 1.0
        return lambda prediction: sign * finite_score(score, truth[rows], prediction)

    nested = np.empty_like(runs[0], dtype=np.float64)
    for fold in folds:
        others = np.delete(np.arange(len(truth)), fold)
        weights = fit([run[others] for run in runs], loss(others))
        nested[fold] = weigh([run[fold] for run in runs], weights)
    weights = fit(runs, loss(slice(None)))
    return Blend(
        weights=dict(zip(oof, weights.tolist(), strict=True)),
        score=finite_score(score, truth, weigh(runs, weights)),
        nested=finite_score(score, truth, nested),
        mean=finite_score(score, truth, blend_mean(runs)),
        single={name: finite_score(score, truth, run) for name, run in oof.items()},
    )


def blend_mean(predictions: Sequence[np.ndarray]) -> np.ndarray:
    """The plain mean of several runs' predictions, (rows, ...) each."""
    return weigh(predictions, np.full(len(predictions), 1 / len(predictions)))


def blend_ranks(predictions: Sequence[np.ndarray], oof: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of several runs' ranks among their own OOF, (rows, ...) each; for scores that judge the order alone."""
    return blend_mean([to_ranks(*pair) for pair in zip(predictions, oof, strict=True)])


def to_ranks(prediction: np.ndarray, oof: np.ndarray) -> np.ndarray:
    """Where predictions, (rows, ...), lie among a run's OOF of that shape, in 0..1, column by column.

    A row's rank depends on no other row that is predicted, and order is kept beyond the OOF's ends too.
    """
    if prediction.ndim > 1:
        columns = [to_ranks(prediction[:, place], oof[:, place]) for place in range(prediction.shape[1])]
        return np.stack(columns, axis=1)
    knots, counts = np.unique(oof, return_counts=True)
    heights = (np.cumsum(counts) - counts / 2) / len(oof)
    span = float(knots[-1] - knots[0]) or 1.0
    below, above = np.maximum(knots[0] - prediction, 0), np.maximum(prediction - knots[-1], 0)
    ranks: np.ndarray = np.interp(prediction, knots, heights)
    ranks += (1 - heights[-1]) * above / (span + above) - heights[0] * below / (span + below)
    return ranks


def same_folds(fingerprints: Mapping[str, str]) -> str:
    """The fold fingerprint that all runs share; runs on different folds cannot be blended."""
    (first, fingerprint), *others = fingerprints.items()
    for name, other in others:
        if other != fingerprint:
            message = f"expected runs on the same folds, got {first} on {fingerprint[:12]} and {name} on {other[:12]}"
            raise ValueError(f"{message}; train one of them again on the other's fold file")
    return fingerprint


def check_runs(oof: Mapping[str, np.ndarray], truth: np.ndarray) -> None:
    """Refuse OOF arrays that are not finite predictions of the same rows."""
    if not oof:
        raise ValueError("expected the OOF of at least one run, got none; name runs that have finished")
    shapes = {name: run.shape for name, run in oof.items()}
    if len(set(shapes.values())) > 1 or len(next(iter(oof.values()))) != len(truth):
        raise ValueError(f"expected {len(truth):,} rows in one shape from every run, got {shapes}; align them by id")
    for name, run in oof.items():
        bad = int((~np.isfinite(run)).sum())
        if bad:
            raise ValueError(f"{name}: expected finite OOF, got {bad:,} values that are not; leave the run out")


def check_folds(folds: Sequence[np.ndarray], rows: int) -> None:
    """Refuse folds that do not validate every row once."""
    counts = np.bincount(np.concatenate([np.zeros(0, dtype=int), *folds]), minlength=rows)
    if len(folds) < 2 or len(counts) != rows or (counts != 1).any():
        found = f"{len(folds)} folds, {(counts == 0).sum():,} rows in none and {(counts > 1).sum():,} in several"
        raise ValueError(f"expected two folds or more that hold each of {rows:,} rows once, got {found}")


def finite_score(score: Score, truth: np.ndarray, prediction: np.ndarray) -> float:
    """A score; NaN is refused, it would win every comparison or none."""
    found = float(score(truth, prediction))
    if np.isnan(found):
        raise ValueError(f"expected a score, got NaN on {len(truth):,} rows; do they hold one class only?")
    return found
