"""The CV-vs-LB plot: does what the folds say agree with what the leaderboard says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.figures import figure_of, label, save_figure, tidy
from pipelines.kaggle.board import Point, line_through, pairs_of

BOARDS = {"public": ("tab:blue", "o"), "private": ("tab:orange", "s")}
LABELLED = 30  # points that get their name; more names than that hide the points


def draw_board(points: Sequence[Point], title: str, metric: str, path: Path) -> None:
    """Draw the points with their standard errors, a line through them where there are enough, as PNG."""
    figure = figure_of(8, 6)
    axes = figure.add_subplot()
    for board in BOARDS:
        _draw(axes, points, board)
    axes.set(title=title, xlabel=f"CV {metric} ± standard error", ylabel=f"leaderboard {metric}")
    axes.legend()
    tidy(axes)
    save_figure(figure, path)


def _draw(axes: Any, points: Sequence[Point], board: str) -> None:
    """One leaderboard's points and line."""
    shown = [point for point in points if getattr(point, board) is not None]
    if not shown:
        return
    colour, mark = BOARDS[board]
    pairs = pairs_of(shown, board)
    line = line_through(pairs)
    legend = board if line is None else f"{board} (correlation {line.correlation:+.2f})"
    first, second = zip(*pairs, strict=True)
    errors = [point.error for point in shown]
    axes.errorbar(first, second, xerr=errors, fmt=mark, color=colour, capsize=2, label=legend)
    for point, height in zip(shown[:LABELLED], second, strict=False):
        axes.annotate(label(point.name), (point.cv, height), textcoords="offset points", xytext=(4, 4), fontsize=7)
    if line is not None:
        ends = [min(first), max(first)]
        axes.plot(ends, [line.slope * end + line.offset for end in ends], color=colour, alpha=0.5, linestyle="--")
