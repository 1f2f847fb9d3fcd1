"""Predicted numbers over true ones, what is left over, and histograms of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipelines.explain.chart import SIDES, Chart, left_out
from pipelines.figures import figure_of, label, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS = 3000  # rows up to which each is a dot; more are counted in hexagons
WIDE = 100  # times that a large value exceeds a small one, from where on axes are logarithmic
CUT = 0.5  # percent of residuals at either end that the histogram leaves out: one of them would squeeze the others


def numbers_chart(truth: np.ndarray, prediction: np.ndarray, names: Sequence[str]) -> Chart:
    """Above predictions over truth (entries, targets each), below the residuals."""
    drawn = names[:SIDES]
    columns = min(3, len(drawn))
    bands = -(-len(drawn) // columns)
    figure = figure_of(max(5.0, 3.9 * columns), 5.6 * bands)
    grid = figure.add_gridspec(2 * bands, columns, height_ratios=[2.2, 1] * bands)
    for place, name in enumerate(drawn):
        band, column = divmod(place, columns)
        _over(figure.add_subplot(grid[2 * band, column]), truth[:, place], prediction[:, place], name)
        _left(figure.add_subplot(grid[2 * band + 1, column]), truth[:, place], prediction[:, place])
    caption = (
        "Above: each row's prediction over its truth, right on the dashed line; where many rows fall together, darker "
        f"is more. Below: how far predictions are off, but for the outermost {CUT}% at either end; the red line is the "
        "mean."
    )
    return Chart("predictions", "Predictions against truth", caption + left_out(len(names)), figure)


def histogram_chart(scores: np.ndarray, name: str) -> Chart:
    """How the rows' own scores (entries,) spread."""
    figure = figure_of(6.2, 3.2)
    axes = figure.subplots()
    known = scores[np.isfinite(scores)]
    axes.hist(known, bins=40, color="C0")
    if len(known):
        axes.axvline(float(np.median(known)), color="0.2", linestyle="--", linewidth=1)
    axes.set(xlabel=f"{name} of a row", ylabel="rows", yscale="log" if len(known) > DOTS else "linear")
    tidy(axes)
    caption = f"Each row's own {name}; the dashed line is the median."
    return Chart("rows", "Scores of single rows", caption, figure)


def _over(axes: Axes, truth: np.ndarray, prediction: np.ndarray, name: str) -> None:
    both = np.concatenate([truth, prediction])
    spread = wide(both)
    scale: Literal["log", "linear"] = "log" if spread else "linear"
    low, high = float(both.min()), float(both.max())
    margin = 0.0 if spread else 0.03 * (high - low) or 0.5
    if len(truth) > DOTS:
        axes.hexbin(truth, prediction, gridsize=60, xscale=scale, yscale=scale, bins="log", cmap="Blues", mincnt=1)
    else:
        axes.scatter(truth, prediction, s=9, alpha=0.35, linewidths=0, rasterized=True)
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color="0.3", linestyle="--", linewidth=1)
    axes.set(xlabel="truth", ylabel="prediction", xscale=scale, yscale=scale, xlim=ends, ylim=ends)
    axes.set_title(label(name, 36), fontsize=10)
    tidy(axes)


def _left(axes: Axes, truth: np.ndarray, prediction: np.ndarray) -> None:
    if wide(np.concatenate([truth, prediction])):
        residual, name = np.log10(prediction / truth), r"$\log_{10}$ (prediction / truth)"
    else:
        residual, name = prediction - truth, "prediction − truth"
    low, high = np.percentile(residual, [CUT, 100 - CUT])
    inside = residual[(residual >= low) & (residual <= high)]
    axes.hist(inside, bins=40, color="C0")
    axes.axvline(0, color="0.3", linestyle="--", linewidth=1)
    axes.axvline(float(residual.mean()), color="C3", linewidth=1)
    axes.set(xlabel=name, ylabel="rows")
    tidy(axes)


def wide(values: np.ndarray) -> bool:
    """Whether values are positive and spread over orders of magnitude."""
    if not (values > 0).all():
        return False
    low, high = np.percentile(values, [1, 99])
    return bool(high > WIDE * low)
