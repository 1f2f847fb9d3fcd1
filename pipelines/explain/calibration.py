"""Whether probabilities are frequencies: what was predicted against how often it came true."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.explain.chart import SIDES, Chart, left_out
from pipelines.figures import figure_of, label, tidy

BINS, ROWS = 10, 20  # most bins of a curve, and fewest rows of a bin
HELD = 20  # bars of the histogram below


def calibration_chart(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], across: str, up: str) -> Chart:
    """Curves by name, each of predictions and outcomes (entries,), outcomes 0 or 1."""
    drawn = dict(list(curves.items())[:SIDES])
    figure = figure_of(5.2, 5.6)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    for number, (name, (prediction, outcome)) in enumerate(drawn.items()):
        mean, share, error = reliability(prediction, outcome)
        axes.errorbar(mean, share, error, color=f"C{number}", marker="o", markersize=4, capsize=2, label=label(name))
        below.hist(prediction, bins=HELD, range=(0, 1), color=f"C{number}", alpha=0.8 / len(drawn) ** 0.5)
    if len(drawn) > 1:
        axes.legend(frameon=False, fontsize=8)
    axes.set(ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    below.set(xlabel=across, ylabel="rows")
    for each in (axes, below):
        tidy(each)
    caption = (
        "Rows in order of their prediction, cut into groups of one size: each group's mean prediction, and the share "
        "that came true with its standard error. On the dashed line a prediction can be read as a probability; below "
        "it predictions are too high, above it too low. Beneath: how many rows have which prediction."
    )
    return Chart("calibration", "Are probabilities frequencies?", caption + left_out(len(curves)), figure)


def reliability(prediction: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean prediction, mean outcome and its standard error in bins of one size, (bins,) each."""
    bins = int(np.clip(len(prediction) // ROWS, 1, BINS))
    order = np.argsort(prediction, kind="stable")
    parts = np.array_split(order, bins)
    mean = np.array([prediction[part].mean() for part in parts])
    share = np.array([outcome[part].mean() for part in parts])
    rows = np.array([len(part) for part in parts])
    # With one success and one failure more than were seen, a bin without failures is not taken to be sure.
    smooth = (share * rows + 1) / (rows + 2)
    return mean, share, np.sqrt(smooth * (1 - smooth) / rows)
