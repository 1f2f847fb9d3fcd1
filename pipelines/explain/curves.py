"""Learning curves: every number that fits logged, a line a fit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.explain.chart import Chart
from pipelines.figures import figure_of, label, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACES = ("fold", "seed", "step")  # what of a logged line is no number to draw
SIDE = re.compile(r"(?:^|(?<=_))(train|valid)_")  # in names such as valid_rmse or target_train_rmse
NAMED = 12  # fits up to which the legend names each
POINTS = 40  # of a line up to which each is marked


def curves_chart(lines: Sequence[Mapping[str, Any]]) -> Chart | None:
    """A plot a number over the lines of metrics.jsonl; None when nothing was logged."""
    plots = sorted_by_plot(lines)
    if not plots:
        return None
    fits = list(dict.fromkeys(key[:2] for curves in plots.values() for key in curves))
    across = min(3, len(plots))
    down = -(-len(plots) // across)
    figure = figure_of(max(5.5, 3.9 * across), 2.9 * down + 0.5)
    for place, (name, curves) in enumerate(plots.items()):
        axes = figure.add_subplot(down, across, place + 1)
        _draw(axes, name, curves, fits)
        axes.set_xlabel("epoch or round" if place >= len(plots) - across else "")
    _legend(figure, plots, fits)
    caption = "The numbers that each fit logged, by epoch (networks) or boosting round (trees)."
    if any(side == "train" for curves in plots.values() for *_, side in curves):
        caption += " Dashed: on training rows; solid: on rows held out."
    return Chart("learning", "Learning curves", caption, figure)


def sorted_by_plot(
    lines: Sequence[Mapping[str, Any]],
) -> dict[str, dict[tuple[str, int, str], list[tuple[int, float]]]]:
    """Plot -> (fold, seed, side) -> steps and numbers; the learning rate's plot comes last."""
    plots: dict[str, dict[tuple[str, int, str], list[tuple[int, float]]]] = {}
    for line in lines:
        for name, number in line.items():
            if name in PLACES or not isinstance(number, int | float):
                continue
            found = SIDE.search(name)
            key = (str(line.get("fold", "")), int(line.get("seed", 0)), found[1] if found else "")
            curves = plots.setdefault(SIDE.sub("", name), {})
            curves.setdefault(key, []).append((int(line.get("step", 0)), float(number)))
    return dict(sorted(plots.items(), key=lambda plot: plot[0] == "rate"))


def _draw(
    axes: Axes,
    name: str,
    curves: Mapping[tuple[str, int, str], Sequence[tuple[int, float]]],
    fits: Sequence[tuple[str, int]],
) -> None:
    for (fold, seed, side), points in curves.items():
        steps, numbers = zip(*sorted(points), strict=True)
        axes.plot(
            steps,
            numbers,
            color=f"C{fits.index((fold, seed)) % 10}",
            linestyle="--" if side == "train" else "-",
            linewidth=1.4,
            marker="o" if len(steps) <= POINTS else "",
            markersize=3,
        )
    axes.locator_params(axis="x", integer=True)
    axes.set_title(label(name, 42), fontsize=10)
    tidy(axes)


def _legend(figure: Any, plots: Mapping[str, Any], fits: Sequence[tuple[str, int]]) -> None:
    from matplotlib.lines import Line2D

    if len(fits) > NAMED:
        return
    seeds = len({seed for _, seed in fits}) > 1
    names = [f"fold {fold}" if fold.isdigit() else f"{fold} fit" for fold, _ in fits]
    shown = [f"{name}, seed {seed}" if seeds else name for name, (_, seed) in zip(names, fits, strict=True)]
    marks = [Line2D([], [], color=f"C{number % 10}", label=text) for number, text in enumerate(shown)]
    figure.legend(handles=marks, loc="outside upper center", ncols=min(6, len(marks)), frameon=False, fontsize=9)
