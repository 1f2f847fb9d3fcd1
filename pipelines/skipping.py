"""The rows that --skip-broken leaves out, by the image files that a list names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.contract import Ids, Table
from pipelines.faults import shorten
from pipelines.listing import read_lines


@dataclass(frozen=True)
class Skipped:
    """The rows that are left out: they train and validate nothing; in test they get the baseline's value."""

    train: Ids
    test: Ids


def no_rows() -> Skipped:
    """Nothing is left out."""
    return Skipped(pd.Index([], dtype=object), pd.Index([], dtype=object))


def read_skipped(listed: Path, root: Path, train: Table, test: Table) -> Skipped:
    """The rows whose files a list names, a path a line, as the table has it or from the data folder on."""
    if not listed.is_file():
        raise FileNotFoundError(f"--skip-broken {listed}: expected a list of image files, a path a line, got no file")
    texts = [line.strip() for line in read_lines(listed)]
    wanted = [text for text in texts if text and not text.startswith("#")]
    known = [_rows_of(table, root) for table in (train, test)]
    strange = [text for text in wanted if not any(text in rows for rows in known)]
    if strange:
        raise ValueError(
            f"--skip-broken {listed}: expected files that the tables refer to, got {len(strange)} others: "
            f"{shorten(strange)}; write them as the error about them does, or as they lie in {root}"
        )
    left_out = [sorted({id for text in wanted for id in rows.get(text, ())}) for rows in known]
    return Skipped(*(pd.Index(ids, dtype=object) for ids in left_out))


def _rows_of(table: Table, root: Path) -> dict[str, list[str]]:
    """The ids by the files that a table refers to, by the path and by the path within the data folder."""
    found: dict[str, list[str]] = {}
    for column in [table[name] for name in table.columns if len(table) and isinstance(table[name].iloc[0], Path)]:
        for id, path in column.items():
            within = {path.relative_to(root).as_posix()} if path.is_relative_to(root) else set()
            for name in {str(path), *within}:
                found.setdefault(name, []).append(id)
    return found
