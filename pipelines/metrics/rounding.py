"""Whole numbers for count targets: OOF decides whether rounding the prediction helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.contract import Choice, Metric, Values


def whole(prediction: Values, choice: Choice) -> np.ndarray:
    """The prediction (rows, columns), rounded where the choice is 1."""
    return prediction if choice is None else np.where(choice > 0, np.rint(prediction), prediction)


def rounded(metric: Metric) -> Metric:
    """The metric with a choice of its own, 1 to round predictions to whole numbers and 0 to leave them."""

    def keep(truth: Values, prediction: Values) -> np.ndarray:
        return np.stack([metric.keep(truth, prediction), metric.keep(truth, np.rint(prediction))], axis=1)

    def combine(kept: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
        if choice is None:
            return metric.combine(kept[:, 0], None, weights)
        rounds = np.asarray(choice).reshape(-1, *[1] * (kept.ndim - 2)) > 0  # one for all rows, or one per row
        return metric.combine(np.where(rounds, kept[:, 1], kept[:, 0]), None, weights)

    def choose(kept: np.ndarray) -> np.ndarray:
        if not len(kept):
            return np.zeros(1)
        plain, round_ = (metric.combine(kept[:, side], None, None) for side in (0, 1))
        return np.array([float(metric.better(round_, plain))])

    return replace(metric, name=f"{metric.name}_rounded", keep=keep, combine=combine, choose=choose)
