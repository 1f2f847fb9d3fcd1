"""Rows drawn as strips of panels, several side by side in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.explain.rows import Drawn
from pipelines.explain.seam import Panel
from pipelines.figures import figure_of, label, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL, GAP, LINE, BETWEEN = 1.9, 0.06, 0.16, 0.3  # inches: a panel's width, what is between, a line of text, strips
WIDTH = 12.7  # inches of the picture
BOLD, PLAIN, SMALL = 13.0, 14.5, 16.5  # letters that an inch of heading, text and panel title holds
SAID, TITLE = 3, 2  # most lines of text above a strip, and above a panel


@dataclass(frozen=True)
class Sheet:
    """Where strips go: inches of the figure, of a strip, and of the text in it."""

    width: float
    height: float
    strip: float
    tall: float
    said: int
    titles: int

    @property
    def above(self) -> float:
        """Inches above the panels."""
        return (1 + self.said + self.titles) * LINE + 0.06

    def part(self, left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
        """A part of the sheet in shares of it, as matplotlib has it: top is counted from below."""
        return left / self.width, (top - height) / self.height, width / self.width, height / self.height


def strips_figure(rows: Sequence[Drawn]) -> Figure:
    """The rows' panels, as many rows side by side as the picture's width holds."""
    panels = [panel for row in rows for panel in row.shown.panels]
    most = max(len(row.shown.panels) for row in rows)
    strip = max(most, 2) * (PANEL + GAP) + BETWEEN
    across = min(len(rows), max(1, int(WIDTH // strip)))
    down = -(-len(rows) // across)
    said = max(_said(row, strip).count("\n") + 1 for row in rows)
    titles = max(_title(panel).count("\n") + 1 for panel in panels)
    tall = (1 + said + titles) * LINE + 0.06 + max(map(_height, panels)) + BETWEEN
    sheet = Sheet(strip * across, tall * down, strip, tall, said, titles)
    figure = figure_of(sheet.width, sheet.height, layout=None)
    for number, row in enumerate(rows):
        _draw(figure, row, sheet, (number % across, number // across))
    return figure


def _draw(figure: Figure, row: Drawn, sheet: Sheet, cell: tuple[int, int]) -> None:
    """One row, in the column and line of its cell."""
    left, top = sheet.strip * cell[0] + BETWEEN / 2, sheet.height - sheet.tall * cell[1] - BETWEEN / 3
    heading = label(row.heading, int((sheet.strip - BETWEEN) * BOLD))
    figure.text(*sheet.part(left, top, 0, 0)[:2], heading, fontsize=8.5, weight="bold", va="top")
    figure.text(*sheet.part(left, top - LINE, 0, 0)[:2], _said(row, sheet.strip), fontsize=8.5, va="top")
    for number, panel in enumerate(row.shown.panels):
        place = (left + number * (PANEL + GAP), top - sheet.above, PANEL, _height(panel))
        axes = figure.add_axes(sheet.part(*place))
        axes.imshow(panel.pixels, interpolation="nearest" if panel.pixels.shape[1] < 100 else "antialiased")
        axes.set_axis_off()
        axes.set_title(_title(panel), fontsize=7.5, pad=2)


def _said(row: Drawn, strip: float) -> str:
    return wrapped(label(row.said, 1000), int((strip - BETWEEN) * PLAIN), SAID)


def _title(panel: Panel) -> str:
    return wrapped(label(panel.title, 1000), int(PANEL * SMALL), TITLE)


def _height(panel: Panel) -> float:
    return float(PANEL * panel.pixels.shape[0] / panel.pixels.shape[1])
