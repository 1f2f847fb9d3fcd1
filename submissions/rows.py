"""The rows of a CSV as a rectangle: as many cells in each as the header has."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from submissions.source import Source
from submissions.verdict import FIRST, Problem, refuse

BATCH = 4096  # rows; of Carvana's 7 kB run-length codes that is 30 MB
CELL = 2**24  # characters: any run-length code of 1918x1280 fits, and an unclosed quote stops here

Columns = dict[str, list[str]]


class Rectangle:
    """Counts rows, drops blank lines and mends rows of another width."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines = 1  # read so far, the header's included
        self.blank = 0
        self.odd = 0
        self.shown: list[str] = []

    def take(self, batch: list[list[str]]) -> list[list[str]]:
        """The rows of a batch, filled or cut to the header's width so that their ids and cells can still be judged."""
        if set(map(len, batch)) == {self.width}:
            return batch
        rows = [row for row in batch if row]
        self.blank += len(batch) - len(rows)
        odd = [row for row in rows if len(row) != self.width]
        self.odd += len(odd)
        self.shown += [f"{row[0]}: {len(row)}" for row in odd[: FIRST - len(self.shown)]]
        return [(row + [""] * self.width)[: self.width] for row in rows]

    def problems(self) -> list[Problem]:
        """Rows of another width."""
        if not self.odd:
            return []
        more = ", ..." if self.odd > len(self.shown) else ""
        message = f"expected {self.width} cells in every row, got {self.odd:,} rows with another number"
        return [Problem("cells", f"{message} ({', '.join(self.shown)}{more}); look for commas without quotes")]


def read_columns(source: Source, rectangle: Rectangle, places: Mapping[str, int]) -> Iterator[Columns]:
    """The columns asked for, by their places in the header, batch by batch."""
    for block in source.blocks:
        cells = split_plain(block, rectangle.width)
        if (
            cells is None
        ):  # quotes, or rows of another width: from here on with a parser, which takes four times as long
            for rows in parse_rows(source, rectangle, chain([block], source.blocks)):
                yield {name: [row[place] for row in rows] for name, place in places.items()}
            return
        rectangle.lines += len(cells) // (rectangle.width + 1)
        yield {name: cells[place :: rectangle.width + 1] for name, place in places.items()}


def split_plain(block: str, width: int) -> list[str] | None:
    """The cells of a block, row after row, a newline after each; None unless every line is just width cells."""
    if '"' in block or "\r" in block:
        return None
    cells = block.replace("\n", ",\n,").split(",")
    rest = cells.pop()  # after the last newline
    ends = cells[width :: width + 1]
    whole = not rest and ends.count("\n") == len(ends) == block.count("\n")
    return cells if whole and len(cells) == len(ends) * (width + 1) else None


def parse_rows(source: Source, rectangle: Rectangle, blocks: Iterable[str]) -> Iterator[list[list[str]]]:
    """The rows of any CSV text, in batches."""
    csv.field_size_limit(max(CELL, csv.field_size_limit()))  # the module has one limit for the whole process
    before = rectangle.lines
    reader = csv.reader((line for block in blocks for line in io.StringIO(block, newline="")), strict=True)
    try:
        while rows := list(islice(reader, BATCH)):
            yield rectangle.take(rows)
    except csv.Error as error:
        message = (
            f"expected CSV, got line {before + reader.line_num}: {error}; look for a stray or unclosed quote there"
        )
        raise refuse(source.name, "quoting", message) from error
