"""The header of a submission against that of sample_submission."""

from __future__ import annotations

from collections.abc import Sequence

from submissions.sample import Sample
from submissions.verdict import Problem

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def find_blocker(header: Sequence[str], sample: Sample) -> Problem | None:
    """What makes it senseless to read the rows under this header."""
    expected = f"expected the header {','.join(sample.columns)}"
    if len(header) == 1:
        found = next((name for mark, name in DELIMITERS.items() if mark in header[0]), "")
        if found:
            return Problem("delimiter", f"{expected}, got {header[0]!r}: {found}; write it with sep=','")
    if header[0] in sample.ids:
        return Problem("header", f"{expected}, got the row {','.join(header)}; write it with header=True")
    if sample.id not in header and not set(sample.values) & set(header):
        message = f"{expected}, got {','.join(header)[:200]}; this belongs to another competition"
        return Problem("competition", f"{message}, or is no submission")
    return None


def find_column_problems(header: Sequence[str], sample: Sample) -> list[Problem]:
    """Columns missing, too many, renamed, doubled or in another order; an index column by its name."""
    problems = []
    index = [name for name in header if is_index(name)]
    if index:
        message = f"expected {len(sample.columns)} columns, got a pandas index as well ({index[0]!r})"
        problems.append(Problem("index", f"{message}; write it with index=False"))
    named = [name for name in header if not is_index(name)]
    missing = [name for name in sample.columns if name not in named]
    extra = [name for name in named if name not in sample.columns]
    twice = sorted({name for name in named if named.count(name) > 1})
    expected = f"expected the columns {list(sample.columns)}"
    if len(missing) == len(extra) > 0:
        problems.append(
            Problem("columns", f"{expected}, got {extra} for {missing}; rename them: case and spaces count")
        )
    elif missing:
        problems.append(Problem("columns", f"{expected}, got no {missing}; add them"))
    elif extra:
        problems.append(Problem("columns", f"{expected}, got {extra} as well; drop them"))
    if twice:
        problems.append(Problem("columns", f"{expected}, got {twice} more than once; keep one of each"))
    if not (missing or extra or twice) and tuple(named) != sample.columns:
        problems.append(Problem("columns", f"{expected} in this order, got {named}; reorder them"))
    return problems


def is_index(name: str) -> bool:
    """Whether a column is an index that pandas wrote: nameless, or read back and written again."""
    return name == "" or name.startswith("Unnamed: ")
