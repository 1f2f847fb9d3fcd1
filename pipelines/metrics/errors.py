"""Metrics of numbers: RMSE, RMSLE, MAE, SMAPE, R2; several targets are scored column by column and averaged."""

from __future__ import annotations

import numpy as np

from pipelines.contract import Choice, Metric, Values
from pipelines.metrics.terms import UndefinedScore, column_means, mean, paired


def _root_mean(terms: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    return float(np.sqrt(column_means(terms, weights)).mean())


def _squared(truth: Values, prediction: Values) -> np.ndarray:
    truth, prediction = paired("rmse", truth, prediction)
    terms: np.ndarray = np.square(prediction - truth)
    return terms


def _squared_log(truth: Values, prediction: Values) -> np.ndarray:
    truth, prediction = paired("rmsle", truth, prediction)
    if (truth < 0).any():
        rows = np.flatnonzero((truth < 0).any(axis=1))
        raise ValueError(
            f"rmsle: expected truth of 0 or more, got below 0 in {len(rows)} rows (first: {rows[:5].tolist()}); "
            "use rmse for a target that can be negative"
        )
    # A logarithm of 1 + a negative number may not exist: a target that is never below 0 is never predicted below it.
    terms: np.ndarray = np.square(np.log1p(np.maximum(prediction, 0)) - np.log1p(truth))
    return terms


def _absolute(truth: Values, prediction: Values) -> np.ndarray:
    truth, prediction = paired("mae", truth, prediction)
    terms: np.ndarray = np.abs(prediction - truth)
    return terms


def _symmetric_percent(truth: Values, prediction: Values) -> np.ndarray:
    truth, prediction = paired("smape", truth, prediction)
    scale = np.abs(truth) + np.abs(prediction)
    share: np.ndarray = np.zeros_like(scale)  # what 0 / 0 counts as
    np.divide(np.abs(prediction - truth), scale, out=share, where=scale > 0)
    return 200 * share


def _both(truth: Values, prediction: Values) -> np.ndarray:
    return np.stack(paired("r2", truth, prediction), axis=1)  # (rows, 2, columns)


def _explained(kept: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    truth, prediction = kept[:, 0], kept[:, 1]
    # From the first row's value, which cancels nothing: a constant truth has a spread of exactly 0.
    shifted = truth - truth[:1]
    spread = column_means(np.square(shifted - column_means(shifted, weights)), weights)
    if not spread.all():
        raise UndefinedScore("r2: expected a truth that varies, got one value in all rows; score more rows")
    return float((1 - column_means(np.square(prediction - truth), weights) / spread).mean())


rmse = Metric(name="rmse", higher_is_better=False, best=0.0, keep=_squared, combine=_root_mean)
rmsle = Metric(name="rmsle", higher_is_better=False, best=0.0, keep=_squared_log, combine=_root_mean)
mae = Metric(name="mae", higher_is_better=False, best=0.0, keep=_absolute, combine=mean)
smape = Metric(name="smape", higher_is_better=False, best=0.0, keep=_symmetric_percent, combine=mean)
r2 = Metric(name="r2", higher_is_better=True, best=1.0, keep=_both, combine=_explained)
