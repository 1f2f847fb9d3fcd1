"""What every metric starts and ends with: a checked pair of arrays, and means over weighted rows."""

from __future__ import annotations

import numpy as np

from pipelines.contract import Choice, Values


class UndefinedScore(ValueError):
    """These rows have no such score: one class only, constant truth, no rows."""


def paired(name: str, truth: Values, prediction: Values) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction as float64 (rows, columns) of one shape, all finite."""
    truth, prediction = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    if truth.shape != prediction.shape or truth.ndim not in (1, 2):
        raise ValueError(
            f"{name}: expected truth and prediction of one shape (rows, columns), got {truth.shape} and "
            f"{prediction.shape}; give one prediction for each cell of truth"
        )
    if truth.ndim == 1:
        truth, prediction = truth[:, None], prediction[:, None]
    for what, values in (("truth", truth), ("prediction", prediction)):
        check_numbers(name, what, values)
    return truth, prediction


def check_numbers(name: str, what: str, values: np.ndarray) -> None:
    """Refuse values (rows, ...) that are not all finite."""
    if not np.isfinite(values).all():
        rows = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        raise ValueError(
            f"{name}: expected finite numbers, got NaN or infinity in the {what} of {len(rows)} rows "
            f"(first: {rows[:5].tolist()}); fill or drop them before scoring"
        )


def binary(name: str, truth: np.ndarray) -> np.ndarray:
    """The truth itself, or an error when a cell is neither 0 nor 1."""
    wrong = (truth != 0) & (truth != 1)
    if wrong.any():
        seen = np.unique(truth[wrong])[:5].tolist()
        raise ValueError(f"{name}: expected truth of 0 and 1, got {seen}; encode the target as 0 and 1 in `truth`")
    return truth


def single(name: str, truth: Values, prediction: Values, instead: str) -> np.ndarray:
    """Truth of 0 and 1 beside its prediction, (rows, 2), from one column each."""
    truth, prediction = paired(name, truth, prediction)
    if truth.shape[1] != 1:
        raise ValueError(f"{name}: expected one column (rows, 1), got shape {truth.shape}; use {instead} for several")
    return np.hstack([binary(name, truth), prediction])


def one_hot(name: str, truth: np.ndarray) -> np.ndarray:
    """The class number of each row (rows,) of a one-hot truth (rows, classes)."""
    if truth.shape[1] < 2:
        raise ValueError(
            f"{name}: expected one-hot truth (rows, classes) of 2 classes or more, got shape {truth.shape}; "
            "encode the target as one column per class in `truth`"
        )
    rows = np.flatnonzero(binary(name, truth).sum(axis=1) != 1)
    if len(rows):
        raise ValueError(
            f"{name}: expected one-hot truth, one 1 per row, got another count in {len(rows)} rows "
            f"(first: {rows[:5].tolist()}); encode the target as one column per class in `truth`"
        )
    classes: np.ndarray = truth.argmax(axis=1)
    return classes


def column_means(terms: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Mean over rows of terms (rows, columns), each row counted by its weight."""
    total = len(terms) if weights is None else weights.sum()
    if not total:
        raise UndefinedScore("expected rows with a weight above 0, got none; score at least one row")
    sums: np.ndarray = terms.sum(axis=0) if weights is None else np.einsum("i,ij->j", weights, terms)
    return sums / total


def mean(terms: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    """Combine of a metric that keeps a term per cell: the mean over rows, then over columns."""
    return float(column_means(terms, weights).mean())
