"""How far a submission is from an earlier one: equal cells and correlation, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from submissions.cells import read_numbers
from submissions.rows import Columns, Rectangle, read_columns
from submissions.sample import Sample
from submissions.source import Source, open_source
from submissions.verdict import refuse


@dataclass(frozen=True)
class Distance:
    """Two submissions side by side, all value columns pooled."""

    equal: float  # share of cells that are the same number, or the same text
    correlation: float  # of cells that are numbers; NaN where a side never varies or is text

    def describe(self, previous: str) -> str:
        """What to know before sending the same thing twice."""
        if self.equal == 1:
            return f"the values are those of {previous}: the score will be the same"
        correlation = "" if np.isnan(self.correlation) else f", correlation {self.correlation:.5f}"
        return f"against {previous}: {self.equal:.1%} of cells equal{correlation}"


def measure_distance(path: Path, previous: Path, sample: Sample) -> Distance:
    """The distance between two files that have sample_submission's columns and the same ids in the same order."""
    equal = cells = 0
    moments = Moments()
    with open_source(path) as source, open_source(previous) as earlier:
        nothing: Columns = {}
        for one, other in zip_longest(read_cells(source, sample), read_cells(earlier, sample), fillvalue=nothing):
            if one.get(sample.id) != other.get(sample.id):
                message = f"expected the ids of {path.name} in its order, got others"
                raise refuse(previous.name, "ids", f"{message}; compare with a submission to the same competition")
            pair = [[text for name in sample.values for text in columns[name]] for columns in (one, other)]
            numbers = np.stack([read_numbers(texts) for texts in pair])
            same = np.fromiter(map(str.__eq__, *pair), bool, len(pair[0])) | (numbers[0] == numbers[1])
            equal, cells = equal + int(same.sum()), cells + len(same)
            moments.take(numbers)
    return Distance(equal / cells, moments.correlation())


def read_cells(source: Source, sample: Sample) -> Iterator[Columns]:
    """A file's columns, batch by batch."""
    if tuple(source.header) != sample.columns:
        message = f"expected the columns {list(sample.columns)}, got {source.header}"
        raise refuse("the earlier submission", "columns", f"{message}; compare with one to the same competition")
    return read_columns(source, Rectangle(len(source.header)), {name: at for at, name in enumerate(sample.columns)})


class Moments:
    """Sums over pairs of numbers, from which their correlation follows."""

    def __init__(self) -> None:
        self.count = 0
        self.sums = np.zeros(2)
        self.products = np.zeros((2, 2))
        self.shift: np.ndarray | None = None  # a first pair, taken off so that the sums stay small

    def take(self, pairs: np.ndarray) -> None:
        """Add pairs, (2, cells); a cell that is no number on either side spoils the correlation, as it should."""
        if self.shift is None:
            self.shift = pairs[:, :1]
        pairs = pairs - self.shift
        self.count += pairs.shape[1]
        self.sums += pairs.sum(axis=1)
        self.products += pairs @ pairs.T

    def correlation(self) -> float:
        """Pearson's, NaN where it is not defined."""
        spread = self.products - np.outer(self.sums, self.sums) / max(self.count, 1)
        scale = float(np.sqrt(spread[0, 0] * spread[1, 1]))
        return float(spread[0, 1]) / scale if scale > 0 else float("nan")
