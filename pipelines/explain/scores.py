"""The folds' scores with their error bars, beside the baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.contract import Metric
from pipelines.explain.chart import Chart
from pipelines.figures import figure_of, tidy
from pipelines.scoring import Entries, Score, fold_errors, score_oof

MOST = 25  # folds up to which each has its number at the axis


@dataclass(frozen=True, eq=False)
class Judged:
    """The scores of a run's entries: pooled, and each fold's with its standard error."""

    score: Score
    folds: Sequence[int]  # in the order of score.fold_scores
    errors: Sequence[float]


def judge(metric: Metric, kept: np.ndarray, entries: Entries, groups: np.ndarray | None) -> Judged:
    """Score entries, kept (entries, ...); groups are of the train table's rows."""
    folds = [int(entries.fold[part[0]]) for part in entries.parts()]
    return Judged(score_oof(metric, kept, entries, groups), folds, fold_errors(metric, kept, entries, groups))


def scores_chart(metric: Metric, model: Judged, baseline: Judged | None) -> Chart:
    """Left the folds among themselves, right the same against the baseline."""
    figure = figure_of(8.2, 3.3)
    close, far = figure.subplots(1, 2, width_ratios=[1.7, 1])
    places, scores = np.arange(len(model.folds)), np.array(model.score.fold_scores)
    value, error = model.score.value, model.score.se
    close.errorbar(places, scores, np.nan_to_num(model.errors), fmt="o", capsize=3)
    close.axhline(value, color="0.3", linewidth=1)
    if np.isfinite(error):
        close.axhspan(value - error, value + error, color="0.3", alpha=0.12, linewidth=0)
    close.set(ylabel=metric.name, xlabel="fold", title=f"all folds together: {value:.5f} ± {error:.5f}")
    far.plot(places, scores, "o", label="model")
    if baseline is not None:
        among = [baseline.folds.index(fold) for fold in model.folds if fold in baseline.folds]
        far.plot(places[: len(among)], np.array(baseline.score.fold_scores)[among], "x", color="C3", label="baseline")
    far.set(xlabel="fold", title="against the baseline")
    far.legend(frameon=False, fontsize=9, loc="best")
    for axes in (close, far):
        axes.title.set_fontsize(10)
        axes.set_xticks(places[:: -(-len(places) // MOST)], model.folds[:: -(-len(places) // MOST)])
        axes.margins(x=0.15)
        tidy(axes)
    better = "Higher" if metric.higher_is_better else "Lower"
    caption = (
        f"{better} is better. Each fold's score with its standard error over another draw of its rows; the line and "
        "its band are the score of all folds' rows together. Folds whose bars overlap do not differ for sure."
    )
    return Chart("scores", "Scores of the folds", caption, figure)
