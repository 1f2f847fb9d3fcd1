"""Judges a submission by sample_submission and the competition's rules, in memory or as a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from submissions.cells import plain_columns
from submissions.columns import find_blocker, find_column_problems
from submissions.ids import IdJudge
from submissions.place import file_digest
from submissions.rows import BATCH, Rectangle, read_columns
from submissions.rules import Rules
from submissions.sample import Sample
from submissions.source import Source, open_source
from submissions.values import ValueJudge
from submissions.verdict import Problem, SubmissionError, Verdict

Spans = Mapping[str, tuple[float, float]]  # value column -> lowest and highest target in training
NONE: Spans = MappingProxyType({})


def check_rows(
    ids: Iterable[object], cells: Mapping[str, np.ndarray], sample: Sample, rules: Rules, trained: Spans = NONE
) -> Verdict:
    """Judge a submission in memory, a cell array (rows,) per value column; SubmissionError lists all problems."""
    texts = id_texts(ids)
    problems = check_shapes(texts, cells, sample)
    if not problems:
        known, values = IdJudge(sample), ValueJudge(sample, rules)
        columns = plain_columns(cells, sample, rules)
        for start in range(0, len(texts), BATCH):
            batch = slice(start, start + BATCH)
            known.take(texts[batch])
            values.take(texts[batch], {name: column[batch] for name, column in columns.items()})
        problems = [*known.problems(), *values.problems()]
    if problems:
        raise SubmissionError("the submission", problems)
    return Verdict("the submission", len(texts), warnings=tuple(values.warnings(trained)))


def id_texts(ids: Iterable[object]) -> list[str]:
    """Ids in memory as the text that they would be in a file."""
    texts = ids if isinstance(ids, list) else pd.Index(ids).tolist()
    return texts if all(type(text) is str for text in texts) else [str(text) for text in texts]


def check_shapes(ids: Sequence[str], cells: Mapping[str, np.ndarray], sample: Sample) -> list[Problem]:
    """Columns that are missing or too many, and arrays that are not one cell per id."""
    problems = []
    if set(cells) != set(sample.values):
        message = f"expected cells of {list(sample.values)}, got {list(cells)}"
        problems.append(Problem("columns", f"{message}; encode() must return sample_submission's value columns"))
    for name, column in cells.items():
        if np.shape(column) != (len(ids),):
            message = f"{name}: expected a cell for each of {len(ids):,} ids, got shape {np.shape(column)}"
            problems.append(Problem("cells", f"{message}; encode() must return one column per target"))
    return problems


def check_file(path: Path, sample: Sample, rules: Rules, trained: Spans = NONE) -> Verdict:
    """Judge any .csv, .csv.gz or .csv.zip in constant memory; SubmissionError lists all problems."""
    path = Path(path)
    values = ValueJudge(sample, rules)
    notes: list[str] = []
    problems = judge_file(path, sample, values, notes)
    if problems:
        raise SubmissionError(path.name, problems)
    return Verdict(path.name, len(sample), file_digest(path), tuple(values.warnings(trained)), tuple(notes))


def judge_file(path: Path, sample: Sample, values: ValueJudge, notes: list[str]) -> list[Problem]:
    """All that is wrong with a file; what is merely unusual goes to notes."""
    with open_source(path) as source:
        problems = judge_packing(path, source)
        if source.crlf:
            notes.append("lines end in CRLF; Kaggle takes them")
        blocker = find_blocker(source.header, sample)
        if blocker is not None:
            return [*problems, blocker]
        problems += find_column_problems(source.header, sample)
        try:
            return [*problems, *judge_rows(source, sample, values, notes)]
        except SubmissionError as error:  # the rest of the file cannot be read: ids beyond it are not missing
            return [*problems, *values.cell_problems(), *error.problems]


def judge_packing(path: Path, source: Source) -> list[Problem]:
    """A byte order mark, and a name that hides what the file is."""
    problems = []
    if source.bom:
        message = f"expected plain UTF-8, got a BOM before {source.header[0]!r}"
        problems.append(Problem("BOM", f"{message}; write it with encoding='utf-8', not 'utf-8-sig'"))
    ending = {"gzip": ".gz", "zip": ".zip"}.get(source.packing, ".csv")
    if path.suffix.lower() != ending:
        message = f"expected a name ending in {ending}, which is what the file is inside, got {path.name}"
        problems.append(Problem("packing", f"{message}; rename it"))
    return problems


def judge_rows(source: Source, sample: Sample, values: ValueJudge, notes: list[str]) -> list[Problem]:
    """What is wrong with the rows."""
    places = {name: source.header.index(name) for name in sample.columns if name in source.header}
    rectangle, known = Rectangle(len(source.header)), IdJudge(sample)
    for columns in read_columns(source, rectangle, {sample.id: 0, **places}):  # a renamed id column is the first
        ids = columns.pop(sample.id)
        known.take(ids)
        values.take(ids, columns)
    if rectangle.blank:
        notes.append(f"{rectangle.blank} blank lines")
    return [*rectangle.problems(), *(known.problems() if sample.id in places else []), *values.problems()]
