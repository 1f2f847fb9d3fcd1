"""Metrics of order: the area under the ROC curve, for one label and averaged over several."""

from __future__ import annotations

import numpy as np

from pipelines.contract import Choice, Metric, Values
from pipelines.metrics.terms import UndefinedScore, binary, paired, single


def area(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None) -> float:
    """Share of (negative, positive) pairs of rows in the right order, ties counting half; all of shape (rows,)."""
    if (prediction[1:] < prediction[:-1]).any():  # scoring resamples rows already in order: nothing to sort then
        order = np.argsort(prediction)
        truth, prediction = truth[order], prediction[order]
        weights = None if weights is None else weights[order]
    total = np.ones(len(truth)) if weights is None else weights
    hits = truth if weights is None else truth * weights
    rises = prediction[1:] != prediction[:-1]
    if not rises.all():  # rows of one prediction count as one
        first = np.append(0, np.flatnonzero(rises) + 1)
        total, hits = np.add.reduceat(total, first), np.add.reduceat(hits, first)
    positive, everything = hits.sum(), total.sum()
    if not 0 < positive < everything:
        raise UndefinedScore(
            f"auc: expected rows of both classes, got {positive:g} positive and {everything - positive:g} negative; "
            "score more rows, or stratify the folds by the target"
        )
    # Mann-Whitney: the positives' ranks (tied rows share the middle one), less those they would have among themselves.
    # Sums of products without a copy; with whole weights every term is exact.
    ranks = np.einsum("i,i->", hits, np.cumsum(total)) - np.einsum("i,i->", hits, total) / 2
    pairs = ranks - positive * positive / 2
    return float(pairs / (positive * (everything - positive)))


def _keep_one(truth: Values, prediction: Values) -> np.ndarray:
    return single("auc", truth, prediction, instead="mean_auc")


def _keep_several(truth: Values, prediction: Values) -> np.ndarray:
    truth, prediction = paired("mean_auc", truth, prediction)
    return np.stack([binary("mean_auc", truth), prediction], axis=1)  # (rows, 2, labels)


def _one(kept: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    return area(kept[:, 0], kept[:, 1], weights)


def _several(kept: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    labels = range(kept.shape[2])
    return float(np.mean([area(kept[:, 0, label], kept[:, 1, label], weights) for label in labels]))


auc = Metric(name="auc", higher_is_better=True, best=1.0, keep=_keep_one, combine=_one)
mean_auc = Metric(name="mean_auc", higher_is_better=True, best=1.0, keep=_keep_several, combine=_several)
