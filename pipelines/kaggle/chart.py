"""The CV-vs-LB plot: does what the folds say agree with what the leaderboard says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.figures import figure_of, label, save_figure, tidy
from pipelines.kaggle.board import Point, line_through, pairs_of

BOARDS = {"public": ("tab:blue", "o"), "private": ("tab:orange", "s")}
SIDES = (("left", 4, 4), ("left", 4, -10), ("right", -4, 4), ("right", -4, -10))  # and points away from the point
FEW, OFF = 12, 6  # up to so many points all get their name, of more so many that lie farthest off the line


def draw_board(points: Sequence[Point], title: str, metric: str, path: Path) -> None:
    """Draw the points with their standard errors, a line through them where there are enough, as PNG."""
    figure = figure_of(8, 6)
    axes = figure.add_subplot()
    for board in BOARDS:
        _draw(axes, points, board)
    axes.margins(x=0.1)
    axes.set(title=label(title, 80), xlabel=f"CV {metric} ± standard error", ylabel=f"leaderboard {metric}")
    axes.legend()
    tidy(axes)
    figure.draw_without_rendering()  # from here on points have their places
    _write(axes, _named(points))
    save_figure(figure, path)


def _write(axes: Any, named: Sequence[tuple[Point, float]]) -> None:
    """Names beside their points, on the side where they cover no other name; none where there is no such side."""
    taken: list[Any] = []
    for point, height in named:
        for side, across, up in SIDES:
            place = {"textcoords": "offset points", "xytext": (across, up), "ha": side}
            text = axes.annotate(label(point.name), (point.cv, height), **place, fontsize=7)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


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
    axes.errorbar(first, second, xerr=errors, fmt=mark, color=colour, elinewidth=0.8, capsize=2, label=legend)
    if line is not None:
        ends = [min(first), max(first)]
        axes.plot(ends, [line.slope * end + line.offset for end in ends], color=colour, alpha=0.5, linestyle="--")


def _named(points: Sequence[Point]) -> list[tuple[Point, float]]:
    """The points that get their name, and the height of each: of its public score, else of its private one."""
    board = "public" if any(point.public is not None for point in points) else "private"
    line = line_through(pairs_of(points, board))
    heights = [(point, point.private if point.public is None else point.public) for point in points]
    known = [(point, height) for point, height in heights if height is not None]
    if len(known) <= FEW or line is None:
        return known[:FEW]
    return sorted(known, key=lambda pair: -abs(line.slope * pair[0].cv + line.offset - pair[1]))[:OFF]
