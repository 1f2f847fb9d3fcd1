"""Judges of a raw file's columns and cells, for load: what is not as Kaggle's files have it is named with its rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipelines.contract import Table
from pipelines.faults import shorten


def check_columns(
    path: Path, table: Table, expected: Sequence[str], hint: str = "is it the file of another competition?"
) -> None:
    """Refuse a table that has not exactly these columns beside its ids."""
    lacking, extra = [each for each in expected if each not in table], sorted({*table.columns} - {*expected})
    if lacking or extra:
        raise ValueError(
            f"{path}: expected the columns {shorten([str(table.index.name), *expected], 20)}, got missing: "
            f"{shorten(lacking) or 'none'}; extra: {shorten(extra) or 'none'}: {hint}"
        )


def check_cells(path: Path, column: pd.Series, good: pd.Series, wanted: str) -> None:
    """Refuse a column whose cells are not all good, naming the first rows that are not."""
    wrong = list(column.index[~good])
    if wrong:
        raise ValueError(
            f"{path}: expected {wanted} in {column.name!r}, got others in {len(wrong)} rows "
            f"({column.index.name} {shorten(wrong, 3)}), first {column[wrong[0]]}: correct or drop these rows"
        )
