"""Rows drawn as strips of panels, several side by side in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.explain.rows import Drawn
from pipelines.figures import figure_of, label, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL, GAP, LINE, BETWEEN = 1.9, 0.06, 0.155, 0.3  # inches: a panel's width, what is between, a line of text, strips
ABOVE, TITLES = 3, 2  # lines of text above a strip, and above a panel
WIDTH = 12.5  # inches of the picture
LETTERS = 12.5  # of the text's size that an inch holds


def strips_figure(rows: Sequence[Drawn]) -> Figure:
    """The rows' panels, as many rows side by side as the picture's width holds."""
    panels = max(len(row.shown.panels) for row in rows)
    tall = max(panel.pixels.shape[0] / panel.pixels.shape[1] for row in rows for panel in row.shown.panels)
    wide = panels * (PANEL + GAP) + BETWEEN
    high = PANEL * tall + (ABOVE + TITLES) * LINE + BETWEEN
    across = min(len(rows), max(1, int(WIDTH // wide)))
    down = -(-len(rows) // across)
    figure = figure_of(max(4.0, wide * across), high * down, layout=None)
    size = (float(figure.get_figwidth()), float(figure.get_figheight()))
    for number, row in enumerate(rows):
        top = size[1] - high * (number // across)
        _draw(figure, row, (wide * (number % across) + BETWEEN / 2, top - BETWEEN / 3), size, wide - BETWEEN)
    return figure


def _draw(figure: Figure, row: Drawn, corner: tuple[float, float], size: tuple[float, float], width: float) -> None:
    """One row, its upper left corner so many inches from the figure's lower left one."""
    left, top = corner
    letters = int(max(width, 2 * PANEL) * LETTERS)
    figure.text(left / size[0], top / size[1], label(row.heading, letters), fontsize=8.5, weight="bold", va="top")
    said = wrapped(label(row.said, 4 * letters), letters, ABOVE - 1)
    figure.text(left / size[0], (top - LINE) / size[1], said, fontsize=8.5, va="top")
    for number, panel in enumerate(row.shown.panels):
        height = PANEL * panel.pixels.shape[0] / panel.pixels.shape[1]
        lowest = top - (ABOVE + TITLES) * LINE - height
        place = (left + number * (PANEL + GAP), lowest, PANEL, height)
        axes = figure.add_axes((place[0] / size[0], place[1] / size[1], PANEL / size[0], height / size[1]))
        axes.imshow(panel.pixels, interpolation="nearest" if panel.pixels.shape[1] < 100 else "antialiased")
        axes.set_axis_off()
        axes.set_title(wrapped(label(panel.title, 60), int(PANEL * 15), TITLES), fontsize=7.5, pad=2)
