"""The rows that a run predicts worst, as a table for W&B."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.contract import Choice, Metric
from pipelines.metrics.terms import UndefinedScore
from pipelines.predictions import read_predictions
from pipelines.run import Run
from pipelines.runfolder import write_json

SHOWN = 50
JUDGED = 5_000  # rows that the metric scores one by one, the farthest off first


def write_worst(run: Run, choice: Choice) -> None:
    """Write the worst of the out-of-fold predictions: id, fold, truth, prediction and how far off."""
    oof = read_predictions(run.folder.oof)
    folds = oof.arrays["fold"].ravel()
    if "prediction" not in oof.arrays:  # of maps only what the metric keeps was stored
        order, error = _by_metric(run.competition.metric, oof.arrays["kept"], choice)
        rows = [[str(oof.ids[place]), int(folds[place]), _plain(error[place])] for place in order]
        columns = ["id", "fold", run.competition.metric.name]
    else:
        prediction = oof.arrays["prediction"]
        truth = run.targets.values(run.rows)[run.rows.index.get_indexer(oof.ids)]
        order, error = _farthest(run.competition.metric, truth, prediction, choice)
        cells = [(_cell(truth[place]), _cell(prediction[place]), _plain(error[place])) for place in order]
        rows = [[str(oof.ids[place]), int(folds[place]), *each] for place, each in zip(order, cells, strict=True)]
        columns = ["id", "fold", "truth", "prediction", "error"]
    write_json(run.folder.tracking / "worst.table.json", {"columns": columns, "rows": rows})


def _farthest(
    metric: Metric, truth: np.ndarray, prediction: np.ndarray, choice: Choice
) -> tuple[np.ndarray, np.ndarray]:
    """Places of the worst rows and each row's error: absolute, in the order of the metric where it scores a row."""
    error = np.abs(truth.astype(np.float64) - prediction).reshape(len(truth), -1).sum(axis=1)
    far = np.argsort(-error, kind="stable")[:JUDGED]
    scores = _scores(metric, metric.keep(truth[far], prediction[far]), choice)
    if scores is None:
        return far[:SHOWN], error
    return far[np.argsort(scores, kind="stable")][:SHOWN], error


def _by_metric(metric: Metric, kept: np.ndarray, choice: Choice) -> tuple[np.ndarray, np.ndarray]:
    scores = _scores(metric, kept, choice)
    if scores is None:
        return np.arange(0), np.zeros(len(kept))
    return np.argsort(scores, kind="stable")[:SHOWN], scores if metric.higher_is_better else -scores


def _scores(metric: Metric, kept: np.ndarray, choice: Choice) -> np.ndarray | None:
    """Each row's own score, the worst lowest; None where the metric has none for a single row."""
    sign = 1 if metric.higher_is_better else -1
    try:
        with np.errstate(all="ignore"):
            scores = np.array([metric.combine(kept[place : place + 1], choice, None) for place in range(len(kept))])
    except UndefinedScore:
        return None
    return sign * scores if np.isfinite(scores).all() else None


def _cell(values: np.ndarray) -> Any:
    """One number as it is; several as a text."""
    flat = [_plain(value) for value in np.asarray(values).ravel()]
    return flat[0] if len(flat) == 1 else " ".join(f"{value:.4g}" for value in flat)


def _plain(value: Any) -> float:
    return round(float(value), 6)
