"""The value columns of a submission, judged batch by batch in constant memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from submissions.cells import EXPECTED, Cells, find_faults, read_numbers
from submissions.masks import MaskJudge
from submissions.rules import Rules
from submissions.runs import find_fault
from submissions.sample import Sample
from submissions.verdict import FIRST, Problem

EXACT = 2.0**53  # from here on different whole numbers may be the same float
SHOWN = 40  # characters of a cell; a mask's code has thousands


@dataclass
class Tally:
    """How many cells have one kind of fault, and the first of them."""

    count: int = 0
    shown: list[str] = field(default_factory=list)


@dataclass
class ColumnJudge:
    """One value column: takes its cells batch by batch and remembers what a judgement needs, never the cells."""

    name: str
    rules: Rules
    sample: list[str]  # sample_submission's cells
    rows: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    lowest: float = np.inf
    highest: float = -np.inf
    cell: object = None  # the first one
    start: object = None  # its number, the cell itself in a column of words
    constant: bool = True  # so far
    like_sample: bool = True  # so far
    hard: bool = True  # only 0 and 1 so far
    masks: MaskJudge | None = field(default=None, init=False)  # where cells are run-length codes

    def __post_init__(self) -> None:
        self.masks = MaskJudge(self.name, self.rules.masks) if self.rules.masks else None

    @property
    def opening(self) -> str:
        """The first cell, cut for a message."""
        return str(self.start)[:SHOWN] or "''"

    def take(self, ids: Sequence[str], cells: Cells) -> None:
        """The cells of the next rows."""
        if not len(cells):
            return
        listed = self.sample[self.rows : self.rows + len(cells)]
        numbers = None if self.rules.words else read_numbers(cells)
        if self.masks:
            self.note("runs", ids, cells, self.masks.take(ids, list(cells), listed))
        else:
            for kind, rows in find_faults(cells, numbers, self.rules).items():
                self.note(kind, ids, cells, rows)
        if self.rows == 0:
            self.start, self.cell = cells[0] if numbers is None else numbers[0], cells[0]
        if numbers is not None:
            self.measure(numbers, listed)
        if numbers is None or np.abs(numbers).max() >= EXACT:
            self.constant &= all(cell == self.cell for cell in cells)
            self.like_sample = self.like_sample and [str(cell) for cell in cells] == listed
        self.rows += len(cells)

    def measure(self, numbers: np.ndarray, listed: list[str]) -> None:
        """Follow the range of the numbers and what they all have in common."""
        self.constant &= bool((numbers == self.start).all())
        self.hard = self.hard and bool(((numbers == 0) | (numbers == 1)).all())
        self.like_sample = self.like_sample and np.array_equal(numbers, read_numbers(listed))
        finite = numbers[np.isfinite(numbers)]
        self.lowest = min(self.lowest, finite.min(initial=np.inf))
        self.highest = max(self.highest, finite.max(initial=-np.inf))

    def note(self, kind: str, ids: Sequence[str], cells: Cells, rows: np.ndarray) -> None:
        """Count the rows that have a fault and remember the first few."""
        count = int(rows.sum())
        if count:
            tally = self.tallies.setdefault(kind, Tally())
            tally.count += count
            places = np.flatnonzero(rows)[: FIRST - len(tally.shown)]
            tally.shown += [f"{ids[place]}: {self.show(cells[place])}" for place in places]

    def show(self, cell: object) -> str:
        """A cell that has a fault, or where its fault is."""
        return find_fault(cell, self.rules.masks.size) if self.rules.masks else repr(str(cell)[:SHOWN])

    def problems(self) -> list[Problem]:
        """The faults of the cells, each kind once."""
        return [Problem(kind, self.describe(kind, tally)) for kind, tally in self.tallies.items()]

    def describe(self, kind: str, tally: Tally) -> str:
        """A fault in a sentence."""
        expected, found, remedy = EXPECTED[kind]
        labels = ", ".join(self.rules.labels[:20]) + (", ..." if len(self.rules.labels) > 20 else "")
        size = self.rules.masks.size if self.rules.masks else 0
        expected = expected.format(low=self.rules.low, high=self.rules.high, labels=labels, size=size)
        more = ", ..." if tally.count > len(tally.shown) else ""
        return (
            f"{self.name}: expected {expected}, got {tally.count:,} {found} ({', '.join(tally.shown)}{more}); {remedy}"
        )


class ValueJudge:
    """All value columns of a submission."""

    def __init__(self, sample: Sample, rules: Rules) -> None:
        self.rules = rules
        self.columns = {name: ColumnJudge(name, rules, sample.cells[name]) for name in sample.values}

    def take(self, ids: Sequence[str], columns: Mapping[str, Cells]) -> None:
        """The cells of the next rows, for whichever value columns there are."""
        for name, cells in columns.items():
            self.columns[name].take(ids, cells)

    def cell_problems(self) -> list[Problem]:
        """What is wrong with single cells so far."""
        return [problem for column in self.columns.values() for problem in column.problems()]

    def problems(self) -> list[Problem]:
        """What is wrong with the cells, and with the columns as a whole."""
        problems = self.cell_problems()
        seen = [column for column in self.columns.values() if column.rows]
        copied = len(seen) == len(self.columns) and all(column.like_sample for column in seen)
        if copied and not self.rules.sample:
            message = "expected predictions, got the values of sample_submission itself"
            problems.append(Problem("sample", f"{message}; submit the file that a run wrote"))
        elif not self.rules.constant and seen and all(column.constant and column.rows > 1 for column in seen):
            message = f"expected values that differ between rows, got {seen[0].opening} in all of them"
            problems.append(Problem("constant", f"{message}; look for a model that has learned nothing"))
        return problems

    def warnings(self, trained: Mapping[str, tuple[float, float]]) -> list[str]:
        """What is probably a mistake; trained holds the lowest and highest target of training, by column."""
        columns = list(self.columns.values())
        found = [
            f"{column.name} is {column.opening} in every row"
            for column in columns
            if column.constant and column.rows > 1
        ]
        found += [warning for column in columns if column.masks for warning in column.masks.warnings()]
        if columns and self.asks_probabilities() and all(column.hard for column in columns):
            found.append("all values are 0 or 1: a metric of probabilities or ranks wants the probabilities")
        for name, (low, high) in trained.items():
            column = self.columns[name]
            if column.lowest < low or column.highest > high:
                spans = f"{column.lowest:g} to {column.highest:g}, in training {low:g} to {high:g}"
                found.append(f"{name} leaves the range of training: {spans}")
        return found

    def asks_probabilities(self) -> bool:
        """Whether fractions are allowed, from 0 to 1 or without bounds, as of a metric that ranks."""
        rules = self.rules
        return not (rules.integer or rules.words) and (rules.low, rules.high) in ((0, 1), (-np.inf, np.inf))
