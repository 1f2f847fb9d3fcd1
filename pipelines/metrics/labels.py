"""Metrics of classes: accuracy of the likeliest class, accuracy at a threshold, log loss."""

from __future__ import annotations

import numpy as np

from pipelines.contract import Choice, Metric, Values
from pipelines.metrics.terms import binary, column_means, mean, one_hot, paired, single

NEUTRAL = 0.5  # the threshold when nothing speaks for another one
CLIP = 1e-15  # Kaggle's log loss replaces p by max(min(p, 1 - 1e-15), 1e-15)


def likeliest(prediction: Values, choice: Choice = None) -> np.ndarray:
    """The class number (rows,) of predictions (rows, classes), each class times its multiplier."""
    scaled = prediction if choice is None else prediction * choice
    classes: np.ndarray = scaled.argmax(axis=1)
    return classes


def above(prediction: Values, choice: Choice) -> np.ndarray:
    """1 where a prediction (rows, 1) reaches the threshold, else 0."""
    if choice is None:
        raise ValueError(f"expected a threshold, got no choice; use np.array([{NEUTRAL}]) or what `choose` gives")
    reached: np.ndarray = prediction >= choice
    return reached.astype(np.uint8)


def _correct(truth: Values, prediction: Values) -> np.ndarray:
    truth, prediction = paired("accuracy", truth, prediction)
    correct: np.ndarray = likeliest(prediction) == one_hot("accuracy", truth)
    return correct[:, None]


def _keep_binary(truth: Values, prediction: Values) -> np.ndarray:
    return single("binary_accuracy", truth, prediction, instead="accuracy")


def _threshold(kept: np.ndarray) -> np.ndarray:
    """The threshold (1,) with most rows right, over all cuts; of equals the one nearest to 0.5."""
    if not len(kept):
        return np.array([NEUTRAL])
    order = np.argsort(kept[:, 1])
    truth, prediction = kept[order, 0], kept[order, 1]
    below = np.concatenate([[0], np.flatnonzero(prediction[1:] != prediction[:-1]) + 1, [len(truth)]])
    wrong = np.append(0, np.cumsum(2 * truth - 1))[below]  # rows that a cut turns wrong less those it turns right
    values = prediction[below[:-1]]
    halfway = np.maximum(values[:-1] + np.diff(values) / 2, np.nextafter(values[:-1], np.inf))
    cuts = np.concatenate([values[:1], halfway, np.nextafter(values[-1:], np.inf)])
    low, high = np.append(-np.inf, values), np.append(values, np.inf)  # any threshold in (low, high] is the same cut
    cuts[(low < NEUTRAL) & (high >= NEUTRAL)] = NEUTRAL
    best: np.ndarray = cuts[wrong == wrong.min()]
    return best[[np.abs(best - NEUTRAL).argmin()]]


def _at_threshold(kept: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    return float(column_means(above(kept[:, 1:], choice) == kept[:, :1], weights)[0])


def _surprise(truth: Values, prediction: Values) -> np.ndarray:
    """-log of the probability given to what was true, (rows, 1)."""
    truth, prediction = paired("log_loss", truth, prediction)
    if truth.shape[1] == 1:
        given = np.where(binary("log_loss", truth) == 1, prediction, 1 - prediction)
    else:
        total = prediction.sum(axis=1, keepdims=True)
        if (total <= 0).any():
            rows = np.flatnonzero(total <= 0)
            raise ValueError(
                f"log_loss: expected probabilities that sum above 0, got {len(rows)} rows that do not "
                f"(first: {rows[:5].tolist()}); give every row a probability"
            )
        classes = one_hot("log_loss", truth)[:, None]
        given = np.take_along_axis(prediction, classes, axis=1) / total  # Kaggle rescales each row to sum to 1
    surprise: np.ndarray = -np.log(np.clip(given, CLIP, 1 - CLIP))
    return surprise


accuracy = Metric(name="accuracy", higher_is_better=True, best=1.0, keep=_correct, combine=mean)
binary_accuracy = Metric(
    name="binary_accuracy",
    higher_is_better=True,
    best=1.0,
    keep=_keep_binary,
    combine=_at_threshold,
    choose=_threshold,
)
log_loss = Metric(name="log_loss", higher_is_better=False, best=0.0, keep=_surprise, combine=mean)
