"""Rows drawn as strips of panels, several side by side in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.explain.rows import Drawn
from pipelines.explain.seam import Panel
from pipelines.figures import figure_of, label, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL, GAP, LINE, BETWEEN = 1.9, 0.06, 0.16, 0.3  # inches: a panel's width, what is between, a line of text, strips
WIDTH = 12.7  # inches of the picture
BOLD, PLAIN, SMALL = 13.0, 14.5, 16.5  # letters that an inch of heading, text and panel title holds
SAID, TITLE = 3, 2  # most lines of text above a strip, and above a panel
FEW = 100  # pixels up to which each of a panel's is to be seen


def strips_figure(rows: Sequence[Drawn]) -> Figure:
    """The rows' panels, as many rows side by side as the picture's width holds."""
    strip = max(2, *(len(row.shown.panels) for row in rows)) * (PANEL + GAP) + BETWEEN
    across = min(len(rows), max(1, int(WIDTH // strip)))
    down = -(-len(rows) // across)
    panels = [panel for row in rows for panel in row.shown.panels]
    above = (1 + max(_lines(_said(row, strip)) for row in rows) + max(_lines(_title(each)) for each in panels)) * LINE
    tall = above + 0.06 + max(map(_height, panels)) + BETWEEN
    figure = figure_of(strip * across, tall * down, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))  # one for all, in inches from the upper left corner
    for number, row in enumerate(rows):
        corner = (strip * (number % across) + BETWEEN / 2, tall * (number // across) + BETWEEN / 3)
        _draw(axes, row, corner, strip, above + 0.06)
    axes.set(xlim=(0, strip * across), ylim=(tall * down, 0))
    axes.set_axis_off()
    return figure


def _draw(axes: Axes, row: Drawn, corner: tuple[float, float], strip: float, above: float) -> None:
    """One row: its heading, what is said of it, and so many inches below its panels."""
    left, top = corner
    heading = label(row.heading, int((strip - BETWEEN) * BOLD))
    axes.text(left, top, heading, fontsize=8.5, weight="bold", va="top")
    axes.text(left, top + LINE, _said(row, strip), fontsize=8.5, va="top")
    for number, panel in enumerate(row.shown.panels):
        start, upper = left + number * (PANEL + GAP), top + above
        smooth = "nearest" if panel.pixels.shape[1] < FEW else "antialiased"
        extent = (start, start + PANEL, upper + _height(panel), upper)
        axes.imshow(panel.pixels, extent=extent, aspect="auto", interpolation=smooth)
        axes.text(start + PANEL / 2, upper - 0.03, _title(panel), fontsize=7.5, ha="center", va="bottom")


def _said(row: Drawn, strip: float) -> str:
    return wrapped(label(row.said, 1000), int((strip - BETWEEN) * PLAIN), SAID)


def _title(panel: Panel) -> str:
    return wrapped(label(panel.title, 1000), int(PANEL * SMALL), TITLE)


def _lines(text: str) -> int:
    return text.count("\n") + 1


def _height(panel: Panel) -> float:
    return float(PANEL * panel.pixels.shape[0] / panel.pixels.shape[1])
