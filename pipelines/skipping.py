"""The rows that --skip-broken leaves out, by the image files that a list names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.contract import Ids, Table
from pipelines.faults import shorten


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
    texts = [line.strip() for line in listed.read_text(encoding="utf-8-sig").splitlines()]
    wanted = [text for text in texts if text and not text.startswith("#")]
    known = [_rows_of(table, root) for table in (train, test)]
    strange = [text for text in wanted if not any(text in rows for rows in known)]
    if strange:
        raise ValueError(
            f"--skip-broken {listed}: expected files that the tables refer to, got {len(strange)} others: "
            f"{shorten(strange)}; write them as the error about them does, or as they lie in {root}"
        )
    return Skipped(*(pd.Index(sorted({rows[text] for text in wanted if text in rows}), dtype=object) for rows in known))


def _rows_of(table: Table, root: Path) -> dict[str, str]:
    """The id of each file that a table refers to, by its path and by its path within the data folder."""
    columns = [table[name] for name in table.columns if len(table) and isinstance(table[name].iloc[0], Path)]
    cells = [cell for column in columns for cell in column.items()]
    within = {path.relative_to(root).as_posix(): id for id, path in cells if path.is_relative_to(root)}
    return within | {str(path): id for id, path in cells}
