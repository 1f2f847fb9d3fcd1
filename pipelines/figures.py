"""The one door to matplotlib: figures without global state, written whole or not at all."""

from __future__ import annotations

import textwrap
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.place import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS = 144  # per inch: sharp on a screen that shows 96


def check_plots() -> None:
    """Refuse, before any work, to draw without matplotlib."""
    if find_spec("matplotlib") is None:
        raise ValueError('expected matplotlib for a plot, got none; pip install "podium[plot]"')


def figure_of(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """An empty figure of so many inches."""
    check_plots()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout, dpi=DOTS)  # type: ignore[arg-type]  # a layout's name


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with replacing(path) as draft, warnings.catch_warnings():
        # An id or class in a script that the font lacks is drawn as boxes; page and table have it as it is.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(draft, format="png", metadata={"Software": None})


def tidy(axes: Axes) -> None:
    """No box around a plot, and a faint grid behind it."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)


def label(text: object, longest: int = 28) -> str:
    """A text from a file as a label: one line, not too long, its dollars no formula."""
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return line.replace("$", r"\$")


def wrapped(text: str, width: int, lines: int) -> str:
    """A text in at most so many lines of so many letters."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder="…"))
