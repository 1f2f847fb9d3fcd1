"""A chart: a figure with a name, a heading and a sentence on what one sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDES = 6  # columns of the targets that are drawn side by side; more are left out, and the caption says so


@dataclass(frozen=True, eq=False)
class Chart:
    """What the page shows under a heading."""

    name: str  # of its file
    title: str
    caption: str
    figure: Figure


def left_out(names: int, most: int = SIDES) -> str:
    """The sentence about targets that are not drawn."""
    return f" The first {most} of {names} targets are drawn." if names > most else ""
