"""What was taken for what: matrices of counts, each row's shares as colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipelines.explain.chart import SIDES, Chart, left_out
from pipelines.figures import figure_of, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN = 20  # classes up to which a cell has room for its numbers
LETTERS = 24  # of a class's name
TICKS = 40  # classes up to which each has its name at the side


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts (true class, predicted class), the classes' names and a heading."""

    title: str
    counts: np.ndarray
    names: Sequence[str]


def count(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """How often each true class was taken for each class, (classes, classes); class numbers (entries,) each."""
    return np.bincount(truth * classes + prediction, minlength=classes * classes).reshape(classes, classes)


def confusion_chart(matrices: Sequence[Confusion]) -> Chart:
    """The matrices side by side."""
    drawn = matrices[:SIDES]
    classes = len(drawn[0].names)
    side = min(10.0, 2.9 if classes <= 2 else 2.2 + 0.42 * min(classes, WRITTEN))
    across = min(3, len(drawn))
    down = -(-len(drawn) // across)
    figure = figure_of(max(4.2, (side + 0.9) * across), (side + 0.5) * down)
    for place, matrix in enumerate(drawn):
        _draw(figure.add_subplot(down, across, place + 1), matrix)
    caption = (
        "Rows are what is true, columns what was predicted. Each cell has its count and its share of the row, which "
        "the colour shows: right answers lie on the diagonal."
    )
    if classes > WRITTEN:
        caption = "Rows are what is true, columns what was predicted; the colour is the cell's share of its row."
    return Chart("confusion", "What was taken for what", caption + left_out(len(matrices)) + _largest(drawn), figure)


def _draw(axes: Axes, matrix: Confusion) -> None:
    counts, classes = matrix.counts, len(matrix.names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if classes <= WRITTEN:
        for row, column in np.ndindex(counts.shape):
            if counts[row, column]:
                _write(axes, (row, column), int(counts[row, column]), float(shares[row, column]), classes)
    step = max(1, -(-classes // TICKS))
    names = [label(name, LETTERS) for name in matrix.names[::step]]
    turned = 90 if classes > 2 and max(map(len, names)) > 3 else 0
    axes.set_xticks(range(0, classes, step), names, rotation=turned)
    axes.set_yticks(range(0, classes, step), names)
    axes.tick_params(length=0, labelsize=9 if classes <= WRITTEN else 7)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(label(matrix.title, 60), fontsize=10)
    axes.spines[:].set_visible(False)


def _write(axes: Axes, cell: tuple[int, int], number: int, share: float, classes: int) -> None:
    size = 11 if classes <= 2 else 9 if classes <= 6 else 8 if classes <= 12 else 6.5
    text = f"{number:,}\n{share:.1%}" if classes <= 6 else f"{number:,}\n{share:.0%}"
    axes.text(
        cell[1], cell[0], text, ha="center", va="center", fontsize=size, color="white" if share > 0.55 else "black"
    )


def _largest(matrices: Sequence[Confusion], most: int = 5) -> str:
    """The commonest mistakes among several classes, in a sentence."""
    counts = matrices[0].counts.copy()
    if len(matrices) > 1 or len(counts) <= 2:
        return ""
    np.fill_diagonal(counts, 0)
    places = [divmod(int(place), len(counts)) for place in np.argsort(-counts, axis=None, kind="stable")[:most]]
    names = [name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…" for name in matrices[0].names]
    said = [f"{names[true]} for {names[taken]} ({counts[true, taken]:,})" for true, taken in places]
    said = [text for text, place in zip(said, places, strict=True) if counts[place]]
    return f" The commonest mistakes take {', '.join(said)}." if said else ""
