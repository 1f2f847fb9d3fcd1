"""Kaggle's sample_submission: the ids, their order and the columns that every submission must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from submissions.rows import Rectangle, read_columns
from submissions.source import open_source
from submissions.verdict import Problem, SubmissionError, first, refuse


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample_submission in memory; ids and cells are the file's own text, in its order."""

    name: str
    columns: tuple[str, ...]  # of the file: the id column, then the value columns
    ids: pd.Index = field(repr=False)
    cells: Mapping[str, list[str]] = field(repr=False)  # value column -> a text per row

    @property
    def id(self) -> str:
        """The id column, the first."""
        return self.columns[0]

    @cached_property
    def texts(self) -> list[str]:
        """The ids as a list, which is what rows are compared with."""
        return list(self.ids.tolist())

    @property
    def values(self) -> tuple[str, ...]:
        """The value columns."""
        return self.columns[1:]

    def __len__(self) -> int:
        return len(self.ids)


def read_sample(path: Path) -> Sample:
    """The sample_submission in a .csv, .csv.gz or .csv.zip; refused when its ids cannot serve as keys."""
    path = Path(path)
    with open_source(path) as source:
        columns = tuple(source.header)
        check_columns(path.name, columns)
        table: dict[str, list[str]] = {name: [] for name in columns}
        shared: dict[str, str] = {}  # most cells of a sample say the same; one text serves them all
        rectangle = Rectangle(len(columns))
        for batch in read_columns(source, rectangle, {name: place for place, name in enumerate(columns)}):
            table[columns[0]] += batch.pop(columns[0])
            for name, cells in batch.items():
                table[name] += map(shared.setdefault, cells, cells)
    if rectangle.odd:
        raise SubmissionError(path.name, rectangle.problems())
    ids = pd.Index(table.pop(columns[0]), name=columns[0])
    check_ids(path.name, ids)
    return Sample(path.name, columns, ids, table)


def check_columns(name: str, columns: tuple[str, ...]) -> None:
    """Refuse a header that is no id column and value columns."""
    if len(columns) < 2 or len(set(columns)) < len(columns) or "" in columns:
        message = f"expected an id column and value columns, each with a name of its own, got {list(columns)}"
        raise refuse(name, "columns", f"{message}; download it again")


def check_ids(name: str, ids: pd.Index) -> None:
    """Refuse ids that are absent, empty, spread over lines or there twice."""
    if not len(ids):
        raise refuse(name, "rows", "expected rows under the header, got none; download it again")
    texts = ids.tolist()
    problems = []
    empty = [row for row, text in enumerate(texts, start=2) if not text.strip()]
    if empty:
        message = f"expected an id in every row, got {len(empty)} empty ones (line {first(empty)})"
        problems.append(Problem("empty ids", f"{message}; download it again"))
    if any(mark in "".join(texts) for mark in "\r\n"):
        broken = [repr(text) for text in texts if not {"\r", "\n"}.isdisjoint(text)]
        message = f"expected ids on one line each, got {len(broken)} with line breaks ({first(broken)})"
        problems.append(Problem("broken ids", f"{message}; look for a stray quote"))
    if not ids.is_unique:
        twice = ids[ids.duplicated()].unique()
        message = f"expected every id once, got {len(twice)} of them again ({first(twice)})"
        problems.append(Problem("duplicate ids", f"{message}; download it again"))
    if problems:
        raise SubmissionError(name, problems)
