"""Writes a submission too large to be made again: killed at any moment, it goes on with the first row not yet safe."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from submissions.cells import plain_cells, written_cells
from submissions.check import check_file, check_shapes, id_texts
from submissions.draft import Draft, open_draft
from submissions.rules import Rules
from submissions.sample import Sample
from submissions.verdict import SubmissionError, Verdict
from submissions.write import SubmissionWriter


@contextmanager
def continue_submission(
    path: Path, sample: Sample, rules: Rules, fingerprint: str, some: bool = False
) -> Iterator[StreamWriter]:
    """A writer that goes on where an earlier one of the same fingerprint stopped: give it the rows from `written` on.

    The file takes its name when all rows are there and the checker has read them back; the rows alone decide its bytes.
    Where only some rows come, the others keep sample_submission's own cells: Kaggle takes those, whatever it scores.
    """
    path = Path(path)
    rows = hashlib.sha256("\n".join([*sample.columns, *sample.texts]).encode())
    with open_draft(path, f"{fingerprint} {rows.hexdigest()} {some}") as draft:
        writer = StreamWriter(draft, sample, rules, some)
        yield writer
        writer.verdict = writer.finish()


class StreamWriter:
    """Takes rows in sample_submission's order, after those that are written already."""

    def __init__(self, draft: Draft, sample: Sample, rules: Rules, some: bool) -> None:
        self.draft = draft
        self.some = some
        put = csv.writer(draft, lineterminator="\n").writerows
        self.writer = SubmissionWriter(put, draft.path.name, sample, rules, self.written)
        self.verdict: Verdict | None = None  # of the file in place
        if not draft.mark.lines:
            put([sample.columns])

    @property
    def written(self) -> int:
        """Rows that are safe, whatever happens; sample_submission's first ones."""
        return max(self.draft.mark.lines - 1, 0)  # the header is a line too

    def append(self, ids: Iterable[object], cells: Mapping[str, np.ndarray]) -> None:
        """Write the next rows, one cell array of shape (rows,) per value column."""
        texts = id_texts(ids)
        if self.some and not check_shapes(texts, cells, self.writer.sample):
            texts, cells = self.spread(texts, cells)
        self.writer.append(texts, cells)

    def spread(self, ids: list[str], cells: Mapping[str, np.ndarray]) -> tuple[list[str], Mapping[str, np.ndarray]]:
        """All rows up to the last id, the others as sample_submission has them; append refuses rows out of order."""
        sample, start = self.writer.sample, self.writer.rows
        places = sample.ids.get_indexer(ids) - start
        if not ids or places[0] < 0 or (np.diff(places) <= 0).any():
            return ids, cells
        stop = int(places[-1]) + 1
        filled = self.own(slice(start, start + stop))
        for name, column in filled.items():
            column[places] = written_cells(plain_cells(cells[name], self.writer.rules))
        return sample.texts[start : start + stop], filled

    def own(self, rows: slice) -> dict[str, np.ndarray]:
        """The sample_submission's cells of rows."""
        return {name: np.array(cells[rows], dtype=object) for name, cells in self.writer.sample.cells.items()}

    def finish(self) -> Verdict:
        """Judge the whole file, and only then put it in place."""
        sample, rules = self.writer.sample, self.writer.rules
        rest = sample.texts[self.writer.rows :]
        if self.some and rest:
            self.writer.append(rest, self.own(slice(self.writer.rows, None)))
        name, problems = self.draft.path.name, self.writer.check_rest()
        if problems:
            raise SubmissionError(name, problems)
        self.draft.end()
        try:
            verdict = check_file(self.draft.file, sample, rules)
        except SubmissionError as error:
            raise SubmissionError(name, error.problems) from error
        self.draft.place()
        return replace(verdict, name=name)
