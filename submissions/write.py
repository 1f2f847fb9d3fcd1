"""Writes a submission, checked before a byte is written, and again row by row as it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

from submissions.cells import plain_columns, written_cells
from submissions.check import check_rows, check_shapes, id_texts
from submissions.place import file_digest, packed, placed
from submissions.rows import BATCH
from submissions.rules import Rules
from submissions.sample import Sample
from submissions.values import ValueJudge
from submissions.verdict import Problem, SubmissionError

Lines: TypeAlias = Iterable[Sequence[object]]


def write_submission(
    path: Path, ids: Iterable[object], cells: Mapping[str, np.ndarray], sample: Sample, rules: Rules
) -> str:
    """Check a submission, write it, and return the file's SHA-256; nothing is written when the check refuses."""
    texts = sample.texts if ids is sample.ids else id_texts(ids)
    check_rows(texts, cells, sample, rules)
    with open_submission(path, sample, rules) as writer:
        for start in range(0, len(texts), BATCH):
            batch = slice(start, start + BATCH)
            writer.append(texts[batch], {name: column[batch] for name, column in cells.items()})
    return writer.digest


@contextmanager
def open_submission(path: Path, sample: Sample, rules: Rules) -> Iterator[SubmissionWriter]:
    """A writer for rows that come in parts; the file appears when all rows are there, and after an error not at all.

    A name ending in .gz is compressed; the same rows make the same bytes.
    """
    path = Path(path)
    with placed(path) as raw, packed(path, raw) as stream:
        writer = SubmissionWriter(partial(write_lines, stream), path.name, sample, rules)
        writer.put([sample.columns])
        yield writer
        writer.finish()
    writer.digest = file_digest(path)


class SubmissionWriter:
    """Takes rows in sample_submission's order and refuses the first batch that is not as it should be."""

    def __init__(self, put: Callable[[Lines], None], name: str, sample: Sample, rules: Rules, rows: int = 0) -> None:
        self.put = put
        self.name = name
        self.sample = sample
        self.rules = rules
        self.values = ValueJudge(sample, rules)
        self.rows = rows  # that are there already
        self.digest = ""  # SHA-256 of the file, once it is in place

    def append(self, ids: Iterable[object], cells: Mapping[str, np.ndarray]) -> None:
        """Write the next rows, one cell array of shape (rows,) per value column."""
        texts = id_texts(ids)
        problems = check_shapes(texts, cells, self.sample) or self.check_place(texts)
        if not problems:
            columns = plain_columns(cells, self.sample, self.rules)
            self.values.take(texts, columns)
            problems = self.values.cell_problems()
        if problems:
            raise SubmissionError(self.name, problems)
        self.put(zip(texts, *map(written_cells, columns.values()), strict=True))
        self.rows += len(texts)

    def check_place(self, ids: list[str]) -> list[Problem]:
        """Whether these ids are sample_submission's next ones."""
        expected = self.sample.texts[self.rows : self.rows + len(ids)]
        if ids == expected:
            return []
        wrong = [at for at, pair in enumerate(zip(ids, expected, strict=False)) if pair[0] != pair[1]]
        if not wrong:
            message = f"expected {len(self.sample):,} rows, got more, the first of them {ids[len(expected)]}"
            return [Problem("rows", f"{message}; append each row once")]
        at = wrong[0]
        message = f"expected {expected[at]} in row {self.rows + at + 1}, as in sample_submission, got {ids[at]}"
        return [Problem("order", f"{message}; append the rows in its order")]

    def finish(self) -> None:
        """Refuse what only shows at the end: rows that never came, and values that say nothing."""
        problems = [*self.values.problems(), *self.check_rest()]
        if problems:
            raise SubmissionError(self.name, problems)

    def check_rest(self) -> list[Problem]:
        """Whether all rows came."""
        if self.rows == len(self.sample):
            return []
        message = f"expected {len(self.sample):,} rows, got {self.rows:,}"
        return [Problem("rows", f"{message}; the next would have been {self.sample.ids[self.rows]}")]


def write_lines(stream: IO[bytes], rows: Lines) -> None:
    """Rows as CSV, quoted where they must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    stream.write(text.getvalue().encode())
