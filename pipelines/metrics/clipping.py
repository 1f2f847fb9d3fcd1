"""Scores of predictions as a competition submits them: cut to the range that its targets have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.contract import Metric, Values


def clipped(metric: Metric, low: float, high: float) -> Metric:
    """The metric of predictions cut to low..high, as the submission's are."""

    def keep(truth: Values, prediction: Values) -> Values:
        return metric.keep(truth, np.clip(prediction, low, high))

    return replace(metric, keep=keep)
