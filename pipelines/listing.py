"""Lists of rows that a person names: one id a line, or the first column of a CSV."""

from __future__ import annotations

import csv
from pathlib import Path

ENDINGS = ("", ".txt", ".csv")


def find_list(named: Path, root: Path) -> Path:
    """The list that is meant: a path, or the name, with or without its ending, of one in the data folder."""
    tried = [folder / f"{named}{ending}" for folder in (Path(), root) for ending in ENDINGS]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"--rows {named}: expected a list of ids, one a line, got no file {named} here or in {root}; "
            f"write one, or name another"
        )
    return found


def listed_ids(path: Path, id: str) -> tuple[str, ...]:
    """The ids in a list; a header that names the id column is none."""
    cells = [row[0].strip() for row in csv.reader(read_lines(path)) if row]
    ids = tuple(cell for cell in cells[cells[:1] == [id] :] if cell)
    if not ids:
        raise ValueError(f"--rows {path}: expected ids, one a line, got none; write them as sample_submission does")
    return ids


def read_lines(path: Path) -> list[str]:
    """The lines of a person's list, whatever system ends them."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            return lines.readlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected text in UTF-8, got byte 0x{error.object[error.start]:02x}: save the list as UTF-8"
        ) from error
